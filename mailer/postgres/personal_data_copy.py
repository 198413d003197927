"""The copy of all data that are stored about a person, from every table with their id or address."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, load_statements
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.erasure import keys_by_which_letters_name_person

_SQL = load_statements("rights")
_LISTS = ("consents", "wishes", "data_requests", "suppressions")
_RECORDS = ("opens", "clicks", "notices", "postal_addresses", "holds", "disclosures")
_ALSO = (
    *(
        "attachments",
        "former_addresses",
        "mailbox_forms",
        "counted_mails",
        "shared_copies",
        "refusals",
        "invitations",
        "reports",
    ),
    *("erasure", "to_be_erased_by"),
)


async def copy_personal_data(
    connection: Connection, hasher: AddressHasher, brand: str, recipient_id: int
) -> dict[str, Any] | None:
    """Returns all data that the tables have of a person. The ledger entries are with their deliveries.

    Returns:
        Values that JSON can hold; None if the brand has no such recipient.
    """

    async def rows(name: str) -> list[dict[str, Any]]:
        return [_row_as_json(row) for row in await connection.fetch(_SQL[f"copy_{name}"], brand, recipient_id)]

    data = await connection.fetchrow(_SQL["data"], brand, recipient_id)
    if data is None:
        return None
    entries = await rows("entries")
    deliveries = [
        {**delivery, "entries": [entry for entry in entries if entry["mailing"] == delivery["mailing"]]}
        for delivery in await rows("deliveries")
    ]
    mailings = {delivery["mailing"] for delivery in deliveries}
    person = _row_as_json(data)
    [standing] = await rows("standing")
    return {
        "brand": brand,
        "ref": person.pop("ref"),
        "data": {name: value for name, value in person.items() if name != "erased_at"},
        "standing": standing["standing"],
        "audiences": [row["audience"] for row in await rows("audiences")],
        **{name: await rows(name) for name in _LISTS},
        "deliveries": deliveries,
        "entries": [entry for entry in entries if entry["mailing"] not in mailings],
        **{name: await rows(name) for name in _RECORDS},
        "also": {name: await rows(name) for name in _ALSO}
        | await _partner_lists_and_dead_letters(connection, hasher, brand, data),
    }


async def _partner_lists_and_dead_letters(
    connection: Connection, hasher: AddressHasher, brand: str, data: asyncpg.Record
) -> dict[str, list[dict[str, Any]]]:
    """Returns the data that are stored by a hash of the address: partners' suppressions, and dead letters."""
    partners = hasher.partners.get(brand, ()) if data["email"] else ()
    hashes = [hasher.partner_hash(brand, partner, data["email"]) for partner in partners]
    keys = await keys_by_which_letters_name_person(connection, hasher, brand, data)
    told = await connection.fetch(_SQL["copy_told_partners"], brand, hashes)
    letters = await connection.fetch(_SQL["copy_dead_letters"], keys)
    return {
        "told_partners": [_row_as_json(row) for row in told],
        "dead_letters": [_row_as_json(row) for row in letters],
    }


def _row_as_json(row: asyncpg.Record) -> dict[str, Any]:
    """Returns a row as a dictionary of values that JSON can hold."""
    return {name: _value_as_json(value) for name, value in row.items()}


def _value_as_json(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value
