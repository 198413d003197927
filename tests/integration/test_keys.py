"""API keys."""

import pytest

from mailer.ledger.keys import KeyRefused, PostgresApiKeys
from mailer.ports.keys import ApiClient
from tests.factories import World


async def test_a_key_is_known_by_its_digest_only(world: World) -> None:
    """A key names its client and its brands, is shown once, and cannot be read from the database."""
    keys = PostgresApiKeys(world.pool)
    key = await keys.create("shop", ["interpals", "paltalk-2006"])
    assert await keys.client(key) == ApiClient("shop", frozenset({"interpals", "paltalk-2006"}))
    assert len(key) > 40
    row = await world.pool.fetchrow("SELECT * FROM api_keys")
    assert key not in str(dict(row or {}))


@pytest.mark.parametrize("wrong", ["", "mk_", "mk_\0", "\xff", "x" * 100_000])
async def test_what_is_no_key(world: World, wrong: str) -> None:
    """Whatever is no key is nobody's."""
    keys = PostgresApiKeys(world.pool)
    key = await keys.create("shop", ["interpals"])
    for candidate in (wrong, key + wrong + "x", key[:-1], key.upper()):
        assert await keys.client(candidate) is None


async def test_a_revoked_key_ends_at_once(world: World) -> None:
    """A revoked key is nobody's; its name stays taken, and revoking it again says that it is not there."""
    keys = PostgresApiKeys(world.pool)
    key = await keys.create("shop", ["interpals"])
    assert await keys.revoke("shop")
    assert await keys.client(key) is None
    assert not await keys.revoke("shop")
    assert not await keys.revoke("another")
    with pytest.raises(KeyRefused, match="there is a key named shop already"):
        await keys.create("shop", ["interpals"])


async def test_every_key_differs(world: World) -> None:
    """Each client has a key of its own."""
    keys = PostgresApiKeys(world.pool)
    assert len({await keys.create(f"client-{n}", []) for n in range(10)}) == 10
