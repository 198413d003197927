"""People in PostgreSQL, a set at a time: for intake and for imports, which follow the same rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.events import Person
from mailer.ledger.addresses import AddressHasher
from mailer.ledger.database import Connection, statements

SQL = statements("people")


@dataclass(frozen=True, slots=True)
class Known:
    """A person of a brand, and how new what is said of them is."""

    brand: str
    controller: str
    person: Person
    observed_at: datetime


def known(brand: str, controller: str, person: Person, now: datetime) -> Known:
    """A person as of when the data were collected, or of now; a date in the future would outrank all that follow."""
    return Known(brand, controller, person, min(person.collected_at or now, now))


async def upsert(connection: Connection, hasher: AddressHasher, people: Sequence[Known]) -> dict[tuple[str, str], int]:
    """Inserts or updates people and brings their standings up to date. Never undoes an opt-out.

    Returns:
        Ids by (brand, ref).
    """
    if not people:
        return {}
    await connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext('mailer.addresses'))")
    rows = [_row(hasher, known) for known in people]
    await connection.execute(SQL["upsert"], rows)
    ids = await ids_of(connection, [(known.brand, known.person.ref) for known in people])
    await refresh(connection, list(ids.values()))
    return ids


async def keep_imports_out(connection: Connection) -> None:
    """Until the transaction ends, nobody becomes known under an address that is just being suppressed."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('mailer.addresses'))")


async def lock(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """Locks the standings of people by (brand, ref), in the order in which a hand-over does."""
    await connection.execute(SQL["lock"], *zip(*keys, strict=True))


async def know_refs(connection: Connection, refs: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str], int]:
    """Ids by (brand, ref) for refs given as (brand, ref, controller), unknown ones included."""
    if not refs:
        return {}
    brands, names, controllers = zip(*refs, strict=True)
    await connection.execute(SQL["know_refs"], brands, names, controllers)
    ids = await ids_of(connection, [(brand, ref) for brand, ref, _ in refs])
    await connection.execute(
        "INSERT INTO standings (recipient_id) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", list(ids.values())
    )
    return ids


async def ids_of(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Ids of known recipients by (brand, ref)."""
    brands, refs = zip(*keys, strict=True)
    rows = await connection.fetch(SQL["ids"], brands, refs)
    return {(row["brand"], row["ref"]): row["id"] for row in rows}


async def refresh(connection: Connection, ids: Sequence[int]) -> None:
    """Brings standings up to date with the addresses that the people have now, and with their suppressions."""
    await connection.execute(SQL["derive"], ids)
    if also := await connection.fetch(SQL["carry_opt_outs"], ids):
        await connection.execute(SQL["derive"], [row["id"] for row in also])


def _row(hasher: AddressHasher, known: Known) -> dict[str, str | None]:
    person = known.person
    return {
        "brand": known.brand,
        "ref": person.ref,
        "controller": known.controller,
        "email": person.email,
        "address_key": hasher.key_id,
        "address_hash": hasher.hash(person.email).hex(),
        "name": person.name,
        "locale": person.locale,
        "country": person.country,
        "source": person.source,
        "collected_at": person.collected_at.isoformat() if person.collected_at else None,
        "policy_version": person.policy_version,
        "observed_at": known.observed_at.isoformat(),
    }
