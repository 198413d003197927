"""The targets of fuzzing on mutated seeds, bounded: `make fuzz` goes on for minutes."""

import random

import pytest

from tests.fuzzing.targets import TARGETS, seeds_of

ROUNDS = 60


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Removes, repeats or replaces pieces of the octets."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 8)):
        at, size = chance.randrange(len(changed) + 1), chance.randrange(1, 40)
        piece = chance.choice(
            [b"", bytes(changed[at : at + size]) * 2, chance.randbytes(size), b"\r\n.\r\n", b"\0", b'"']
        )
        changed[at : at + size] = piece
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_seeds_find_no_fault(name: str) -> None:
    """Each target survives its seeds, nothing, and the same mutations at each run."""
    chance, seeds = random.Random(17), seeds_of(name)
    for data in [b"", *seeds, *(mutate(chance.choice(seeds), chance) for _ in range(ROUNDS))]:
        TARGETS[name](data)
