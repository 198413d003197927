"""The time at which a mailing begins, in PostgreSQL."""

from datetime import UTC, datetime
from uuid import UUID

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.rescheduling import ScheduledMailing, refusal_to_reschedule
from mailer.ports.halts import MailingControlRefused
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailing_rescheduling import MailingRescheduleResult

_SQL = load_statements("schedule")


class PostgresMailingSchedule:
    """Implements `ports.mailing_rescheduling.MailingRescheduler`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def reschedule_mailing(
        self, mailing_id: UUID, at: datetime, by: Identity, reason: str
    ) -> MailingRescheduleResult:
        """See the port. It locks the batches, so that no worker takes one meanwhile."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL["lock_mailing"], mailing_id)
            if row is None:
                raise MailingControlRefused("there is no such mailing; `mailer mailing list` shows them")
            await work.connection.execute(_SQL["lock_batches"], mailing_id)
            mailing = ScheduledMailing(
                row["state"],
                row["finished_at"] is not None,
                await work.connection.fetchval(_SQL["has_begun"], mailing_id),
                row["expires_at"],
                row["released_by"],
                await work.connection.fetchval(_SQL["has_own_times"], mailing_id) or False,
            )
            if refusal := refusal_to_reschedule(mailing, at, datetime.now(UTC)):
                raise MailingControlRefused(refusal)
            if row["send_at"] == at:
                return MailingRescheduleResult(False, row["state"] == "awaiting_release")
            await _store_new_send_time(work.connection, mailing_id, at, by, mailing.needs_release)
            entry = LedgerEntry(
                EntryKind.MAILING,
                row["brand"],
                mailing_id=mailing_id,
                category=row["category"],
                reason="rescheduled",
                rule=f"action:{by.name}",
                fields=(f"send_at:{at.astimezone(UTC).isoformat()}",),
                reply=reason or None,
            )
            await work.append_entries([entry])
        return MailingRescheduleResult(True, mailing.needs_release)


async def _store_new_send_time(
    connection: Connection, mailing_id: UUID, at: datetime, by: Identity, needs_release: bool
) -> None:
    await connection.execute(_SQL["reschedule"], mailing_id, at, str(by), needs_release)
    await connection.execute(_SQL["reschedule_batches"], mailing_id, at, needs_release)
