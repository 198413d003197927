"""Standings in PostgreSQL. Only `actions` calls the functions that change them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, standing_from_row
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE, OwnLimit, OwnPause
from mailer.policy.standing import EVERY_PRODUCT, EVERYTHING_OPTIONAL, Standing
from mailer.ports.consents import CONFIRMED
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.privacy_rights import RecipientErased
from mailer.ports.standings import OWN_WORDS, OptOutResult, StandingFlag, build_ledger_rule_text_from_known_source
from mailer.ports.suppressions import NewSuppression
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.grouped_opt_outs import NewOptOut, OptOutGroupCommitter
from mailer.postgres.non_email_notices import SQL as NOTICES
from mailer.postgres.pending_request_voiding import void_requests_contradicting_flag
from mailer.postgres.suppressions import insert_or_extend_suppressions

_PATIENCE_OF_OPT_OUTS, _PATIENCE_OF_CHANGE = 0.5, 5.0
"""The longest wait, in seconds, for a person whom another transaction holds. Meanwhile nobody else can opt out; an
opt-out that did not get the person is tried again."""


class PostgresStandings:
    """Implements `ports.standings.StandingStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._opt_outs = OptOutGroupCommitter(self._commit_opt_outs)

    async def get_standing(self, brand: str, recipient_id: int) -> Standing | None:
        """See the port."""
        row = await self._pool.fetchrow(people.SQL["standing"], brand, recipient_id)
        return standing_from_row(row, locale=row["locale"]) if row else None

    async def find_recipient_id(self, brand: str, ref: str) -> int | None:
        """See the port."""
        found: int | None = await self._pool.fetchval(people.SQL["find"], brand, ref)
        return found

    async def record_opt_out(
        self, brand: str, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
    ) -> OptOutResult | None:
        """See the port."""
        return await self._opt_outs.commit_opt_out(NewOptOut(brand, recipient_id, scope, source, mailing_id))

    async def _commit_opt_outs(self, group: Sequence[NewOptOut]) -> Sequence[OptOutResult | None]:
        """Commits opt-outs with their ledger entries, in one transaction."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await people.lock_out_imports_until_transaction_ends(work.connection, _PATIENCE_OF_OPT_OUTS)
            rows = await work.connection.fetch(people.SQL["leaving"], *zip(*(new[:2] for new in group), strict=True))
            hashes = {(row["brand"], row["id"]): row["address_hash"] for row in rows}
            known = [new for new in group if new[:2] in hashes]
            made = await _store_opt_outs(work.connection, self._hasher, known) if known else {}
            await work.append_entries(
                [build_standing_change_ledger_entry(*new[:2], "opt_out", new.scope, new.source) for new in known]
            )
        # Two opt-outs of one address, committed together, have one record, which neither may undo for the other.
        keys = [(hashes.get(new[:2]), new.brand, new.scope) for new in group]
        own = {key: result for key, result in made.items() if keys.count(key) == 1}
        return [
            own.get(key, OptOutResult()) if new[:2] in hashes else None for new, key in zip(group, keys, strict=True)
        ]

    async def record_own_limit(
        self,
        brand: str,
        recipient_id: int,
        limit: OwnLimit,
        source: str,
        actor: str,
        mailing_id: UUID | None = None,
        since: datetime | None = None,
    ) -> OptOutResult | None:
        """See the port."""
        new = _suppression_of_own_limit(limit, source, actor, mailing_id, since)
        reason = f"{OWN_PAUSE} {limit.days}" if isinstance(limit, OwnPause) else OWN_CAP
        said = actor if source in OWN_WORDS else f"{actor}: {source}"
        entry = build_standing_change_ledger_entry(brand, recipient_id, reason, new.scope, source)._replace(reply=said)
        async with self.open_standing_transaction_with_entry(entry) as connection:
            if connection is None:
                return None
            made = await insert_or_extend_suppressions(connection, self._hasher, [(recipient_id, brand, new)])
            cap = None if isinstance(limit, OwnPause) else limit
            await connection.execute(people.SQL["limit"], recipient_id, new.expires_at, cap)
        return OptOutResult(made[0]["id"], made[0]["at"]) if made else OptOutResult()

    async def set_standing_flag(self, brand: str, recipient_id: int, flag: StandingFlag, on: bool, source: str) -> bool:
        """See the port."""
        reason = flag.value if on else f"not_{flag.value}"
        statement = people.SQL["set_flag" if on else "clear_flag"].replace("{flag}", f"{flag.value}_at")
        async with self.open_standing_change_transaction(brand, recipient_id, reason, None, source) as connection:
            if connection is not None:
                await connection.execute(statement, [recipient_id])
                if source != CONFIRMED:
                    await void_requests_contradicting_flag(connection, recipient_id, flag, on)
        return connection is not None

    async def set_preferred_channel(self, brand: str, recipient_id: int, channel: str, source: str) -> bool:
        """See the port."""
        async with self.open_standing_change_transaction(
            brand, recipient_id, f"channel {channel}", None, source
        ) as connection:
            if connection is not None:
                await connection.execute(people.SQL["channel"], recipient_id, channel)
        return connection is not None

    async def set_recipient_postal_address(
        self, brand: str, recipient_id: int, lines: Sequence[str] | None, source: str
    ) -> bool:
        """See the port."""
        reason = "postal_address_forgotten" if lines is None else "postal_address"
        async with self.open_standing_change_transaction(brand, recipient_id, reason, None, source) as connection:
            if connection is None:
                return False
            if lines is None:
                await connection.execute(NOTICES["clear_postal"], recipient_id)
            elif not await connection.fetchval(NOTICES["set_postal"], recipient_id, lines, source):
                raise RecipientErased(f"{brand} has erased this person; no postal address is kept of them")
        return True

    async def store_whether_product_is_paid(
        self, brand: str, recipient_id: int, product: str | None, paid: bool, source: str
    ) -> bool:
        """See the port."""
        statement = people.SQL["pays" if paid else "pays_no_more" if product else "pays_nothing"]
        given = (recipient_id, *((product or EVERY_PRODUCT,) if paid or product else ()))
        reason = f"{'paid' if paid else 'not_paid'} {product or ''}".strip()
        async with self.open_standing_change_transaction(brand, recipient_id, reason, None, source) as connection:
            if connection is not None:
                await connection.execute(statement, *given)
        return connection is not None

    async def mark_address_dead(self, brand: str, recipient_id: int, address: str, source: str) -> bool:
        """See the port."""
        async with self.open_standing_change_transaction(
            brand, recipient_id, "address_dead", None, source, address
        ) as connection:
            if connection is not None:
                dead = NewSuppression(EVERYTHING_OPTIONAL, "address_dead", source, "processor")
                await insert_or_extend_suppressions(connection, self._hasher, [(recipient_id, None, dead)])
        return connection is not None

    def open_standing_change_transaction(
        self, brand: str, recipient_id: int, reason: str, category: str | None, source: str, address: str | None = None
    ) -> AbstractAsyncContextManager[Connection | None]:
        """Opens a transaction for a change of a standing, and appends its ledger entry at the end.

        Yields the connection; None if the brand has no such recipient, or the recipient has another address than
        `address`.
        """
        return self.open_standing_transaction_with_entry(
            build_standing_change_ledger_entry(brand, recipient_id, reason, category, source), address
        )

    @asynccontextmanager
    async def open_standing_transaction_with_entry(
        self, entry: LedgerEntry, address: str | None = None, also: Sequence[LedgerEntry] = ()
    ) -> AsyncIterator[Connection | None]:
        """Opens a transaction as `open_standing_change_transaction` does, for an entry of the caller.

        Also appends the entries that are in `also` at the end of the context.
        """
        async with open_unit_of_work(self._pool, self._writers) as work:
            await people.lock_out_imports_until_transaction_ends(work.connection, _PATIENCE_OF_CHANGE)
            row = await work.connection.fetchrow(people.SQL["standing"], entry.brand, entry.recipient_id)
            if row is None or address not in (None, row["email"]):
                yield None
                return
            yield work.connection
            await work.append_entries([entry, *also])

    @asynccontextmanager
    async def open_legal_act_transaction(
        self, brand: str, recipient_id: int, entries: list[LedgerEntry]
    ) -> AsyncIterator[Connection | None]:
        """Opens a transaction for a legal act. Yields None if the brand has no such recipient.

        Stores the order before anything is read, so that an order that was carried out is not looked at again. At the
        end of the context, appends the entries that are in the list then.

        Raises:
            AccountEventAlreadyApplied: the order was carried out before.
            EventIdTakenByDifferentEvent: the id of the order belongs to another one.
        """
        async with open_unit_of_work(self._pool, self._writers) as work:
            await people.lock_out_imports_until_transaction_ends(work.connection, _PATIENCE_OF_CHANGE)
            if await work.connection.fetchrow(people.SQL["standing"], brand, recipient_id) is None:
                yield None
                return
            await work.store_account_event()
            yield work.connection
            await work.append_entries(entries)


def build_standing_change_ledger_entry(
    brand: str, recipient_id: int, reason: str, category: str | None, source: str
) -> LedgerEntry:
    """Returns the ledger entry of a change of a standing."""
    return LedgerEntry(
        EntryKind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=reason,
        category=category,
        rule=build_ledger_rule_text_from_known_source(source),
    )


async def _store_opt_outs(
    connection: Connection, hasher: AddressHasher, group: Sequence[NewOptOut]
) -> dict[tuple[bytes | None, str, str], OptOutResult]:
    """Stores opt-outs, of each with its source and mailing. Returns the new records, by address, brand and scope."""
    stops = [
        (new.recipient_id, new.brand, build_opt_out_by_person(new.scope, new.source, new.mailing_id)) for new in group
    ]
    made = await insert_or_extend_suppressions(connection, hasher, stops)
    for scope in sorted({new.scope for new in group}):
        leaving = [new.recipient_id for new in group if new.scope == scope]
        await connection.execute(people.SQL["leave"], leaving, scope)
    return {(row["address_hash"], row["brand"], row["scope"]): OptOutResult(row["id"], row["at"]) for row in made}


async def store_opt_outs_of_people_and_sharers(
    connection: Connection,
    hasher: AddressHasher,
    opt_outs: Sequence[tuple[int, str]],
    source: str,
    mailing_id: UUID | None = None,
) -> list[asyncpg.Record]:
    """Stores opt-outs, given as (recipient id, scope), for these accounts and all that share their addresses.

    Returns:
        The new records, with id and time.
    """
    brands = await connection.fetch(
        "SELECT id, brand FROM recipients WHERE id = ANY ($1::bigint[])", [recipient_id for recipient_id, _ in opt_outs]
    )
    brand_of = {row["id"]: row["brand"] for row in brands}
    stops = [(id_, brand_of[id_], build_opt_out_by_person(scope, source, mailing_id)) for id_, scope in opt_outs]
    made = await insert_or_extend_suppressions(connection, hasher, stops)
    for scope in {scope for _, scope in opt_outs}:
        await connection.execute(people.SQL["leave"], [id_ for id_, gone in opt_outs if gone == scope], scope)
    return made


def _suppression_of_own_limit(
    limit: OwnLimit, source: str, actor: str, mailing_id: UUID | None, since: datetime | None
) -> NewSuppression:
    """Returns the record of a limit. The scope of a cap is its name; that of a pause is all optional mail."""
    if not isinstance(limit, OwnPause):
        return NewSuppression(limit.value, OWN_CAP, source, actor, since, mailing_id=mailing_id)
    until = (since or datetime.now(UTC)) + timedelta(days=limit.days)
    return NewSuppression(EVERYTHING_OPTIONAL, OWN_PAUSE, source, actor, since, until, mailing_id)


def build_opt_out_by_person(scope: str, source: str, mailing_id: UUID | None = None) -> NewSuppression:
    """Returns an opt-out by the person, with the current time."""
    return NewSuppression(scope, "opt_out", source, "recipient", mailing_id=mailing_id)
