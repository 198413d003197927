"""Intents whose answer comes late or never: their mail is offered, or goes back and is offered later, once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
import structlog

from mailer.pipeline import outcome_recorder
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.shared_address_copies import Key
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.deliveries import DeliveryMove, DeliveryState
from mailer.ports.ledger_entry import LedgerEntry
from mailer.postgres.deliveries import PostgresDeliveries
from tests.factories import World, person

PEOPLE = WINDOW + 6
"""A number of people that does not fit one window. Intents of the second go with outcomes of the first."""
SENT = ("handed_over", "")


class Answering(PostgresDeliveries):
    """Deliveries that do something between a statement with intents and its answer.

    Args:
        world: whose database.
        second: done for the second such statement, after its commit.
    """

    def __init__(self, world: World, second: Callable[[], Any]) -> None:
        super().__init__(world.pool, world.writers)
        self._second = second
        self._intents = 0

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[Key]:
        """Commits, and answers as the test wants."""
        refused = await super().commit_moves_or_find_refused(claim, moves, entries, patience)
        if any(move.to_state is DeliveryState.INTENDED for move in moves):
            self._intents += 1
            if self._intents == 2:
                await self._second()
        return refused


async def test_what_was_intended_is_offered_however_late_the_answer_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intent is committed, and its answer takes longer than outcomes wait for a lock: everybody gets one message."""
    monkeypatch.setattr(outcome_recorder, "LOCK_SECONDS", 0.05)
    accepted = await world.accept([person(n) for n in range(PEOPLE)])
    late = Answering(world, lambda: asyncio.sleep(0.5))
    await world.handover(deliveries=late).hand_over_batches(accepted.batches)
    assert await world.real_counts(accepted.mailing_id) == {SENT: PEOPLE}
    assert len(set(world.processor.recipients)) == len(world.processor.sent) == PEOPLE
    assert len(await world.entries(accepted.mailing_id, "hand_over")) == PEOPLE


@pytest.mark.parametrize("error", [DatabaseUnavailable("the connection is closed"), OSError("no space left on device")])
async def test_what_was_intended_in_vain_goes_back(world: World, error: Exception) -> None:
    """The answer to an intent is lost with its connection, or by a bug: nothing is in doubt, and all goes out."""
    accepted = await world.accept([person(n) for n in range(PEOPLE)])

    async def fail() -> None:
        raise error

    handing_over = world.handover(deliveries=Answering(world, fail))
    with structlog.testing.capture_logs():
        try:
            await handing_over.hand_over_batches(accepted.batches)
        except DatabaseUnavailable:
            await handing_over.hand_over_batches(
                accepted.batches
            )  # as its message, which is still in hand, is handled again
    assert await world.real_counts(accepted.mailing_id) == {SENT: PEOPLE}
    assert len(set(world.processor.recipients)) == len(world.processor.sent) == PEOPLE
    assert (await world.ledger.verify_ledger()).faults == ()
