"""The targets of the fuzzer hold on their seeds, and on seeds that were spoiled at random."""

import random

import pytest

from tests.fuzz.targets import SEEDS, TARGETS

ROUNDS = 300


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Return data with a few bytes changed, doubled, or cut off."""
    spoiled = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(spoiled))
        match chance.randrange(4):
            case 0:
                spoiled[at] = chance.randrange(256)
            case 1:
                spoiled[at] ^= 1 << chance.randrange(8)
            case 2:
                spoiled[at:at] = spoiled[max(0, at - 9) : at + 9]
            case _:
                del spoiled[at + 1 :]
    return bytes(spoiled)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_at_a_glance(name: str) -> None:
    chance = random.Random(name)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for _ in range(ROUNDS):
        joined = b"".join(chance.choices(SEEDS[name], k=2))
        TARGETS[name](spoil(joined, chance))
