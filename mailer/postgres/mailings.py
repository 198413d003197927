"""Mailings in PostgreSQL: makes mailings, deliveries and batches of accepted events, many events at a time."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.database.statements import Connection, Pool, load_statements, text_array_literal
from mailer.event_digests import names_of_fields_with_differing_digests
from mailer.events import Attachment, Audience, MessageEvent, People, Person, Refs
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy import publisher_and_staff_identity
from mailer.policy.policy_file import Policy
from mailer.policy.standing import INVITED
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import AcceptedMailing, MailingFacts, MailingStatus, NewMailing, ReleaseRefused
from mailer.ports.time_ordered_uuids import uuid7_creation_time
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.audience_expansion import expand_audience
from mailer.postgres.audiences import find_audience_fault
from mailer.postgres.mailing_status_rows import mailing_status_from_row
from mailer.postgres.releaser_independence import refuse_dependent_releaser
from mailer.rendering.mentioned_members import references_in_context, replace_refs_by_ledger_numbers

_SQL = load_statements("mailings")
_COLUMNS = ", ".join(one.name for one in fields(MailingFacts) if one.name != "attachments")
"""The columns in the order that `_facts_from_row` needs."""
CREATE, _FACTS = (_SQL[name].replace("{facts}", _COLUMNS) for name in ("create", "facts"))
KEEP_TEMPLATE = _SQL["keep_template"]

_BY_ID, _OF_BRAND, _BY_EVENT, _LATEST = (
    _SQL["status"].replace("{fetches}", _SQL["fetches"]).replace("{which}", which) + limit
    for which, limit in (
        ("m.id = $1", ""),
        ("m.id = (SELECT e.mailing_id FROM events e WHERE e.brand = $1 AND e.event_id = ANY ($2::text[]) LIMIT 1)", ""),
        # Finds the mailings before it sorts them. Else a plan may read all mailings in order to find the newest.
        ("m.id = ANY (ARRAY(SELECT k.id FROM mailings k WHERE k.event_id = ANY ($1::text[])))", " LIMIT 100"),
        ("true", " LIMIT $1"),
    )
)
"""Separate statements, so that a generic plan uses the right index for each."""

BATCH_SIZE = 500
"""The recipients of a batch: one or two seconds of work, much less than a lease."""


@asynccontextmanager
async def _turning_data_errors_into_value_errors() -> AsyncIterator[None]:
    """The context in which a value that the database cannot hold raises ValueError."""
    try:
        yield
    except asyncpg.DataError as error:
        raise ValueError(f"the database cannot hold a value of this event: {error}") from error


class PostgresMailings:
    """Implements `ports.mailings.MailingStore`, and reads and releases mailings for operators."""

    def __init__(
        self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher, policies: Mapping[str, Policy]
    ) -> None:
        """Takes the policies by brand: each has the minimum cell for shown figures."""
        self._pool = pool
        self._policies = policies
        self._writers = writers
        self._hasher = hasher
        self._kept: set[str] = set()
        self._epoch = writers.epoch

    async def accept_mailings(self, mailings: Sequence[NewMailing]) -> list[AcceptedMailing]:
        """See the port."""
        contents = [self._hasher.contents.digest_of(mailing.event) for mailing in mailings]
        async with _turning_data_errors_into_value_errors(), open_unit_of_work(self._pool, self._writers) as work:
            first, differs = await insert_or_find_mailings(work.connection, mailings, self._hasher, contents)
            fresh = [mailing for mailing in mailings if first[mailing.id] == mailing.id]
            facts, batches = await self._store_mailings_and_deliveries(work.connection, fresh) if fresh else ({}, [])
            await work.append_entries([build_mailing_acceptance_ledger_entry(mailing) for mailing in fresh])
            crash_if_armed(CrashPoint.IN_INTAKE)
        self._kept.update(mailing.template_version for mailing in fresh)
        due: defaultdict[UUID, list[int]] = defaultdict(list)
        size: defaultdict[UUID, int] = defaultdict(int)
        for row in batches:
            size[row["mailing_id"]] += row["size"]
            if row["due"]:
                due[row["mailing_id"]].append(row["batch"])
        return [
            AcceptedMailing(
                first[own], first[own] != own, tuple(due[own]), size[own], facts.get(own), differs.get(own, ())
            )
            for own in (mailing.id for mailing in mailings)
        ]

    async def _store_mailings_and_deliveries(
        self, connection: Connection, mailings: Sequence[NewMailing]
    ) -> tuple[dict[UUID, MailingFacts], list[asyncpg.Record]]:
        """Stores new mailings with their deliveries and batches.

        Returns:
            The facts of the mailings without a named audience and without attachments; and the batches of all.
        """
        if self._epoch != self._writers.epoch:  # the database has lost data, and may lack these templates
            self._epoch = self._writers.epoch
            self._kept.clear()
        templates = {mailing.template_version: mailing.template_source for mailing in mailings}
        new = {version: source for version, source in templates.items() if version not in self._kept}
        if new:
            await connection.execute(KEEP_TEMPLATE, list(new), list(new.values()))
        numbers = await self._find_or_create_mentioned_member_ids(connection, mailings)
        named = await self._store_recipients_returning_rows(connection, mailings, numbers)
        sizes = Counter(row["mailing_id"] for row in named)
        created = await connection.fetch(
            CREATE, [column_values_of_mailing(mailing, sizes, numbers) for mailing in mailings]
        )
        attached = await _store_attachments(connection, mailings)
        batches = await connection.fetch(_SQL["expand_named"], named, BATCH_SIZE) if named else []
        for mailing in mailings:
            if isinstance(mailing.event.to, Audience):
                batches += await expand_audience(
                    connection, mailing.id, mailing.event.brand, mailing.event.to.audience, BATCH_SIZE
                )
        whole = [row for row in created if row["audience_size"] is not None and row["id"] not in attached]
        return {row["id"]: _facts_from_row(row) for row in whole}, batches

    async def _find_or_create_mentioned_member_ids(
        self, connection: Connection, mailings: Sequence[NewMailing]
    ) -> dict[tuple[str, str], int]:
        """Returns the ids of the members that the events' contexts mention, by (brand, ref). Mostly empty."""
        refs = {
            (mailing.event.brand, ref, mailing.controller)
            for mailing in mailings
            for context in _contexts_of_event(mailing.event)
            for ref in references_in_context(context)
            if isinstance(ref, str)
        }
        return await people.find_or_create_recipients_by_ref(connection, self._hasher, sorted(refs))

    async def read_showable_member_names(
        self, brand: str, numbers: Sequence[int], refs: Sequence[str]
    ) -> dict[int | str, str]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["member_names"], brand, numbers, refs)
        return {key: row["name"] for row in rows for key in (row["id"], row["ref"])}

    async def _store_recipients_returning_rows(
        self, connection: Connection, mailings: Sequence[NewMailing], numbers: Mapping[tuple[str, str], int]
    ) -> list[dict[str, Any]]:
        """Stores the recipients that the events name, and returns them as rows for `expand_named`."""
        now = datetime.now(UTC)
        known: list[people.DatedPersonData] = []
        refs: list[tuple[str, str, str]] = []
        wanted: list[tuple[NewMailing, str, dict[str, Any]]] = []
        for mailing in mailings:
            brand = mailing.event.brand
            match mailing.event.to:
                case People(people=persons):
                    whose, said = (brand, mailing.controller), uuid7_creation_time(mailing.event.id)
                    vocabulary = self._policies[brand].source_vocabulary
                    known += [
                        people.dated_person_data(
                            *whose,
                            _with_invited_source_if_invitation(mailing, person),
                            now,
                            mailing.versions,
                            said,
                            vocabulary,
                        )
                        for person in persons
                    ]
                    wanted += [(mailing, person.ref, person.context) for person in persons]
                case Refs(refs=names):
                    refs += [(brand, ref, mailing.controller) for ref in names]
                    wanted += [(mailing, ref, {}) for ref in dict.fromkeys(names)]
                case Audience():
                    pass
        ids = await people.upsert_people(connection, self._hasher, known)
        ids |= await people.find_or_create_recipients_by_ref(connection, self._hasher, refs)
        return [
            {
                "mailing_id": str(mailing.id),
                "recipient_id": ids[mailing.event.brand, ref],
                "context": _replace_member_refs(context, mailing, numbers) or None,
            }
            for mailing, ref, context in wanted
        ]

    async def find_audience_fault(self, brand: str, name: str) -> str | None:
        """See the port."""
        async with self._pool.acquire() as connection:
            return await find_audience_fault(connection, self._policies[brand], name)

    async def read_facts_of_mailings(self, mailing_ids: Sequence[UUID]) -> dict[UUID, MailingFacts]:
        """See the port."""
        rows = await self._pool.fetch(_FACTS, mailing_ids)
        return {row["id"]: _facts_from_row(row) for row in rows}

    async def read_template_source_by_version(self, version: str) -> str | None:
        """See the port."""
        source: str | None = await self._pool.fetchval(_SQL["template_source"], version)
        return source

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """See the port."""
        row = await self._pool.fetchrow(
            _OF_BRAND, brand, [event_id, self._hasher.hash_replacing_event_id(brand, event_id)]
        )
        return mailing_status_from_row(row, self._policies) if row else None

    async def fields_differing_from_known_event(self, event: MessageEvent) -> tuple[str, ...]:
        """See the port."""
        first = await self._pool.fetchval(
            _SQL["content"], event.brand, event.id, self._hasher.hash_replacing_event_id(event.brand, event.id)
        )
        return names_of_fields_with_differing_digests(first, self._hasher.contents.digest_of(event))

    async def mailing_status(self, mailing_id: UUID) -> MailingStatus | None:
        """Returns the status of a mailing by its own id, or None."""
        row = await self._pool.fetchrow(_BY_ID, mailing_id)
        return mailing_status_from_row(row, self._policies) if row else None

    async def statuses_of_mailings_of_event(self, event_id: str) -> list[MailingStatus]:
        """Returns the statuses of the mailings, of any brand, that this event id started."""
        ids = [event_id, *(self._hasher.hash_replacing_event_id(brand, event_id) for brand in self._policies)]
        return [mailing_status_from_row(row, self._policies) for row in await self._pool.fetch(_BY_EVENT, ids)]

    async def statuses_of_newest_mailings(self, limit: int) -> list[MailingStatus]:
        """Returns the statuses of the newest mailings, the newest first."""
        return [mailing_status_from_row(row, self._policies) for row in await self._pool.fetch(_LATEST, limit)]

    async def release_mailing(self, mailing_id: UUID, person: str, seen: MailingStatus | None = None) -> None:
        """Releases a mailing that waits for a second person.

        Args:
            mailing_id: the mailing.
            person: the person who releases it, as a name or as `person:NAME`.
            seen: the mailing as the person has seen it; None: as it is now.

        Raises:
            ReleaseRefused: the mailing does not wait for a release, has another time than was seen, its publisher is
                unknown, or `person` is its publisher or rescheduler, not independent of them (see
                `refuse_dependent_releaser`), or not a person.
        """
        try:
            releaser = publisher_and_staff_identity.parse_person_identity(person)
        except ValueError as error:
            raise ReleaseRefused(f"a person has to release it: {error}") from None
        status = seen or await self.mailing_status(mailing_id)
        if status is None:
            raise ReleaseRefused(f"there is no mailing {mailing_id}; `mailer mailing list` shows them")
        publisher = publisher_and_staff_identity.identity_or_none(status.publisher)
        if publisher is None:
            raise ReleaseRefused("nobody knows who published this mailing; cancel it, and have it published again")
        await refuse_dependent_releaser(self._pool, releaser, publisher, "published")
        if rescheduler := publisher_and_staff_identity.identity_or_none(status.rescheduled_by or ""):
            await refuse_dependent_releaser(self._pool, releaser, rescheduler, "rescheduled")
        async with open_unit_of_work(self._pool, self._writers) as work:
            seen_schedule = (status.send_at, status.rescheduled_by)
            if await work.connection.fetchrow(_SQL["release"], mailing_id, str(releaser), *seen_schedule) is None:
                if status.state == "awaiting_release":
                    raise ReleaseRefused("the mailing was changed since you looked at it; look at it again")
                raise ReleaseRefused(f"the mailing does not wait for a release; it is {status.state}")
            await work.connection.execute(_SQL["release_batches"], mailing_id)
            entry = LedgerEntry(
                EntryKind.MAILING,
                status.brand,
                mailing_id=mailing_id,
                category=status.category,
                reason="released",
                reply=str(releaser),
                actor=str(releaser),
            )
            await work.append_entries([entry])


async def insert_or_find_mailings(
    connection: Connection, mailings: Sequence[NewMailing], hasher: AddressHasher, contents: Sequence[bytes]
) -> tuple[dict[UUID, UUID], dict[UUID, tuple[str, ...]]]:
    """Inserts new mailings, unless there is a mailing for the event id already.

    Returns:
        The id of the stored mailing by the id of each new one; and, if any of them exist already, the fields in which
            the new events differ from the stored ones.
    """
    brands = [mailing.event.brand for mailing in mailings]
    events = [mailing.event.id for mailing in mailings]
    hidden = [hasher.hash_replacing_event_id(brand, event) for brand, event in zip(brands, events, strict=True)]
    ids = [mailing.id for mailing in mailings]
    columns = (brands, events, map(str, ids), (str(mailing.publisher) for mailing in mailings))
    rows = await connection.fetch(_SQL["accept"], *map(text_array_literal, columns), contents, hidden)
    taken = {row["mailing_id"] for row in rows}
    if len(taken) == len(mailings):
        return dict(zip(ids, ids, strict=True)), {}
    rows = await connection.fetch(_SQL["first"], brands, events, ids, hidden)
    first, kept = ({row["asked"]: row[column] for row in rows} for column in ("first", "content"))
    return first, {
        id_: names_of_fields_with_differing_digests(kept[id_], content)
        for id_, content in zip(ids, contents, strict=True)
    }


async def _store_attachments(connection: Connection, mailings: Sequence[NewMailing]) -> set[UUID]:
    """Stores the attachments, and returns the ids of the mailings that have any."""
    rows = [
        (mailing.id, position, file.filename, file.content_type, file.content)
        for mailing in mailings
        for position, file in enumerate(mailing.event.attachments)
    ]
    if rows:
        await connection.execute(_SQL["attach"], *zip(*rows, strict=True))
    return {row[0] for row in rows}


_AS_SAID = (
    *("brand", "category", "template", "product", "topic", "campaign", "reason", "inviter", "partner", "context"),
    "reply_to",
)
"""The fields of an event that its mailing has as columns of text or JSON."""


def _contexts_of_event(event: MessageEvent) -> Iterator[Mapping[str, Any]]:
    """Yields the contexts of an event that are not empty: its own, and those of its people."""
    if event.context:
        yield event.context
    if isinstance(event.to, People):
        yield from (person.context for person in event.to.people if person.context)


def _replace_member_refs(
    context: Mapping[str, Any], mailing: NewMailing, numbers: Mapping[tuple[str, str], int]
) -> Mapping[str, Any]:
    """Returns a context with the refs of members replaced by their ids."""
    if not numbers:
        return context
    return replace_refs_by_ledger_numbers(
        context, {ref: number for (brand, ref), number in numbers.items() if brand == mailing.event.brand}
    )


def column_values_of_mailing(
    mailing: NewMailing, sizes: Mapping[str, int], numbers: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    """Returns the row of a mailing for `CREATE`, by recipients a mailing's id and members' ids by (brand, ref)."""
    event, said = mailing.event, vars(mailing.event)
    return {
        "id": str(mailing.id),
        "lane": mailing.category.lane.value,
        "template_version": mailing.template_version,
        "policy_version": mailing.policy_version,
        "publisher": str(mailing.publisher),
        "event_id": event.id,
        "audience": event.to.audience if isinstance(event.to, Audience) else None,
        "audience_size": None if isinstance(event.to, Audience) else sizes[str(mailing.id)],
        "state": "awaiting_release" if mailing.category.needs_release else "released",
        "send_at": event.send_at.isoformat() if event.send_at else None,
        "expires_at": event.expires_at.isoformat() if event.expires_at else None,
        **{name: said[name] for name in _AS_SAID},
        "context": _replace_member_refs(event.context, mailing, numbers),
    }


def _with_invited_source_if_invitation(mailing: NewMailing, person: Person) -> Person:
    """Returns the person with the source `INVITED` if the mailing is an invitation, whatever it says (interpals-10)."""
    return person.model_copy(update={"source": INVITED}) if mailing.category.invites else person


def build_mailing_acceptance_ledger_entry(mailing: NewMailing) -> LedgerEntry:
    """Returns the ledger entry of a mailing that was accepted, with its publisher."""
    return LedgerEntry(
        EntryKind.MAILING,
        mailing.event.brand,
        mailing_id=mailing.id,
        category=mailing.category.name,
        reason="accepted",
        policy=mailing.policy_version,
        actor=str(mailing.publisher),
    )


def _facts_from_row(row: asyncpg.Record) -> MailingFacts:
    facts = MailingFacts(*row)  # the columns are in the order of its fields
    facts.attachments = tuple(Attachment.model_validate(file) for file in facts.attachments)
    facts.audience_size = facts.audience_size or 0
    return facts
