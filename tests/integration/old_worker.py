"""Moves deliveries as the previous release did (see old_worker.sql). A deployment runs both versions together."""

import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.deliveries import Claim, DeliveryMove, DeliveryRow
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.deliveries import PostgresDeliveries, _counter_deltas, _moves_as_columns
from mailer.postgres.delivery_rows import delivery_row_from_record
from tests.factories import KEY, World

_PARTS = re.split(r"^-- name: (\w+)\n", Path(__file__).with_name("old_worker.sql").read_text(), flags=re.MULTILINE)
_SQL = dict(zip(_PARTS[1::2], (part.strip() for part in _PARTS[2::2]), strict=True))
_CLAIM, _READ_AGAIN = (_SQL[name].replace("{rows}", _SQL["rows"]) for name in ("claim", "read_again"))
_MOVE = _SQL["move"].replace("{lock}", "FOR SHARE").replace("{count}", "")
_COUNTED_MOVE = _SQL["move"].replace("{lock}", "FOR NO KEY UPDATE").replace("{count}", _SQL["count"])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH = 19
"""The position of an entry's hash in its columns."""
_STANDING = (
    *("recipient_id", "version", "email", "opted_out", "objected_at", "consents", "products", "source"),
    *("collected_under", "country", "deactivated_at", "erased_at", "erased_before_at", "restricted_at", "under_13_at"),
    *("address_dead_at", "dead_in", "electronic_refused_at", "personalisation_refused_at", "tracking_refused_at"),
    *("channel", "generation", "consented", "paused_until", "own_cap"),
)
_OTHERS = (
    *("invited_by", "sent", "shared", "mailing_id", "attempt", "name", "locale", "context", "inviter_paused"),
    "tried_at",
)
"""Columns that are read today as they were."""
_NEW = {
    **{"shared": None, "tried_at": None, "dead_in": None, "generation": 1, "consented": None},
    **{"paused_until": None, "own_cap": None},
}
"""Columns that were not read yet, each with the value that stood in their place."""


@dataclass
class _Writer:
    """A chain of the ledger, linked entry by entry."""

    id: UUID = field(default_factory=uuid7)
    n: int = 0
    head: bytes = bytes(32)

    def link(self, entries: Sequence[LedgerEntry]) -> list[tuple[Any, ...]]:
        """A tuple of columns an entry, in their old order; the head stays."""
        at, previous, rows = datetime.now(UTC), self.head, []
        for n, entry in enumerate(entries, self.n + 1):
            salt = os.urandom(16) if entry.reply is not None else None
            commitment = hashlib.sha256(salt + (entry.reply or "").encode()).digest() if salt else None
            canonical = [
                self.id.hex,
                n,
                (at - _EPOCH) // timedelta(microseconds=1),
                *entry[:2],
                entry.mailing_id and entry.mailing_id.hex,
                *entry[3:14],
                commitment and commitment.hex(),
                entry.message_id,
            ]
            text = json.dumps(canonical, separators=(",", ":"))
            previous = hmac.digest(KEY.encode(), previous + text.encode(), "sha256")
            fields = None if entry.fields is None else ",".join(entry.fields)
            facts = (*entry[:13], fields, commitment, entry.message_id)
            rows.append((self.id, n, at, *facts, previous, salt, entry.reply))
        return rows


def _of_standing(row: asyncpg.Record, name: str) -> Any:
    if name == "products":
        return ["*"] if row["paid"] else []
    if name in _NEW:
        return _NEW[name]
    return row[name] is not None if name.endswith("_at") else row[name]


def _known(row: asyncpg.Record) -> DeliveryRow:
    """A row by the names of its old columns, without what was not read yet."""
    standing = (_of_standing(row, name) for name in _STANDING)
    columns: Any = (*standing, *(_NEW[name] if name in _NEW else row[name] for name in _OTHERS))
    return delivery_row_from_record(columns)


class OldDeliveries(PostgresDeliveries):
    """The same port by the old statements, for one claim at a time."""

    def __init__(self, world: World) -> None:
        super().__init__(
            world.pool, world.writers, frequency_counts_needed_by_policies(world.policies.values()), tell=True
        )
        self._writer = _Writer()

    async def claim_queued_deliveries_of_batches(
        self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
    ) -> Claim | None:
        """See the port."""
        token, deadline = uuid7(), time.monotonic() + self._lease
        lease = timedelta(seconds=self._lease)
        rows = await self._pool.fetch(_CLAIM, *self._rates, batches, token, owner, lease)
        return Claim(token, [_known(row) for row in rows], deadline) if rows else None

    async def reread_claimed_rows(self, claim: UUID, keys: Sequence[tuple[UUID, int]]) -> list[DeliveryRow]:
        """See the port."""
        found = await self._pool.fetch(_READ_AGAIN, *self._rates, claim, *zip(*keys, strict=True))
        return [_known(row) for row in found]

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[tuple[UUID, int]]:
        """See the port."""
        linked = self._writer.link(entries)
        mailings, recipients, attempts, sources, states, reasons, dues, versions, _, sent_as, counts_as, *_ = (
            list(column) for column in zip(*moves, strict=True)
        )
        columns = (list(column) for column in zip(*linked, strict=True))
        rows = await self._pool.fetch(
            _COUNTED_MOVE if any(counts_as) else _MOVE,
            *columns,
            *(mailings, recipients, attempts, sources, states, reasons, dues, versions, claim),
            *_counter_deltas(_moves_as_columns(moves)),
            self._tell,
            *(sent_as, counts_as),
        )
        if not rows[0]["whole"]:
            good = {(row["mailing_id"], row["recipient_id"]) for row in rows}
            return frozenset(move.delivery_key for move in moves if move.delivery_key not in good)
        self._writer.n, self._writer.head = linked[-1][1], linked[-1][_HASH]
        return frozenset()

    async def end_claim_and_requeue_rest(self, claim: UUID, give_back_until: datetime | None) -> None:
        """See the port."""
        await self._pool.execute(_SQL["finish"], claim, give_back_until)
