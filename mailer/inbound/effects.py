"""Decides about the effect of a received message. Pure values: `handling` reads what is asked for, and acts."""

from dataclasses import dataclass
from typing import Final

from mailer.ports.received_mail import Mailbox, ReceivedMailEffect, ReportedDelivery
from mailer.rendering.mailbox_spellings import canonical_mailbox

COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "virus", "other"})
"""The types of feedback by which a person, or their provider, wants no more optional mail (RFC 5965 3.1, 7.3)."""
_E: Final = ReceivedMailEffect


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    """A recipient in a report.

    Attributes:
        addresses: the addresses that the report gives for them: the original and the final one.
        status: the enhanced status (RFC 3463), or the reply code; empty if there is none.
        is_hard: the address does not exist. is_soft: the mailbox takes no mail for now.
    """

    addresses: tuple[str, ...]
    status: str
    is_hard: bool
    is_soft: bool


@dataclass(frozen=True, slots=True)
class EffectDecision:
    """The effect of a message, with its reason in words without an address, and the failure that it rests on."""

    effect: ReceivedMailEffect
    reason: str
    failure: ReportedFailure | None = None


def decide_effect_of_bounce(failures: tuple[ReportedFailure, ...], delivery: ReportedDelivery | None) -> EffectDecision:
    """Returns the effect of a bounce (RFC 3464 4; MAIL.md, "Bounces").

    It is believed only if it proves to answer a mail of ours, and is about the address that the person has now: of an
    address to which their mail is forwarded, they may know nothing.

    Args:
        failures: the recipients for whom delivery failed.
        delivery: the delivery whose signed return path the report came to; None: it proves none.
    """
    if delivery is None:
        return EffectDecision(_E.NONE, "it does not prove to answer a mail of ours")
    if delivery.address is None:
        return EffectDecision(_E.NONE, "the person has no address any more")
    mine = canonical_mailbox(delivery.address)
    own = [failure for failure in failures if mine in {canonical_mailbox(address) for address in failure.addresses}]
    if not own:
        return EffectDecision(_E.NONE, "it is about another address than the person has now")
    failure = next((failure for failure in own if failure.is_hard), own[0])
    if failure.is_hard:
        return EffectDecision(_E.ADDRESS_DEAD, f"the address does not exist ({failure.status or 'no status'})", failure)
    if failure.is_soft:
        return EffectDecision(
            _E.SOFT_BOUNCE, f"the mailbox takes no mail for now ({failure.status or 'no status'})", failure
        )
    return EffectDecision(_E.NONE, f"it was refused for a reason of ours ({failure.status or 'no status'})", failure)


def decide_effect_of_complaint(feedback_type: str | None, delivery: ReportedDelivery | None) -> EffectDecision:
    """Returns the effect of a complaint (RFC 5965): no more optional mail, if it proves to be about a mail of ours."""
    if delivery is None:
        return EffectDecision(_E.NONE, "it does not prove to be about a mail of ours")
    if feedback_type not in COMPLAINTS:
        return EffectDecision(_E.NONE, f"feedback of the type {feedback_type or 'none'} is about nobody's wish")
    return EffectDecision(_E.COMPLAINT, f"the receiver reports {feedback_type}")


def decide_effect_of_other_mail(mailbox: Mailbox, kind: str) -> EffectDecision:
    """Returns the effect of a message that is neither a bounce nor a complaint."""
    match kind:
        case "automatic_reply":
            return EffectDecision(_E.NONE, "an automatic reply is neither a bounce nor a request (RFC 3834)")
        case "dmarc_report" | "tls_report":
            return EffectDecision(_E.NONE, "a report about our domain is about nobody")
        case _:
            return EffectDecision(_E.WAITS, f"a message to the {mailbox.replace('_', ' ')} mailbox has to be read")
