"""The outcomes of a breach case as rows and values, for files, the API and commands."""

from collections.abc import Iterator, Sequence
from typing import Any

from mailer.policy.breach.authority_reports import AuthorityReport
from mailer.policy.breach.outcomes import WHOLE_CASE, Outcome
from mailer.ports.breach_outcomes import CountedBreachFigures
from mailer.web.csv_writing import Cell


def outcome_rows(counted: CountedBreachFigures) -> Iterator[Sequence[Cell]]:
    """Yields a heading, then each figure; the phase 0 stands for the whole case."""
    yield "phase", "variant", "place", "channel", "outcome", "reason", "next", "people", "counted_at"
    for one in counted.figures.counts:
        values = one.phase, one.variant, one.place, one.channel, one.outcome.value, one.reason, one.next.value
        yield *values, one.people, counted.counted_at


def outcomes_as_json(counted: CountedBreachFigures) -> dict[str, Any]:
    """Returns the figures of a case as JSON."""
    figures = counted.figures
    return {
        "counted_at": counted.counted_at.isoformat() if counted.counted_at else None,
        "is_final": counted.is_final,
        "people": figures.people,
        "outcomes": _every_outcome(figures.people_by("outcome")),
        "phases": [
            {"phase": phase, "outcomes": _every_outcome(figures.people_by("outcome", phase))}
            for phase in figures.phases
        ],
        "unreachable_by_place": dict(figures.unreachable_by_place),
        "counts": [one.model_dump(mode="json") for one in figures.counts if one.phase != WHOLE_CASE],
        "counts_of_case": [one.model_dump(mode="json") for one in figures.counts if one.phase == WHOLE_CASE],
    }


def report_as_json(report: AuthorityReport) -> dict[str, Any]:
    """Returns a report for an authority as JSON."""
    return {
        "form": report.name,
        "title": report.form.title,
        "authority": report.form.authority,
        "source": report.form.source,
        "case": report.case,
        "made_at": report.made_at.isoformat(),
        "missing": [one.label for one in report.missing],
        "fields": [
            {
                "label": one.label,
                "source": one.source,
                "value": one.value,
                "is_required": one.is_required,
                "is_missing": one.is_missing,
            }
            for one in report.fields
        ],
    }


def report_rows(report: AuthorityReport) -> Iterator[Sequence[Cell]]:
    """Yields a heading, then each field of a report."""
    yield "field", "value", "source", "missing"
    for one in report.fields:
        yield one.label, one.value, one.source, one.todo if one.is_missing else ""


def _every_outcome(found: Any) -> dict[str, int]:
    return {outcome.value: found.get(outcome.value, 0) for outcome in Outcome}
