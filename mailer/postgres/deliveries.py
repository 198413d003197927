"""Deliveries in PostgreSQL: claim, move, finish."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import STANDING_COLUMNS, Connection, Pool, behind, int_array, standing_of, statements
from mailer.ledger.chain import Links
from mailer.ledger.writers import Writers, columns
from mailer.policy.decision import Mailing
from mailer.policy.frequency_counts import Rate
from mailer.ports.deliveries import Carrier, Claim, LockWait, Move, Row, State
from mailer.ports.ledger_entry import Entry, Kind
from mailer.ports.uuids import uuid7
from mailer.postgres.halts import HALTED
from mailer.postgres.notices import note_diverted
from mailer.postgres.partitions import Partitions, about

_SQL = statements("deliveries")
_CLAIM, _READ_AGAIN, _READ, _WAITING, _FORESEE = (
    _SQL[name].replace("{rows}", _SQL["rows"]).replace("{halted}", HALTED)
    for name in ("claim", "read_again", "read", "waiting", "foresee")
)
_ENTRIES = statements("ledger", "ledger")["entries"]
_BARE = behind(_ENTRIES, _SQL["move"].replace("{want}", _SQL["want"])).replace("{entries}", _ENTRIES)
_MOVE = _BARE.replace("{lock}", "FOR SHARE").replace("{count}", "")
_COUNTED_MOVE = _BARE.replace("{lock}", "FOR NO KEY UPDATE").replace("{count}", _SQL["count"])
_REFUSED = _SQL["refused"].replace("{want}", _SQL["want"])
_NOT_ALL = "MA001"
"""The SQLSTATE with which `all_moved` takes a move back."""
_HANDED = frozenset({"accepted", "in_doubt"})
"""Beginnings of the reasons of outcomes after which a processor has the data of a message, or may have them."""
_TRIES = 5
"""Of a move that is refused, where nothing is found any more that was in its way."""
_SHAPE = ("shape", "from_state", "to_state", "reason", "sent_as", "counts_as")
_TO_STATE = Move._fields.index("to_state")
_ELSEWHERE = UUID(int=0)
"""Whose invitation it was that another system had sent."""

Key = tuple[UUID, int]


class _Refused(Exception):
    """Some messages may not begin; what the transaction has done is taken back."""

    def __init__(self, keys: frozenset[Key]) -> None:
        super().__init__()
        self.keys = keys


class PostgresDeliveries:
    """Implements `ports.deliveries.Deliveries`.

    Args:
        pool: connections.
        writers: of the ledger.
        rates: what caps and alarms count.
        lease_seconds: how long a claim holds (RabbitMQ ends consumers that hold a message for long).
        tell: whether each change of state is also put into the outbox for `mailer.outcomes`.
    """

    def __init__(
        self,
        pool: Pool,
        writers: Writers,
        rates: Sequence[Rate] = (),
        lease_seconds: float = 60,
        *,
        tell: bool = False,
    ) -> None:
        self._rates = (
            [rate.brand for rate in rates],
            [rate.category for rate in rates],
            [rate.name for rate in rates],
            [rate.counted for rate in rates],
            [rate.days for rate in rates],
        )
        self._pool = pool
        self._writers = writers
        self._lease = lease_seconds
        self._tell = tell
        self._partitions = Partitions(pool)

    async def claim(self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()) -> Claim | None:
        """See the port."""
        of = mailings or [row["mailing_id"] for row in await self._pool.fetch(_SQL["mailings_of"], batches)]
        table = await self._partitions.of(of)
        token = uuid7()
        # The deadline is taken before the statement, so that it can only lie before the lease's own end.
        deadline = time.monotonic() + self._lease
        rows = await self._pool.fetch(
            about(_CLAIM, table), *self._rates, batches, token, owner, timedelta(seconds=self._lease)
        )
        self._partitions.keep(token, table)
        if not rows:
            await self.finish(token, None)
            return None
        try:
            return Claim(token, [_row(row) for row in rows], deadline)
        except Exception:
            await self.finish(token, None)  # what cannot be read is not kept until the lease ends, only to come again
            raise

    async def move(
        self, claim: UUID | None, moves: Sequence[Move], entries: Sequence[Entry], patience: float | None = None
    ) -> frozenset[Key]:
        """See the port."""
        moved = _columns(moves)
        given = *_packed(moved), claim
        limit = _lock_timeout(patience)
        table = await self._partitions.of(given[1])
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            links = writer.link(entries)
            for _ in range(_TRIES):
                try:
                    refused = await self._move(
                        connection,
                        table,
                        moves,
                        [*columns(links), *given, *_deltas(moved), self._tell, _handed(links), limit],
                        entries if State.DIVERTED in moved[_TO_STATE] else None,
                    )
                except asyncpg.LockNotAvailableError as error:
                    raise LockWait from error
                except asyncpg.PostgresError as error:
                    if error.sqlstate != _NOT_ALL:
                        raise
                    # Nothing was written, so the chain goes on from where it was.
                    refused = _keys(await connection.fetch(about(_REFUSED, table), *given))
                    if not refused:
                        continue
                if not refused:
                    writer.advance(links)
                return refused
        raise RuntimeError(f"{len(moves)} moves are refused, and each of them holds; does one come twice?")

    async def _move(
        self,
        connection: Connection,
        table: str,
        moves: Sequence[Move],
        given: Sequence[Any],
        diverting: Sequence[Entry] | None,
    ) -> frozenset[Key]:
        """All of them, or an error; a move that uses addresses up, shares one, or diverts, together with that.

        Args:
            connection: free of a transaction.
            table: the partition.
            moves: all of the window.
            given: the statement's parameters.
            diverting: the window's entries where something is diverted.
        """
        statement = about(_COUNTED_MOVE if any(move.counts_as for move in moves) else _MOVE, table)
        if diverting is None and not any(move.invites or move.carries or move.copy_of for move in moves):
            await connection.fetchval(statement, *given)
            return frozenset()
        try:
            async with connection.transaction():
                await _begin(connection, moves, given[-1])
                await connection.fetchval(statement, *given)
                if copies := [(*move.key, move.copy_of) for move in moves if move.copy_of]:
                    await connection.execute(about(_SQL["note_copies"], table), *zip(*copies, strict=True))
                if diverting is not None:
                    await note_diverted(connection, moves, diverting)
        except _Refused as error:
            return error.keys
        return frozenset()

    async def carriers(self, texts: Mapping[Key, tuple[bytes, bytes]]) -> dict[Key, Carrier]:
        """See the port."""
        wanted = [(*key, *text) for key, text in texts.items()]
        table = await self._partitions.of(mailing_id for mailing_id, _ in texts)
        rows = await self._pool.fetch(about(_SQL["carriers"], table), *zip(*wanted, strict=True))
        return {
            (row["mailing_id"], row["recipient_id"]): Carrier(
                row["carrier"], row["n"], State(row["state"]), row["due_at"], row["reason"]
            )
            for row in rows
        }

    async def read_again(self, claim: UUID, keys: Sequence[Key]) -> list[Row]:
        """See the port."""
        mailings, recipients = zip(*keys, strict=True)
        again = about(_READ_AGAIN, await self._partitions.of(mailings))
        rows = await self._pool.fetch(again, *self._rates, claim, mailings, recipients)
        return [_row(row) for row in rows]

    async def read(self, mailing_id: UUID, recipients: Sequence[int]) -> list[Row]:
        """See the port."""
        table = await self._partitions.of([mailing_id])
        return [_row(row) for row in await self._pool.fetch(about(_READ, table), *self._rates, mailing_id, recipients)]

    async def waiting(self, mailing_id: UUID, after: int, limit: int) -> list[Row]:
        """See the port."""
        table = await self._partitions.of([mailing_id])
        rows = await self._pool.fetch(about(_WAITING, table), *self._rates, mailing_id, after, limit)
        return [_row(row) for row in rows]

    async def foresee(self, brand: str, recipient_id: int, mailing: Mailing) -> Row | None:
        """See the port."""
        id_ = mailing.id or _ELSEWHERE
        row = await self._pool.fetchrow(
            _FORESEE, *self._rates, id_, recipient_id, brand, mailing.category.name, mailing.inviter
        )
        if row is None:
            return None
        found = _row(row)
        copy_of = await self._pool.fetchval(_SQL["copy_of"], id_, recipient_id)
        return replace(found, standing=replace(found.standing, copy_of=copy_of))

    async def renew(self, claim: UUID) -> float | None:
        """See the port."""
        deadline = time.monotonic() + self._lease
        renewed = await self._pool.fetchval(_SQL["renew"], claim, timedelta(seconds=self._lease))
        return deadline if renewed else None

    async def finish(self, claim: UUID, give_back_until: datetime | None) -> None:
        """See the port."""
        await self._pool.execute(about(_SQL["finish"], self._partitions.kept(claim)), claim, give_back_until)


def _lock_timeout(patience: float | None) -> str:
    """The setting, in milliseconds; 0: without end."""
    return "0" if patience is None else str(max(1, round(1000 * patience)))


async def _begin(connection: Connection, moves: Sequence[Move], limit: str) -> None:
    """Uses the addresses of invitations up, and takes the texts that go to shared addresses.

    Args:
        connection: in a transaction.
        moves: those that begin.
        limit: of their waits, as `_lock_timeout` has it.

    Raises:
        _Refused: somebody else was first.
    """
    if limit != "0":
        await connection.execute(_SQL["be_patient"], limit)
    if invitations := [move.key for move in moves if move.invites]:
        await connection.execute(_SQL["keep_inviters"])
        if used := await connection.fetch(_SQL["use_addresses"], *zip(*invitations, strict=True)):
            raise _Refused(_keys(used))
    carried = [(*move.key, *move.carries) for move in moves if move.carries]
    if carried:
        taken = _keys(await connection.fetch(_SQL["carry"], *zip(*carried, strict=True)))
        if missed := {(mailing_id, recipient_id) for mailing_id, recipient_id, *_ in carried} - taken:
            raise _Refused(frozenset(missed))


def _keys(rows: Sequence[asyncpg.Record]) -> frozenset[Key]:
    return frozenset((row["mailing_id"], row["recipient_id"]) for row in rows)


def _row(row: asyncpg.Record) -> Row:
    """A row of `rows`, which begins with the standing."""
    invited_by, sent, shared, mailing_id, attempt, name, locale, context, paused, tried_at = row[STANDING_COLUMNS:]
    standing = standing_of(row, _invited_by(invited_by), _sent(sent), locale)
    return Row(
        mailing_id,
        standing.recipient_id,
        attempt,
        standing,
        name,
        locale,
        context or {},
        paused,
        shared,
        tried_at,
    )


def _sent(counts: list[list[Any]] | None) -> tuple[tuple[str, int], ...]:
    return tuple((name, n) for name, n in counts) if counts else ()


def _invited_by(source: str | None) -> UUID | None:
    """The mailing that has used an address; an imported suppression names none of ours."""
    try:
        return UUID(source) if source is not None else None
    except ValueError:
        return _ELSEWHERE


def _columns(moves: Sequence[Move]) -> Sequence[Sequence[Any]]:
    return list(zip(*moves, strict=True)) or [()] * len(Move._fields)


def _packed(moves: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """Columns of moves as `want` takes them: what they have in common comes once, and each of them names it."""
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
        int_array(shaped),
        int_array(placed),
        int_array(recipients),
        int_array(attempts),
        int_array(versions),
        due if any(due) else None,  # it reads as null for each, and need not be encoded
    )


def _deltas(moves: Sequence[Sequence[Any]]) -> tuple[list[UUID], list[str], list[str], list[int]]:
    """What columns of moves change in the counters, as columns."""
    mailings, _, _, before, after, reasons, _, _, before_reasons, *_ = moves
    kinds = Counter(zip(mailings, before, before_reasons, after, reasons, strict=True))
    deltas: Counter[tuple[UUID, str, str]] = Counter()
    for (mailing_id, from_state, from_reason, to_state, reason), n in kinds.items():
        deltas[mailing_id, from_state.counted_as, from_reason] -= n
        deltas[mailing_id, to_state.counted_as, reason] += n
    keys = [key for key, n in deltas.items() if n]
    return (
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
        [deltas[key] for key in keys],
    )


def _handed(links: Links) -> list[dict[str, Any]]:
    """Counts the messages that, by a window's outcomes, each processor has, or may have."""
    found = [shape for shape in links.shapes if _is_handed(shape.columns)]
    if not found:
        return []
    counts = Counter(links.numbers)
    return [
        {"brand": brand, "processor": processor, "country": country, "contract": contract, "n": counts[shape.number]}
        for shape in found
        for _, brand, _, _, _, _, processor, country, contract, *_ in [shape.columns]
    ]


def _is_handed(columns: Sequence[Any]) -> bool:
    kind, _, _, reason, *_ = columns
    return (
        kind is Kind.OUTCOME and reason is not None and reason.partition(" ")[0] in _HANDED and columns[6] is not None
    )
