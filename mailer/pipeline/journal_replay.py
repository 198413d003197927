"""Opt-outs that a database has lost are made again from the journal of this machine, before anything is sent."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from mailer.pipeline.restore_marker import FileRestoreMarkers
from mailer.ports.halts import HaltStore, StandingChange
from mailer.runtime.error_kinds import ErrorKind, error_kind
from mailer.telemetry import describe_error, log

AT_ONCE = 500
"""Changes that are looked up by one statement."""

Again = Callable[[StandingChange], Awaitable[bool]]
"""Makes a change again, if it reduces what is sent; whether it did."""


class JournalReplay:
    """Makes lost changes of standings again.

    Args:
        halts: knows which entries the database has. remembered: the journal.
        again: makes one of them again.
    """

    def __init__(self, halts: HaltStore, remembered: FileRestoreMarkers, again: Again) -> None:
        self._halts = halts
        self._remembered = remembered
        self._again = again

    async def replay_lost_changes(self, lineages: Collection[UUID]) -> None:
        """Makes again what a database that goes on for some lineages lacks; each change once, whoever asks again.

        Errors of the database come out, and then it is tried again.
        """
        made, batch = 0, list[StandingChange]()
        for change in self._remembered.remembered_changes():
            if change.lineage in lineages:
                batch.append(change)
            if len(batch) == AT_ONCE:
                made += await self._replay_changes(batch)
                batch = []
        made += await self._replay_changes(batch)
        if made:
            log.warning("changes of standings that the database had lost were made again", changes=made)

    async def _replay_changes(self, changes: Sequence[StandingChange]) -> int:
        made, lost = 0, await self._halts.find_lost_changes(changes)
        for change, stands in lost:
            if stands and await self._replay_change(change):
                made += 1
            else:
                _log_lost_change(change)
        await self._remembered.mark_replayed([change for change, _ in lost])
        return made

    async def _replay_change(self, change: StandingChange) -> bool:
        """Makes a change again. A bug costs this change, and no other one: the fence has to let go."""
        try:
            return await self._again(change)
        except Exception as error:
            if error_kind(error) is not ErrorKind.BUG:
                raise
            log.error("making a change of a standing again met a bug", error=describe_error(error))
            return False


def _log_lost_change(change: StandingChange) -> None:
    """Tells the operator of a change that is lost."""
    log.warning(
        "a change of a standing that the database has lost was not made again: see whether to make it by hand",
        brand=change.brand,
        recipient=change.recipient_id,
        reason=change.reason,
        scope=change.scope,
        at=change.at.isoformat(),
    )
