"""Verification: every chain is recomputed, in slices that several processes can share, and compared with every seal.

A hash depends only on the entry and the hash before it, so a chain can be cut anywhere. A slice begins with the stored
hash before it, which the previous slice checks.
"""

import asyncio
import hmac
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.connections import connect
from mailer.database.statements import Connection, load_statements
from mailer.keyed_hash import KeyedHash
from mailer.ledger.chain import GENESIS, entry_hash, text_commitment
from mailer.ledger.seals import (
    KEPT,
    Head,
    Record,
    Seal,
    SealRefused,
    SealSigner,
    lowest_id_of_writers_active_since,
    seal_body_digest,
)
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.ledger_inspection import LedgerFault

_SQL = load_statements("chains", "ledger")
_SEALS = load_statements("seals", "ledger")

MOST_FAULTS = 1000
"""The most faults that one verification lists: with a wrong key every entry has one."""
SLICE = 20_000
"""The least number of entries of a slice, about a second of work."""
_SLICES = 4096
_HEADS_AT_ONCE = 5_000
_THINNED = KEPT - timedelta(days=1)
_SEALS_NAME = "seals"
_PLACE = tuple[UUID, int]
_FIRST: _PLACE = (UUID(int=0), 0)
_LAST: _PLACE = (UUID(int=(1 << 128) - 1), (1 << 63) - 1)

Progress = Callable[[int, int], None]
"""Called with the number of entries that were just checked, and the approximate number of all entries."""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result of a verification: counts, and the first faults, none if the ledger is intact."""

    entries: int
    writers: int
    faults: tuple[LedgerFault, ...]


async def verify_chains(
    connection: Connection, key: bytes, url: str | None, processes: int, progress: Progress, since: Seal | None = None
) -> list[VerificationResult]:
    """Recomputes all chains, or those that may have grown since a seal.

    Args:
        connection: to the database.
        key: the key of the chains.
        url: the URL of the same database, for other processes; None: this process does everything.
        processes: the number of processes that share the work.
        progress: called after each slice.
        since: leaves out chains that ended before this seal, which are those that began at least two days before it.
    """
    first = (lowest_id_of_writers_active_since(since.at), 0) if since else _FIRST
    heads = [(row["writer"], row["n"]) for row in await connection.fetch(_SEALS["heads"], first[0])]
    total = sum(n for _, n in heads)
    slices = list(pairwise([first, *_slice_start_places(heads, max(SLICE, total // _SLICES)), _LAST]))
    verdicts = []
    async for verdict in _check_slices(connection, key, slices, url, min(processes, len(slices))):
        verdicts.append(verdict)
        progress(verdict.entries, total)
    return verdicts


def cpu_count() -> int:
    """Returns the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


def _slice_start_places(heads: Sequence[_PLACE], size: int) -> Iterator[_PLACE]:
    """Yields places in the order of the chains, about `size` entries apart.

    Forged numbers cannot multiply the places.
    """
    room = size
    for writer, n in heads:
        place = 0
        while n - place >= room and place < size * _SLICES:
            place += room
            yield writer, place
            room = size
        room -= min(n - place, room - 1)


async def _check_slices(
    connection: Connection, key: bytes, slices: Sequence[tuple[_PLACE, _PLACE]], url: str | None, processes: int
) -> AsyncIterator[VerificationResult]:
    if url is None or processes < 2:
        for start, end in slices:
            yield await _check_slice(connection, key, start, end)
        return
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [loop.run_in_executor(pool, _check_slice_in_process, url, key, start, end) for start, end in slices]
        for done in asyncio.as_completed(running):
            yield await done


def _check_slice_in_process(url: str, key: bytes, start: _PLACE, end: _PLACE) -> VerificationResult:
    """Checks a slice in a process of its own."""

    async def main() -> VerificationResult:
        connection = await connect(url)
        try:
            return await _check_slice(connection, key, start, end)
        finally:
            await connection.close()

    return asyncio.run(main())


async def _check_slice(
    connection: "Connection | asyncpg.Connection[asyncpg.Record]", key: bytes, start: _PLACE, end: _PLACE
) -> VerificationResult:
    """Checks a slice. Memory use does not grow with the number of entries."""
    async with connection.transaction(readonly=True, isolation="repeatable_read"):
        walk = ChainWalk(key, await connection.fetchrow(_SQL["before"], *start))
        async for row in connection.cursor(_SQL["slice"], *start, *end, prefetch=1000):
            walk.check_row(row)
    return VerificationResult(walk.entries, walk.writers, tuple(walk.faults))


class ChainWalk:
    """The check of consecutive rows, in the order of writer and number; it collects the faults."""

    def __init__(self, key: bytes, before: Mapping[str, Any] | asyncpg.Record | None) -> None:
        self._mac = KeyedHash(key)
        self._writer: UUID | None = before["writer"] if before else None
        self._n: int = before["n"] if before else 0
        self._previous: bytes = before["hash"] if before else GENESIS
        self.entries = 0
        self.writers = 0
        self.faults: list[LedgerFault] = []

    def check_row(self, row: asyncpg.Record) -> None:
        """Checks the next row."""
        writer, n = row["writer"], row["n"]
        if writer != self._writer:
            self._writer, self._n, self._previous = writer, 0, GENESIS
            self.writers += 1
        self.entries += 1
        if n != self._n + 1:
            missing = f"entry {self._n + 1}" if n == self._n + 2 else f"entries {self._n + 1} to {n - 1}"
            self._note_fault(n, f"missing: {missing} before it")
        elif not hmac.compare_digest(row["hash"], self._expected_hash(row)):
            self._note_fault(n, "changed or reordered: its hash does not follow from the entry and the one before")
        elif row["salt"] is not None and text_commitment(row["salt"], row["reply"]) != row["commitment"]:
            self._note_fault(n, "changed: its reply text is not the one that was committed to")
        self._n, self._previous = n, row["hash"]

    def _expected_hash(self, row: asyncpg.Record) -> bytes:
        writer, n, at, kind, brand, mailing, recipient, attempt, category, reason, rule, policy, *more = row
        processor, country, contract, purpose, fields, commitment, message_id, *_ = more
        actor = row["actor"]
        fields = None if fields is None else tuple(fields)
        facts = (brand, mailing, recipient, attempt, category, reason, rule, policy, processor, country, contract)
        entry = LedgerEntry(kind, *facts, purpose, fields, None, message_id, actor)
        return entry_hash(self._mac, self._previous, writer, n, at, entry, commitment)

    def _note_fault(self, n: int, what: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(LedgerFault(str(self._writer), n, what))


async def verify_seals(
    connection: Connection, signer: SealSigner, published: Sequence[Record], since: Record | None = None
) -> list[LedgerFault]:
    """Compares the ledger with all seals, and checks the chain of the seals.

    Args:
        connection: to the database.
        signer: has the key of the seals.
        published: seals that were stored elsewhere.
        since: a seal that was stored elsewhere; earlier seals are not checked.

    Raises:
        SealRefused: a published seal or the newest stored one is not signed with this ledger's key, or `since` is not
            stored in the database.
    """
    newest = await connection.fetchrow(_SEALS["latest"])
    if newest is not None:
        signer.verify_and_parse_seal_record(signer.build_seal_record(newest["body"], newest["signature"]))
    heads, links, place = SealedHeadChecks(connection), _SealChainCheck(), 0
    if since is not None:
        place = await _look_up_seal_id_or_refuse(connection, since)
        links = _SealChainCheck(since["body"], signer.verify_and_parse_seal_record(since))
        await heads.add_heads_of_seal(signer.verify_and_parse_seal_record(since))
    for record in published:
        seal = signer.verify_and_parse_seal_record(record)
        await heads.add_heads_of_seal(seal)
        # A seal that is not whole may have been deleted since.
        if seal.is_chained and seal.whole and await connection.fetchval(_SEALS["place"], record["body"]) is None:
            links.note_fault(seal.number, "missing: a seal that was published")
    async with connection.transaction(readonly=True):
        async for row in connection.cursor(_SEALS["behind"], place, prefetch=100):
            read = signer.read_stored_seal_or_none(row)
            links.check_seal(row["body"], read)
            if read is not None:
                await heads.add_heads_of_seal(read)
    await heads.compare_waiting_heads()
    return [*links.faults, *heads.found_faults()]


async def _look_up_seal_id_or_refuse(connection: Connection, since: Record) -> int:
    """Returns the database id of a seal. Raises `SealRefused` if the seal is not stored."""
    place = await connection.fetchval(_SEALS["place"], since["body"])
    if place is None:
        raise SealRefused(
            "the seal is not kept in this database: it is not a whole one and older than"
            f" {KEPT.days} days, or the database was restored from an older backup, or seals were deleted;"
            " verify without --since"
        )
    return int(place)


class _SealChainCheck:
    """The check of the chain of seals, from the first seal or after a known seal; it collects the faults."""

    def __init__(self, body: str | None = None, seal: Seal | None = None) -> None:
        self._previous: str | None = seal_body_digest(body) if body else None
        self._whole: str | None = self._previous if seal and seal.whole else None
        self._after_whole = seal is not None and seal.whole
        self._number = seal.number if seal else 0
        self.faults: list[LedgerFault] = []

    def check_seal(self, body: str, seal: Seal | None) -> None:
        """Checks the next seal. None: its signature is not by our key."""
        if seal is None:
            self.note_fault(self._number + 1, "changed: its signature is not by this ledger's key")
        elif seal.is_chained and not self._is_successor(seal):
            self.note_fault(seal.number, "missing or changed: the seal before it is not the one that it names")
        self._previous = seal_body_digest(body)
        self._after_whole = seal is not None and seal.whole
        if seal is not None:
            self._number = seal.number
            self._whole = self._previous if seal.whole else self._whole

    def _is_successor(self, seal: Seal) -> bool:
        if seal.previous == self._previous:
            return True
        thinned = seal.whole and self._after_whole and seal.at < datetime.now(UTC) - _THINNED
        return thinned and seal.previous_whole == self._whole

    def note_fault(self, number: int, what: str) -> None:
        """Adds a fault of a seal."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(LedgerFault(_SEALS_NAME, number, what))


class SealedHeadChecks:
    """The check of sealed heads against the ledger, some thousand at a time; memory does not grow with their number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Head] = []
        self._missing: dict[UUID, tuple[int, int]] = {}
        self._changed: dict[UUID, int] = {}

    async def add_heads_of_seal(self, seal: Seal) -> None:
        """Adds the heads of a seal to those that wait to be compared."""
        self._waiting += seal.heads
        if len(self._waiting) >= _HEADS_AT_ONCE:
            await self.compare_waiting_heads()

    async def compare_waiting_heads(self) -> None:
        """Compares the waiting heads with the ledger, and stores the faults."""
        if not self._waiting:
            return
        for row in await self._connection.fetch(_SEALS["astray"], *zip(*self._waiting, strict=True)):
            writer, n, last = row["writer"], row["n"], row["last"] or 0
            if row["changed"]:
                self._changed.setdefault(writer, n)
            elif n > last and (writer in self._missing or len(self._missing) < MOST_FAULTS):
                self._missing[writer] = last, max(n, self._missing.get(writer, (0, 0))[1])
        self._waiting = []

    def found_faults(self) -> Iterator[LedgerFault]:
        """Yields sealed entries that the ledger lacks or has changed.

        The check of the chains finds gaps within a chain.
        """
        for writer, (last, n) in self._missing.items():
            if last:
                yield LedgerFault(str(writer), last + 1, f"missing: the last entries, up to {n}, which was sealed")
            else:
                yield LedgerFault(str(writer), n, "missing: all entries of a sealed writer")
        for writer, n in self._changed.items():
            yield LedgerFault(str(writer), n, "changed: it is not the entry that was sealed")
