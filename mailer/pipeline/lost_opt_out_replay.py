"""Makes opt-outs that a database has lost again, from the journal of this machine, before any mail is sent."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from mailer.metrics_and_logger import describe_error_without_message, log
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.ports.halts import HaltStore, JournaledStandingChange
from mailer.runtime.error_kinds import ErrorKind, classify_error

AT_ONCE = 500
"""The number of changes that one statement looks up."""

Again = Callable[[JournaledStandingChange], Awaitable[bool]]
"""Makes a change again if it reduces the mail that is sent. Returns True if it did."""


class LostStandingChangeReplay:
    """Makes lost changes of standings again.

    Args:
        halts: finds the changes that the database lacks. remembered: the journal.
        again: makes one change again.
    """

    def __init__(self, halts: HaltStore, remembered: NotesAboutDatabaseInFiles, again: Again) -> None:
        self._halts = halts
        self._remembered = remembered
        self._again = again

    async def replay_lost_changes(self, lineages: Collection[UUID]) -> None:
        """Makes lost changes of these lineages again. Each is made only once, also if this is called again.

        Errors of the database are raised; the caller tries again.
        """
        made, batch = 0, list[JournaledStandingChange]()
        for change in self._remembered.read_journaled_standing_changes():
            if change.lineage in lineages:
                batch.append(change)
            if len(batch) == AT_ONCE:
                made += await self._replay_lost_changes_of_batch(batch)
                batch = []
        made += await self._replay_lost_changes_of_batch(batch)
        if made:
            log.warning("changes of standings that the database had lost were made again", changes=made)

    async def _replay_lost_changes_of_batch(self, changes: Sequence[JournaledStandingChange]) -> int:
        made, lost = 0, await self._halts.find_lost_standing_changes(changes)
        for change, stands in lost:
            if stands and await self._replay_change(change):
                made += 1
            else:
                _log_change_not_replayed(change)
        await self._remembered.mark_lost_changes_handled([change for change, _ in lost])
        return made

    async def _replay_change(self, change: JournaledStandingChange) -> bool:
        """Makes a change again. A bug skips only this change, since the wait for the replay has to end."""
        try:
            return await self._again(change)
        except Exception as error:
            if classify_error(error) is not ErrorKind.BUG:
                raise
            log.error("making a change of a standing again met a bug", error=describe_error_without_message(error))
            return False


def _log_change_not_replayed(change: JournaledStandingChange) -> None:
    """Logs a lost change that was not made again, for the operator."""
    log.warning(
        "a change of a standing that the database has lost was not made again: see whether to make it by hand",
        brand=change.brand,
        recipient=change.recipient_id,
        reason=change.reason,
        scope=change.scope,
        at=change.at.isoformat(),
    )
