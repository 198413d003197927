"""People on their way in by a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.events import Person


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line that was found good.

    Attributes:
        opted_out: categories left, or `EVERYTHING_OPTIONAL`. An import can add opt-outs and never takes one back.
        deactivated: the account is closed.
        audiences: the names of the audiences that the person joins.
    """

    person: Person
    opted_out: tuple[str, ...] = ()
    deactivated: bool = False
    audiences: tuple[str, ...] = ()


class Importer(Protocol):
    """Writes the people of one brand."""

    async def write(self, rows: Sequence[ImportRow]) -> None:
        """Inserts or updates people, with their opt-outs, deactivations and audiences, in one transaction."""
        ...
