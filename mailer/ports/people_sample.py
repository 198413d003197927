"""Samples of the people of a brand, for figures that need no exact count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.policy.standing import Standing


@dataclass(frozen=True, slots=True)
class PeopleSample:
    """A sample of the people of a brand.

    Attributes:
        standings: theirs.
        is_everybody: True if the brand has no others.
    """

    standings: Sequence[Standing]
    is_everybody: bool


class PeopleSampler(Protocol):
    """Takes samples of people. A sample reads a bounded number of rows, however many people there are."""

    async def read_sample_of_people(self, brand: str) -> PeopleSample:
        """Returns people of a brand, from even distances over the time in which people became known."""
        ...
