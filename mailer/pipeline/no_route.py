"""The answer to a message that no processor gets now."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class NoRoute:
    """The answer that no processor gets a message before `until`.

    Attributes:
        rule: the rule that forbids it to every processor, so that the delivery is held; None: the allowed processors
            are halted or do not answer, so that the delivery just goes back.
        lasting: the time for which no allowed processor could be used; 0 if a person has halted one.
    """

    reason: str
    rule: str | None
    until: datetime
    lasting: timedelta = timedelta(0)
