"""Drafts of campaigns in PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_differences import is_text_removed
from mailer.policy.campaign_draft import CampaignDraft, Schedule
from mailer.policy.campaign_stages import CampaignState, refusal_to_change_draft, stage_of_campaign
from mailer.ports.campaigns import (
    MAX_DRAFT_OCTETS,
    REVISION_REPLACED_WITHIN,
    Campaign,
    CampaignChangedMeanwhile,
    CampaignChangeRefused,
    CampaignFilter,
    CampaignListPlace,
    CampaignPage,
    CampaignRevision,
    CampaignSteps,
    CampaignSummary,
    CampaignUnknown,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import MailingDirectory, MailingStatus
from mailer.ports.time_ordered_uuids import uuid7

_SQL = {
    name: text.replace("{columns}", load_statements("campaigns")["columns"])
    for name, text in load_statements("campaigns").items()
}
_FIRST = CampaignListPlace(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


class PostgresCampaigns:
    """Implements `ports.campaigns.CampaignStore`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each change.
        mailings: finds the mailings of released campaigns.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, mailings: MailingDirectory) -> None:
        self._pool = pool
        self._writers = writers
        self._mailings = mailings

    async def create_campaign(self, brand: str, name: str, draft: CampaignDraft, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            campaign = await _insert_campaign(work.connection, brand, name, draft, by)
            await _append_entry(work, campaign, "campaign_created")
        return campaign

    async def duplicate_campaign(self, campaign_id: UUID, name: str, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL["find"], campaign_id)
            source = _campaign_or_raise(row)
            draft = source.draft.model_copy(update={"schedule": Schedule()})
            campaign = await _insert_campaign(work.connection, source.brand, name, draft, by)
            await _append_entry(work, campaign, "campaign_created", f"copy_of:{source.id}")
        return campaign

    async def save_draft(
        self, campaign_id: UUID, expected_revision: int, draft: CampaignDraft, by: str, name: str | None = None
    ) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = await _lock_changeable(work.connection, campaign_id, expected_revision)
            if draft == current.draft and name in (None, current.name):
                return current
            campaign = await _store_draft(work.connection, current, draft, by, name)
            await _append_entry(work, campaign, "campaign_saved")
        return campaign

    async def restore_revision(self, campaign_id: UUID, expected_revision: int, revision: int, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = await _lock_changeable(work.connection, campaign_id, expected_revision)
            row = await work.connection.fetchrow(_SQL["revision"], campaign_id, revision)
            if row is None:
                raise CampaignUnknown(f"the history has no revision {revision}")
            draft = _revision_from_row(row).draft
            campaign = await _store_draft(work.connection, current, draft, by, None, is_replacing=False)
            await _append_entry(work, campaign, "campaign_saved", f"restored:{revision}")
        return campaign

    async def find_campaign(self, campaign_id: UUID) -> Campaign | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], campaign_id)
        return _campaign_from_row(row) if row else None

    async def list_campaigns(self, chosen: CampaignFilter, limit: int) -> CampaignPage:
        """See the port."""
        after = chosen.after or _FIRST
        rows = await self._pool.fetch(
            _SQL["list"], sorted(chosen.brands), chosen.state, after.updated_at, after.id, limit + 1
        )
        shown = rows[:limit]
        states = await self._read_mailing_states([row["id"] for row in shown if row["state"] == "released"])
        campaigns = [_summary_from_row(row, states[row["id"]]) for row in shown]
        last = campaigns[-1] if len(rows) > limit else None
        return CampaignPage(campaigns, CampaignListPlace(last.updated_at, last.id) if last else None)

    async def read_history(self, campaign_id: UUID, limit: int) -> Sequence[CampaignRevision]:
        """See the port."""
        return [_revision_from_row(row) for row in await self._pool.fetch(_SQL["history"], campaign_id, limit)]

    async def find_revision(self, campaign_id: UUID, revision: int) -> CampaignRevision | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["revision"], campaign_id, revision)
        return _revision_from_row(row) if row else None

    async def read_audiences(self, brand: str) -> Sequence[str]:
        """See the port."""
        lists = [row["audience"] for row in await self._pool.fetch(_SQL["lists"], brand)]
        segments = [f"segment:{row['name']}" for row in await self._pool.fetch(_SQL["segments"], brand)]
        return ["everyone", *lists, *segments]

    async def read_attributes(self, brand: str, recipient_id: int, names: Sequence[str]) -> Mapping[str, object]:
        """See the port."""
        kept = await self._pool.fetchval(_SQL["attributes"], brand, recipient_id) if names else None
        return {name: kept[name] for name in names if name in kept} if kept else {}

    async def read_steps(self, campaign: Campaign) -> CampaignSteps:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["manifest"], campaign.id, campaign.manifest_id)
        if row is None:
            return CampaignSteps()
        linked = await self._pool.fetch(_SQL["mailings"], [campaign.id])
        statuses = await self._mailings.find_mailings([one["mailing_id"] for one in linked])
        return CampaignSteps(
            row["requested_by"],
            row["ready_at"],
            row["released_by"],
            row["released_at"],
            [(one["variant"], one["mailing_id"]) for one in linked],
            [one.state for one in statuses],
            _end_of_mailings(statuses),
        )

    async def archive_campaign(self, campaign_id: UUID, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = _campaign_or_raise(await work.connection.fetchrow(_SQL["lock"], campaign_id))
            if current.state is CampaignState.ARCHIVED:
                return current
            if refusal := refusal_to_change_draft(current.state):
                raise CampaignChangeRefused(refusal)
            await work.connection.execute(_SQL["outdate_manifests"], campaign_id)
            campaign = await _store_state(work.connection, campaign_id, CampaignState.ARCHIVED, by, is_unchecked=True)
            await _append_entry(work, campaign, "campaign_archived")
        return campaign

    async def unarchive_campaign(self, campaign_id: UUID, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = _campaign_or_raise(await work.connection.fetchrow(_SQL["lock"], campaign_id))
            if current.state is not CampaignState.ARCHIVED:
                raise CampaignChangeRefused("the campaign is not archived: open it")
            campaign = await _store_state(work.connection, campaign_id, CampaignState.DRAFT, by)
            await _append_entry(work, campaign, "campaign_unarchived")
        return campaign

    async def set_state(self, campaign_id: UUID, seen: CampaignState, state: CampaignState, by: str) -> Campaign:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = _campaign_or_raise(await work.connection.fetchrow(_SQL["lock"], campaign_id))
            if current.state is not seen:
                raise CampaignChangedMeanwhile(current)
            campaign = await _store_state(work.connection, campaign_id, state, by)
            await _append_entry(work, campaign, f"campaign_{state}")
        return campaign

    async def _read_mailing_states(self, campaign_ids: Sequence[UUID]) -> defaultdict[UUID, list[str]]:
        """Returns the states of the mailings of campaigns."""
        states = defaultdict[UUID, list[str]](list)
        if campaign_ids:
            linked = await self._pool.fetch(_SQL["mailings"], campaign_ids)
            statuses = await self._mailings.find_mailings([row["mailing_id"] for row in linked])
            state_of = {status.id: status.state for status in statuses}
            for row in linked:
                states[row["campaign_id"]].extend(filter(None, [state_of.get(row["mailing_id"])]))
        return states


def _draft_as_json(draft: CampaignDraft) -> dict[str, object]:
    """Returns a draft for the database, unless it is too large."""
    if (size := len(draft.model_dump_json().encode())) > MAX_DRAFT_OCTETS:
        raise CampaignChangeRefused(
            f"the draft has {size:,} octets, and {MAX_DRAFT_OCTETS:,} are the most: shorten its texts"
        )
    return draft.model_dump(mode="json")


async def _insert_campaign(connection: Connection, brand: str, name: str, draft: CampaignDraft, by: str) -> Campaign:
    row = await connection.fetchrow(_SQL["create"], uuid7(), brand, name, _draft_as_json(draft), by)
    campaign = _campaign_or_raise(row)
    await _store_revision(connection, campaign, is_replacing=False)
    return campaign


async def _lock_changeable(connection: Connection, campaign_id: UUID, expected_revision: int) -> Campaign:
    """Returns a campaign that may be changed, and that nobody else changes meanwhile."""
    current = _campaign_or_raise(await connection.fetchrow(_SQL["lock"], campaign_id))
    if refusal := refusal_to_change_draft(current.state):
        raise CampaignChangeRefused(refusal)
    if current.revision != expected_revision:
        raise CampaignChangedMeanwhile(current)
    return current


async def _store_draft(
    connection: Connection,
    current: Campaign,
    draft: CampaignDraft,
    by: str,
    name: str | None,
    *,
    is_replacing: bool = True,
) -> Campaign:
    await connection.execute(_SQL["outdate_manifests"], current.id)
    row = await connection.fetchrow(_SQL["save"], current.id, _draft_as_json(draft), name or current.name, by)
    campaign = _campaign_or_raise(row)
    is_replacing = is_replacing and not is_text_removed(current.draft, draft)
    await _store_revision(connection, campaign, is_replacing=is_replacing)
    return campaign


async def _store_revision(connection: Connection, campaign: Campaign, *, is_replacing: bool) -> None:
    await connection.execute(
        _SQL["add_revision"],
        campaign.id,
        campaign.revision,
        campaign.draft.model_dump(mode="json"),
        campaign.updated_by,
        is_replacing,
        REVISION_REPLACED_WITHIN,
    )


async def _store_state(
    connection: Connection, campaign_id: UUID, state: CampaignState, by: str, *, is_unchecked: bool = False
) -> Campaign:
    return _campaign_or_raise(await connection.fetchrow(_SQL["set_state"], campaign_id, state, by, is_unchecked))


async def _append_entry(work: UnitOfWork, campaign: Campaign, what: str, *more: str) -> None:
    entry = LedgerEntry(
        EntryKind.CONTROL,
        campaign.brand,
        category=campaign.draft.category,
        reason=what,
        rule=f"campaign:{campaign.id}",
        fields=(f"revision:{campaign.revision}", *more),
    )
    await work.append_entries([entry])


def _end_of_mailings(statuses: Sequence[MailingStatus]) -> datetime | None:
    """Returns the time at which the last of some mailings ended; None if one of them has not."""
    ends = [status.finished_at for status in statuses]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _campaign_or_raise(row: asyncpg.Record | None) -> Campaign:
    if row is None:
        raise CampaignUnknown("there is no such campaign; `mailer campaign list` shows them")
    return _campaign_from_row(row)


def _campaign_from_row(row: asyncpg.Record) -> Campaign:
    values = dict(row)
    draft = CampaignDraft.model_validate(values.pop("draft"))
    return Campaign(**{**values, "state": CampaignState(row["state"])}, draft=draft)


def _summary_from_row(row: asyncpg.Record, mailing_states: Sequence[str]) -> CampaignSummary:
    state = CampaignState(row["state"])
    return CampaignSummary(**{**dict(row), "state": state}, stage=stage_of_campaign(state, mailing_states))


def _revision_from_row(row: asyncpg.Record) -> CampaignRevision:
    return CampaignRevision(
        row["revision"], CampaignDraft.model_validate(row["draft"]), row["by"], row["at"], row["began_at"]
    )
