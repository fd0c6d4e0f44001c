"""Fuzzes one target for a while, guided by the coverage of the interpreted twin.

    python -m tests.fuzz.run connection --seconds 1800

Inputs that found something new are kept in build/fuzz/TARGET, and are where the next run begins. A failure
is written to build/fuzz as crash-..., and ends the run with a status that is not zero.
"""

import argparse
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["wsline"]):
    from tests.fuzz.targets import SEEDS, TARGETS

HERE = Path("build/fuzz")


def main() -> None:
    """Fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    corpus = HERE / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    for n, seed in enumerate(SEEDS[options.target]):
        (corpus / f"seed-{n}").write_bytes(seed)
    target = TARGETS[options.target]

    def run(data: bytes) -> None:
        if data:
            target(data)

    arguments = [f"-max_total_time={options.seconds}", f"-artifact_prefix={HERE}/", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
