"""Breach mail that came back after its hand-over: its people are told in writing."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, load_statements
from mailer.policy.breach.returned_mail import (
    CAME_BACK_EFFECTS,
    MAIL_CAME_BACK,
    REFUSAL_DOUBTED,
    categories_moving_on_to_writing,
)
from mailer.policy.standing import WRITTEN
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_EFFECTS: Final = ", ".join(f"'{effect}'" for effect in sorted(CAME_BACK_EFFECTS))
_SQL: Final = {
    name: text.replace("{came_back}", f"({_EFFECTS})") for name, text in load_statements("returned_breach_mail").items()
}

ReturnedMail = tuple[UUID, int, str]
"""A mail that came back: ids of mailing and recipient, and the words for it, such as `relay-us 5.1.1`."""


async def add_notices_for_returned_mail(connection: Connection, returned: Sequence[ReturnedMail]) -> list[LedgerEntry]:
    """Adds a notice in writing for each mail that came back, if it is of a category that ends in writing.

    It is idempotent. Call it after the standings of the people were locked for a change.

    Args:
        connection: a connection in the transaction that records the return.
        returned: the mails that came back; those of other categories are left alone.

    Returns:
        The entries for the ledger, one for each notice that is new, or open again.
    """
    if not returned:
        return []
    said = {(mailing_id, recipient_id): words for mailing_id, recipient_id, words in returned}
    keys = sorted(said)
    values = [mailing for mailing, _ in keys], [recipient for _, recipient in keys], categories_moving_on_to_writing()
    rows = await connection.fetch(_SQL["move_on"], *values, WRITTEN, MAIL_CAME_BACK, REFUSAL_DOUBTED)
    return [_build_entry(row, MAIL_CAME_BACK, said[row["mailing_id"], row["recipient_id"]]) for row in rows]


async def close_notices_of_doubted_refusals(
    connection: Connection, processor: str, domains: Collection[str] | None
) -> list[LedgerEntry]:
    """Closes the untaken notices of refusals of the last hour, which are doubted now. A verdict opens them again.

    Args:
        connection: a connection in the transaction that doubts them, before it does.
        processor: the processor that refused.
        domains: those of the addresses; None: all.

    Returns:
        The entries for the ledger.
    """
    which = processor, None if domains is None else list(domains)
    rows = await connection.fetch(_SQL["close_doubted"], *which, MAIL_CAME_BACK, REFUSAL_DOUBTED)
    return [_build_entry(row, "notice_closed", REFUSAL_DOUBTED) for row in rows]


def _build_entry(row: asyncpg.Record, reason: str, said: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.ACTION,
        row["brand"],
        row["mailing_id"],
        row["recipient_id"],
        category=row["category"],
        reason=reason,
        rule="action:inbound",
        reply=said,
    )
