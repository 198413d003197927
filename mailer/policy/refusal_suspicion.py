"""The check of hard refusals. A processor that suddenly refuses many addresses as unknown is probably broken."""

from dataclasses import dataclass
from typing import Final

LEAST_REFUSALS: Final = 20
"""The least number of hard refusals in the last hour. Fewer prove nothing, and can do little harm in an outage."""
LEAST_SHARE: Final = 0.10
"""The least share of hard refusals among the answers of the last hour. Receivers block senders with so many unknown
addresses, so a list with so many of them needs a person anyway."""
TIMES_USUAL: Final = 5
"""The share must be this many times the share of the last 30 days. Old lists always have more refusals."""


@dataclass(frozen=True, slots=True)
class RefusalTally:
    """The number of answered messages, and the number of hard refusals among them."""

    answered: int = 0
    refused: int = 0

    def __add__(self, other: "RefusalTally") -> "RefusalTally":
        """Returns the sum of both tallies."""
        return RefusalTally(self.answered + other.answered, self.refused + other.refused)

    @property
    def refusal_share(self) -> float:
        """The share of hard refusals among the answers, from 0 to 1."""
        return self.refused / self.answered if self.answered else 0.0


def is_hourly_refusal_share_suspicious(hour: RefusalTally, usual: RefusalTally) -> bool:
    """Tells whether the hard refusals of the last hour go to quarantine and are not believed.

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
