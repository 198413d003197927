"""The outcome of a breach case for each person: told and how, waiting and for what, or not to be told. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from mailer.policy.breach.returned_mail import MAIL_CAME_BACK, REFUSAL_DOUBTED

WHOLE_CASE: Final = 0
"""The number in place of a phase for the figures of a case over all its phases."""


class Outcome(StrEnum):
    """The outcome for a person. The order is that in which the best of several phases is chosen."""

    TOLD_BY_MAIL = "told_by_mail"
    """The mail was handed over, and has not come back."""
    TOLD_BY_LETTER = "told_by_letter"
    """The letter was posted, and has not come back; or the person was reached another way, with a reference."""
    WAITING = "waiting"
    TOLD_WRONGLY = "told_wrongly"
    """The mail or letter of a mailing that was stopped had gone already."""
    TOLD_PUBLICLY = "told_publicly"
    """Neither mail nor letter reaches the person; a public notice of the case has stood on its page."""
    NOT_REACHABLE = "not_reachable"
    NOT_TO_BE_TOLD = "not_to_be_told"


class NextStep(StrEnum):
    """The thing that has to happen next for a person who waits, or cannot be reached."""

    NOTHING = ""
    MAIL_IS_QUEUED = "mail_is_queued"
    MAIL_IS_TRIED_AGAIN = "mail_is_tried_again"
    MAIL_IS_HELD = "mail_is_held"
    DOUBT_IS_SETTLED = "doubt_is_settled"
    """Nobody knows yet if the processor took the mail; it is tried again, or written."""
    REFUSALS_ARE_JUDGED = "refusals_are_judged"
    """The mail came back with suspiciously many others; a person judges them."""
    ADDRESS_IS_FOUND = "address_is_found"
    """A letter is due, and no postal address is on record."""
    LETTER_IS_PRINTED = "letter_is_printed"
    LETTER_IS_POSTED = "letter_is_posted"
    PHASE_GOES_ON = "phase_goes_on"
    """Somebody has stopped the phase: it goes on, or is cancelled."""
    SUBSTITUTE = "substitute"
    """Neither mail nor letter reaches the person: a substitute notice."""


class PersonInPhase(NamedTuple):
    """The facts about one person in one released phase.

    Attributes:
        phase: its number. variant: of the text. place: ISO 3166, or empty.
        channel, reason: of the manifest's line.
        is_stopped: the mailing was cancelled.
        state, state_reason: of the delivery; empty: there is none yet.
        returned: `doubted` or `came_back`, if a report about the mail says so; else empty.
        notice: the state of the notice in writing; empty: there is none. notice_reason: why there is one.
        note: why it is closed; `letter_returned`: its last letter came back.
        has_postal_address: a letter that is still to go can go; of one that came back, to a newer address.
    """

    phase: int
    variant: str
    place: str
    channel: str
    reason: str
    is_stopped: bool
    state: str
    state_reason: str
    returned: str
    notice: str
    notice_reason: str
    note: str
    has_postal_address: bool


class PersonOutcome(NamedTuple):
    """The outcome for one person. reason: a code, such as `mail_came_back`. next: the next step."""

    outcome: Outcome
    reason: str = ""
    next: NextStep = NextStep.NOTHING


class OutcomeCount(BaseModel):
    """People of one phase, or of the case (`WHOLE_CASE`), who have come to the same outcome.

    Attributes:
        channel: of the manifest's line; of the last phase, if it is about the case.
        people: their number.
    """

    model_config = ConfigDict(frozen=True)

    phase: int
    variant: str
    place: str
    channel: str
    outcome: Outcome
    reason: str
    next: NextStep
    people: int


class BreachFigures(BaseModel):
    """The figures of a case. Each released phase adds up to the people of its manifest."""

    model_config = ConfigDict(frozen=True)

    counts: tuple[OutcomeCount, ...] = ()

    def people_by(self, field: str, phase: int = WHOLE_CASE) -> Mapping[str, int]:
        """Returns the people by the values of a field of `OutcomeCount`, the most first."""
        sums = Counter[str]()
        for one in self.counts:
            if one.phase == phase:
                sums[str(getattr(one, field))] += one.people
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))

    def people_by_place_and_outcome(self, phase: int = WHOLE_CASE) -> Mapping[str, Mapping[Outcome, int]]:
        """Returns the people of each place by outcome; the place with the most people first."""
        return self._by_two("place", phase)

    def people_by_variant_and_outcome(self, phase: int = WHOLE_CASE) -> Mapping[str, Mapping[Outcome, int]]:
        """Returns the people of each variant by outcome."""
        return self._by_two("variant", phase)

    @property
    def phases(self) -> Sequence[int]:
        """The numbers of the released phases, in order."""
        return sorted({one.phase for one in self.counts} - {WHOLE_CASE})

    @property
    def people(self) -> int:
        """The people of all phases together, each once."""
        return sum(one.people for one in self.counts if one.phase == WHOLE_CASE)

    @property
    def unreachable_by_place(self) -> Mapping[str, int]:
        """The people of the case whom neither mail nor letter reaches now, by place; the law counts them.

        They are the unreachable ones, those whom only the public notice tells, and those whose address is looked for.
        """
        sums = Counter[str]()
        for one in self.counts:
            lost = (Outcome.NOT_REACHABLE, Outcome.TOLD_PUBLICLY)
            if one.phase == WHOLE_CASE and (one.outcome in lost or one.next is NextStep.ADDRESS_IS_FOUND):
                sums[one.place] += one.people
        return dict(sorted(sums.items()))

    def reasons_of(self, outcome: Outcome, phase: int = WHOLE_CASE) -> Sequence[tuple[str, NextStep, int]]:
        """Returns reason, next step and people of an outcome, the most people first."""
        sums = Counter[tuple[str, NextStep]]()
        for one in self.counts:
            if one.phase == phase and one.outcome is outcome:
                sums[one.reason, one.next] += one.people
        return [(*key, people) for key, people in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))]

    @property
    def people_by_place(self) -> Mapping[str, int]:
        """The people of the case who are to be told, by place."""
        sums = Counter[str]()
        for one in self.counts:
            if one.phase == WHOLE_CASE and one.outcome is not Outcome.NOT_TO_BE_TOLD:
                sums[one.place] += one.people
        return dict(sorted(sums.items()))

    def _by_two(self, field: str, phase: int) -> Mapping[str, Mapping[Outcome, int]]:
        order = self.people_by(field, phase)
        sums: dict[str, dict[Outcome, int]] = {name: dict.fromkeys(Outcome, 0) for name in order}
        for one in self.counts:
            if one.phase == phase:
                sums[str(getattr(one, field))][one.outcome] += one.people
        return sums


PHASE_STOPPED: Final = "breach_stopped"
"""The note of a letter that is held, as somebody has stopped the phase."""
LETTER_RETURNED: Final = "letter_returned"
"""The reason for which nobody reaches a person: the last letter came back, and there is no newer address."""
_WAITING_MAIL: Final = {
    "": NextStep.MAIL_IS_QUEUED,
    "queued": NextStep.MAIL_IS_QUEUED,
    "claimed": NextStep.MAIL_IS_QUEUED,
    "intended": NextStep.MAIL_IS_QUEUED,
    "deferred": NextStep.MAIL_IS_TRIED_AGAIN,
    "held": NextStep.MAIL_IS_HELD,
    "in_doubt": NextStep.DOUBT_IS_SETTLED,
}
_COUNTED_FOR: Final = timedelta(days=731)
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_ONE_COPY: Final = "duplicate_address"
_ORDER: Final = tuple(Outcome)


def outcome_in_phase(line: PersonInPhase, *, is_public: bool) -> PersonOutcome:
    """Returns the outcome for a person in one phase.

    Args:
        line: the facts about the person.
        is_public: a public notice of the case was seen on its page.
    """
    found = _outcome_of_notice(line) if line.notice else _outcome_of_delivery(line)
    if found.outcome is Outcome.NOT_REACHABLE and is_public:
        return found._replace(outcome=Outcome.TOLD_PUBLICLY, next=NextStep.NOTHING)
    return found


def outcome_in_case(lines: Sequence[PersonInPhase], *, is_public: bool) -> tuple[PersonInPhase, PersonOutcome]:
    """Returns the best outcome for a person over all phases, with its phase; of two alike, the later one.

    Args:
        lines: one for each released phase that has the person, in order; at least one.
        is_public: a public notice of the case was seen on its page.
    """
    found = [(line, outcome_in_phase(line, is_public=is_public)) for line in lines]
    return min(reversed(found), key=lambda pair: _ORDER.index(pair[1].outcome))


def count_outcomes(people: Iterable[tuple[Sequence[PersonInPhase], int]], *, is_public: bool) -> BreachFigures:
    """Returns the figures of a case.

    Args:
        people: the facts, phase by phase, with the number of people about whom they are the same.
        is_public: a public notice of the case was seen on its page.
    """
    sums = Counter[tuple[int, str, str, str, Outcome, str, NextStep]]()
    for lines, n in people:
        best, outcome = outcome_in_case(lines, is_public=is_public)
        sums[WHOLE_CASE, best.variant, best.place, best.channel, *outcome] += n
        for line in lines:
            sums[line.phase, line.variant, line.place, line.channel, *outcome_in_phase(line, is_public=is_public)] += n
    names = tuple(OutcomeCount.model_fields)
    return BreachFigures(
        counts=tuple(OutcomeCount(**dict(zip(names, (*key, n), strict=True))) for key, n in sorted(sums.items()))
    )


def next_count_of_case(released_at: datetime, now: datetime, took: timedelta) -> datetime | None:
    """Returns the time at which the figures of a case are counted again; None: never.

    Letters come back for months. The longer ago the last release was, and the longer the count took, the longer it
    waits: a case of a million people takes at most a fiftieth of the timekeeper's database time.
    """
    if now - released_at > _COUNTED_FOR:
        return None
    return now + max(_FIRST_PAUSE, 50 * took, min((now - released_at) / 50, _LONGEST_PAUSE))


def _outcome_of_notice(line: PersonInPhase) -> PersonOutcome:
    why = line.notice_reason
    match line.notice:
        case "done":
            return PersonOutcome(Outcome.TOLD_WRONGLY if line.is_stopped else Outcome.TOLD_BY_LETTER, why)
        case "taken":
            return PersonOutcome(Outcome.WAITING, why, NextStep.LETTER_IS_POSTED)
        case "open" if line.has_postal_address:
            return PersonOutcome(Outcome.WAITING, why, NextStep.LETTER_IS_PRINTED)
        case "open" if not line.note:
            return PersonOutcome(Outcome.WAITING, why, NextStep.ADDRESS_IS_FOUND)
        case "closed" if line.note == REFUSAL_DOUBTED:
            return PersonOutcome(Outcome.WAITING, why, NextStep.REFUSALS_ARE_JUDGED)
        case "closed" if line.note == PHASE_STOPPED and not line.is_stopped:
            return PersonOutcome(Outcome.WAITING, why, NextStep.PHASE_GOES_ON)
        case "closed":
            return _not_to_be_told(line.note or "closed")
        case _:
            return _unreachable(LETTER_RETURNED)


def _outcome_of_delivery(line: PersonInPhase) -> PersonOutcome:
    if line.state in _WAITING_MAIL:
        return PersonOutcome(Outcome.WAITING, line.state_reason, _WAITING_MAIL[line.state])
    match line.state, line.state_reason:
        case "handed_over", _:
            return _outcome_of_handed_over_mail(line)
        case "suppressed", reason if reason == _ONE_COPY:
            return PersonOutcome(Outcome.TOLD_BY_MAIL, reason)
        case (("suppressed" | "cancelled"), reason):
            return _not_to_be_told(reason or line.state)
        case state, reason:
            return _unreachable(reason or state)


def _outcome_of_handed_over_mail(line: PersonInPhase) -> PersonOutcome:
    if line.is_stopped:
        return PersonOutcome(Outcome.TOLD_WRONGLY)
    match line.returned:
        case "":
            return PersonOutcome(Outcome.TOLD_BY_MAIL)
        case "doubted":
            return PersonOutcome(Outcome.WAITING, MAIL_CAME_BACK, NextStep.REFUSALS_ARE_JUDGED)
        case _:
            return _unreachable(MAIL_CAME_BACK)


def _unreachable(reason: str) -> PersonOutcome:
    return PersonOutcome(Outcome.NOT_REACHABLE, reason, NextStep.SUBSTITUTE)


def _not_to_be_told(reason: str) -> PersonOutcome:
    return PersonOutcome(Outcome.NOT_TO_BE_TOLD, reason)
