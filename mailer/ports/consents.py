"""Consents: the statement that a person was shown, and the answer. Records are only added, never changed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CONFIRMED = "confirmed"
"""The source of a consent that was confirmed by a link in a mail (double opt-in)."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent or its withdrawal, with its proof.

    Attributes:
        scope: a category, `category/topic`, `purpose/…`, `partner/…`, `version/…` or `tracking`.
        given: True: given. False: withdrawn.
        source: the way in which it was said, such as `page`, `application` or `confirmed`.
        version: of the statement that was shown. words: the text that was shown.
        actor: the one who recorded it: the person, an application, an operator, an import.
        at: when it was said, an aware time.
        proof: other evidence, such as a signed token or a form's reference. It may identify the person.
        controller: the controller that asked, if it is not the brand's.
    """

    scope: str
    given: bool
    source: str
    version: str
    words: str | None
    actor: str
    at: datetime
    proof: str | None = None
    controller: str | None = None


@dataclass(frozen=True, slots=True)
class OptOutsToLift:
    """The opt-outs that a consent ends.

    Attributes:
        scopes: opt-outs of these scopes end, if they are older than `before`.
        instead: the scopes that the person stays opted out of, if the opt-out was of all optional mail (`*`).
        category: of a consent to one topic. If the person had left the category, they get only this topic again;
            their consents to its other topics are over.
    """

    scopes: tuple[str, ...]
    instead: tuple[str, ...]
    before: datetime
    category: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """The result of recording a consent.

    Attributes:
        lifted: opt-outs that it ended. left: the scopes that the person is opted out of afterwards.
        given: the consent holds now. It may not hold, since a later withdrawal may have been recorded before.
    """

    ref: str
    lifted: tuple[str, ...]
    left: frozenset[str]
    given: bool


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent as it is stored.

    Attributes:
        controller: the controller that asked. counts: False if it has no effect: it was not confirmed (yet), or was
            imported after an opt-out of its scope.
    """

    ref: str
    consent: Consent
    controller: str
    recorded_at: datetime
    counts: bool


class ConsentStore(Protocol):
    """Stores consents. A record, the standing that it changes, and their ledger entries commit together."""

    async def record_consent_or_withdrawal(
        self, brand: str, recipient_id: int, consent: Consent, lifting: OptOutsToLift | None = None
    ) -> ConsentResult | None:
        """Stores a consent that counts, or a withdrawal. A withdrawal of a scope of mail also opts out of it.

        A person who withdraws from their last topic of a category has left the category. Otherwise its other topics
        would begin to come. Idempotent. Returns None if the brand has no such recipient.
        """
        ...

    async def import_consents_returning_unknown_refs(
        self, brand: str, consents: Sequence[tuple[str, Consent]]
    ) -> set[str]:
        """Stores the consents of a file, given with refs. A consent has no effect against an opt-out or a refusal.

        A withdrawal also opts out of its scope. Returns the refs that the brand does not have.
        """
        ...

    async def consent_history_of_recipient(self, brand: str, recipient_id: int) -> list[StoredConsent]:
        """Returns all consents and withdrawals of a person, oldest first."""
        ...

    def iterate_consents_of_brand(self, brand: str) -> AsyncIterator[StoredConsent]:
        """Yields the consents and withdrawals of all recipients of a brand."""
        ...
