"""Breach cases with their phases. Each change names the revision that it changes, and is an entry of the ledger."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts


class BreachChangeRefused(Exception):
    """A case or a phase cannot be changed so. The message says why, and what to do."""


class BreachChangedMeanwhile(BreachChangeRefused):
    """Somebody else has saved this case or phase since. Nothing of theirs is lost."""


@dataclass(frozen=True, slots=True)
class BreachCase:
    """A case.

    Attributes:
        state: open, not_notified or closed.
        reason: why nobody is told, or why it was closed or opened again; empty if nobody has decided anything.
        created_by, updated_by, decided_by: identities, as text.
    """

    id: UUID
    brand: str
    name: str
    state: str
    revision: int
    facts: BreachFacts
    reason: str
    decided_by: str | None
    decided_at: datetime | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BreachPhase:
    """A phase of a case.

    Attributes:
        state: draft, checking, checked, awaiting_release, released or cancelled.
        manifest_id: of the last check of this revision and these facts; None: there is none.
    """

    case_id: UUID
    phase: int
    state: str
    revision: int
    draft: BreachPhaseDraft
    manifest_id: UUID | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


class BreachRevision(NamedTuple):
    """One revision of the facts of a case, or of a phase's draft."""

    revision: int
    by: str
    at: datetime


class BreachCaseStore(Protocol):
    """Stores cases and phases. A changed case or phase makes its unreleased manifests outdated."""

    async def create_case(self, brand: str, name: str, facts: BreachFacts, by: str) -> BreachCase:
        """Creates an open case with an empty first phase."""
        ...

    async def find_case(self, case_id: UUID) -> BreachCase | None:
        """Returns a case, or None if there is none of this id."""
        ...

    async def list_cases(self, brands: Collection[str], limit: int) -> Sequence[BreachCase]:
        """Returns the cases of brands, the last changed first."""
        ...

    async def save_facts(self, case_id: UUID, expected_revision: int, facts: BreachFacts, by: str) -> BreachCase:
        """Saves the facts.

        Raises:
            BreachChangedMeanwhile: the revision is another one.
            BreachChangeRefused: the case is not open.
        """
        ...

    async def decide_state(self, case_id: UUID, state: str, reason: str, by: str) -> BreachCase:
        """Decides that nobody is told, closes a case, or opens it again; the ledger keeps each reason.

        Raises:
            BreachChangeRefused: there is no such state or case, the reason is missing, or people were told already.
        """
        ...

    async def create_phase(self, case_id: UUID, by: str) -> BreachPhase:
        """Creates the next phase as a copy of the last one.

        Raises:
            BreachChangeRefused: the last one is not released, or the case is not open.
        """
        ...

    async def find_phase(self, case_id: UUID, phase: int) -> BreachPhase | None:
        """Returns a phase, or None if there is none of this number."""
        ...

    async def list_phases(self, case_id: UUID) -> Sequence[BreachPhase]:
        """Returns the phases of a case, in order."""
        ...

    async def save_phase(
        self, case_id: UUID, phase: int, expected_revision: int, draft: BreachPhaseDraft, by: str
    ) -> BreachPhase:
        """Saves the draft of a phase. Raises as `save_facts`, also if the phase is released."""
        ...

    async def list_revisions_of_facts(self, case_id: UUID) -> Sequence[BreachRevision]:
        """Returns the revisions of the facts, the newest first."""
        ...

    async def list_revisions_of_phase(self, case_id: UUID, phase: int) -> Sequence[BreachRevision]:
        """Returns the revisions of a phase's draft, the newest first."""
        ...
