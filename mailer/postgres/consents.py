"""Consents in PostgreSQL. Only `actions` calls the functions that add consents."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.writers import LedgerWriters
from mailer.policy.standing import (
    EVERYTHING_OPTIONAL,
    is_neither_tracking_nor_version_scope,
    partner_scope,
    purpose_scope,
)
from mailer.ports.consents import CONFIRMED, Consent, ConsentResult, OptOutsToLift, StoredConsent
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.standings import build_ledger_rule_text_from_known_source
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.pending_request_voiding import void_requests_of_withdrawn_consents
from mailer.postgres.standings import (
    build_opt_out_by_person,
    build_standing_change_ledger_entry,
    store_opt_outs_of_people_and_sharers,
)
from mailer.postgres.suppressions import insert_or_extend_suppressions, lift_suppressions, open_suppression_transaction

_RECORD = ", ".join(
    [
        "r.ref",
        *(f"c.{name}" for name in ("scope", "given", "source", "version", "words", "actor", "at", "proof")),
        *(f"c.{name}" for name in ("controller", "recorded_at", "counts")),
    ]
)
_SQL = {name: text.replace("{record}", _RECORD) for name, text in load_statements("consents").items()}


class PostgresConsents:
    """Implements `ports.consents.ConsentStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher

    async def record_consent_or_withdrawal(
        self, brand: str, recipient_id: int, consent: Consent, lifting: OptOutsToLift | None = None
    ) -> ConsentResult | None:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            ref = await _read_ref_of_recipient(connection, brand, recipient_id)
            if ref is None:
                return None
            await people.lock_standings_for_opt_outs(connection, self._hasher, [recipient_id])
            had, _ = await _read_consents_and_opt_outs(connection, recipient_id)
            entries += await record_consents(connection, brand, [(recipient_id, consent)], imported=False)
            await void_requests_of_withdrawn_consents(connection, [(recipient_id, consent)])
            lifted: tuple[str, ...] = ()
            if not consent.given:
                opt_outs = [
                    (recipient_id, scope)
                    for scope in await _opt_out_scopes_after_consent_withdrawal(connection, recipient_id, consent, had)
                ]
                if opt_outs:
                    await store_opt_outs_of_people_and_sharers(connection, self._hasher, opt_outs, consent.source)
                entries += [
                    build_standing_change_ledger_entry(brand, id_, "opt_out", scope, consent.source)
                    for id_, scope in opt_outs
                ]
            elif lifting is not None:
                lifted, more = await _lift_opt_outs(connection, self._hasher, brand, recipient_id, consent, lifting)
                entries += more
            consents, remain = await _read_consents_and_opt_outs(connection, recipient_id)
        return ConsentResult(ref, lifted, remain, consent.scope in consents)

    async def import_consents_returning_unknown_refs(
        self, brand: str, consents: Sequence[tuple[str, Consent]]
    ) -> set[str]:
        """See the port."""
        if not consents:
            return set()
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            ids = await people.find_recipient_ids_by_ref(connection, [(brand, ref) for ref, _ in consents])
            known = [(ids[brand, ref], consent) for ref, consent in consents if (brand, ref) in ids]
            await people.lock_standings_for_opt_outs(connection, self._hasher, [id_ for id_, _ in known])
            if known:
                entries += await record_consents(connection, brand, known, imported=True)
                await void_requests_of_withdrawn_consents(connection, known)
            gone = [
                (id_, said.scope)
                for id_, said in known
                if not said.given and is_neither_tracking_nor_version_scope(said.scope)
            ]
            if gone:
                await store_opt_outs_of_people_and_sharers(connection, self._hasher, gone, "import")
            entries += [
                build_standing_change_ledger_entry(brand, id_, "opt_out", scope, "import") for id_, scope in gone
            ]
        return {ref for ref, _ in consents} - {ref for _, ref in ids}

    async def consent_history_of_recipient(self, brand: str, recipient_id: int) -> list[StoredConsent]:
        """See the port."""
        return [_consent_record_from_row(row) for row in await self._pool.fetch(_SQL["history"], brand, recipient_id)]

    async def iterate_consents_of_brand(self, brand: str) -> AsyncIterator[StoredConsent]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["export"], brand):
                yield _consent_record_from_row(row)


async def record_consent_request(
    connection: Connection, brand: str, recipient_id: int, consent: Consent
) -> LedgerEntry:
    """Stores that somebody was asked for a consent. The record is no consent. Returns its ledger entry."""
    await connection.execute(
        _SQL["ask"],
        brand,
        recipient_id,
        consent.controller,
        consent.scope,
        consent.source,
        consent.version,
        consent.words,
        consent.actor,
        consent.proof,
        consent.at,
    )
    return _build_consent_ledger_entry(brand, recipient_id, "consent_asked", consent, consent.source)


async def record_consents(
    connection: Connection, brand: str, consents: Sequence[tuple[int, Consent]], *, imported: bool
) -> list[LedgerEntry]:
    """Stores consents, given as (recipient id, consent), and refreshes the standings.

    An imported consent never overrides an opt-out, a refusal or a withdrawal.

    Returns:
        The ledger entries of the consents that are new.
    """
    columns: list[list[Any]] = [
        [recipient_id for recipient_id, _ in consents],
        [consent.controller for _, consent in consents],
        [consent.scope for _, consent in consents],
        [consent.given for _, consent in consents],
        [consent.source for _, consent in consents],
        [consent.version for _, consent in consents],
        [consent.words for _, consent in consents],
        [consent.actor for _, consent in consents],
        [consent.proof for _, consent in consents],
        [consent.at for _, consent in consents],
    ]
    new = {
        (row["recipient_id"], row["scope"], row["given"], row["version"])
        for row in await connection.fetch(_SQL["record"], *columns, imported)
    }
    await people.refresh_standings(connection, columns[0])
    return [
        _build_consent_ledger_entry(
            brand,
            recipient_id,
            "consent_given" if consent.given else "consent_withdrawn",
            consent,
            "import" if imported else consent.source,
        )
        for recipient_id, consent in consents
        if (recipient_id, consent.scope, consent.given, consent.version) in new
    ]


async def _opt_out_scopes_after_consent_withdrawal(
    connection: Connection, recipient_id: int, said: Consent, had: frozenset[str]
) -> list[str]:
    """Returns the scopes of the opt-outs that follow from a withdrawal.

    These are its own scope, and the category if its last wanted topic was withdrawn. Empty if it is not about mail.
    """
    if not is_neither_tracking_nor_version_scope(said.scope):
        return []
    category, _, topic = said.scope.partition("/")
    if not topic or said.scope not in had or said.scope.startswith(_NO_CATEGORY):
        return [said.scope]
    consents, _ = await _read_consents_and_opt_outs(connection, recipient_id)
    return [said.scope] if _filter_consents_by_category(category, consents) else [said.scope, category]


async def _lift_opt_outs(
    connection: Connection, hasher: AddressHasher, brand: str, recipient_id: int, said: Consent, lifting: OptOutsToLift
) -> tuple[tuple[str, ...], list[LedgerEntry]]:
    """Lifts the opt-outs that a consent ends.

    If this lifts an opt-out of all optional mail, `lifting.instead` says which opt-outs take its place.

    Returns:
        The lifted scopes, and the ledger entries.
    """
    rows = await connection.fetch(_LEFT, recipient_id, lifting.scopes, lifting.before)
    scopes = tuple(row["scope"] for row in rows)
    instead = lifting.instead if EVERYTHING_OPTIONAL in scopes else ()
    if instead:
        # With the time of the old opt-out: a person may have asked for a second kind at the same moment.
        since = next(row["at"] for row in rows if row["scope"] == EVERYTHING_OPTIONAL)
        others = [
            replace(build_opt_out_by_person(scope, "instead of all optional mail"), at=since) for scope in instead
        ]
        stops = [(recipient_id, brand, other) for other in others]
        await insert_or_extend_suppressions(connection, hasher, stops)
    ended = [row["id"] for row in rows]
    if said.source == CONFIRMED:
        ended += [row["id"] for row in await connection.fetch(_BOUNCED, recipient_id)]  # their mailbox takes mail
    entries = await lift_suppressions(connection, ended, "recipient", "a consent given since")
    entries += [
        build_standing_change_ledger_entry(brand, recipient_id, "opt_out", scope, said.source) for scope in instead
    ]
    if lifting.category and not {lifting.category, EVERYTHING_OPTIONAL}.isdisjoint(scopes):
        consents, _ = await _read_consents_and_opt_outs(connection, recipient_id)
        over = [
            (recipient_id, replace(said, scope=scope, given=False, words=None, proof=None))
            for scope in _filter_consents_by_category(lifting.category, consents) - {said.scope}
        ]
        if over:
            entries += await record_consents(connection, brand, over, imported=False)
    return scopes, entries


_LEFT = load_statements("suppressions")["left"]
_BOUNCED = load_statements("suppressions")["bounced"]
_NO_CATEGORY = (purpose_scope(""), partner_scope(""))


def _filter_consents_by_category(category: str, consents: frozenset[str]) -> frozenset[str]:
    return frozenset(scope for scope in consents if scope.partition("/")[0] == category)


async def _read_consents_and_opt_outs(
    connection: Connection, recipient_id: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Returns a person's consents and opt-outs as this transaction sees them."""
    row = await connection.fetchrow("SELECT consents, opted_out FROM standings WHERE recipient_id = $1", recipient_id)
    return (frozenset(row["consents"]), frozenset(row["opted_out"])) if row else (frozenset(), frozenset())


async def _read_ref_of_recipient(connection: Connection, brand: str, recipient_id: int) -> str | None:
    ref: str | None = await connection.fetchval(
        "SELECT ref FROM recipients WHERE brand = $1 AND id = $2", brand, recipient_id
    )
    return ref


def _build_consent_ledger_entry(
    brand: str, recipient_id: int, reason: str, consent: Consent, source: str
) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=reason,
        category=consent.scope,
        rule=build_ledger_rule_text_from_known_source(source, "application"),
        policy=consent.version,
    )


def _consent_record_from_row(row: asyncpg.Record) -> StoredConsent:
    values = dict(row)
    kept = {name: values.pop(name) for name in ("ref", "recorded_at", "counts")}
    return StoredConsent(**kept, consent=Consent(**values), controller=values["controller"])
