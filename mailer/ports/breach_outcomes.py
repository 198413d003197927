"""The outcomes of breach cases: the figures that the timekeeper counts, and the people."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.outcomes import BreachFigures
from mailer.policy.campaign_manifest import ManifestTemplate


@dataclass(frozen=True, slots=True)
class CountedBreachFigures:
    """The figures of a case.

    Attributes:
        counted_at: None: nothing of the case was released, or nobody has counted yet.
        is_final: nothing can change any more without a person.
    """

    figures: BreachFigures
    counted_at: datetime | None
    is_final: bool


class ReleasedPhase(NamedTuple):
    """A released phase.

    Attributes:
        released_by: an identity, as text. templates: by variant, as they were checked and sent.
        frozen: facts, draft and rules of its manifest, as JSON.
    """

    phase: int
    released_at: datetime
    released_by: str
    templates: Mapping[str, ManifestTemplate]
    frozen: Mapping[str, Any]


class PersonOutcomeRow(NamedTuple):
    """One person of a case, for the export.

    Attributes:
        phase: the phase in which the outcome came about.
        told_at: the time of the hand-over, or the day of the posting. reply: the processor's words, or the reference.
    """

    ref: str
    email: str | None
    name: str | None
    place: str
    variant: str
    locale: str
    phase: int
    channel: str
    channel_reason: str
    outcome: str
    reason: str
    next: str
    told_at: str
    reply: str


class BreachOutcomeReader(Protocol):
    """Reads the figures of a case, of which pages read one row, and its people."""

    async def case_figures(self, case_id: UUID) -> CountedBreachFigures:
        """Returns the figures that were counted last."""
        ...

    async def list_released_phases(self, case_id: UUID) -> Sequence[ReleasedPhase]:
        """Returns the released phases of a case, in order."""
        ...

    async def count_deliveries(self, case_id: UUID) -> Mapping[str, int]:
        """Returns the deliveries of a case by state, from the counters, as of now."""
        ...

    def export_people(self, case_id: UUID, brand: str) -> AsyncIterator[Sequence[PersonOutcomeRow]]:
        """Yields pages of people by number, each once. The ledger records who has exported them."""
        ...


class BreachFigureCounter(Protocol):
    """Counts the figures that take a scan."""

    async def count_next_case(self) -> UUID | None:
        """Counts the figures of the case that is due the longest. Returns its id, or None if none is due."""
        ...
