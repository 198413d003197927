"""Chains and seals for tests of the ledger."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mailer.ledger.seals import SealSigner, seal_body_digest
from mailer.ledger.writers import ChainWriter, LedgerWriters, append_entries
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from tests.factories import BRAND, KEY, World


async def write(world: World, entries: int = 6, writers: int = 1) -> list[str]:
    """Writes some entries by some writers. Returns the writers' ids, in order."""
    ids = []
    for _ in range(writers):
        async with LedgerWriters(KEY).borrow_writer() as writer, world.pool.acquire() as connection:
            for n in range(entries):
                entry = LedgerEntry(EntryKind.OUTCOME, BRAND, recipient_id=n, reason=f"reason {n}", reply=f"reply {n}")
                writer.advance_head(await append_entries(connection, writer, [entry]))
            ids.append(str(writer.id))
    return sorted(ids)


async def faults(world: World, *published: dict[str, Any]) -> list[tuple[str, int, str]]:
    """The faults that a verification names."""
    verdict = await world.ledger.verify_ledger(published)
    return [(fault.writer, fault.n, fault.what.partition(":")[0]) for fault in verdict.faults]


def body(record: dict[str, Any] | None) -> dict[str, Any]:
    """The content of a seal."""
    assert record is not None
    said: dict[str, Any] = json.loads(record["body"])
    return said


async def add(world: World, writer: ChainWriter, entries: int = 1) -> None:
    """Writes some more entries of a writer."""
    async with world.pool.acquire() as connection:
        writer.advance_head(
            await append_entries(connection, writer, [LedgerEntry(EntryKind.OUTCOME, BRAND, reason="more")] * entries)
        )


async def age(world: World, days: int) -> None:
    """Makes all seals older. Their times are part of the signed content, so they are signed again."""
    signer = SealSigner(KEY)
    previous: str | None = None
    previous_whole: str | None = None
    for row in await world.pool.fetch("SELECT * FROM seals ORDER BY id"):
        seal = signer.read_stored_seal_or_none(row)
        assert seal is not None
        at = seal.at - timedelta(days=days)
        text = replace(
            seal, at=at, previous=previous, previous_whole=previous_whole if seal.whole else None
        ).body_to_sign()
        change = "UPDATE seals SET body = $2, signature = $3, sealed_at = $4 WHERE id = $1"
        await world.pool.execute(change, row["id"], text, signer.sign_body(text), at)
        previous = seal_body_digest(text)
        previous_whole = previous if seal.whole else previous_whole
