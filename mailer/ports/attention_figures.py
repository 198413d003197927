"""Figures of work that waits for somebody, by brand, for the landing page of the console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AttentionFigure:
    """Waiting work of one kind, of one brand.

    Attributes:
        brand: the brand; None if it belongs to none, such as the stop of a processor.
        label: the kind of it, such as a lane or a channel; empty if there is one kind.
        count: how many; None for something that has only an age.
        seconds: the age of the oldest; None if it is not known.
    """

    brand: str | None
    label: str
    count: int | None
    seconds: int | None


AttentionFigures = Mapping[str, Sequence[AttentionFigure]]
"""The figures by name: `halts`, `dead_letters`, `quarantined`, `notices`, `letters`, `breach_clocks`,
`awaiting_release`, `oldest_due`, `oldest_parked`. One that took too long to read is missing.
"""


class AttentionFigureSource(Protocol):
    """Reads the figures of all brands. The page leaves out those that the reader has no right to see."""

    async def read_attention_figures(self) -> AttentionFigures:
        """Reads the figures, each for a few seconds at most, and each from at most 10,000 rows by an index.

        Raises:
            DatabaseUnavailable: no figure can be read.
        """
        ...
