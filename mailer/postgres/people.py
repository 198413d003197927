"""People in PostgreSQL: stores many people in one call, by the same rules for intake and for imports."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from mailer.database.statements import Connection, int_array_literal, load_statements, text_array_literal
from mailer.events import Person
from mailer.policy.address_sources import SourceVocabulary
from mailer.policy.policy_versions import Days, versions_at_collection
from mailer.ports.database_errors import EverybodyLocked
from mailer.ports.recipient_import import PersonWithoutEmail
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.former_hash_suppressions import SLICE, carry_over_suppressions
from mailer.postgres.suppressions_for_partners import suppress_opted_out_for_partners

SQL = load_statements("people")
for _part in ("country", "source", "version", "newer"):
    SQL["upsert"] = SQL["upsert"].replace(f"{{{_part}}}", SQL.pop(_part))
_BUILT_IN = SourceVocabulary({})
"""The sources that every policy knows."""


@dataclass(slots=True)
class DatedPersonData:
    """The data of a person of a brand, with their time and the policy versions under which they were collected.

    Not changed after it is made. A frozen class would take five times as long to make.

    Attributes:
        observed_at: the time of the data; newer data replace older ones.
        is_invited: True if their source is an invitation, by any of its names in the policy.
    """

    brand: str
    controller: str
    person: Person | PersonWithoutEmail
    observed_at: datetime
    versions: str | None = None
    is_invited: bool = False


def dated_person_data(
    brand: str,
    controller: str,
    person: Person | PersonWithoutEmail,
    now: datetime,
    days: Days = (),
    said: datetime | None = None,
    vocabulary: SourceVocabulary = _BUILT_IN,
) -> DatedPersonData:
    """Returns the data of a person with the time when they were collected or said.

    A time in the future becomes `now`: it would outrank all later data.

    Args:
        brand: the brand of the person.
        controller: the controller of the brand.
        person: the data.
        now: the current time.
        days: the days on which each version of the brand's policy came into force.
        said: the time of the event, if known; else `now` counts.
        vocabulary: the sources of the brand.
    """
    versions = versions_at_collection(days, person.policy_version, person.collected_at, now)
    observed_at = min(person.collected_at or said or now, now)
    return DatedPersonData(
        brand, controller, person, observed_at, versions, vocabulary.is_address_only_from_invitations(person.source)
    )


_NO_TEXT = frozenset({6, 11, 14})
"""The positions in a `_person_row` of values that are not text."""


async def upsert_people(
    connection: Connection, hasher: AddressHasher, people: Sequence[DatedPersonData]
) -> dict[tuple[str, str], int]:
    """Inserts or updates people, and refreshes their standings. Never undoes an opt-out or an erasure.

    Returns:
        The recipient ids by (brand, ref). Data from before an erasure change nothing: their id is that of the erased
            person, or of a recipient without an address.
    """
    if not people:
        return {}
    people = _merge_same_person(people)
    await connection.execute(SQL["make_known"])
    addresses = [(known.controller, known.person.email) for known in people if known.person.email is not None]
    await carry_over_suppressions(connection, hasher, addresses)
    rows = await _rows_to_upsert(hasher, people)
    invited = [f"{known.brand}\n{known.person.source}" for known in people if known.is_invited]
    upserted = await connection.fetch(SQL["upsert"], *_person_rows_as_columns(rows), invited)
    ids = {(row["brand"], row["ref"]): row["id"] for row in upserted}
    related = await _share_address_sources_across_owner_mailboxes(connection, hasher, people, ids)
    keys = [(known.brand, known.person.ref, known.controller) for known in people]
    ids |= await find_or_create_recipients_by_ref(connection, hasher, [key for key in keys if key[:2] not in ids])
    found = await connection.fetch(SQL["settled"], int_array_literal(row["id"] for row in upserted))
    settled = {row["id"] for row in found}
    if unsettled := [*related, *(id_ for id_ in ids.values() if id_ not in settled)]:
        await refresh_standings(connection, unsettled)
        await suppress_opted_out_for_partners(connection, hasher, list(ids.values()))
    return ids


def _merge_same_person(people: Sequence[DatedPersonData]) -> Sequence[DatedPersonData]:
    """Returns one entry for each person: the newest data, with the countries, sources and versions of all entries."""
    each: dict[tuple[str, str], DatedPersonData] = {}
    for known in people:
        key = known.brand, known.person.ref
        other = each.get(key)
        each[key] = known if other is None else _merge_person_data(other, known)
    return people if len(each) == len(people) else list(each.values())


def _merge_person_data(one: DatedPersonData, other: DatedPersonData) -> DatedPersonData:
    newest = max(other, one, key=lambda known: known.observed_at)
    oldest = one if newest is other else other
    countries = (known.person.country for known in (newest, oldest))
    lived_in = "\n".join(dict.fromkeys(line for said in countries if said for line in said.split("\n"))) or None
    sources = dict.fromkeys(known.person.source for known in (one, other) if known.person.source is not None)
    versions = dict.fromkeys(known.versions for known in (one, other) if known.versions is not None)
    dates = [known.person.collected_at for known in (one, other) if known.person.collected_at is not None]
    person = newest.person.model_copy(
        update={"source": "\n".join(sources) or None, "country": lived_in, "collected_at": max(dates, default=None)}
    )
    is_invited = one.is_invited and other.is_invited
    return replace(newest, person=person, versions="\n".join(versions) or None, is_invited=is_invited)


async def _share_address_sources_across_owner_mailboxes(
    connection: Connection, hasher: AddressHasher, people: Sequence[DatedPersonData], ids: Mapping[tuple[str, str], int]
) -> list[int]:
    """Records how addresses were collected, also for the other mailboxes of their owners.

    Returns:
        The ids of the people whose address got such a record, and of the people with one of the other mailboxes.
    """
    other = [
        (ids[known.brand, known.person.ref], hashed)
        for known in people
        if (known.brand, known.person.ref) in ids and known.person.email is not None
        for hashed in hasher.hashes_of_owners_other_mailboxes(known.person.email)
    ]
    if not other:
        return []
    columns = list(zip(*other, strict=True))
    await connection.execute(SQL["relate"], *columns)
    return [row["id"] for row in await connection.fetch(SQL["related"], *columns)]


def _person_rows_as_columns(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    columns = enumerate(zip(*rows, strict=True))
    return [column if place in _NO_TEXT else text_array_literal(column) for place, column in columns]


async def _rows_to_upsert(hasher: AddressHasher, people: Sequence[DatedPersonData]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(people), SLICE):
        if start:
            await asyncio.sleep(0)
        rows += [_person_row(hasher, known) for known in people[start : start + SLICE]]
    return rows


async def lock_out_imports_until_transaction_ends(connection: Connection, patience: float | None = None) -> None:
    """Locks out imports and new people until the transaction ends. So none appears with an address being suppressed.

    Whoever else needs this lock waits as long as the transaction lasts, so it must not wait long itself.

    Args:
        connection: a connection in a transaction.
        patience: the longest wait, in seconds, for each further lock of the transaction; None: that of the connection.

    Raises:
        EverybodyLocked: somebody else has held the lock for too long.
    """
    limit = "" if patience is None else f"; SET LOCAL lock_timeout = {round(patience * 1000)}"
    try:
        await connection.execute(SQL["keep_imports_out"] + limit)
    except asyncpg.LockNotAvailableError:
        raise EverybodyLocked("somebody holds a lock for too long; pg_locks and pg_stat_activity say who") from None


async def lock_standings_by_ref(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """Locks the standings of people, given as (brand, ref), in the same order as a hand-over."""
    await connection.execute(SQL["lock"], *zip(*keys, strict=True))


async def lock_address_sharers_returning_ids(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Locks the standings of people and of all who share their addresses. Returns their ids.

    Locks in the same order as a hand-over.
    """
    touched = await find_ids_sharing_address(connection, ids)
    await lock_standings(connection, touched)
    return touched


async def find_owners_of_addresses_alike_in_capitals(
    connection: Connection, hasher: AddressHasher, ids: Sequence[int]
) -> list[tuple[int, int]]:
    """Finds recipients with an address that people could mistake for that of one of `ids`.

    Returns:
        Pairs of ids: the given recipient, and the one with the similar address.
    """
    if not ids:
        return []
    rows = await connection.fetch(SQL["beyond_ascii"], ids)
    other = [
        (row["id"], row["controller"], hashed)
        for row in rows
        for hashed in hasher.hashes_of_mailboxes_alike_in_capitals(row["email"])
    ]
    if not other:
        return []
    return [tuple(row) for row in await connection.fetch(SQL["with_kin"], hasher.key_id, *zip(*other, strict=True))]


async def lock_standings_for_opt_outs(connection: Connection, hasher: AddressHasher, ids: Sequence[int]) -> None:
    """Locks all standings that an opt-out of these people may change: theirs, and those of same or similar addresses.

    Call it before any other lock on these people.
    """
    kin = [other for _, other in await find_owners_of_addresses_alike_in_capitals(connection, hasher, ids)]
    await lock_address_sharers_returning_ids(connection, [*ids, *kin])


async def find_ids_sharing_address(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Returns the ids of people and of all who share their addresses."""
    return [row["id"] for row in await connection.fetch(SQL["sharing_address"], ids)]


async def lock_standings(connection: Connection, ids: Sequence[int]) -> None:
    """Locks standings in the same order as a hand-over."""
    await connection.execute(
        "SELECT FROM standings WHERE recipient_id = ANY ($1::bigint[]) ORDER BY recipient_id FOR UPDATE", ids
    )


async def find_or_create_recipients_by_ref(
    connection: Connection, hasher: AddressHasher, refs: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str], int]:
    """Returns the recipient ids by (brand, ref) for refs given as (brand, ref, controller).

    Finds erased people, too. Stores unknown refs as new recipients without an address.
    """
    if not refs:
        return {}
    ids = await find_recipient_ids_by_ref(connection, [(brand, ref) for brand, ref, _ in refs])
    if missing := [key for key in refs if key[:2] not in ids]:
        hidden = {(brand, hasher.hash_replacing_ref(brand, ref)): (brand, ref) for brand, ref, _ in missing}
        erased = await find_recipient_ids_by_ref(connection, list(hidden))
        ids |= {hidden[key]: recipient_id for key, recipient_id in erased.items()}
    if unknown := [key for key in refs if key[:2] not in ids]:
        await connection.execute(SQL["know_refs"], *zip(*unknown, strict=True))
        new = await find_recipient_ids_by_ref(connection, [(brand, ref) for brand, ref, _ in unknown])
        await connection.execute(
            "INSERT INTO standings (recipient_id) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING",
            list(new.values()),
        )
        ids |= new
    return ids


async def correct_country_of_address_owner(
    connection: Connection, hasher: AddressHasher, recipient_id: int, address: str | None, country: str
) -> list[int]:
    """Replaces all recorded countries by one, for every account of the owner of an address at the brand.

    Returns:
        The ids of the recipients whose standings the caller has to refresh.
    """
    relatives = hasher.hashes_of_owners_other_mailboxes(address) if address else []
    rows = await connection.fetch(SQL["forget_countries"], recipient_id, relatives, country, "rectify")
    return [row["id"] for row in rows]


async def find_recipient_ids_by_ref(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Returns the ids of known recipients by (brand, ref)."""
    brands, refs = zip(*keys, strict=True)
    rows = await connection.fetch(SQL["ids"], brands, refs)
    return {(row["brand"], row["ref"]): row["id"] for row in rows}


async def refresh_standings(connection: Connection, ids: Sequence[int]) -> None:
    """Computes standings again from the people's addresses, their suppressions and consents."""
    also = await connection.fetch(SQL["move"], ids)
    await connection.execute(SQL["derive"], list({*ids, *(row["id"] for row in also)}))


def _person_row(hasher: AddressHasher, known: DatedPersonData) -> tuple[object, ...]:
    """Returns the values in the order of the columns of the statement `upsert`."""
    person = known.person
    return (
        known.brand,
        person.ref,
        hasher.hash_replacing_ref(known.brand, person.ref),
        known.controller,
        person.email,
        None if person.email is None else hasher.key_id,
        None if person.email is None else hasher.hash_address(person.email),
        person.name,
        person.locale,
        person.country,
        person.source,
        person.collected_at,
        known.versions,
        person.purpose,
        known.observed_at,
    )
