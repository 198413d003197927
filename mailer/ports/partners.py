"""Suppressions for partners: the timekeeper posts them, and the command line shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class UnsentSuppressions:
    """Suppressions that were not posted to a partner yet.

    Attributes:
        ids: of the rows. signed: the signed list of them, as it is posted.
    """

    ids: Sequence[int]
    signed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerCounts:
    """The number of a partner's suppressions, and the number of them that were posted."""

    suppressions: int
    pushed: int


class PartnerSuppressions(Protocol):
    """Addresses that a brand's partners may not mail, as hashes. Each partner has its own key for them."""

    async def signed_suppressions(self, brand: str, partner: str) -> Mapping[str, Any]:
        """Returns the whole list, signed: `body` (JSON), `signature` and `public_key` (Ed25519, hexadecimal)."""
        ...

    async def read_unsent(self, brand: str, partner: str, limit: int) -> UnsentSuppressions | None:
        """Returns the oldest suppressions that were not posted yet, or None if there are none."""
        ...

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """Stores that the suppressions with these row ids were posted."""
        ...

    async def count_suppressions(self, brand: str, partner: str) -> PartnerCounts:
        """Returns the numbers of a partner's suppressions: all of them, and those that were posted."""
        ...


class Webhook(Protocol):
    """Posts JSON to a URL."""

    async def __call__(self, url: str, body: bytes) -> None:
        """Posts the body. Returns when the server has accepted it.

        Raises:
            WebhookRefused: the server did not accept it.
        """
        ...


class WebhookRefused(Exception):
    """No server accepted the post. The message says why, in one word or as a status code."""
