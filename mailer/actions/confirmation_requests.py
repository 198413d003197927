"""Asks a person by mail, at the address on record, to confirm a request that adds or moves mail."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.events import MessageEvent, Refs
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import ConfirmationMail, PendingRequest, PendingRequestStore
from mailer.rendering.autolinks import has_autolink
from mailer.rendering.link_tokens import ConfirmToken
from mailer.rendering.promotional_words import find_promotional_words
from mailer.rendering.signed_links import SignedLinks

CONFIRMATION = "confirm-subscription"
"""The template of the mail that asks for a confirmation."""
_WORDS = 500
"""The maximum number of characters of the request's words in the mail. The page shows all of them."""


@dataclass(frozen=True, slots=True)
class ConfirmationRequestDependencies:
    """The parts that are needed to ask for a confirmation by mail."""

    links: SignedLinks
    wishes: PendingRequestStore


@dataclass(frozen=True, slots=True)
class ConfirmationAsked:
    """The result that a mail asks for the confirmation. Until the person confirms, nothing is changed."""

    ref: str


class NoRecipientToAsk(LookupError):
    """The brand has no such recipient."""


async def ask_for_confirmation(
    confirmations: ConfirmationRequestDependencies,
    policy: Policy,
    recipient_id: int,
    wishes: Sequence[PendingRequest],
    evidence: Sequence[Consent] = (),
    *,
    by_owner: bool = True,
) -> ConfirmationAsked:
    """Asks a person to confirm, with at most one mail a day. Later requests appear on the page of the same mail.

    Args:
        confirmations: makes the link, and stores the requests.
        policy: the policy of the brand.
        recipient_id: the person.
        wishes: the requests, at least one.
        evidence: the consents among them.
        by_owner: tells whether the person made the request on a page. If somebody else reports the request, a person
            who has opted out of that mail is not asked.

    Raises:
        NoRecipientToAsk: the brand has no such recipient.
    """
    requested = _join_request_words_without_spam(wishes, policy.default_locale)

    def build_confirmation_message(made: ConfirmationMail) -> BrokerMessage:
        token = ConfirmToken(policy.brand, recipient_id, made.id, made.generation)
        event = MessageEvent(
            id=f"confirm-{made.id.hex}",
            brand=policy.brand,
            category="rights",
            template=CONFIRMATION,
            to=Refs(refs=(made.ref,)),
            send_at=made.at,
            context={"confirm_url": confirmations.links.confirmation_link(token), "requested": requested},
        )
        return BrokerMessage(event.to_json(), event.routing_key, event.id, {HeaderName.PUBLISHER: str(ITSELF)})

    asked = await confirmations.wishes.store_wishes_and_ask_to_confirm(
        policy.brand, recipient_id, wishes, build_confirmation_message, evidence, by_owner=by_owner
    )
    if asked is None:
        raise NoRecipientToAsk(f"{policy.brand} has no such recipient")
    return ConfirmationAsked(asked.ref)


def _join_request_words_without_spam(wishes: Sequence[PendingRequest], locale: str) -> str:
    """Returns the words of the requests for the mail, without those that contain a link or promote something.

    Somebody else may have made the request, so their words could be spam.
    """
    told = (wish.words for wish in wishes if wish.words and not has_autolink(wish.words))
    said = ", ".join(words for words in told if not any(find_promotional_words(words, locale)))[:_WORDS]
    return "" if has_autolink(said) else said  # the cut text may look like a domain
