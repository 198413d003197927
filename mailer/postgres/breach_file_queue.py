"""The reading of files of breach cases, in PostgreSQL: leases, chunks, and the people whom rows name."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.database.storable_text import storable_text
from mailer.events import Person
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.ports.breach_files import BreachFile, BreachFileRow, FileProgress, StoredRows
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.recipient_import import PersonWithoutEmail
from mailer.ports.recipient_imports import KEPT, ImportLost
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.breach_files import SQL, breach_file_from_row, file_entry, iterate_file_parts
from mailer.postgres.recipient_import import store_postal_addresses
from mailer.rendering.mailbox_spellings import canonical_mailbox

LEASE: Final = timedelta(seconds=60)
"""The time after which another process goes on with the work of one that has died."""
_SOURCE: Final = "breach-file"


class PostgresBreachFileQueue:
    """Hands the reading of files to the timekeepers.

    Args:
        pool: the connections. writers: the writers of the ledger.
        hasher: hashes addresses and refs. policies: by brand.
    """

    def __init__(
        self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher, policies: Mapping[str, Policy]
    ) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._policies = policies

    async def claim_import(self, owner: str) -> BreachFile | None:
        """Returns a file to read, which nobody else gets while its lease lasts; None if there is none."""
        row = await self._pool.fetchrow(SQL["claim"], owner, LEASE)
        return breach_file_from_row(row) if row else None

    async def renew_lease(self, file_id: UUID, owner: str) -> bool:
        """Renews the lease. False: the file is no longer the owner's."""
        return await self._pool.fetchval(SQL["renew"], file_id, owner, LEASE) is not None

    async def release_import(self, file_id: UUID, owner: str) -> None:
        """Ends the lease, so that another process goes on."""
        await self._pool.execute(SQL["release"], file_id, owner)

    def iterate_content(self, file_id: UUID) -> AsyncIterator[bytes]:
        """Yields the file in parts."""
        return iterate_file_parts(self._pool, file_id, "content")

    @asynccontextmanager
    async def open_chunk(self, job: BreachFile, owner: str) -> "AsyncIterator[PostgresBreachChunk]":
        """Opens the transaction of a chunk. An error in the context keeps nothing of it."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            yield PostgresBreachChunk(work, self._hasher, self._policies[job.brand], job, owner)

    async def finish_file(self, job: BreachFile, owner: str) -> None:
        """Ends the reading, deletes the content, and enters it in the ledger. Raises ImportLost."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            counts = await work.connection.fetchval(SQL["finish"], job.id, owner)
            if counts is None:
                raise ImportLost
            await work.connection.execute(SQL["delete_content"], job.id)
            await work.append_entries([_end_entry(job, "breach_file_read", counts)])

    async def fail_import(self, job: BreachFile, owner: str, problem: str) -> None:
        """Ends the work with a reason for people. Raises ImportLost."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            counts = await work.connection.fetchval(SQL["fail"], job.id, owner, storable_text(problem)[:1000])
            if counts is None:
                raise ImportLost
            await work.append_entries([_end_entry(job, "breach_file_failed", counts)])

    async def delete_old_files(self) -> None:
        """Deletes the refused rows, and what could not be read, after `KEPT`."""
        await self._pool.execute(SQL["forget"], KEPT)


class PostgresBreachChunk:
    """Implements `ports.breach_files.BreachChunk`."""

    def __init__(self, work: UnitOfWork, hasher: AddressHasher, policy: Policy, job: BreachFile, owner: str) -> None:
        self._work = work
        self._hasher = hasher
        self._policy = policy
        self._job = job
        self._owner = owner

    async def store_rows(self, rows: Sequence[BreachFileRow]) -> StoredRows:
        """See the port."""
        found, unknown = await self._find_known_people(rows), set[int]()
        strangers, nobody = list[BreachFileRow](), list[BreachFileRow]()
        for row in rows:
            if row.number not in found:
                unknown.add(row.number)
                (strangers if _is_reachable(row) else nobody).append(row)
        found |= await self._make_known_for_case(strangers)
        joined = await self._join(rows, found)
        await self._store_postal_addresses(rows, found)
        counts = _count_ends(rows, found, unknown, joined)
        return StoredRows(*counts, len(joined), frozenset(row.number for row in nobody))

    async def _find_known_people(self, rows: Sequence[BreachFileRow]) -> dict[int, list[int]]:
        """Returns the recipients of each row, by its number: by its ref, else all accounts with its address."""
        found = defaultdict[int, list[int]](list)
        brand, connection = self._job.brand, self._work.connection
        named = [(row.number, row.ref, self._hasher.hash_replacing_ref(brand, row.ref)) for row in rows if row.ref]
        by_number = {row.number: row for row in rows}
        if named:
            for number, id_, is_erased, has_email in await connection.fetch(
                SQL["by_ref"], brand, *zip(*named, strict=True)
            ):
                row = by_number[number]
                # The data of an erased person are not filled again, nor is an address added to an account.
                if not (is_erased and _is_reachable(row)) and (has_email or not row.email):
                    found[number].append(id_)
        addressed = [
            (row.number, self._hasher.hash_address(row.email))
            for row in rows
            if row.email and not row.ref and row.number not in found
        ]
        if addressed:
            owner = brand, self._policy.controller.id, self._hasher.key_id
            columns = *zip(*addressed, strict=True), self._job.case_id
            for number, id_ in await connection.fetch(SQL["by_address"], *owner, *columns):
                found[number].append(id_)
        return dict(found)

    async def _make_known_for_case(self, rows: Sequence[BreachFileRow]) -> dict[int, list[int]]:
        """Stores people whom nobody knows, for this case alone, and returns them by the number of the row."""
        if not rows:
            return {}
        refs = {row.number: self._hasher.ref_in_breach_case(self._job.case_id, _identity(row)) for row in rows}
        brand, now, connection = self._job.brand, datetime.now(UTC), self._work.connection
        known = [
            people.dated_person_data(brand, self._policy.controller.id, _person(row, refs[row.number]), now)
            for row in rows
        ]
        ids = await people.upsert_people(connection, self._hasher, known)
        numbers = sorted(set(ids.values()))
        await connection.execute(SQL["mark_case_only"], numbers, self._job.case_id)
        await people.lock_standings(connection, numbers)
        await connection.execute(SQL["close_case_only"], numbers)
        return {row.number: [ids[brand, refs[row.number]]] for row in rows}

    async def _join(self, rows: Sequence[BreachFileRow], found: Mapping[int, list[int]]) -> set[int]:
        """Stores whom the rows name. Returns those whom no row before has named."""
        named = [(id_, row.place, row.locale) for row in rows for id_ in found.get(row.number, ())]
        if not named:
            return set()
        joined = await self._work.connection.fetch(SQL["join"], self._job.id, *zip(*named, strict=True))
        return {row["recipient_id"] for row in joined}

    async def _store_postal_addresses(self, rows: Sequence[BreachFileRow], found: Mapping[int, list[int]]) -> None:
        """Stores the postal addresses of the rows: a letter is the way of last resort, and the file is newer."""
        named = [(id_, row.postal_lines) for row in rows if row.postal_lines for id_ in found.get(row.number, ())]
        lines = {id_: (some, False) for id_, some in named}
        entries = await store_postal_addresses(self._work.connection, self._job.brand, lines, _SOURCE)
        await self._work.append_entries(entries)

    async def finish(self, progress: FileProgress) -> None:
        """See the port."""
        await _store_progress(self._work.connection, self._job.id, self._owner, progress)


def _count_ends(
    rows: Sequence[BreachFileRow], found: Mapping[int, list[int]], unknown: set[int], joined: set[int]
) -> tuple[int, int, int]:
    """Returns how many rows name people who are known, people for this case alone, and nobody new."""
    known = case_only = duplicate = 0
    left = set(joined)
    for row in rows:
        ids = found.get(row.number)
        if ids is None:
            continue
        if left.isdisjoint(ids):
            duplicate += 1
        elif row.number in unknown:
            case_only += 1
        else:
            known += 1
        left.difference_update(ids)
    return known, case_only, duplicate


def _is_reachable(row: BreachFileRow) -> bool:
    """Tells whether the row itself has an address to which a notice can go."""
    return bool(row.email or (row.name and row.postal_lines))


def _identity(row: BreachFileRow) -> str:
    """Returns what tells a person of a file from others: the ref with the address, else name and postal address.

    A ref that stands beside two addresses is two people: each address is told, since nobody knows which one is right.
    """
    if row.ref:
        return f"ref:{row.ref}" + (f"\nemail:{canonical_mailbox(row.email)}" if row.email else "")
    if row.email:
        return f"email:{canonical_mailbox(row.email)}"
    return "post:" + "\n".join((row.name or "", *row.postal_lines)).casefold()


def _person(row: BreachFileRow, ref: str) -> Person | PersonWithoutEmail:
    said = {"ref": ref, "name": row.name, "locale": row.locale, "country": row.place[:2] or None}
    if row.email:
        return Person.model_validate({**said, "email": row.email})
    return PersonWithoutEmail.model_validate(said)


async def _store_progress(connection: Connection, file_id: UUID, owner: str, progress: FileProgress) -> None:
    reasons = [[row, is_refused, storable_text(reason)] for row, is_refused, reason in progress.reasons]
    stored = progress.rows_done, progress.rows_total, dict(progress.counts), reasons, LEASE
    if await connection.fetchval(SQL["store_progress"], file_id, owner, *stored) is None:
        raise ImportLost
    if progress.refused:
        await connection.execute(SQL["add_part"], file_id, "refused", progress.rows_done, progress.refused)


def _end_entry(job: BreachFile, what: str, counts: Mapping[str, int]) -> LedgerEntry:
    ends = ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
    return file_entry(job.brand, job.case_id, job.id, what, ends)
