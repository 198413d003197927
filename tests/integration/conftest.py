"""A world of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.factories import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The flow over a migrated database."""
    async with open_world(database_url) as opened:
        yield opened
