"""The hand-over: claim, decide, render, intend, hand over, record. The whole way of a batch reads here."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mailer.actions import address_dead
from mailer.pipeline.copies import Key, resolved, windows
from mailer.pipeline.press import Press, Presses
from mailer.pipeline.verdicts import Step, conclude, plan
from mailer.policy.outcome import Outcome, Result
from mailer.policy.rates import may_count
from mailer.ports.deliveries import Claim, Deliveries, Move, Row, State
from mailer.ports.ledger import Entry
from mailer.ports.mailings import Mailings
from mailer.ports.processor import Processor
from mailer.ports.standings import Standings
from mailer.telemetry import HANDED_OVER, log

WINDOW = 64
"""Deliveries intended by one statement; at most so many are in doubt after a crash, a consumer."""
MARGIN = 5.0
"""Seconds before the end of a lease in which nothing new begins."""
ROUNDS = 20
"""How often a window is decided on anew, because somebody's standing changes, before it is left for later."""
RETRY_SECONDS = 1.0
"""Between two tries to record outcomes."""
PAUSE = timedelta(seconds=10)
"""When rows that were not reached are tried again."""


class HandOver:
    """Hands batches over to a processor.

    Args:
        deliveries, mailings, standings: the rows. presses: make the messages. processor: takes them.
        owner: names this process in its claims.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        mailings: Mailings,
        standings: Standings,
        presses: Presses,
        processor: Processor,
        owner: str,
    ) -> None:
        self._deliveries = deliveries
        self._mailings = mailings
        self._standings = standings
        self._presses = presses
        self._processor = processor
        self._owner = owner

    async def run(self, batches: Sequence[int]) -> None:
        """Hands over what is open of some batches. Returns at once for a batch that somebody else holds.

        After an error the claim is left to its lease: the timekeeper finds what is to be done with each row.
        """
        claim = await self._deliveries.claim(batches, self._owner)
        if claim is None:
            return
        presses = await self._set_up(claim)
        reached, fates = True, dict[Key, State]()
        for window in windows(claim.rows, WINDOW, _once(claim.rows, presses)):
            reached = await self._window(claim, presses, window, fates)
            if not reached:
                break
        await self._deliveries.finish(claim.token, None if reached else datetime.now(UTC) + PAUSE)

    async def _set_up(self, claim: Claim) -> Mapping[UUID, Press]:
        """The presses of the claim's mailings; they stay with it, whatever others make room for meanwhile."""
        known = {row.mailing_id: self._presses.known(row.mailing_id) for row in claim.rows}
        presses = {mailing_id: press for mailing_id, press in known.items() if press is not None}
        if new := known.keys() - presses.keys():
            for facts in (await self._mailings.facts(list(new))).values():
                here = self._presses.has_template(facts)
                source = None if here else await self._mailings.template_source(facts.template_version)
                presses[facts.id] = self._presses.set_up(facts, source)
        return presses

    async def _window(
        self, claim: Claim, presses: Mapping[UUID, Press], rows: Sequence[Row], fates: dict[Key, State]
    ) -> bool:
        """One window's whole way. False: it could not begin before the lease's end, or the processor takes nothing."""
        steps = await self._begin(claim, presses, rows, fates)
        if steps is None:
            return False
        fates |= {step.move.key: step.move.to_state for step in steps}
        sending = [(step, step.outgoing) for step in steps if step.outgoing is not None]
        if not sending:
            return True
        outcomes = await self._processor.send([outgoing for _, outgoing in sending], claim.deadline - MARGIN)
        await self._record(claim, [step for step, _ in sending], outcomes)
        return any(outcome.result is not Result.UNSENT for outcome in outcomes)

    async def _begin(
        self, claim: Claim, presses: Mapping[UUID, Press], rows: Sequence[Row], fates: Mapping[Key, State]
    ) -> list[Step] | None:
        """Decides, renders, and commits decisions and intents, until every row's standing is the one decided on."""
        steps = [self._plan(row, presses, fates) for row in rows]
        for _ in range(ROUNDS):
            if time.monotonic() >= claim.deadline - MARGIN:
                break
            refused = await self._deliveries.move(
                claim.token, [step.move for step in steps], [entry for step in steps for entry in step.entries]
            )
            if not refused:
                return steps
            fresh = await self._deliveries.read_again(claim.token, list(refused))
            steps = [step for step in steps if step.move.key not in refused]
            steps += [self._plan(row, presses, fates) for row in fresh]
        return None

    def _plan(self, row: Row, presses: Mapping[UUID, Press], fates: Mapping[Key, State]) -> Step:
        return plan(resolved(row, fates), presses[row.mailing_id], self._processor, datetime.now(UTC))

    async def _record(self, claim: Claim, steps: Sequence[Step], outcomes: Sequence[Outcome]) -> None:
        now = datetime.now(UTC)
        done = [conclude(step, outcome, self._processor, now) for step, outcome in zip(steps, outcomes, strict=True)]
        late = await self._persist(claim, [(step.move, step.entries) for step in done])
        if late:
            # Somebody took these rows for a dead worker's; what they have become stands in the ledger already.
            log.warning("outcomes came too late", deliveries=late)
        for step, outcome in zip(steps, outcomes, strict=True):
            if outcome.result is Result.REFUSED:
                source = f"{self._processor.name} {outcome.status or outcome.code}"
                address = step.row.standing.address or ""
                await address_dead(self._standings, step.press.facts.brand, step.row.recipient_id, address, source)
        for outcome in outcomes:
            HANDED_OVER.labels(self._processor.name, outcome.result.value).inc()

    async def _persist(self, claim: Claim, changes: Sequence[tuple[Move, Sequence[Entry]]]) -> int:
        """Records outcomes through an outage as long as the claim holds: what is not recorded is in doubt after it.

        A try whose answer was lost may have done it; then the next one finds nothing left to move.
        """
        while True:
            try:
                return await move_what_holds(self._deliveries, claim.token, changes)
            except Exception:
                if time.monotonic() + RETRY_SECONDS >= claim.deadline:
                    raise
                log.exception("outcomes could not be recorded; trying again", deliveries=len(changes))
                await asyncio.sleep(RETRY_SECONDS)


async def move_what_holds(
    deliveries: Deliveries, claim: UUID | None, changes: Sequence[tuple[Move, Sequence[Entry]]]
) -> int:
    """Moves the deliveries that are still as they were left, with their entries; returns how many were not."""
    held = list(changes)
    while refused := await deliveries.move(
        claim, [move for move, _ in held], [entry for _, entries in held for entry in entries]
    ):
        held = [(move, entries) for move, entries in held if move.key not in refused]
    return len(changes) - len(held)


def _once(rows: Sequence[Row], presses: Mapping[UUID, Press]) -> Mapping[Key, set[object]]:
    """What may be met a single time in a window: who is counted against a cap, an address that an invitation uses."""
    counted = {id_ for id_, press in presses.items() if may_count(press.policy, press.category)}
    invites = {id_ for id_, press in presses.items() if press.category.invites}
    once: dict[Key, set[object]] = {}
    for row in rows if counted or invites else ():
        things: set[object] = {row.recipient_id} if row.mailing_id in counted else set()
        if row.mailing_id in invites and row.standing.address:
            things.add(row.standing.address.casefold())
        if things:
            once[row.mailing_id, row.recipient_id] = things
    return once
