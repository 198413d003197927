"""The import of people from a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from mailer.events import FrozenModelWithoutExtras, Person
from mailer.input_types import Country, Line, Locale, Name, Past
from mailer.policy.recipient_attributes import AttributeValue
from mailer.ports.consents import Consent


class PersonWithoutEmail(FrozenModelWithoutExtras):
    """A person who is known by a ref, and gets letters only. See `events.Person`."""

    ref: Name
    email: None = None
    name: Line | None = None
    locale: Locale | None = None
    country: Country | None = None
    source: Name | None = None
    collected_at: Past | None = None
    policy_version: Name | None = None
    purpose: Name | None = None


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
        is_ref_from_email: the file has no ref of the person. The ref is that of the person who has the address
            already, or a keyed hash of the address; `person.ref` stands for it within the file.
        attributes: values of declared and built-in attributes, by name. Others that are known stay.
        postal_lines: the postal address, for letters; empty if the file does not say.
        under_13: the person is a child by their birthday.
    """

    person: Person | PersonWithoutEmail
    opted_out: tuple[str, ...] = ()
    deactivated: bool = False
    audiences: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    products: tuple[str, ...] | None = None
    objected: bool = False
    restricted: bool = False
    is_ref_from_email: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    postal_lines: tuple[str, ...] = ()
    under_13: bool = False


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """The effects of some rows, by their place among the rows that were given.

    Attributes:
        new, changed: the places of rows whose person was not known before, or has other data or another standing now.
        opted_out: the places of rows whose person has left some or all optional mail afterwards, by this or before.
    """

    new: frozenset[int] = frozenset()
    changed: frozenset[int] = frozenset()
    opted_out: frozenset[int] = frozenset()


class RecipientImporter(Protocol):
    """Writes the recipients of one brand."""

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """Inserts or updates recipients with all values of the rows, in one transaction.

        Args:
            rows: at most one for each person.
            said_at: the time of the file. Rows without `collected_at` are as old, so an erasure after it stands.
            dry_run: do all of it, and roll it back.
        """
        ...
