"""Deliveries in PostgreSQL: claims of batches, changes of state, the end of claims."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import (
    Connection,
    Pool,
    int_array_literal,
    load_statements,
    renumber_parameters,
)
from mailer.ledger.chain import ChainedEntries
from mailer.ledger.writers import LedgerWriters, ledger_entries_as_sql_parameters
from mailer.policy.decision_types import Mailing
from mailer.policy.required_frequency_counts import RequiredFrequencyCount
from mailer.ports.deliveries import (
    Claim,
    DeliveryMove,
    DeliveryRow,
    DeliveryState,
    LastDeliveryOfTextToSharedAddress,
    LockWaitTimedOut,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.delivery_partitions import DeliveryPartitionFinder, statement_on_partition
from mailer.postgres.delivery_rows import (
    ELSEWHERE,
    delivery_row_from_record,
    frequency_count_parameters,
    statement_with_rows,
)
from mailer.postgres.enabled_webhooks import EnabledWebhooks
from mailer.postgres.halts import HALTED
from mailer.postgres.non_email_notices import insert_notices_of_diverted_deliveries

_SQL = load_statements("deliveries")
_CLAIM, _READ_AGAIN, _READ, _WAITING, _FORESEE = (
    statement_with_rows(_SQL[name]).replace("{halted}", HALTED)
    for name in ("claim", "read_again", "read", "waiting", "foresee")
)
_ENTRIES = load_statements("ledger", "ledger")["entries"]
_BARE = renumber_parameters(_ENTRIES, _SQL["move"].replace("{want}", _SQL["want"])).replace("{entries}", _ENTRIES)
_MOVE = _BARE.replace("{lock}", "FOR SHARE").replace("{count}", "")
_COUNTED_MOVE = _BARE.replace("{lock}", "FOR NO KEY UPDATE").replace("{count}", _SQL["count"])
_REFUSED = _SQL["refused"].replace("{want}", _SQL["want"])
_NOT_ALL = "MA001"
"""The SQLSTATE that the SQL function `all_moved` raises to roll a move back."""
_HANDED = frozenset({"accepted", "in_doubt"})
"""The first words of outcome reasons after which a processor has, or may have, the data of a message."""
_TRIES = 5
"""The most attempts for refused moves, when the conflict is already gone."""
_SHAPE = ("shape", "from_state", "to_state", "reason", "sent_as", "counts_as")
_TO_STATE = DeliveryMove._fields.index("to_state")

Key = tuple[UUID, int]


class _MovesRefused(Exception):
    """Some messages may not begin. The transaction is rolled back."""

    def __init__(self, keys: frozenset[Key]) -> None:
        super().__init__()
        self.keys = keys


class PostgresDeliveries:
    """Implements `ports.deliveries.DeliveryStore`.

    Args:
        pool: the connections.
        writers: the writers of the ledger.
        rates: the counts of sent mail that caps and alarms need.
        lease_seconds: the seconds of a claim's lease (RabbitMQ ends consumers that hold a message for too long).
        tell: True: each change of state also goes into the outbox for `mailer.outcomes`.
    """

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        rates: Sequence[RequiredFrequencyCount] = (),
        lease_seconds: float = 60,
        *,
        tell: bool = False,
    ) -> None:
        self._rates = frequency_count_parameters(rates)
        self._pool = pool
        self._writers = writers
        self._lease = lease_seconds
        self._tell = tell
        self._webhooks = EnabledWebhooks()
        self._partitions = DeliveryPartitionFinder(pool)

    async def claim_queued_deliveries_of_batches(
        self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
    ) -> Claim | None:
        """See the port."""
        of = mailings or [row["mailing_id"] for row in await self._pool.fetch(_SQL["mailings_of"], batches)]
        table = await self._partitions.find_deliveries_table_of_mailings(of)
        token = uuid7()
        # The deadline is computed before the statement, so it is never later than the lease's own end.
        deadline = time.monotonic() + self._lease
        rows = await self._pool.fetch(
            statement_on_partition(_CLAIM, table), *self._rates, batches, token, owner, timedelta(seconds=self._lease)
        )
        self._partitions.remember_table_of_claim(token, table)
        if not rows:
            await self.end_claim_and_requeue_rest(token, None)
            return None
        try:
            return Claim(token, [delivery_row_from_record(row) for row in rows], deadline)
        except Exception:
            await self.end_claim_and_requeue_rest(
                token, None
            )  # an unreadable row does not block its batch until the lease ends
            raise

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[Key]:
        """See the port."""
        moved = _moves_as_columns(moves)
        given = *_deduplicated_move_columns(moved), claim
        limit = _lock_timeout_setting(patience)
        table = await self._partitions.find_deliveries_table_of_mailings(given[1])
        async with self._writers.borrow_writer() as writer, self._pool.acquire() as connection:
            links = writer.link_entries(entries)
            for _ in range(_TRIES):
                try:
                    refused = await self._apply_moves_or_find_refused(
                        connection,
                        table,
                        moves,
                        [
                            *ledger_entries_as_sql_parameters(links),
                            *given,
                            *_counter_deltas(moved),
                            self._tell,
                            _count_hand_overs_by_processor(links),
                            limit,
                        ],
                        entries if DeliveryState.DIVERTED in moved[_TO_STATE] else None,
                    )
                except asyncpg.LockNotAvailableError as error:
                    raise LockWaitTimedOut from error
                except asyncpg.PostgresError as error:
                    if error.sqlstate != _NOT_ALL:
                        raise
                    # Nothing was written, so the chain continues from its old head.
                    refused = _delivery_keys_from_rows(
                        await connection.fetch(statement_on_partition(_REFUSED, table), *given)
                    )
                    if not refused:
                        continue
                if not refused:
                    writer.advance_head(links)
                return refused
        raise RuntimeError(f"{len(moves)} moves are refused, and each of them holds; does one come twice?")

    async def _apply_moves_or_find_refused(
        self,
        connection: Connection,
        table: str,
        moves: Sequence[DeliveryMove],
        given: Sequence[Any],
        diverting: Sequence[LedgerEntry] | None,
    ) -> frozenset[Key]:
        """Makes all moves, or none. Reserves addresses, records copies and adds notices in the same transaction.

        Args:
            connection: a connection without a transaction.
            table: the partition of the deliveries.
            moves: all moves of the window.
            given: the parameters of the statement.
            diverting: the ledger entries of the window if a delivery is diverted; else None.

        Returns:
            The keys of the moves whose address was taken by another delivery; empty if all moves were made.

        Raises:
            asyncpg.PostgresError: with the SQLSTATE `_NOT_ALL`, if a move does not fit the state of its delivery.
        """
        statement = statement_on_partition(_COUNTED_MOVE if any(move.counts_as for move in moves) else _MOVE, table)
        if await self._webhooks.has_any(connection):
            statement = statement.replace("/*posted*/", _SQL["posted"])
        if diverting is None and not any(move.invites or move.carries or move.copy_of for move in moves):
            await connection.fetchval(statement, *given)
            return frozenset()
        try:
            async with connection.transaction():
                await _reserve_addresses_or_refuse(connection, moves, given[-1])
                await connection.fetchval(statement, *given)
                if copies := [(*move.delivery_key, move.copy_of) for move in moves if move.copy_of]:
                    await connection.execute(
                        statement_on_partition(_SQL["note_copies"], table), *zip(*copies, strict=True)
                    )
                if diverting is not None:
                    await insert_notices_of_diverted_deliveries(connection, moves, diverting)
        except _MovesRefused as error:
            return error.keys
        return frozenset()

    async def find_last_delivery_of_text_to_shared_address(
        self, texts: Mapping[Key, tuple[bytes, bytes]]
    ) -> dict[Key, LastDeliveryOfTextToSharedAddress]:
        """See the port."""
        wanted = [(*key, *text) for key, text in texts.items()]
        table = await self._partitions.find_deliveries_table_of_mailings(mailing_id for mailing_id, _ in texts)
        rows = await self._pool.fetch(statement_on_partition(_SQL["carriers"], table), *zip(*wanted, strict=True))
        return {
            (row["mailing_id"], row["recipient_id"]): LastDeliveryOfTextToSharedAddress(
                row["carrier"], row["n"], DeliveryState(row["state"]), row["due_at"], row["reason"]
            )
            for row in rows
        }

    async def reread_claimed_rows(self, claim: UUID, keys: Sequence[Key]) -> list[DeliveryRow]:
        """See the port."""
        mailings, recipients = zip(*keys, strict=True)
        again = statement_on_partition(_READ_AGAIN, await self._partitions.find_deliveries_table_of_mailings(mailings))
        rows = await self._pool.fetch(again, *self._rates, claim, mailings, recipients)
        return [delivery_row_from_record(row) for row in rows]

    async def read_mailing_deliveries_of_recipients(
        self, mailing_id: UUID, recipients: Sequence[int]
    ) -> list[DeliveryRow]:
        """See the port."""
        table = await self._partitions.find_deliveries_table_of_mailings([mailing_id])
        return [
            delivery_row_from_record(row)
            for row in await self._pool.fetch(
                statement_on_partition(_READ, table), *self._rates, mailing_id, recipients
            )
        ]

    async def list_queued_deliveries_of_mailing(self, mailing_id: UUID, after: int, limit: int) -> list[DeliveryRow]:
        """See the port."""
        table = await self._partitions.find_deliveries_table_of_mailings([mailing_id])
        rows = await self._pool.fetch(statement_on_partition(_WAITING, table), *self._rates, mailing_id, after, limit)
        return [delivery_row_from_record(row) for row in rows]

    async def read_standing_as_delivery_row(
        self, brand: str, recipient_id: int, mailing: Mailing
    ) -> DeliveryRow | None:
        """See the port."""
        id_ = mailing.id or ELSEWHERE
        row = await self._pool.fetchrow(
            _FORESEE, *self._rates, id_, recipient_id, brand, mailing.category.name, mailing.inviter
        )
        if row is None:
            return None
        found = delivery_row_from_record(row)
        copy_of = await self._pool.fetchval(_SQL["copy_of"], id_, recipient_id)
        return replace(found, standing=replace(found.standing, copy_of=copy_of))

    async def renew_claim_lease(self, claim: UUID) -> float | None:
        """See the port."""
        deadline = time.monotonic() + self._lease
        renewed = await self._pool.fetchval(_SQL["renew"], claim, timedelta(seconds=self._lease))
        return deadline if renewed else None

    async def end_claim_and_requeue_rest(self, claim: UUID, give_back_until: datetime | None) -> None:
        """See the port."""
        await self._pool.execute(
            statement_on_partition(_SQL["finish"], self._partitions.pop_table_of_claim(claim)), claim, give_back_until
        )


def _lock_timeout_setting(patience: float | None) -> str:
    """Returns the value of the setting `lock_timeout` in milliseconds; 0: no limit."""
    return "0" if patience is None else str(max(1, round(1000 * patience)))


async def _reserve_addresses_or_refuse(connection: Connection, moves: Sequence[DeliveryMove], limit: str) -> None:
    """Reserves the addresses of invitations, and the texts that go to shared addresses.

    Args:
        connection: a connection in a transaction.
        moves: all moves of the window.
        limit: the longest wait for locks, as `_lock_timeout_setting` returns it.

    Raises:
        _MovesRefused: another delivery was first.
    """
    if limit != "0":
        await connection.execute(_SQL["be_patient"], limit)
    if invitations := [move.delivery_key for move in moves if move.invites]:
        await connection.execute(_SQL["keep_inviters"])
        if used := await connection.fetch(_SQL["use_addresses"], *zip(*invitations, strict=True)):
            raise _MovesRefused(_delivery_keys_from_rows(used))
    carried = [(*move.delivery_key, *move.carries) for move in moves if move.carries]
    if carried:
        taken = _delivery_keys_from_rows(await connection.fetch(_SQL["carry"], *zip(*carried, strict=True)))
        if missed := {(mailing_id, recipient_id) for mailing_id, recipient_id, *_ in carried} - taken:
            raise _MovesRefused(frozenset(missed))


def _delivery_keys_from_rows(rows: Sequence[asyncpg.Record]) -> frozenset[Key]:
    return frozenset((row["mailing_id"], row["recipient_id"]) for row in rows)


def _moves_as_columns(moves: Sequence[DeliveryMove]) -> Sequence[Sequence[Any]]:
    return list(zip(*moves, strict=True)) or [()] * len(DeliveryMove._fields)


def _deduplicated_move_columns(moves: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """Returns the columns of moves in the form that `want` takes. Values that moves share are sent only once."""
    mailings, recipients, attempts, before, after, reasons, due, versions, _, sent_as, counts_as, *_ = moves
    shapes: dict[tuple[Any, ...], int] = {}
    places: dict[UUID, int] = {}
    shaped = [
        shapes.setdefault(one, len(shapes)) for one in zip(before, after, reasons, sent_as, counts_as, strict=True)
    ]
    placed = [places.setdefault(mailing_id, len(places) + 1) for mailing_id in mailings]
    return (
        [dict(zip(_SHAPE, (number, *shape), strict=True)) for shape, number in shapes.items()],
        [*places],
        int_array_literal(shaped),
        int_array_literal(placed),
        int_array_literal(recipients),
        int_array_literal(attempts),
        int_array_literal(versions),
        due if any(due) else None,  # None means null for each move, and need not be encoded
    )


def _counter_deltas(moves: Sequence[Sequence[Any]]) -> tuple[list[UUID], list[str], list[str], list[int]]:
    """Returns the changes of the counters that moves cause, as columns: mailing, state, reason, difference."""
    mailings, _, _, before, after, reasons, _, _, before_reasons, *_ = moves
    kinds = Counter(zip(mailings, before, before_reasons, after, reasons, strict=True))
    deltas: Counter[tuple[UUID, str, str]] = Counter()
    for (mailing_id, from_state, from_reason, to_state, reason), n in kinds.items():
        deltas[mailing_id, from_state.state_counted_as, from_reason] -= n
        deltas[mailing_id, to_state.state_counted_as, reason] += n
    keys = [key for key, n in deltas.items() if n]
    return ([key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys], [deltas[key] for key in keys])


def _count_hand_overs_by_processor(links: ChainedEntries) -> list[dict[str, Any]]:
    """Returns the number of messages of a window that each processor has, or may have, by brand and contract."""
    found = [shape for shape in links.shapes if _is_hand_over_entry(shape.columns)]
    if not found:
        return []
    counts = Counter(links.numbers)
    return [
        {"brand": brand, "processor": processor, "country": country, "contract": contract, "n": counts[shape.number]}
        for shape in found
        for _, brand, _, _, _, _, processor, country, contract, *_ in [shape.columns]
    ]


def _is_hand_over_entry(columns: Sequence[Any]) -> bool:
    kind, _, _, reason, *_ = columns
    return (
        kind is EntryKind.OUTCOME
        and reason is not None
        and reason.partition(" ")[0] in _HANDED
        and columns[6] is not None
    )
