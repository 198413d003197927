"""The people of released campaigns in PostgreSQL: exports and lists for follow-ups."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from mailer.database.connections import UNHURRIED_SECONDS
from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_draft import CampaignDraft, Schedule
from mailer.policy.campaign_follow_ups import follow_up_list_prefix
from mailer.policy.standing import EVERYTHING_OPTIONAL, category_scope
from mailer.ports.campaign_figures import CampaignReport, CampaignReportReader
from mailer.ports.campaign_people import CampaignPerson, CampaignReportStores, ExportReason, FollowUp, FollowUpRefused
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.staff import RightInSession
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.staff_changes import writers_requiring_session_and_right

_SQL = load_statements("campaign_people")
_PAGE: Final = 2000
"""The people of one statement: some milliseconds."""


class PostgresCampaignPeople:
    """Implements `ports.campaign_people.CampaignPeopleStore`.

    Args:
        pool: the connections.
        writers: of whoever acts; each change checks the session.
        actor: an identity, as text.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, actor: str) -> None:
        self._pool = pool
        self._writers = writers
        self._actor = actor

    async def export_people(
        self, report: CampaignReport, reason: ExportReason
    ) -> AsyncIterator[Sequence[CampaignPerson]]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.append_entries(
                [_build_ledger_entry_about_campaign(report, EntryKind.ACCESS, "people_exported", reason.value)]
            )
        after, mailings = 0, list(report.mailings.values())
        while rows := await self._pool.fetch(_SQL["page"], report.manifest_id, mailings, after, _PAGE):
            after = rows[-1]["recipient_id"]
            yield [CampaignPerson(*tuple(row)[1:]) for row in rows]

    async def create_follow_up(self, report: CampaignReport, ends: Sequence[tuple[str, str]]) -> FollowUp:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            name, people = await self._create_list(work.connection, report, ends)
            campaign_id, draft = uuid7(), _draft_of_follow_up(report.draft, name).model_dump(mode="json")
            title = f"{report.name[:80]} (follow-up)"
            await work.connection.execute(_SQL["create_draft"], campaign_id, report.brand, title, draft, self._actor)
            await work.connection.execute(_SQL["create_revision"], campaign_id, draft, self._actor)
            await work.append_entries(
                [_build_ledger_entry_about_campaign(report, EntryKind.CONTROL, "follow_up_created", name)]
            )
        return FollowUp(campaign_id, name, people)

    async def _create_list(
        self, connection: Connection, report: CampaignReport, ends: Sequence[tuple[str, str]]
    ) -> tuple[str, int]:
        """Makes the list of people, by one statement. Returns its name and the number of people."""
        prefix = follow_up_list_prefix(report.name)
        await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
        await connection.execute(_SQL["lock_lists"], report.brand)
        taken = {row["audience"] for row in await connection.fetch(_SQL["list_names"], report.brand, prefix)}
        name = next(name for n in range(1, len(taken) + 2) if (name := f"{prefix}{n}") not in taken)
        category, topic = report.draft.category, report.draft.topic
        left = [EVERYTHING_OPTIONAL, category, category_scope(category, topic)]
        status = await connection.execute(
            _SQL["list_people"],
            *(report.brand, name, report.manifest_id, list(report.mailings.values())),
            *([state for state, _ in ends], [reason for _, reason in ends], left),
        )
        people = int(status.rpartition(" ")[2])
        if not people:
            raise FollowUpRefused("nobody is left to write to: choose other reasons")
        return name, people

    async def withdraw_from_archive(self, report: CampaignReport) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if await work.connection.fetchval(_SQL["withdraw"], report.id, self._actor) is None:
                return False
            await work.append_entries(
                [_build_ledger_entry_about_campaign(report, EntryKind.CONTROL, "archive_withdrawn")]
            )
        return True


def build_campaign_report_stores(
    pool: Pool, writers: LedgerWriters, reports: CampaignReportReader
) -> CampaignReportStores:
    """Returns the stores behind the pages of reports."""

    def open_people(actor: str, network: str, used: RightInSession | None) -> PostgresCampaignPeople:
        named = writers_requiring_session_and_right(writers.writers_with_actor(actor, network), used)
        return PostgresCampaignPeople(pool, named, actor)

    return CampaignReportStores(reports, open_people)


def _draft_of_follow_up(draft: CampaignDraft, audience: str) -> CampaignDraft:
    """Returns the draft with another audience, to be sent at its release. The archive has its texts already."""
    return draft.model_copy(update={"audience": audience, "schedule": Schedule(), "is_in_archive": False})


def _build_ledger_entry_about_campaign(
    report: CampaignReport, kind: EntryKind, what: str, note: str = ""
) -> LedgerEntry:
    return LedgerEntry(kind, report.brand, reason=what, rule=f"campaign:{report.id}", reply=note or None)
