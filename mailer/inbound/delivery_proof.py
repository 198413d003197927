"""The proof that a message or an event is about a mail of ours: a return path or a link that we signed.

Anybody can write a text of their form. So texts of a form are candidates, and each is verified by its signature.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mailer.rendering.link_tokens import BounceToken
from mailer.rendering.signed_links import BOUNCE_PREFIX, SignedLinks

MAX_CANDIDATES: Final = 8
"""The most candidates of one kind in a text or an event. An honest one has one or two."""

_RETURN_PATH: Final = re.compile(rf"(?<![\w.+-]){re.escape(BOUNCE_PREFIX)}[a-z2-7]{{58}}(?![\w.+-])", re.I | re.A)
_UNSUBSCRIBE: Final = re.compile(r"/u/([\w-]{1,3900}\.[\w-]{43})", re.ASCII)
_LONGEST: Final = 8_000
"""The most characters of a text of a message that are searched."""


@dataclass(frozen=True, slots=True)
class DeliveryTokenCandidates:
    """Texts of an event that have the form of our tokens. Anybody can write such texts: each must be verified.

    Attributes:
        return_paths: local parts of return paths.
        unsubscribe_tokens: tokens of unsubscribe links.
    """

    return_paths: tuple[str, ...] = ()
    unsubscribe_tokens: tuple[str, ...] = ()


def find_delivery_token_candidates(texts: Iterable[str]) -> DeliveryTokenCandidates:
    """Finds all texts that have the form of our tokens, each once, in the order of the texts. It takes linear time."""
    searched = list(texts)
    return DeliveryTokenCandidates(*(_find_each_once(pattern, searched) for pattern in (_RETURN_PATH, _UNSUBSCRIBE)))


def find_delivery_proof(texts: Iterable[str], links: SignedLinks) -> BounceToken | None:
    """Returns the delivery of the first text of a message with a token that we signed; None if there is none.

    Args:
        texts: texts of a message that may hold a token, the strongest first: its envelope recipient, headers of the
            returned mail. A letter may quote several mails of ours.
        links: reads tokens.
    """
    for text in texts:
        for delivery in _verified_deliveries(find_delivery_token_candidates([text[:_LONGEST]]), links):
            return delivery
    return None


def find_only_delivery_proof(candidates: DeliveryTokenCandidates, links: SignedLinks) -> BounceToken | None:
    """Returns the delivery that an event's tokens name; None if none verifies, or if two name different deliveries."""
    found = set(_verified_deliveries(candidates, links))
    return found.pop() if len(found) == 1 else None


def _verified_deliveries(candidates: DeliveryTokenCandidates, links: SignedLinks) -> Iterator[BounceToken]:
    for local in candidates.return_paths:
        if (bounce := links.read_return_path(f"{local}@")) is not None:
            yield bounce
    for text in candidates.unsubscribe_tokens:
        left = links.read_unsubscribe_token(text)
        if left is not None and left.mailing_id is not None:
            yield BounceToken(left.mailing_id, left.recipient_id)


def _find_each_once(pattern: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in texts:
        for match in pattern.finditer(text):
            found[match[match.lastindex or 0]] = None
            if len(found) == MAX_CANDIDATES:
                return tuple(found)
    return tuple(found)
