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
class PartnerSuppressionCounts:
    """The number of a partner's suppressions, and the number of them that were posted."""

    suppressions: int
    pushed: int


class PartnerSuppressionStore(Protocol):
    """Addresses that a brand's partners may not mail, as hashes. Each partner has its own key for them."""

    async def signed_suppression_list(self, brand: str, partner: str) -> Mapping[str, Any]:
        """Returns the whole list, signed: `body` (JSON), `signature` and `public_key` (Ed25519, hexadecimal)."""
        ...

    async def read_unsent_suppressions(self, brand: str, partner: str, limit: int) -> UnsentSuppressions | None:
        """Returns the oldest suppressions that were not posted yet, or None if there are none."""
        ...

    async def mark_suppressions_sent(self, ids: Sequence[int]) -> None:
        """Stores that the suppressions with these row ids were posted."""
        ...

    async def count_partner_suppressions(self, brand: str, partner: str) -> PartnerSuppressionCounts:
        """Returns the numbers of a partner's suppressions: all of them, and those that were posted."""
        ...


class WebhookPoster(Protocol):
    """Posts JSON to a URL."""

    async def __call__(self, url: str, body: bytes) -> None:
        """Posts the body. Returns when the server has accepted it.

        Raises:
            WebhookPostFailed: the server did not accept it.
        """
        ...


class WebhookPostFailed(Exception):
    """No server accepted the post. The message says why, in one word or as a status code."""
