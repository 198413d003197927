"""Public notices of a data breach: what they must hold, and when they stand on the brand's page. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from mailer.policy.rule_registry import rule

SHORTEST = timedelta(days=30)
"""The least time for which a notice stands (California Civ. Code 1798.82(j)); HIPAA asks for 90 days."""
LONGEST = timedelta(days=3660)
PARTS = ("what_happened", "what_information", "what_we_do", "what_you_can_do", "more_information")
"""The parts that a notice must have (GDPR Art. 34(2); California Civ. Code 1798.82(d)), in their order."""


def heading_key(part: str) -> str:
    """Returns the name below which a notice has the heading of a part, if a law sets it."""
    return f"heading_{part}"


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """A public notice.

    Attributes:
        texts: by language, a `title` and `PARTS`; also headings that a law sets, by `heading_key`.
        first_day, last_day: the days on which it stands, both included, in UTC.
        seen_first_at, seen_last_at: when a timekeeper found it at the public address.
        missed_at: since when a timekeeper does not find it there; None: it is there.
    """

    id: UUID
    brand: str
    texts: Mapping[str, Mapping[str, str]]
    first_day: date
    last_day: date
    drafted_by: str
    released_by: str | None = None
    released_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    seen_first_at: datetime | None = None
    seen_last_at: datetime | None = None
    missed_at: datetime | None = None

    @property
    def visible_from(self) -> datetime:
        """The time from which readers could see it: that of its release, or the beginning of its first day (UTC)."""
        begins = datetime.combine(self.first_day, time(), UTC)
        return max(begins, self.released_at or begins)

    @property
    def digest(self) -> str:
        """The SHA-256 of what people read, in hexadecimal digits."""
        days = self.first_day.isoformat(), self.last_day.isoformat()
        return hashlib.sha256(json.dumps([self.brand, *days, self.texts], sort_keys=True).encode()).hexdigest()


def days_left_after_release(notice: PublicNotice, today: date) -> timedelta:
    """Returns the time for which a notice would stand if it were released on a day. It is negative once it is over."""
    return notice.last_day - max(notice.first_day, today)


@rule("public-notice", "interpals-17; California Civ. Code 1798.82(j)", idle=False)
def is_notice_visible(notice: PublicNotice, today: date) -> bool:
    """A notice of a breach stands on the brand's public page from its first day to its last, once it was released."""
    is_released = notice.released_at is not None and notice.withdrawn_at is None
    return is_released and notice.first_day <= today <= notice.last_day
