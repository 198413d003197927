"""People on their way in by a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.events import Person
from mailer.ports.consents import Consent


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line that was found good.

    Attributes:
        opted_out: scopes left, or `EVERYTHING_OPTIONAL`. An import can add opt-outs and never takes one back.
        deactivated: the account is closed.
        audiences: the names of the audiences that the person joins.
        consents: each with its proof; one whose scope has been left is kept on record, and gives nothing.
        products: those that the account pays for, or `EVERY_PRODUCT`; None where the file does not say.
        objected: the person objects to marketing, at all brands of the controller (GDPR Art. 21(3)).
        restricted: the processing of their data is restricted (GDPR Art. 18).
    """

    person: Person
    opted_out: tuple[str, ...] = ()
    deactivated: bool = False
    audiences: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    products: tuple[str, ...] | None = None
    objected: bool = False
    restricted: bool = False


class RecipientImporter(Protocol):
    """Writes the people of one brand."""

    async def import_rows(self, rows: Sequence[ImportRow]) -> None:
        """Inserts or updates people, with all that the rows say of them, in one transaction."""
        ...
