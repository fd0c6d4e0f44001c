"""The implementations of zlib: each is there, is what it says, and takes the memory that it says."""

import subprocess
import sys

import pytest

from wsline.zlibs import IMPLEMENTATIONS, Implementation

EACH = [pytest.param(each, id=each.name) for each in IMPLEMENTATIONS.values()]


@pytest.mark.parametrize("implementation", EACH)
def test_its_module_makes_what_it_says(implementation: Implementation) -> None:
    module = implementation.load()
    for level in range(implementation.levels[0], implementation.levels[1] + 1):
        for strategy in range(implementation.strategies[0], implementation.strategies[1] + 1):
            compressor = module.compressobj(level, 8, -15, 5, strategy)
            data = compressor.compress(b"Hello") + compressor.flush()
            assert module.decompressobj(-15).decompress(data) == b"Hello"
    with pytest.raises(ValueError):
        module.compressobj(implementation.levels[1] + 1, 8, -15, 5, 0)


def test_one_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zlib_ng.zlib_ng", None)
    with pytest.raises(ImportError) as raised:
        IMPLEMENTATIONS["zlib-ng"].load()
    assert str(raised.value) == (
        "implementation='zlib-ng' needs the package zlib-ng: pip install wsline[fast-deflate]"
    )
    assert raised.value.name == "zlib_ng.zlib_ng"


def test_none_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, wsline; wsline.Deflate(); print({'isal', 'zlib_ng'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


MEASURE = """
import importlib, os, sys, zlib
module, bits = importlib.import_module(sys.argv[1]), int(sys.argv[2])
text = "".join(f"{{\\"id\\": {i * 7919 % 10007}, \\"n\\": {i}}}" for i in range(8000)).encode()
packer = zlib.compressobj(1, 8, -bits, 5)
packed = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

def grown(work, n=30):
    kept = [work()]
    before = resident()
    kept += [work() for _ in range(n)]
    return (resident() - before) // n

def deflate():
    made = module.compressobj(1, 8, -bits, 5)
    for at in range(0, len(text), 4096):
        made.compress(text[at:at + 4096])
        made.flush(zlib.Z_SYNC_FLUSH)
    return made

def inflate():
    made = module.decompressobj(-bits)
    data = packed
    while data:
        made.decompress(data, 4096)
        data = made.unconsumed_tail
    return made

print(grown(globals()[sys.argv[3]]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="machine: memory is measured by /proc")
@pytest.mark.parametrize("bits", [9, 15])
@pytest.mark.parametrize("implementation", EACH)
@pytest.mark.parametrize("what", ["deflate", "inflate"])
def test_it_takes_about_as_much_memory_as_it_says(
    implementation: Implementation, bits: int, what: str
) -> None:
    command = [sys.executable, "-c", MEASURE, implementation.module, str(bits), what]
    taken = int(subprocess.check_output(command))
    if what == "deflate":
        said = implementation.compressor_size(bits, 1, 5)
    else:
        said = implementation.decompressor_size(bits)
    # Pages that were never written to are not resident, and allocators round up.
    assert 0.65 * said < taken < 1.15 * said + 4096
