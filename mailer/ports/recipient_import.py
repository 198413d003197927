"""The import of people from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.events import Person
from mailer.ports.consents import Consent


@dataclass(frozen=True, slots=True)
class RecipientImportRow:
    """One line of the file that passed the checks.

    Attributes:
        opted_out: scopes that the person has left, or `EVERYTHING_OPTIONAL`. An import adds opt-outs; it ends none.
        deactivated: the account is closed.
        audiences: the names of the audiences that the person joins.
        consents: each with its proof. A consent to a scope that the person has left is recorded, and has no effect.
        products: products that the account pays for, or `EVERY_PRODUCT`; None if the file does not say.
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
    """Writes the recipients of one brand."""

    async def import_rows_in_one_transaction(self, rows: Sequence[RecipientImportRow]) -> None:
        """Inserts or updates recipients with all values of the rows, in one transaction."""
        ...
