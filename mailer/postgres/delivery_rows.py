"""The rows of deliveries as the decisions need them: their statement, and their reading."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import STANDING_COLUMNS, load_statements, standing_from_row
from mailer.policy.category import CATEGORIES
from mailer.policy.required_frequency_counts import RequiredFrequencyCount
from mailer.ports.deliveries import DeliveryRow

ELSEWHERE = UUID(int=0)
"""Stands for the mailing of an invitation that another system sent, and for a mailing without an id."""
_ROWS = load_statements("deliveries")["rows"]
_OPTIONAL = f"ARRAY[{', '.join(repr(name) for name, category in CATEGORIES.items() if category.is_optional)}]"


def statement_with_rows(statement: str) -> str:
    """Returns a statement whose `{rows}` reads what the deliveries in `taken` are decided on."""
    return statement.replace("{rows}", _ROWS).replace("{optional}", _OPTIONAL)


def frequency_count_parameters(rates: Sequence[RequiredFrequencyCount]) -> tuple[list[Any], ...]:
    """Returns the first five parameters of such a statement: the counts of sent mail that caps and alarms need."""
    return (
        [rate.brand for rate in rates],
        [rate.category for rate in rates],
        [rate.name for rate in rates],
        [rate.counted for rate in rates],
        [rate.days for rate in rates],
    )


def delivery_row_from_record(row: asyncpg.Record) -> DeliveryRow:
    """Returns a delivery from a row of the statement `rows`, which begins with the columns of the standing."""
    invited_by, sent, shared, mailing_id, attempt, name, locale, context, paused, tried_at = row[STANDING_COLUMNS:]
    standing = standing_from_row(row, _parse_inviting_mailing_id(invited_by), _sent_counts_from_row(sent), locale)
    return DeliveryRow(
        mailing_id, standing.recipient_id, attempt, standing, name, locale, context or {}, paused, shared, tried_at
    )


def _sent_counts_from_row(counts: list[list[Any]] | None) -> tuple[tuple[str, int], ...]:
    return tuple((name, n) for name, n in counts) if counts else ()


def _parse_inviting_mailing_id(source: str | None) -> UUID | None:
    """Returns the id of the mailing that used an address for an invitation; `ELSEWHERE` if another system used it."""
    try:
        return UUID(source) if source is not None else None
    except ValueError:
        return ELSEWHERE
