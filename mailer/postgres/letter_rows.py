"""The SQL of letters, and its rows as values."""

from typing import Any

import asyncpg

from mailer.database.statements import load_statements
from mailer.policy.breach.letter_sheets import COUNTRIES_OF_GB, COUNTRIES_OF_US, WindowFormat
from mailer.policy.breach.letter_states import LetterState
from mailer.ports.letters import LetterRun, LetterToSet, ListedLetter

_TEXTS = load_statements("letters")


def _insert_parts(text: str) -> str:
    for name in ("window", "letter_columns", "run_columns", "to_set"):
        text = text.replace(f"{{{name}}}", _TEXTS[name])
    for name, codes in (("gb", COUNTRIES_OF_GB), ("us", COUNTRIES_OF_US)):
        text = text.replace(f"{{{name}}}", f"'{{{','.join(codes)}}}'")
    return text


SQL = {name: _insert_parts(text) for name, text in _TEXTS.items()}


def letter_from_row(row: asyncpg.Record) -> ListedLetter:
    """Returns a letter of a row with the columns of `letter_columns`."""
    return ListedLetter(**{**row, "state": LetterState(row["state"])})


def run_from_row(row: asyncpg.Record) -> LetterRun:
    """Returns a run of a row with the columns of `run_columns`."""
    return LetterRun(**{**row, "window_format": WindowFormat(row["window_format"])})


def letter_to_set_from_row(row: asyncpg.Record) -> LetterToSet:
    """Returns a letter of a row of `to_set`."""
    values: dict[str, Any] = dict(row)
    return LetterToSet(**values)
