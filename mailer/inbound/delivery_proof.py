"""The proof that a received message answers a mail of ours: a return path or a link that we signed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mailer.rendering.signed_links import BOUNCE_PREFIX, SignedLinks

_RETURN_PATH: Final = re.compile(rf"{re.escape(BOUNCE_PREFIX)}[a-z2-7]{{20,200}}@[a-z0-9.-]{{1,253}}", re.IGNORECASE)
_UNSUBSCRIBE: Final = re.compile(r"/u/([\w.-]{40,4000})", re.ASCII)
_LONGEST: Final = 8_000
"""The most characters of a candidate that are searched."""


@dataclass(frozen=True, slots=True)
class DeliveryProof:
    """The delivery that a signed token names."""

    mailing_id: UUID
    recipient_id: int


def find_delivery_proof(candidates: Iterable[str], links: SignedLinks) -> DeliveryProof | None:
    """Returns the delivery of the first candidate with a token that we signed; None if there is none.

    Args:
        candidates: texts of a message that may hold a token: its envelope recipient, headers of the returned mail.
        links: reads tokens.
    """
    for text in candidates:
        cut = text[:_LONGEST]
        for path in _RETURN_PATH.findall(cut):
            if (bounce := links.read_return_path(path)) is not None:
                return DeliveryProof(bounce.mailing_id, bounce.recipient_id)
        for token in _UNSUBSCRIBE.findall(cut):
            left = links.read_unsubscribe_token(token)
            if left is not None and left.mailing_id is not None:
                return DeliveryProof(left.mailing_id, left.recipient_id)
    return None
