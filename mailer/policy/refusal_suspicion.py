"""Whether hard refusals are believed: a processor that suddenly refuses many as unknown is more likely broken."""

from dataclasses import dataclass
from typing import Final

LEAST_REFUSALS: Final = 20
"""In the last hour; fewer prove nothing, and the most that an outage could make dead before it is noticed is small."""
LEAST_SHARE: Final = 0.10
"""Of what was answered in the last hour. Receivers block senders with as many unknown addresses, so that a list with
so many needs a person anyhow."""
TIMES_USUAL: Final = 5
"""How far above the processor's share in the last 30 days: who mails old lists is used to more."""


@dataclass(frozen=True, slots=True)
class RefusalTally:
    """How many messages were answered, and how many of them with a hard refusal."""

    answered: int = 0
    refused: int = 0

    def __add__(self, other: "RefusalTally") -> "RefusalTally":
        """Both together."""
        return RefusalTally(self.answered + other.answered, self.refused + other.refused)

    @property
    def refusal_share(self) -> float:
        """Of hard refusals, 0 to 1."""
        return self.refused / self.answered if self.answered else 0.0


def is_suspicious(hour: RefusalTally, usual: RefusalTally) -> bool:
    """Whether the hard refusals of the last hour are quarantined instead of believed.

    Args:
        hour: a processor's answers of the last hour; all of them, or those for one recipient domain.
        usual: the processor's answers of the 30 days before. A domain of its own has no usual share, since most have
            too little mail for one.
    """
    return (
        hour.refused >= LEAST_REFUSALS
        and hour.refusal_share > LEAST_SHARE
        and hour.refusal_share > TIMES_USUAL * usual.refusal_share
    )
