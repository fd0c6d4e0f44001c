"""What the zlib of the standard library, zlib-ng and ISA-L take for the messages of permessage-deflate.

    pip install zlib-ng isal
    python bench/zlibs.py

Each compresses and inflates JSON texts as a connection does, with our default window and memory level. They
take turns, round by round; medians of processor time, in microseconds for a message. (No system calls are
made, so that is user time.) Memory is what the compressor or decompressor of one connection adds to what is
resident.
"""

import argparse
import gc
import importlib
import json
import random
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

MODULES = {"zlib": "zlib", "zlib-ng": "zlib_ng.zlib_ng", "isal": "isal.isal_zlib"}
LEVELS = {"zlib": (1, 6), "zlib-ng": (1, 2, 6), "isal": (0, 1, 2)}
SIZES = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384, "64 KiB": 65536}
MEM_LEVEL = 5
TAIL = b"\x00\x00\xff\xff"
SPENT = 0.015  # seconds of a measurement
HELD = 40  # objects whose memory is measured


class Way(NamedTuple):
    """A library at a level."""

    name: str
    module: Any
    level: int

    def compressor(self, bits: int) -> Any:
        """Return a new compressor, as `wsline.wire.deflate.Settings` makes it."""
        return self.module.compressobj(self.level, zlib.DEFLATED, -bits, MEM_LEVEL, 0)

    def __str__(self) -> str:
        return f"{self.name}, level {self.level}"


class Figures(NamedTuple):
    """What was measured of one way in one round: microseconds, and the share of the bytes that is left."""

    deflating: float
    inflating: float
    left: float


def ways() -> list[Way]:
    """Return the libraries that are installed, at each of their levels."""
    found = []
    for name, path in MODULES.items():
        try:
            module = importlib.import_module(path)
        except ImportError:
            print(f"{name} is not installed: pip install {name}", file=sys.stderr)
            continue
        found += [Way(name, module, level) for level in LEVELS[name]]
    return found


def texts(size: int) -> list[bytes]:
    """Return JSON texts of one size, none of which is like another."""
    generator = random.Random(size)
    names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"]
    made = []
    for _ in range(max(8, (1 << 18) // size)):
        records: list[dict[str, Any]] = []
        while len(text := json.dumps(records, separators=(",", ":"))) < size:
            records += [
                {"id": generator.randrange(1 << 20), "user": generator.choice(names)}
                | {"price": generator.randrange(100000) / 100, "count": generator.randrange(64)}
                for _ in range(1 + (size - len(text)) // 64)
            ]
        made.append(text[:size].encode())
    return made


def deflated(way: Way, messages: list[bytes], bits: int, takeover: bool) -> list[bytes]:
    """Compress messages as one connection does."""
    flush = zlib.Z_SYNC_FLUSH
    compressor = way.compressor(bits)
    made = []
    for message in messages:
        if not takeover:
            compressor = way.compressor(bits)
        made.append((compressor.compress(message) + compressor.flush(flush))[:-4])
    return made


def inflated(way: Way, messages: list[bytes], bits: int, takeover: bool) -> list[bytes]:
    """Inflate messages as one connection does."""
    make = way.module.decompressobj
    inflater = make(-bits)
    made = []
    for message in messages:
        if not takeover:
            inflater = make(-bits)
        made.append(inflater.decompress(message + TAIL, 1 << 20))
    return made


def microseconds(work: Callable[[], object], messages: int) -> float:
    """Return how long a message takes."""
    began = time.process_time()
    runs = 0
    while (spent := time.process_time() - began) < SPENT:
        work()
        runs += 1
    return spent * 1e6 / runs / messages


def measure(way: Way, messages: list[bytes], bits: int, takeover: bool) -> Figures:
    """Measure one way once; everybody inflates what zlib has compressed."""
    encoded = deflated(way, messages, bits, takeover)
    from_zlib = deflated(Way("zlib", zlib, 1), messages, bits, takeover)
    if inflated(Way("zlib", zlib, 1), encoded, bits, takeover) != messages:
        raise SystemExit(f"{way}: zlib cannot read it with {bits} bits")
    if inflated(way, from_zlib, bits, takeover) != messages:
        raise SystemExit(f"{way}: does not read what zlib wrote with {bits} bits")
    return Figures(
        microseconds(lambda: deflated(way, messages, bits, takeover), len(messages)),
        microseconds(lambda: inflated(way, from_zlib, bits, takeover), len(messages)),
        sum(map(len, encoded)) / sum(map(len, messages)),
    )


def rounds(
    those: list[Way], messages: list[bytes], bits: int, takeover: bool, n: int
) -> Iterator[tuple[Way, Figures]]:
    """Measure all ways in turn, and yield the medians of each."""
    found: dict[Way, list[Figures]] = {way: [] for way in those}
    for at in range(n):
        for way in those[at % len(those) :] + those[: at % len(those)]:
            found[way].append(measure(way, messages, bits, takeover))
    for way, figures in found.items():
        yield way, Figures(*(median(column) for column in zip(*figures, strict=True)))


def resident() -> int:
    """Return how many bytes of this process are resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def held(name: str, level: int, bits: int, mem_level: int) -> tuple[float, float]:
    """Return how many KiB a used compressor and a used decompressor take; needs a process of its own."""
    module = importlib.import_module(MODULES[name])
    messages = texts(4096)
    encoded = deflated(Way("zlib", zlib, 1), messages, bits, True)
    kept: list[Any] = []

    def compress() -> None:
        kept.append(module.compressobj(level, zlib.DEFLATED, -bits, mem_level, 0))
        for message in messages:
            kept[-1].compress(message)
            kept[-1].flush(zlib.Z_SYNC_FLUSH)

    def decompress() -> None:
        kept.append(module.decompressobj(-bits))
        for message in encoded:
            kept[-1].decompress(message + TAIL)

    return growth(compress), growth(decompress)


def growth(work: Callable[[], object]) -> float:
    """Return how many KiB a piece of work leaves resident."""
    work()
    gc.collect()
    before = resident()
    for _ in range(HELD):
        work()
    return (resident() - before) / HELD / 1024


def show_memory(those: list[Way], bits: int) -> None:
    """Print how much memory the objects of one connection take."""
    print(
        f"\nMemory of one connection, {bits} bits, in KiB\n\n| | compressor | decompressor |\n|---|---|---|"
    )
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for way in those:
            compressor, decompressor = pool.apply(held, (way.name, way.level, bits, MEM_LEVEL))
            print(f"| {way} | {compressor:.0f} | {decompressor:.0f} |", flush=True)


def main() -> None:
    """Measure what the command line asks for, and print tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bits", type=int, default=12, help="of the window (9 to 15)")
    options = parser.parse_args()
    those = ways()
    for takeover in (True, False):
        print(f"\n{'With' if takeover else 'Without'} context takeover, {options.bits} bits: microseconds to")
        print(f"deflate + inflate, and (as often shorter)\n\n| | {' | '.join(SIZES)} |")
        print("|---" * (len(SIZES) + 1) + "|")
        rows: dict[Way, list[str]] = {way: [] for way in those}
        for size in SIZES.values():
            for way, figures in rounds(those, texts(size), options.bits, takeover, options.rounds):
                times = " + ".join(f"{each:.{1 if each < 10 else 0}f}" for each in figures[:2])
                rows[way].append(f"{times} ({1 / figures.left:.1f})")
        for way, cells in rows.items():
            print(f"| {way} | {' | '.join(cells)} |", flush=True)
    show_memory(those, options.bits)


if __name__ == "__main__":
    main()
