"""Asking for what widens or moves somebody's mail: a mail to the address on record asks whether it was the person."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.events import MessageEvent, Refs
from mailer.policy.identity import ITSELF
from mailer.policy.policy_file import Policy
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import Confirmation, PendingRequest, PendingRequests
from mailer.rendering.autolinks import has_link
from mailer.rendering.promotional_words import promotional_words
from mailer.rendering.signed_links import ConfirmToken, SignedLinks

CONFIRMATION = "confirm-subscription"
"""The template of the mail that asks for a confirmation."""
_WORDS = 500
"""The characters of what is asked for that stand in the mail; its page has all of it."""


@dataclass(frozen=True, slots=True)
class ConfirmationParts:
    """The parts that asking for a confirmation by mail takes."""

    links: SignedLinks
    wishes: PendingRequests


@dataclass(frozen=True, slots=True)
class ConfirmationAsked:
    """A mail asks for the confirmation; until it comes, nothing is given."""

    ref: str


class RecipientUnknown(LookupError):
    """The brand has no such recipient."""


async def ask_for_confirmation(
    confirmations: ConfirmationParts,
    policy: Policy,
    recipient_id: int,
    wishes: Sequence[PendingRequest],
    evidence: Sequence[Consent] = (),
    *,
    by_owner: bool = True,
) -> ConfirmationAsked:
    """Asks a person to confirm, by one mail a day at most; what is asked for meanwhile is on the same mail's page.

    Args:
        confirmations: how it is asked.
        policy: the brand's.
        recipient_id: who.
        wishes: what is asked for, at least one.
        evidence: the consents among them.
        by_owner: the person asks, on a page. What others say they asked for is not asked of who has left it.

    Raises:
        NobodyToAsk: the brand has no such recipient.
    """
    requested = _requests_in_words(wishes, policy.default_locale)

    def letter(made: Confirmation) -> BrokerMessage:
        token = ConfirmToken(policy.brand, recipient_id, made.id, made.generation)
        event = MessageEvent(
            id=f"confirm-{made.id.hex}",
            brand=policy.brand,
            category="rights",
            template=CONFIRMATION,
            to=Refs(refs=(made.ref,)),
            send_at=made.at,
            context={"confirm_url": confirmations.links.confirm_link(token), "requested": requested},
        )
        return BrokerMessage(event.to_json(), event.routing_key, event.id, {HeaderName.PUBLISHER: str(ITSELF)})

    asked = await confirmations.wishes.ask_for_confirmation(
        policy.brand, recipient_id, wishes, letter, evidence, by_owner=by_owner
    )
    if asked is None:
        raise RecipientUnknown(f"{policy.brand} has no such recipient")
    return ConfirmationAsked(asked.ref)


def _requests_in_words(wishes: Sequence[PendingRequest], locale: str) -> str:
    """The words that the mail repeats: none with an address, or that promote, to whomever the asker named."""
    told = (wish.words for wish in wishes if wish.words and not has_link(wish.words))
    said = ", ".join(words for words in told if not any(promotional_words(words, locale)))[:_WORDS]
    return "" if has_link(said) else said  # a domain may be what the cut left
