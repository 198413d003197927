"""A move is all of a window or nothing of it, also where it is refused."""

import asyncio

import pytest

from mailer.ports.deliveries import DeliveryState
from mailer.ports.ledger_entry import EntryKind
from tests.factories import World, person, until, waiting
from tests.integration.test_deliveries import claimed, entry, intend, move


async def test_a_move_that_comes_twice_is_an_error(world: World) -> None:
    """A move that stands twice in a window raises an error, and nothing is written."""
    accepted = await world.accept([person(1)])
    claim = await claimed(world, accepted)
    with pytest.raises(RuntimeError, match="2 moves are refused, and each of them holds"):
        await intend(world, claim, [*claim.rows, *claim.rows])
    assert (await world.states(accepted.mailing_id))["user-1"] == ("claimed", "")
    assert await world.entries(kind="hand_over") == []


async def test_a_chain_goes_on_after_a_refusal(world: World) -> None:
    """A chain goes on after a refusal, since the refused entries were never a part of it."""
    accepted = await world.accept([person(1), person(2), person(3)])
    claim = await claimed(world, accepted)
    ada, grace, alan = claim.rows
    assert await intend(world, claim, [ada]) == frozenset()
    await world.pool.execute("UPDATE deliveries SET attempt = 7 WHERE recipient_id = $1", grace.recipient_id)
    assert await intend(world, claim, [grace]) == {(grace.mailing_id, grace.recipient_id)}
    assert await intend(world, claim, [alan]) == frozenset()
    assert len({entry["writer"] for entry in await world.entries(kind="hand_over")}) == 1
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_people_are_locked_before_deliveries(world: World) -> None:
    """People are locked before deliveries, as everywhere. Else an erasure and a window would block each other."""
    accepted = await world.accept([person(1), person(2)])
    claim = await claimed(world, accepted)
    ada, grace = claim.rows
    assert await intend(world, claim, [ada]) == frozenset()
    both = [move(ada, DeliveryState.HANDED_OVER, DeliveryState.INTENDED), move(grace)]
    async with world.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM standings WHERE recipient_id = $1 FOR UPDATE", grace.recipient_id)
        moving = asyncio.create_task(
            world.deliveries.commit_moves_or_find_refused(
                claim.token, both, [entry(ada, EntryKind.OUTCOME), entry(grace)]
            )
        )
        await until(lambda: waiting(world.pool))
        locked = "SELECT FROM deliveries WHERE recipient_id = ANY ($1) FOR UPDATE NOWAIT"
        assert len(await other.fetch(locked, [ada.recipient_id, grace.recipient_id])) == 2
    assert await moving == frozenset()
