"""Verification of the newest entries: those behind the heads that the last seals name."""

from dataclasses import replace
from datetime import datetime

from mailer.database.statements import Connection, load_statements
from mailer.ledger.chain import GENESIS
from mailer.ledger.seals import Head, NewestSealedHeads, Seal, SealSigner, lowest_id_of_writers_active_since
from mailer.ledger.verifying import MOST_FAULTS, ChainWalk, SealedHeadChecks
from mailer.ports.ledger_inspection import LedgerFault, RecentVerification

_CHAINS, _SEALS = load_statements("chains", "ledger"), load_statements("seals", "ledger")


async def verify_since_last_seal(
    connection: Connection, key: bytes, signer: SealSigner, most: int
) -> RecentVerification:
    """Compares the last sealed heads with the ledger, and recomputes each chain from its sealed head on.

    What was sealed before is not read again: `mailer ledger verify` does that.

    Args:
        connection: to the database.
        key: the key of the chains.
        signer: has the key of the seals.
        most: the most entries to read.
    """
    async with connection.transaction(readonly=True, isolation="repeatable_read"):
        sealed, faults = await _read_last_seals(connection, signer)
        if sealed.at is None:
            return RecentVerification(None, 0, 0, tuple(faults), is_complete=True)
        heads = SealedHeadChecks(connection)
        named: list[Head] = [(writer, n, hash_) for writer, (n, hash_) in sealed.named.items()]
        await heads.add_heads_of_seal(Seal(sealed.at, tuple(named)))
        await heads.compare_waiting_heads()
        grown = await _verify_grown_chains(connection, key, sealed, sealed.at, most)
        found = [*faults, *heads.found_faults(), *grown.faults]
        return replace(grown, faults=tuple(found[:MOST_FAULTS]))


async def _read_last_seals(connection: Connection, signer: SealSigner) -> tuple[NewestSealedHeads, list[LedgerFault]]:
    """Returns the heads that the seals since the last whole one name, and the seals that are not by our key."""
    sealed, faults = NewestSealedHeads(), list[LedgerFault]()
    for row in await connection.fetch(_SEALS["since"], None):
        seal = signer.read_stored_seal_or_none(row)
        if seal is None:
            faults.append(LedgerFault("seals", row["id"], "changed: its signature is not by this ledger's key"))
        sealed.add_seal(row["id"], row["body"], seal)
    return sealed, faults


async def _verify_grown_chains(
    connection: Connection, key: bytes, sealed: NewestSealedHeads, sealed_at: datetime, most: int
) -> RecentVerification:
    floor = lowest_id_of_writers_active_since(sealed_at)
    entries, writers, faults = 0, 0, list[LedgerFault]()
    for row in await connection.fetch(_SEALS["heads"], floor):
        start, hash_ = sealed.named.get(row["writer"], (0, GENESIS))
        if row["n"] <= start:
            continue
        writers += 1
        walk = ChainWalk(key, {"writer": row["writer"], "n": start, "hash": hash_})
        place = (row["writer"], start, row["writer"], row["n"])
        async for entry in connection.cursor(_CHAINS["slice"], *place, prefetch=500):
            if entries >= most:
                return RecentVerification(sealed_at, entries, writers, (*faults, *walk.faults), is_complete=False)
            walk.check_row(entry)
            entries += 1
        faults += walk.faults
    return RecentVerification(sealed_at, entries, writers, tuple(faults), is_complete=True)
