"""Ten years of partitions: the statements of a mail touch the partition of its mailing, and no other."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.deliveries import DeliveryMove, DeliveryState
from mailer.postgres.deliveries import _REFUSED, PostgresDeliveries, _deduplicated_move_columns, _moves_as_columns
from mailer.postgres.delivery_partitions import partition_name_of_mailing, statement_on_partition
from mailer.postgres.mailings import PostgresMailings
from tests.factories import World, make_event, new_mailing, person

LOCKED = """
SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relispartition AND c.relkind = 'r'
"""


class OneConnection:
    """A stand-in for a pool, within one transaction: its locks last until the end."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.fetch, self.fetchval = connection.fetch, connection.fetchval
        self.fetchrow, self.execute = connection.fetchrow, connection.execute

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """The connection."""
        yield self._connection


async def locked_by(world: World, plans: str, act: Callable[[Any], Awaitable[None]]) -> set[str]:
    """The partitions that a transaction has locked in the end."""
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL plan_cache_mode = {plans}")
        await act(OneConnection(connection))
        return {row["relname"] for row in await connection.fetch(LOCKED)}


@pytest.fixture
async def ten_years(world: World) -> World:
    """Partitions for 120 months."""
    await world.pool.execute("SELECT ensure_partitions(119)")
    count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass"
    assert await world.pool.fetchval(count) >= 120
    return world


@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("shared", [False, True])
async def test_a_hand_over_locks_the_partition_of_its_mailing(ten_years: World, plans: str, shared: bool) -> None:
    """Claim, move, reading again, refusal, finish and copies: all of a batch, however the statements are planned."""
    world = ten_years
    email = {"email": "family@people.example"} if shared else {}
    accepted = await world.accept([person(n, **email) for n in range(1, 200)])
    partition = partition_name_of_mailing(accepted.mailing_id)
    month = partition.removeprefix("deliveries")

    async def act(pool: Any) -> None:
        deliveries = PostgresDeliveries(
            pool, world.writers, frequency_counts_needed_by_policies(world.policies.values())
        )
        claim = await deliveries.claim_queued_deliveries_of_batches(accepted.batches, "test")
        assert claim is not None
        await deliveries.reread_claimed_rows(claim.token, [(row.mailing_id, row.recipient_id) for row in claim.rows])
        moves = [
            DeliveryMove(row.mailing_id, row.recipient_id, row.attempt, DeliveryState.CLAIMED, DeliveryState.HELD)
            for row in claim.rows
        ]
        assert not await pool.fetch(
            statement_on_partition(_REFUSED, partition),
            *_deduplicated_move_columns(_moves_as_columns(moves)),
            claim.token,
        )
        await deliveries.end_claim_and_requeue_rest(claim.token, None)
        await world.handover(deliveries=deliveries).hand_over_batches(accepted.batches)

    locked = await locked_by(world, plans, act)
    assert locked == {partition, f"ledger{month}", f"ledger_notes{month}"}
    assert await world.counted(accepted.mailing_id) == (
        {("handed_over", ""): 1, ("suppressed", "duplicate_address"): 198} if shared else {("handed_over", ""): 199}
    )


@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
async def test_intake_locks_the_partition_of_its_mailing(ten_years: World, plans: str) -> None:
    """People, mailings, deliveries and entries are written without a look at any other month."""
    world = ten_years
    mailing = new_mailing(make_event([person(n) for n in range(1, 200)]))

    async def act(pool: Any) -> None:
        await PostgresMailings(pool, world.writers, world.hasher, world.policies).accept_mailings([mailing])

    partition = partition_name_of_mailing(mailing.id)
    assert await locked_by(world, plans, act) == {partition, partition.replace("deliveries", "ledger")}


async def test_mailings_of_several_months_are_handed_over_together(ten_years: World) -> None:
    """One claim may have deliveries of several months, at the turn of a month or after a long hold."""
    world = ten_years
    old, new = new_mailing(make_event([person(1)])), new_mailing(make_event([person(2)]))
    floor = await world.pool.fetchval("SELECT uuid_floor(now() + interval '40 days')")
    accepted = await world.mailings.accept_mailings([old, replace(new, id=floor)])
    await world.handover().hand_over_batches([batch for one in accepted for batch in one.batches])
    assert len(world.processor.sent) == 2
    assert {one.mailing_id for one in accepted} == {old.id, floor}
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_partition_has_the_name_of_its_month(world: World) -> None:
    """Each id lies in the partition that its time names, from the first millisecond of a month to the last."""
    rows = await world.pool.fetch(
        "SELECT relname, pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname LIKE 'deliveries\\_2%'"
        " AND relkind = 'r'"
    )
    assert len(rows) >= 4
    for row in rows:
        first, end = (UUID(bound) for bound in re.findall(r"'([0-9a-f-]{36})'", row["bound"]))
        assert partition_name_of_mailing(first) == partition_name_of_mailing(UUID(int=end.int - 1)) == row["relname"]
        assert partition_name_of_mailing(end) != row["relname"]
