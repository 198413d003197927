"""The public notice of a breach phase: its days, and the step of the release that publishes it. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rule_rows import SubstituteRule, SubstituteStepKind
from mailer.policy.breach.rule_set import BreachRules
from mailer.policy.public_notices import LONGEST, SHORTEST, PublicNotice
from mailer.policy.rule_registry import rule

_ON_A_PAGE: Final = (SubstituteStepKind.HOME_PAGE, SubstituteStepKind.PUBLIC_NOTICE)
"""The steps of substitute notices that a public notice fulfils."""


class BreachPublicNoticeRefused(ValueError):
    """The public notice of a phase cannot be published so. The message says why, and what to do."""


@rule("breach-published", "interpals-17; California Civ. Code 1798.82(j)")
def public_notice_of_release(
    id_: UUID,
    brand: str,
    texts: Mapping[str, Mapping[str, str]],
    days: int,
    people: tuple[str, str],
    today: date,
) -> PublicNotice | None:
    """The release of a breach phase also publishes its notice on the brand's page, where the phase asks for one.

    Args:
        id_: of the notice.
        brand: its brand.
        texts: by language, a title and the parts.
        days: the days for which it stands; 0: the phase has no public notice.
        people: the names of the person who wrote it, and of the one who releases it.
        today: its first day, in UTC.

    Returns:
        The notice, or None if the phase has none.
    """
    if not days:
        return None
    drafted_by, released_by = people
    last = today + timedelta(days=days)
    return PublicNotice(id_, brand, texts, today, last, drafted_by, released_by)


def check_public_days(days: int, facts: BreachFacts, rules: BreachRules) -> None:
    """Checks the days for which a notice is to stand; 0 is always right.

    Args:
        days: in all.
        facts: of the case.
        rules: of the brand. Those about substitute notices at the places of the case tell the least.

    Raises:
        BreachPublicNoticeRefused: they are too few, or too many.
    """
    shortest = SHORTEST.days, f"each public notice stands for {SHORTEST.days} days at least"
    least, because = max([shortest, *_days_of_laws(facts, rules)], key=lambda one: one[0])
    if days and not least <= days <= LONGEST.days:
        raise BreachPublicNoticeRefused(
            f"the public notice stands for {days} days: write {least} to {LONGEST.days}, since {because}"
        )


def _days_of_laws(facts: BreachFacts, rules: BreachRules) -> Iterator[tuple[int, str]]:
    """Yields the least days of each law that tells them, with its name. If no place is known yet, all places count."""
    for row in rules.rows_of_kind(SubstituteRule):
        places = facts.people_by_place or row.places or ("",)
        if row.is_true_of(facts) and any(map(row.is_of_place, places)):
            for step in row.steps:
                if step.step in _ON_A_PAGE and step.days:
                    yield step.days, f"{row.name}, {row.law}, asks for {step.days} days"
