"""Findings about the deadlines of breach cases."""

from collections.abc import Iterator, Mapping

from mailer.doctor.finding import Finding, ok_finding, problem_finding


def judge_breach_deadlines(overdue: Mapping[str, int]) -> Iterator[Finding]:
    """Yields a finding for each brand with deadlines that are over and not done, or one that there are none.

    Args:
        overdue: their number, by brand.
    """
    for brand, number in sorted(overdue.items()):
        yield problem_finding(
            f"breach cases of {brand}",
            f"{number} deadlines are over; tell whom they are for, then mark them as done: mailer breach list",
        )
    if not overdue:
        yield ok_finding("breach cases", "no deadline is over that nobody has marked as done")
