"""Decides about the effect of a received message. Pure values: `handling` reads what is asked for, and acts."""

from dataclasses import dataclass
from typing import Final

from mailer.inbound.reports.received_report import BounceClass, RecipientAction, ReportedRecipient, ReportKind
from mailer.policy.category import CATEGORIES
from mailer.policy.mailbox_providers import mailbox_provider_of_domain
from mailer.ports.feedback import FeedbackKey, FeedbackSubject
from mailer.ports.received_mail import Mailbox, ReceivedMailEffect, ReportedDelivery
from mailer.rendering.mailbox_spellings import canonical_mailbox

COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "virus", "other"})
"""The types of feedback by which a person, or their provider, wants no more optional mail (RFC 5965 3.1, 7.3)."""
_E: Final = ReceivedMailEffect
_ORDER: Final = (BounceClass.HARD, BounceClass.SOFT, BounceClass.SENDER_FAULT, BounceClass.NONE)
_EFFECT_OF_CLASS: Final = {
    BounceClass.HARD: (_E.ADDRESS_DEAD, "the address does not exist"),
    BounceClass.SOFT: (_E.SOFT_BOUNCE, "the mailbox takes no mail for now"),
    BounceClass.SENDER_FAULT: (_E.SENDER_FAULT, "it was refused for a reason of ours"),
    BounceClass.NONE: (_E.NONE, "it has not failed"),
}
_REASON_FOR_NONE_OF_OWN: Final = {
    True: "it is about another address than the person has now",
    False: "no delivery has failed for good",
}


@dataclass(frozen=True, slots=True)
class EffectDecision:
    """The effect of a message.

    Attributes:
        reason: in words, without an address.
        failure: the failure that it rests on; None: there is none.
        came_back: a mail of ours failed for good, whatever that says about the address that the person has now.
    """

    effect: ReceivedMailEffect
    reason: str
    failure: ReportedRecipient | None = None
    came_back: bool = False


def decide_effect_of_bounce(
    recipients: tuple[ReportedRecipient, ...], delivery: ReportedDelivery | None
) -> EffectDecision:
    """Returns the effect of a bounce (RFC 3464 4; MAIL.md, "Bounces").

    It is believed only if it proves to answer a mail of ours, and is about the address that the person has now, and had
    then: of an address to which their mail is forwarded, they may know nothing, and a new address may be a stranger's.

    Args:
        recipients: the recipients in the report.
        delivery: the delivery whose signed return path the report came to; None: it proves none.
    """
    if delivery is None:
        return EffectDecision(_E.NONE, "it does not prove to answer a mail of ours")
    failed = [one for one in recipients if one.action in (None, RecipientAction.FAILED)]
    if delivery.address is None:
        return EffectDecision(_E.NONE, "the person has no address any more", came_back=bool(failed))
    if delivery.has_moved:
        words = "the person has had another address since the mail"
        return EffectDecision(_E.NONE, words, came_back=bool(failed))
    mine = canonical_mailbox(delivery.address)
    own = [one for one in failed if canonical_mailbox(one.address) == mine]
    if not own:
        return EffectDecision(_E.NONE, _REASON_FOR_NONE_OF_OWN[bool(failed)], came_back=bool(failed))
    worst = min(own, key=lambda one: _ORDER.index(one.bounce_class))
    effect, words = _EFFECT_OF_CLASS[worst.bounce_class]
    return EffectDecision(effect, f"{words} ({reported_status(worst)})", worst, effect is not _E.NONE)


def reported_status(one: ReportedRecipient) -> str:
    """Returns the enhanced status of a reported recipient, else the reply code, else that there is none."""
    return one.status or (str(one.code) if one.code else "no status")


def decide_effect_of_complaint(feedback_type: str | None, delivery: ReportedDelivery | None) -> EffectDecision:
    """Returns the effect of a complaint (RFC 5965): no more optional mail, if it proves to be about a mail of ours."""
    if delivery is None:
        return EffectDecision(_E.NONE, "it does not prove to be about a mail of ours")
    if feedback_type not in COMPLAINTS:
        return EffectDecision(_E.NONE, f"feedback of the type {feedback_type or 'none'} is about nobody's wish")
    return EffectDecision(_E.COMPLAINT, f"the receiver reports {feedback_type}")


def feedback_subject_of_delivery(delivery: ReportedDelivery) -> FeedbackSubject | None:
    """Returns the optional mail under which a report about a delivery is counted; None if it is not counted."""
    if delivery.processor is None or delivery.handed_over_at is None or not CATEGORIES[delivery.category].is_optional:
        return None
    provider = mailbox_provider_of_domain((delivery.address or "").rpartition("@")[2].lower())
    return FeedbackSubject(FeedbackKey(delivery.brand, delivery.processor, provider), delivery.handed_over_at)


def decide_effect_of_other_mail(mailbox: Mailbox, kind: ReportKind) -> EffectDecision:
    """Returns the effect of a message that is neither a bounce nor a complaint."""
    match kind:
        case ReportKind.AUTOMATIC_REPLY:
            return EffectDecision(_E.NONE, "an automatic reply is neither a bounce nor a request (RFC 3834)")
        case ReportKind.DMARC_REPORT | ReportKind.TLS_REPORT:
            return EffectDecision(_E.NONE, "a report about our domain is about nobody")
        case _:
            return EffectDecision(_E.WAITS, f"a message to the {mailbox.replace('_', ' ')} mailbox has to be read")
