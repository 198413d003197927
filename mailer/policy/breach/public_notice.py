"""The public notice of a breach phase: its days, and the step of the release that publishes it. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.public_notices import LONGEST, SHORTEST, PublicNotice
from mailer.policy.rule_registry import rule

HIPAA: Final = "hipaa"
SHORTEST_BY_LAW: Final[Mapping[str, timedelta]] = {HIPAA: timedelta(days=90)}
"""The least time for which a notice stands, by sector law (45 CFR 164.404(d)(2)(ii))."""


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


def check_public_days(days: int, facts: BreachFacts) -> None:
    """Checks the days for which a notice is to stand; 0 is always right.

    Raises:
        BreachPublicNoticeRefused: they are too few, or too many.
    """
    least = max([SHORTEST, *(SHORTEST_BY_LAW[law] for law in facts.sector_laws if law in SHORTEST_BY_LAW)])
    if days and not least.days <= days <= LONGEST.days:
        because = "HIPAA asks for 90 days" if least > SHORTEST else "California asks for 30 days"
        raise BreachPublicNoticeRefused(
            f"the public notice stands for {days} days: write {least.days} to {LONGEST.days}, since {because}"
        )
