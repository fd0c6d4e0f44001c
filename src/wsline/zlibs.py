"""The implementations of zlib that compression can be done with, and what each of them is able to do."""

import importlib
from types import ModuleType
from typing import Final, NamedTuple

__all__ = ["IMPLEMENTATIONS", "Implementation"]

_KIB: Final = 1024


class Implementation(NamedTuple):
    """An implementation of zlib.

    Attributes:
        name: as in `Deflate(implementation=...)`.
        module: with the interface of the standard library's `zlib`.
        levels: least and greatest of the levels.
        strategies: least and greatest of the strategies.
        least_bits: the smallest window that its compressor keeps to; below, the standard library's is taken.
        fixed: memory of a compressor that no option changes, by level (the last one for all above), in bytes.
        per_window: memory of a compressor for each byte of the window.
        per_mem_level: memory of a compressor for each `1 << mem_level`, in bytes.
        inflating: memory of a decompressor that no option changes, in bytes.
        inflating_per_window: memory of a decompressor for each byte of the window.
    """

    name: str
    module: str
    levels: tuple[int, int]
    strategies: tuple[int, int]
    least_bits: int
    fixed: tuple[int, ...]
    per_window: int
    per_mem_level: int
    inflating: int
    inflating_per_window: int

    def load(self) -> ModuleType:
        """Return its module.

        Raises:
            ImportError: its package is not installed.
        """
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            raise ImportError(
                f"implementation={self.name!r} needs the package {self.name}:"
                " pip install wsline[fast-deflate]",
                name=error.name,
            ) from error

    def compressor_size(self, bits: int, level: int, mem_level: int) -> int:
        """Return how much memory a compressor takes, in bytes."""
        fixed = self.fixed[min(level, len(self.fixed) - 1)]
        return fixed + (self.per_window << max(bits, 9)) + (self.per_mem_level << mem_level)

    def decompressor_size(self, bits: int) -> int:
        """Return how much memory a decompressor takes, in bytes."""
        return self.inflating + (self.inflating_per_window << bits)


IMPLEMENTATIONS: Final = {
    each.name: each
    for each in (
        Implementation(
            # By zlib's manual, memory requirements. It makes no raw stream for 8 bits; with 9 it looks back
            # 250 bytes at most (the window less 262), and so keeps to a window of 256.
            name="zlib",
            module="zlib",
            levels=(-1, 9),
            strategies=(0, 4),
            least_bits=8,
            fixed=(6 * _KIB,),
            per_window=4,
            per_mem_level=512,
            inflating=7 * _KIB,
            inflating_per_window=1,
        ),
        Implementation(
            # As zlib, but the hash table has 128 KiB and the window of inflating 32 KiB, whatever is told.
            name="zlib-ng",
            module="zlib_ng.zlib_ng",
            levels=(-1, 9),
            strategies=(0, 4),
            least_bits=8,
            fixed=(134 * _KIB,),
            per_window=4,
            per_mem_level=320,
            inflating=45 * _KIB,
            inflating_per_window=0,
        ),
        Implementation(
            # As measured (`python bench/zlibs.py`): its buffers have one size for all windows.
            name="isal",
            module="isal.isal_zlib",
            levels=(0, 3),
            strategies=(0, 0),
            least_bits=9,
            fixed=(56 * _KIB, 68 * _KIB, 116 * _KIB, 132 * _KIB),
            per_window=0,
            per_mem_level=0,
            inflating=80 * _KIB,
            inflating_per_window=0,
        ),
    )
}
