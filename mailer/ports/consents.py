"""Consents: what a person was asked, with which words, and what they said. Records are only ever added."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CONFIRMED = "confirmed"
"""The source of a consent that was confirmed by a link in a mail (double opt-in)."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person said, with its proof.

    Attributes:
        scope: to what: a category, `category/topic`, `purpose/…`, `partner/…`, `version/…` or `tracking`.
        given: given, or withdrawn.
        source: how it was said, such as `page`, `application` or `confirmed`.
        version: of the statement that was shown. words: those that were shown.
        actor: who recorded it: the person, an application, an operator, an import.
        at: when it was said, an aware time.
        proof: what else shows it, such as a signed token or a form's reference. It may identify.
        controller: who asked, where that was another one than the brand's.
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
class OptOutLifting:
    """Which opt-outs a consent ends.

    Attributes:
        scopes: those, where they are older than `before`.
        instead: what stays left where all optional mail (`*`) had been left.
        category: of a consent to one topic. Who had left it, and comes back to the topic, comes back to that alone:
            what else they had consented to within it is over.
    """

    scopes: tuple[str, ...]
    instead: tuple[str, ...]
    before: datetime
    category: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What a record came to.

    Attributes:
        lifted: opt-outs that it ended. left: what the person has still left, or left by it.
        given: the consent stands now. A withdrawal that was said later may have been recorded before.
    """

    ref: str
    lifted: tuple[str, ...]
    left: frozenset[str]
    given: bool


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A record as it was kept.

    Attributes:
        controller: who asked. counts: False where it gives nothing: it was not confirmed (yet), or a file brought it
            after its scope had been left.
    """

    ref: str
    consent: Consent
    controller: str
    recorded_at: datetime
    counts: bool


class Consents(Protocol):
    """A record, the standing that follows from it, and their ledger entries commit together."""

    async def record_consent(
        self, brand: str, recipient_id: int, consent: Consent, lifting: OptOutLifting | None = None
    ) -> ConsentResult | None:
        """Keeps a consent that counts, or a withdrawal, which also leaves its scope where that is one of mail.

        Who withdraws from the last topic that they had asked for within a category has left the category; else, the
        others would begin to come. Idempotent. None: the brand has no such recipient.
        """
        ...

    async def import_consents(self, brand: str, consents: Sequence[tuple[str, Consent]]) -> set[str]:
        """Keeps what a file brings, given by ref: what it gives stands behind all that has been left or refused.

        A withdrawal also leaves its scope. Returns the refs that the brand does not have.
        """
        ...

    async def consent_history(self, brand: str, recipient_id: int) -> list[ConsentRecord]:
        """All that a person was asked and said, oldest first."""
        ...

    def export_consents(self, brand: str) -> AsyncIterator[ConsentRecord]:
        """The same of everyone at a brand."""
        ...
