"""Fixtures of the proofs: a world of the test's own, and commands over its database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.campaigns import commands
from tests.factories import World, open_world
from tests.processes import Stack


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The flow over a migrated database."""
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Stack:
    """Commands over the same database."""
    return commands(tmp_path, database_url)
