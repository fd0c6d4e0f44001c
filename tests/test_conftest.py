"""In CI a skipped test fails the session, unless the machine is to blame."""

from pathlib import Path

import pytest

PASSES = "def test_passes(): pass\n"
SKIP = "import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_skipped(): pass\n"
XFAIL = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_known(): assert False\n"
MODULE = "import pytest\npytest.skip('no node', allow_module_level=True)\n"
IN_TEST = "import pytest\ndef test_skips(): pytest.skip('no node')\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    return pytester


def outcome(run: pytest.Pytester, text: str) -> pytest.RunResult:
    run.makepyfile(test_passes=PASSES, test_sample=text)
    return run.runpytest("-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")


@pytest.mark.parametrize(
    "text", [SKIP.format(reason="no node"), MODULE, IN_TEST], ids=["mark", "module", "call"]
)
def test_a_skip_fails_the_session(run: pytest.Pytester, text: str) -> None:
    result = outcome(run, text)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped in CI*", "test_sample.py*: no node"])


@pytest.mark.parametrize("text", [PASSES, XFAIL, SKIP.format(reason="machine: no IPv6")])
def test_the_rest_does_not(run: pytest.Pytester, text: str) -> None:
    result = outcome(run, text)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*skipped in CI*")


def test_elsewhere_a_skip_is_only_a_skip(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    assert outcome(run, SKIP.format(reason="no node")).ret == pytest.ExitCode.OK
