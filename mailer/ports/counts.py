"""Opens and clicks, as far as they may be kept."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.policy.standing import Standing


@dataclass(frozen=True, slots=True)
class Trace:
    """What is kept of a fetch of a pixel, or of a tracked link. There is nothing else: no time, no address, no program.

    Attributes:
        mailing_id: what is counted.
        machine: a proxy or a scanner fetched it; counted apart.
        nonce: random, of one message and kept beside nobody, so that its second open is known as such (unlinkable).
        recipient_id: whose; only with that person's consent (individual).
    """

    mailing_id: UUID
    machine: bool = False
    nonce: str | None = None
    recipient_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whose link says who they are. `audience_size`: how many had the mailing."""

    brand: str
    standing: Standing
    audience_size: int


class Opens(Protocol):
    """Counts opens and clicks. What it is given without a recipient can be joined to none (paltalk06-18)."""

    async def opened(self, trace: Trace) -> None:
        """Adds one fetch of a mailing's pixel."""
        ...

    async def clicked(self, trace: Trace, link: str) -> None:
        """Adds one click on a mailing's link; `link` names no person."""
        ...

    async def reader(self, mailing_id: UUID, recipient_id: int) -> Reader | None:
        """Who was sent a mailing, as of now; None if they or it are not known any more."""
        ...
