"""Our signed tokens in an event: they say which delivery it is about, and prove that whoever made it had the mail.

Three things that our mails carry may come back: the return path, the link to unsubscribe, and the Message-ID. The first
two are signed and name the delivery. The Message-ID is a keyed hash; the caller looks it up among those that we sent.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailer.rendering.link_tokens import BounceToken
from mailer.rendering.signed_links import BOUNCE_PREFIX, SignedLinks

MAX_CANDIDATES: Final = 8
"""The most candidates of one kind in an event. An honest event has one or two."""

_RETURN_PATH: Final = re.compile(rf"(?<![\w.+-]){re.escape(BOUNCE_PREFIX)}[a-z2-7]{{58}}(?![\w.+-])", re.I | re.A)
_UNSUBSCRIBE: Final = re.compile(r"/u/([\w-]{1,3900}\.[\w-]{43})(?![\w.-])", re.A)
_MESSAGE_ID: Final = re.compile(r"(?<![\w.+-])[0-9a-f]{40}@[a-z0-9.-]{1,253}(?![\w-])", re.I | re.A)


@dataclass(frozen=True, slots=True)
class DeliveryTokenCandidates:
    """Texts of an event that have the form of our tokens. Anybody can write such texts: each must be verified.

    Attributes:
        return_paths: local parts of return paths.
        unsubscribe_tokens: tokens of unsubscribe links.
        message_ids: Message-IDs without their angle brackets, as the ledger has them.
    """

    return_paths: tuple[str, ...] = ()
    unsubscribe_tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()


def find_delivery_token_candidates(texts: Iterable[str]) -> DeliveryTokenCandidates:
    """Finds all texts that have the form of our tokens, each once, in the order of the texts. It takes linear time."""
    searched = list(texts)
    return DeliveryTokenCandidates(
        *(_find_each_once(pattern, searched) for pattern in (_RETURN_PATH, _UNSUBSCRIBE, _MESSAGE_ID))
    )


def find_verified_delivery(candidates: DeliveryTokenCandidates, links: SignedLinks) -> BounceToken | None:
    """Returns the delivery that signed candidates name, or None if none verifies, or if two name different deliveries.

    Message-IDs are not read here, since only the database knows them.
    """
    paths = {links.read_return_path(f"{local}@") for local in candidates.return_paths}
    found = paths | {_read_delivery_of_unsubscribe(text, links) for text in candidates.unsubscribe_tokens}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _read_delivery_of_unsubscribe(text: str, links: SignedLinks) -> BounceToken | None:
    token = links.read_unsubscribe_token(text)
    if token is None or token.mailing_id is None:
        return None
    return BounceToken(token.mailing_id, token.recipient_id)


def _find_each_once(pattern: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in texts:
        for match in pattern.finditer(text):
            found[match[match.lastindex or 0]] = None
            if len(found) == MAX_CANDIDATES:
                return tuple(found)
    return tuple(found)
