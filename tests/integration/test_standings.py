"""Changes of a standing, each with its entry in the ledger."""

import asyncio

import pytest

from mailer.actions import OptOutRefused, record_opt_out
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.standings import StandingFlag
from tests.factories import BRAND, World, policies


async def standing(world: World, recipient_id: int) -> Standing:
    """The standing of a person."""
    found = await world.standings.get_standing(BRAND, recipient_id)
    assert found is not None
    return found


async def test_an_opt_out_and_its_entry(world: World) -> None:
    """An opt-out raises the version, suppresses the address, and stands in the ledger with its source."""
    [ada] = await world.known(1)
    await record_opt_out(world.standings, policies()[BRAND], ada, "newsletter", "one-click")
    assert await standing(world, ada) == Standing(
        ada, 2, "user-1@people.example", frozenset({"newsletter"}), source="sign-up", country="US"
    )
    suppression = await world.pool.fetchrow("SELECT * FROM suppressions")
    assert suppression is not None
    assert (suppression["scope"], suppression["reason"], suppression["brand"]) == ("newsletter", "opt_out", BRAND)
    assert suppression["address_hash"] == world.hasher.hash_address("USER-1@people.example")
    [entry] = await world.entries(kind="action")
    assert (entry["recipient"], entry["reason"], entry["category"]) == (ada, "opt_out", "newsletter")
    assert entry["rule"] == "action:one-click"


async def test_again_is_harmless(world: World) -> None:
    """The same opt-out again changes no standing, and is answered as the first was."""
    [ada] = await world.known(1)
    for _ in range(3):
        assert await world.standings.record_opt_out(BRAND, ada, EVERYTHING_OPTIONAL, "test")
    assert (await standing(world, ada)).version == 2
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions") == 1


async def test_each_scope_adds_up(world: World) -> None:
    """Categories that are left one after another are all left."""
    [ada] = await world.known(1)
    for scope in ("newsletter", "promotional"):
        await world.standings.record_opt_out(BRAND, ada, scope, "test")
    assert (await standing(world, ada)).opted_out == {"newsletter", "promotional"}


async def test_who_has_no_address_can_leave(world: World) -> None:
    """An account without an address leaves as an account, and has left when it gets an address."""
    await world.accept({"refs": ["user-1"]})
    ada = await world.id_of("user-1")
    assert await world.standings.record_opt_out(BRAND, ada, "newsletter", "test")
    await world.known(1)
    assert (await standing(world, ada)).opted_out == {"newsletter"}
    await world.known(2, email="user-1@people.example")
    assert (await standing(world, await world.id_of("user-2"))).opted_out == {"newsletter"}


async def test_nobody_there(world: World) -> None:
    """Actions on a recipient whom the brand does not have say so and write nothing."""
    [ada] = await world.known(1)
    for brand, recipient_id in ((BRAND, ada + 1), ("paltalk-2006", ada)):
        assert await world.standings.get_standing(brand, recipient_id) is None
        assert not await world.standings.record_opt_out(brand, recipient_id, "newsletter", "test")
        assert not await world.standings.set_standing_flag(brand, recipient_id, StandingFlag.DEACTIVATED, True, "test")
        assert not await world.standings.mark_address_dead(brand, recipient_id, "user-1@people.example", "test")
    with pytest.raises(OptOutRefused, match="no such recipient"):
        await record_opt_out(world.standings, policies()[BRAND], ada + 1, "newsletter", "test")
    assert await world.entries(kind="action") == []


@pytest.mark.parametrize(
    "scope", ["service", "breach", "rights", "nonsense", "policy_change/a", "newsletter/A B", "purpose/none"]
)
async def test_what_cannot_be_left(world: World, scope: str) -> None:
    """Mandatory mail, and mail that the brand does not send, cannot be left."""
    [ada] = await world.known(1)
    with pytest.raises(OptOutRefused, match="not optional"):
        await record_opt_out(world.standings, policies()[BRAND], ada, scope, "test")
    assert (await standing(world, ada)).version == 1


async def test_closing_an_account(world: World) -> None:
    """A closed account is closed once, and only that account of its address."""
    ada, grace = await world.known(1, 2, email="ada@people.example")
    for _ in range(2):
        assert await world.standings.set_standing_flag(BRAND, ada, StandingFlag.DEACTIVATED, True, "test")
    assert (await standing(world, ada)).version == 2
    assert (await standing(world, ada)).deactivated
    assert not (await standing(world, grace)).deactivated


async def test_many_leave_at_once(world: World) -> None:
    """People who leave at the same moment, some with one address, all have left, with an entry each."""
    ids = await world.known(*range(20), email="ada@people.example")
    ids += await world.known(*range(20, 40))
    done = await asyncio.gather(
        *(world.standings.record_opt_out(BRAND, recipient_id, "*", "test") for recipient_id in ids)
    )
    assert all(done)
    assert all([(await standing(world, recipient_id)).opted_out == {"*"} for recipient_id in ids])
    assert len(await world.entries(kind="action")) == 40
    assert (await world.ledger.verify_ledger()).faults == ()
