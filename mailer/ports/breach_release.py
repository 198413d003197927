"""Releases of breach phases, second looks, and stops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.publisher_and_staff_identity import Identity


class BreachReleaseRefused(Exception):
    """A phase cannot be released, stopped or resumed so. The message says why, and what to do."""


class ReleaseSum(NamedTuple):
    """The number of people with one channel, reason, variant and place."""

    channel: str
    reason: str
    variant: str
    place: str
    people: int


@dataclass(frozen=True, slots=True)
class BreachRelease:
    """A check of a phase as its releaser sees it, or a release.

    Attributes:
        case_state, phase_state, state: of case, phase and manifest, as stored.
        is_current: facts and texts have the revisions that the check froze, and there is no later check.
        facts, draft: as frozen. templates: by variant. rules: the rows that were in force, as JSON.
        sums: they add up to `people`.
        hash: 32 octets; None until it is ready.
        asked_by, released_by, second_look_by: identities, as text.
        break_glass: the reason of a release by one person alone; None: a second person released it.
        second_look: the words of who has looked at it since.
    """

    id: UUID
    case_id: UUID
    phase: int
    brand: str
    case_name: str
    case_state: str
    phase_state: str
    state: str
    is_current: bool
    facts: BreachFacts
    draft: BreachPhaseDraft
    templates: Mapping[str, ManifestTemplate]
    rules: Any
    policy_version: str
    findings: Sequence[Mapping[str, Any]]
    sums: Sequence[ReleaseSum]
    hash: bytes | None
    people: int
    requested_by: str
    ready_at: datetime | None
    asked_by: str | None
    asked_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    break_glass: str | None
    second_look_by: str | None
    second_look_at: datetime | None
    second_look: str | None

    @property
    def template_name(self) -> str:
        """The name of the phase's template."""
        return f"breach-{self.case_id.hex[:12]}-{self.phase}"

    def count_people(self, channel: str) -> int:
        """Returns the number of people with a channel: mail, letter or none."""
        return sum(one.people for one in self.sums if one.channel == channel)


class BreachMailing(NamedTuple):
    """A mailing of a released phase."""

    variant: str
    mailing_id: UUID


class SampledPerson(NamedTuple):
    """A person of a manifest, for a sample."""

    recipient_id: int
    ref: str | None
    email: str | None
    name: str | None
    channel: str
    reason: str
    variant: str
    locale: str
    place: str


class ReleaseDeadline(NamedTuple):
    """A deadline of a case.

    Attributes:
        to_whom: who is to be told. what: in a few words.
        due_at: an aware time.
    """

    to_whom: str
    what: str
    due_at: datetime


class BreachReleaser(Protocol):
    """Asks for releases, releases, and records second looks. Each change is an entry of the ledger."""

    async def find_release(self, manifest_id: UUID) -> BreachRelease | None:
        """Returns a check by its id, or None if there is none."""
        ...

    async def find_release_of_phase(self, case_id: UUID, phase: int) -> BreachRelease | None:
        """Returns the last check of a phase as it is now, or its release; None: there is none."""
        ...

    async def list_authors(self, manifest_id: UUID) -> Sequence[tuple[str, str]]:
        """Returns the identities behind a check, as text, each with what they did."""
        ...

    async def record_look(self, manifest_id: UUID, person: str) -> BreachRelease | None:
        """Remembers that a person looks at a check. Returns the other check of the phase that they saw last."""
        ...

    def may_release_alone(self, brand: str) -> bool:
        """Tells whether the policy of a brand lets one person alone release, with a reason."""
        ...

    def list_deadlines(self, release: BreachRelease) -> Sequence[ReleaseDeadline]:
        """Returns the deadlines that follow from the facts of a check, the earliest first."""
        ...

    async def find_former_release(self, release: BreachRelease) -> BreachRelease | None:
        """Returns the release of the phase before, or None."""
        ...

    async def sample_people(self, manifest_id: UUID, each: int) -> Sequence[SampledPerson]:
        """Returns some people of each channel and reason, `each` at most."""
        ...

    async def ask_for_release(self, manifest_id: UUID, by: str) -> None:
        """Lets a checked phase wait for its release. Raises BreachReleaseRefused."""
        ...

    async def release(
        self, manifest_id: UUID, seen_hash: bytes, releaser: Identity, break_glass: str | None = None
    ) -> Sequence[BreachMailing]:
        """Releases a phase: makes its mailings, bound to the hash that the releaser has seen.

        Args:
            manifest_id: the manifest.
            seen_hash: 32 octets, of the manifest that the person has seen.
            releaser: the person.
            break_glass: why this person releases alone; None: somebody else wrote, checked and asked.

        Returns:
            The mailings, one for each variant.

        Raises:
            BreachReleaseRefused: it is not as it was seen, outdated, too old or released already, or nobody may
                release alone.
            ReleaseRefused: this person is not independent of who wrote, checked, uploaded or asked for it.
        """
        ...

    async def record_second_look(self, manifest_id: UUID, looker: Identity, words: str, *, is_right: bool) -> None:
        """Records what an independent person found of a release by one person alone.

        Raises:
            BreachReleaseRefused: nobody released it alone, or somebody has looked already.
            ReleaseRefused: this person is not independent of the releaser.
        """
        ...

    async def list_mailings(self, case_id: UUID, phase: int) -> Sequence[BreachMailing]:
        """Returns the mailings of a released phase."""
        ...


class BreachStop(NamedTuple):
    """A stop of a released phase.

    Attributes:
        stopped_by, ended_by: identities, as text.
        ended: `resumed` or `cancelled`; None: it stands still.
    """

    case_id: UUID
    phase: int
    reason: str
    stopped_by: str
    stopped_at: datetime
    ended: str | None
    ended_by: str | None
    ended_at: datetime | None


class ToldFigure(NamedTuple):
    """The people of a phase to whom the same happened.

    Attributes:
        channel: mail or letter. state: of the delivery or of the notice.
        told: `told`, `maybe` (it may have gone, or still is on its way), or `not_told`.
    """

    channel: str
    state: str
    told: str
    people: int


class ToldPerson(NamedTuple):
    """A person whom a phase has told, or may have told.

    Attributes:
        state: of the delivery, or of the letter: `handed_over`, `in_doubt`, `posted`.
    """

    recipient_id: int
    ref: str | None
    variant: str
    locale: str
    channel: str
    state: str


class BreachStopStore(Protocol):
    """Keeps the stops of phases. Each change is an entry of the ledger."""

    async def find_stop(self, case_id: UUID, phase: int) -> BreachStop | None:
        """Returns the last stop of a phase, or None."""
        ...

    async def begin_stop(self, case_id: UUID, phase: int, by: str, reason: str) -> bool:
        """Notes that a released phase stands still. Returns False if it did already.

        Raises:
            BreachReleaseRefused: the phase is not released.
        """
        ...

    async def end_stop(self, case_id: UUID, phase: int, ended: str, by: str) -> None:
        """Notes that a stop is over: `resumed` or `cancelled`. Raises BreachReleaseRefused: it does not stand still."""
        ...

    async def hold_letters(self, case_id: UUID, phase: int, by: str) -> int:
        """Closes the notices of a stopped phase that nobody has told yet. Returns their number."""
        ...

    async def count_told(self, case_id: UUID, phase: int) -> Sequence[ToldFigure]:
        """Returns to how many people what happened."""
        ...

    async def list_told(self, case_id: UUID, phase: int, after: int, limit: int) -> Sequence[ToldPerson]:
        """Returns people whom a phase has told, or may have told, in order of their numbers."""
        ...

    async def record_export(self, case_id: UUID, phase: int, by: str) -> None:
        """Records in the ledger that somebody has the people whom a phase has told. Raises BreachReleaseRefused."""
        ...

    async def keep_told_as_list(self, case_id: UUID, phase: int, by: str) -> tuple[str, int]:
        """Puts these people on a list, so that another phase tells them. Returns its name and the number of people.

        Raises:
            BreachReleaseRefused: nobody was told.
        """
        ...


class BreachLineDiverter(Protocol):
    """Makes the deliveries of people whom no mail goes to, diverted from the start: no worker can mail them."""

    async def divert_next_lines(self) -> int | None:
        """Diverts the next people of a released manifest, with their notices and entries, in one transaction.

        Returns:
            The number of people; 0: a manifest is done with. None: there is none, or all stand still.
        """
        ...


class StoppedPhaseKeeper(Protocol):
    """Holds stopped phases."""

    async def hold_stopped_phases(self) -> int:
        """Halts mailings of stopped phases that somebody let go on alone, and holds their new notices.

        Returns:
            The number of mailings and notices.
        """
        ...
