"""The sdist holds all that a build needs."""

import fcntl
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.architecture.tree import ROOT, SOURCE, our_files

BUILD = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


def test_the_sdist_holds_every_source_file(tmp_path: Path) -> None:
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "sdist.lock").open("w") as lock:
        # The suites of both twins run at the same time, and this writes into src/.
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "-c", BUILD, tmp_path], cwd=ROOT, check=True, capture_output=True)
    [archive] = tmp_path.glob("wsline-*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    needed = {str(path.relative_to(ROOT)) for path in our_files(SOURCE)}
    assert {"src/wsline/py.typed", "src/wsline/wire/kernels.h", "src/wsline/wire/kernels.pyx"} <= needed
    assert needed | {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= packed
    assert not {name for name in packed if name.endswith((".so", ".pyd", ".pyc"))}
