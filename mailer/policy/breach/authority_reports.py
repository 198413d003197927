"""The report of a breach for an authority: the fields of its form, filled from the case, with what is missing. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from mailer.policy.breach.authority_forms import AuthorityForm, FormField, ReportContent
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.breach.outcomes import BreachFigures, Outcome
from mailer.policy.moment_wording import day_in_words, moment_in_words
from mailer.policy.policy_sections import Controller

_LATE: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class CaseToReport:
    """A case as a report shows it.

    Attributes:
        name: of the case. brand_name: as people know it.
        controller: of the brand. contact: of who answers; empty: the brand's look names none.
        facts: of the case. state, reason: of the case; the reason why nobody is told.
        figures: counted; empty: nothing is released. told_at: the times of the releases of phases, in order.
        told_authority_at: when this authority was told before, if it was; None: not yet.
        sampled: the variants of which there are sample copies.
        now: an aware time.
    """

    name: str
    brand_name: str
    controller: Controller
    contact: str
    facts: BreachFacts
    state: str
    reason: str
    figures: BreachFigures
    told_at: Sequence[datetime]
    sampled: Sequence[str]
    now: datetime


class ReportField(NamedTuple):
    """A filled field. value: empty if it is missing. todo: what to write where, if it is missing."""

    label: str
    source: str
    value: str
    is_required: bool
    todo: str = ""

    @property
    def is_missing(self) -> bool:
        """True if the form asks for it, and the case does not have it."""
        return self.is_required and not self.value


class AuthorityReport(NamedTuple):
    """A filled form."""

    name: str
    form: AuthorityForm
    case: str
    made_at: datetime
    fields: tuple[ReportField, ...]

    @property
    def missing(self) -> tuple[ReportField, ...]:
        """The required fields that are missing."""
        return tuple(field for field in self.fields if field.is_missing)


def fill_report(name: str, form: AuthorityForm, case: CaseToReport) -> AuthorityReport:
    """Returns a form filled from a case.

    Args:
        name: of the form.
        form: its fields.
        case: the case.
    """
    fields = tuple(_fill_field(field, form, case) for field in form.fields)
    return AuthorityReport(name, form, case.name, case.now, fields)


def report_as_markdown(report: AuthorityReport) -> str:
    """Returns a report as Markdown, to be printed or pasted. Values are text: signs of Markdown in them are escaped."""
    lines = [f"# {report.form.title}", "", f"For {report.form.authority} ({report.form.source}).", ""]
    lines += [f"Case: {_escaped(report.case)}. Made {moment_in_words(report.made_at)}.", ""]
    if report.missing:
        lines += [f"**Missing: {', '.join(one.label for one in report.missing)}.**", ""]
    for field in report.fields:
        lines += [
            f"## {field.label}",
            "",
            _escaped(field.value) or f"*Missing: {field.todo}*",
            "",
            f"({field.source})",
            "",
        ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in text).replace("\n", "  \n")


def _fill_field(field: FormField, form: AuthorityForm, case: CaseToReport) -> ReportField:
    value = _FILLERS[field.content](case, form).strip()
    todo = "" if value else _TODO.get(field.content, "write it in the facts of the case")
    is_required = field.is_required or (field.content is ReportContent.DELAY_REASON and _is_late(case))
    return ReportField(field.label, field.source, value, is_required, todo)


def _is_late(case: CaseToReport) -> bool:
    return case.facts.found_at is not None and case.now - case.facts.found_at > _LATE


def _organisation(case: CaseToReport, _: AuthorityForm) -> str:
    return f"{case.controller.name} ({case.brand_name})\n{case.controller.postal_address}"


def _days(case: CaseToReport, _: AuthorityForm) -> str:
    facts = case.facts
    if facts.began_on is None:
        return ""
    end = f" to {day_in_words(facts.ended_on)}" if facts.ended_on else "; it is not known to be over"
    return f"{day_in_words(facts.began_on)}{end}"


def _data(case: CaseToReport, _: AuthorityForm) -> str:
    kinds = [kind.value.replace("_", " ") for kind in DataKind if kind in case.facts.data]
    return "; ".join(filter(None, [", ".join(kinds), case.facts.other_data]))


def _people(case: CaseToReport, form: AuthorityForm) -> str:
    return _people_at(case, "")


def _people_here(case: CaseToReport, form: AuthorityForm) -> str:
    return _people_at(case, form.place)


def _people_at(case: CaseToReport, place: str) -> str:
    """Returns the estimate of the facts, and the number of people in the released phases, if there are some."""
    estimated = _sum_at(case.facts.people_by_place, place)
    counted = _sum_at(case.figures.people_by_place, place)
    parts = [f"about {estimated:,} by estimate"] if case.facts.people_by_place else []
    parts += [f"{counted:,} in the released audience"] if case.figures.people else []
    return "; ".join(parts)


def _sum_at(people: Mapping[str, int], place: str) -> int:
    return sum(n for one, n in people.items() if not place or one == place or one.startswith(f"{place}-"))


def _cross_border(case: CaseToReport, _: AuthorityForm) -> str:
    countries = sorted({place[:2] for place in {**case.facts.people_by_place, **case.figures.people_by_place} if place})
    if not countries:
        return ""
    return (
        f"people in {', '.join(countries)}" if len(countries) > 1 else f"no other country than {countries[0]} is known"
    )


def _told_when(case: CaseToReport, _: AuthorityForm) -> str:
    return "; ".join(f"phase {n}: {moment_in_words(at)}" for n, at in enumerate(case.told_at, 1))


def _told_how(case: CaseToReport, _: AuthorityForm) -> str:
    return _people_in_words(
        case,
        {
            Outcome.TOLD_BY_MAIL: "by e-mail",
            Outcome.TOLD_BY_LETTER: "by letter or in person",
            Outcome.TOLD_PUBLICLY: "only by the public notice",
        },
    )


def _not_told(case: CaseToReport, _: AuthorityForm) -> str:
    return _people_in_words(
        case,
        {
            Outcome.WAITING: "are still to be told",
            Outcome.NOT_REACHABLE: "cannot be reached",
            Outcome.NOT_TO_BE_TOLD: "are not to be told",
        },
    )


def _people_in_words(case: CaseToReport, words: Mapping[Outcome, str]) -> str:
    found = case.figures.people_by("outcome")
    return "; ".join(f"{found[outcome]:,} {said}" for outcome, said in words.items() if found.get(outcome))


def _law_enforcement(case: CaseToReport, _: AuthorityForm) -> str:
    facts = case.facts
    if facts.law_enforcement_delay_until is None:
        return "no agency has asked to wait" if not facts.law_enforcement else facts.law_enforcement
    return f"{facts.law_enforcement} asked to wait until {day_in_words(facts.law_enforcement_delay_until)}"


def _risk(case: CaseToReport, _: AuthorityForm) -> str:
    return {"unknown": "", "some": "a risk, not a high one"}.get(case.facts.risk.value, case.facts.risk.value)


def _decision(case: CaseToReport, _: AuthorityForm) -> str:
    return case.reason if case.state == "not_notified" else ""


_FILLERS: Final[Mapping[ReportContent, Callable[[CaseToReport, AuthorityForm], str]]] = MappingProxyType(
    {
        ReportContent.ORGANISATION: _organisation,
        ReportContent.CONTACT: lambda case, _: case.contact,
        ReportContent.NATURE: lambda case, _: case.facts.summary,
        ReportContent.BREACH_DAYS: _days,
        ReportContent.FOUND_AT: lambda case, _: moment_in_words(case.facts.found_at) if case.facts.found_at else "",
        ReportContent.DATA: _data,
        ReportContent.PEOPLE: _people,
        ReportContent.PEOPLE_HERE: _people_here,
        ReportContent.RECORDS: lambda case, _: "",
        ReportContent.CONSEQUENCES: lambda case, _: case.facts.effects,
        ReportContent.MEASURES: lambda case, _: case.facts.measures,
        ReportContent.DELAY_REASON: lambda case, _: case.facts.delay_reason,
        ReportContent.RISK: _risk,
        ReportContent.ENCRYPTION: lambda case, _: "encrypted" if case.facts.is_encrypted else "not encrypted",
        ReportContent.TOLD_WHEN: _told_when,
        ReportContent.TOLD_HOW: _told_how,
        ReportContent.NOT_TOLD: _not_told,
        ReportContent.LAW_ENFORCEMENT: _law_enforcement,
        ReportContent.IDENTITY_PROTECTION: lambda case, _: "",
        ReportContent.SAMPLE: lambda case, _: f"enclosed: {', '.join(case.sampled)}" if case.sampled else "",
        ReportContent.CAUSE: lambda case, _: "",
        ReportContent.CROSS_BORDER: _cross_border,
        ReportContent.DECISION: _decision,
    }
)
_TODO: Final[Mapping[ReportContent, str]] = MappingProxyType(
    {
        ReportContent.CONTACT: "add `contact` to the brand's look.toml, or write it into the form",
        ReportContent.RECORDS: "the case does not hold it; write it into the form",
        ReportContent.CAUSE: "the case does not hold it; write it into the form",
        ReportContent.IDENTITY_PROTECTION: "write into the form what is offered, and for how long",
        ReportContent.SAMPLE: "release a phase first; its sample copies are then on the page of samples",
        ReportContent.TOLD_WHEN: "no phase is released yet",
        ReportContent.TOLD_HOW: "nobody is told yet, or the timekeeper has not counted",
        ReportContent.NOT_TOLD: "nothing is released yet, or everybody is told",
        ReportContent.DECISION: "people are told, so that there is no such decision",
    }
)
