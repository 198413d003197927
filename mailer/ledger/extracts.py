"""Extracts of the ledger: the entries of a case in full, and only the hashes of those that stand between them."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.chain import GENESIS
from mailer.ledger.seals import Record, SealSigner, lowest_id_of_writers_active_since
from mailer.ledger.verifying import ChainWalk
from mailer.ports.evidence_packs import ExtractedEntry, ExtractedPart

_SQL = load_statements("extracts", "ledger")
_CHAINS = load_statements("chains", "ledger")
_PAGE: Final = 1000


class LedgerExtract:
    """The entries of some mailings, and of a case, with the seals that cover them. Memory use stays constant.

    The seals are read first: they say how far each part goes. Each entry of a part is checked with the chain's key.

    Args:
        pool: connections.
        key: of the chains.
        signer: signs seals, and the extract.
        mailings: whose entries are of the case.
        rule: of the other entries of the case, which are about no person.
        since: the time of the first entry, or before it.
    """

    def __init__(
        self, pool: Pool, key: bytes, signer: SealSigner, mailings: Sequence[UUID], rule: str, since: datetime
    ) -> None:
        self._pool = pool
        self._key = key
        self._signer = signer
        self._of_case = list(mailings), rule
        self._since = since
        self._last_seal = 0
        self.parts: list[ExtractedPart] = []
        self.entries = 0
        self.faults: list[str] = []

    async def find_parts(self) -> None:
        """Finds the parts of chains: from the first entry to the seal after the last one, or to the chain's end."""
        least = lowest_id_of_writers_active_since(self._since)
        rows = await self._pool.fetch(_SQL["writers"], *self._of_case, least)
        wanted = {row["writer"]: row["last"] for row in rows}
        ends = dict[UUID, int]()
        async for row in self._seal_rows(None):
            if len(ends) == len(wanted):
                break
            self._last_seal = row["id"]
            for head in json.loads(row["body"])["heads"]:
                writer = UUID(head["writer"])
                if writer not in ends and writer in wanted and head["n"] >= wanted[writer]:
                    ends[writer] = head["n"]
        for row in rows:
            end = ends.get(row["writer"]) or await self._pool.fetchval(_SQL["end"], row["writer"])
            self.parts.append(ExtractedPart(row["writer"], row["first"], end))

    async def iterate_seals(self) -> AsyncIterator[Record]:
        """Yields the seals since the first entry, up to the one that covers the last entry."""
        async for row in self._seal_rows(self._last_seal):
            yield self._signer.build_seal_record(row["body"], row["signature"])

    async def iterate_entries(self) -> AsyncIterator[ExtractedEntry]:
        """Yields the entries of the parts in the order of the chains; those that are not of the case as hashes."""
        for part in self.parts:
            before = await self._pool.fetchrow(_CHAINS["before"], part.writer, part.first - 1)
            walk, n = ChainWalk(self._key, before), part.first - 1
            previous: bytes = before["hash"] if before else GENESIS
            while rows := await self._pool.fetch(_SQL["entries"], part.writer, n, part.last, *self._of_case, _PAGE):
                for row in rows:
                    walk.check_row(row)
                    yield self._entry_of_row(row, previous)
                    n, previous = row["n"], row["hash"]
            self.faults += [f"{fault.writer} {fault.n}: {fault.what}" for fault in walk.faults]

    def sign_statement(self, body: str) -> Record:
        """Returns a text with its signature by the key of the seals, in the form of a published seal."""
        return self._signer.build_seal_record(body, self._signer.sign_body(body))

    async def _seal_rows(self, last: int | None) -> AsyncIterator[asyncpg.Record]:
        """Yields the stored seals since the first entry; None: to the newest one."""
        after = 0
        while rows := await self._pool.fetch(_SQL["seals"], self._since, after, _PAGE):
            for row in rows:
                if last is not None and row["id"] > last:
                    return
                yield row
            after = rows[-1]["id"]

    def _entry_of_row(self, row: asyncpg.Record, previous: bytes) -> ExtractedEntry:
        if not row["is_of_case"]:
            return ExtractedEntry(row["writer"], row["n"], previous, row["hash"])
        self.entries += 1
        content = _content_of_row(row)
        return ExtractedEntry(row["writer"], row["n"], previous, row["hash"], content, row["salt"], row["reply"])


def _content_of_row(row: asyncpg.Record) -> dict[str, Any]:
    same = ("kind", "brand", "recipient_id", "attempt", "category", "reason", "rule", "policy", "processor", "country")
    return {
        "at": row["at"].isoformat(),
        "mailing_id": str(row["mailing_id"]) if row["mailing_id"] else None,
        "commitment": row["commitment"].hex() if row["commitment"] else None,
        **{name: row[name] for name in (*same, "contract", "purpose", "fields", "message_id", "actor")},
    }
