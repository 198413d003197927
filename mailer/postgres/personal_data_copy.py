"""The copy of all data that are stored about a person, from every table with their id or address."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, load_statements
from mailer.policy.publisher_and_staff_identity import IdentityKind
from mailer.ports.ledger_entry import EntryKind
from mailer.ports.refusal_quarantine import RefusalVerdict
from mailer.ports.standings import OWN_WORDS
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.erasure import keys_naming_person_in_dead_letters, may_dead_letter_belong_to_controller

_SQL = load_statements("rights")
_LISTS = ("consents", "wishes", "data_requests", "suppressions")
_RECORDS = ("opens", "clicks", "notices", "postal_addresses", "holds", "disclosures")
_ALSO = (
    *(
        "attributes",
        "manifests",
        "breach_manifests",
        "breach_files",
        "attachments",
        "former_addresses",
        "mailbox_forms",
        "counted_mails",
        "shared_copies",
        "refusals",
        "received_mail",
        "webhook_requests",
        "soft_bounces",
        "invitations",
        "reports",
    ),
    *("erasure", "to_be_erased_by"),
)
_LETTERS_AT_ONCE = 10
"""The dead letters that are read at once. Each may have megabytes."""
_ACTORS = ("actor", "lifted_by", "publisher")
_OWN = frozenset((*OWN_WORDS, "lift"))
_SYSTEMS = frozenset(IdentityKind) - {IdentityKind.PERSON}
_KINDS_WITH_REPLIES = frozenset({EntryKind.DECISION, EntryKind.HAND_OVER, EntryKind.OUTCOME})
_VERDICTS = tuple(f"{verdict} " for verdict in RefusalVerdict)
"""The first words of outcomes that staff have judged. Their replies name who did."""


async def copy_personal_data(
    connection: Connection,
    hasher: AddressHasher,
    controllers: Mapping[str, str],
    brand: str,
    recipient_id: int,
    shown: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any] | None:
    """Returns all data that the tables have of a person. The ledger entries are with their deliveries.

    Args:
        connection: a connection in a transaction.
        hasher: hashes addresses and refs.
        controllers: the controller of each brand.
        brand: the brand of the recipient.
        recipient_id: the recipient.
        shown: returns a row as the copy shows it, such as `hide_staff_in_row`.

    Returns:
        Values that JSON can hold; None if the brand has no such recipient.
    """

    async def rows(name: str) -> list[dict[str, Any]]:
        found = await connection.fetch(_SQL[f"copy_{name}"], brand, recipient_id)
        return [shown(_row_as_json(row)) for row in found]

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
        | await _read_suppressions_told_to_partners(connection, hasher, brand, data)
        | await _read_dead_letters_naming_person(connection, hasher, controllers, brand, data),
    }


async def _read_suppressions_told_to_partners(
    connection: Connection, hasher: AddressHasher, brand: str, data: asyncpg.Record
) -> dict[str, list[dict[str, Any]]]:
    """Returns the suppressions that partners were told, which are stored by a hash of the address."""
    partners = hasher.partners.get(brand, ()) if data["email"] else ()
    hashes = [hasher.partner_hash(brand, partner, data["email"]) for partner in partners]
    told = await connection.fetch(_SQL["copy_told_partners"], brand, hashes)
    return {"told_partners": [_row_as_json(row) for row in told]}


async def _read_dead_letters_naming_person(
    connection: Connection, hasher: AddressHasher, controllers: Mapping[str, str], brand: str, data: asyncpg.Record
) -> dict[str, list[dict[str, Any]]]:
    """Returns the dead letters that name the person, without those of other controllers: an address has no brand."""
    keys = await keys_naming_person_in_dead_letters(connection, hasher, brand, data)
    found = connection.cursor(_SQL["copy_dead_letters"], keys, prefetch=_LETTERS_AT_ONCE)
    letters = [
        {"at": row["at"], "reason": row["reason"], "routing_key": row["routing_key"]}
        async for row in found
        if await may_dead_letter_belong_to_controller(controllers, brand, row)
    ]
    return {"dead_letters": [_row_as_json(letter) for letter in letters]}


def hide_staff_in_row(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row of a copy for the person: without names of staff, and without the reasons that staff typed.

    The names of keys, brokers and roles stay: they are systems. So do mailer's own words, and what processors replied.
    """
    hidden: dict[str, Any] = {name: "operator" for name in _ACTORS if row.get(name) and _is_name_of_staff(row[name])}
    if row.get("lift_reason") and row["lift_reason"] not in _OWN:
        hidden["lift_reason"] = None
    if row.get("reply") and (row["kind"] not in _KINDS_WITH_REPLIES or (row["reason"] or "").startswith(_VERDICTS)):
        hidden["reply"] = None
    head, colon, by = str(row.get("rule") or "").partition(":")
    if head == "action" and colon and _is_name_of_staff(by):
        hidden["rule"] = "action:operator"
    return row | hidden


def _is_name_of_staff(name: str) -> bool:
    return name not in _OWN and name.partition(":")[0] not in _SYSTEMS


def _row_as_json(row: asyncpg.Record | Mapping[str, Any]) -> dict[str, Any]:
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
