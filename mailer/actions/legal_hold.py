"""Legal holds. While one is in force, no data of the person are erased (interpals-12)."""

from collections.abc import Sequence

from mailer.actions.account_flags import UnknownRecipient
from mailer.policy.rule_registry import rule
from mailer.ports.privacy_rights import PrivacyRightsStore


class LegalHoldRefused(ValueError):
    """A legal hold that cannot be set or lifted. The message gives the reason."""


@rule("legal-hold", "interpals-12; GDPR Art. 17(3)(b), (e)")
def erasure_refusal_by_holds(references: Sequence[str]) -> str | None:
    """A legal hold that stands forbids erasure, and says so."""
    if not references:
        return None
    return f"a legal hold forbids erasure: {', '.join(references)}; lift it with `mailer recipients hold --lift` first"


def correction_refusal_by_holds(references: Sequence[str]) -> str | None:
    """Returns the reason why legal holds forbid a correction, or None if there is no hold."""
    if not references:
        return None
    held = ", ".join(references)
    return f"a legal hold preserves these data: {held}; lift it with `mailer recipients hold --lift`, then correct them"


async def set_legal_hold(
    rights: PrivacyRightsStore, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool
) -> None:
    """Sets a legal hold.

    Args:
        rights: the store of legal holds.
        brand: the brand of the recipient.
        recipient_id: the recipient.
        reference: the reference of the legal process.
        actor: the person who sets the hold.
        named: tells whether the recipient may be told of the hold. A court may forbid that.

    Raises:
        LegalHoldRefused: the reference or the actor is missing.
        SameLegalHoldAlreadyStands: one with this reference stands already.
        UnknownRecipient: the brand has no such recipient.
    """
    _check_reference_and_actor(reference, actor)
    if not await rights.place_legal_hold(brand, recipient_id, reference, actor, named=named):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def lift_legal_hold(
    rights: PrivacyRightsStore, brand: str, recipient_id: int, reference: str, actor: str
) -> None:
    """Lifts the legal holds with this reference.

    Raises:
        LegalHoldRefused: the reference or the actor is missing.
        NoLegalHold: there is no such hold.
        UnknownRecipient: the brand has no such recipient.
    """
    _check_reference_and_actor(reference, actor)
    if not await rights.lift_legal_hold(brand, recipient_id, reference, actor):
        raise UnknownRecipient(f"{brand} has no such recipient")


def _check_reference_and_actor(reference: str, actor: str) -> None:
    if not reference.strip() or not actor.strip():
        raise LegalHoldRefused(
            "a legal hold has the reference of its process, and a person who sets or lifts it; name both"
        )
