"""Suppressions for partners, as the timekeeper passes them on and the command line shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class UnsentSuppressions:
    """What a partner has not been told yet.

    Attributes:
        ids: of the rows. signed: the list of them, signed, as it is posted.
    """

    ids: Sequence[int]
    signed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerCounts:
    """How many suppressions a partner has, and how many of them were posted to it."""

    suppressions: int
    pushed: int


class PartnerSuppressions(Protocol):
    """Which addresses a brand's partners may not mail, as hashes under a key that only that partner shares."""

    async def signed_suppressions(self, brand: str, partner: str) -> Mapping[str, Any]:
        """The whole list, signed: `body` (JSON), `signature` and `public_key` (Ed25519, hexadecimal)."""
        ...

    async def read_unsent(self, brand: str, partner: str, limit: int) -> UnsentSuppressions | None:
        """The oldest that were not posted yet; None if there are none."""
        ...

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """Notes that they were posted."""
        ...

    async def count_suppressions(self, brand: str, partner: str) -> PartnerCounts:
        """How many there are."""
        ...


class Webhook(Protocol):
    """Posts JSON to an address."""

    async def __call__(self, url: str, body: bytes) -> None:
        """Returns once it was taken.

        Raises:
            PostRefused: it was not.
        """
        ...


class WebhookRefused(Exception):
    """Nobody took it; the message says why, in one word or as a status code."""
