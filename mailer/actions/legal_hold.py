"""Legal holds: while one stands, nothing of a person is erased (interpals-12)."""

from collections.abc import Sequence

from mailer.actions.account_flags import UnknownRecipient
from mailer.policy.rule_registry import rule
from mailer.ports.rights import RightsStore


class HoldRefused(ValueError):
    """A hold that cannot be set or lifted; the message says why."""


@rule("legal-hold", "interpals-12; GDPR Art. 17(3)(b), (e)")
def forbid_erasure(references: Sequence[str]) -> str | None:
    """A legal hold that stands forbids erasure, and says so."""
    if not references:
        return None
    return f"a legal hold forbids erasure: {', '.join(references)}; lift it with `mailer recipients hold --lift` first"


def correction_refusal(references: Sequence[str]) -> str | None:
    """Says of legal holds that they forbid a correction; None where none stands."""
    if not references:
        return None
    held = ", ".join(references)
    return f"a legal hold preserves these data: {held}; lift it with `mailer recipients hold --lift`, then correct them"


async def set_legal_hold(
    rights: RightsStore, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool
) -> None:
    """Sets a legal hold.

    Args:
        rights: where it is kept.
        brand: whose recipient.
        recipient_id: who.
        reference: of the legal process.
        actor: who sets it.
        named: the person may be told of it; a court may forbid that.

    Raises:
        HoldRefused: no reference or nobody is named.
        UnknownRecipient: the brand has no such recipient.
    """
    _check_names(reference, actor)
    if not await rights.set_legal_hold(brand, recipient_id, reference, actor, named=named):
        raise UnknownRecipient(f"{brand} has no such recipient")


async def lift_legal_hold(rights: RightsStore, brand: str, recipient_id: int, reference: str, actor: str) -> None:
    """Lifts the holds of a reference.

    Raises:
        HoldRefused: no reference or nobody is named.
        NoHold: no such hold stands.
        UnknownRecipient: the brand has no such recipient.
    """
    _check_names(reference, actor)
    if not await rights.lift_legal_hold(brand, recipient_id, reference, actor):
        raise UnknownRecipient(f"{brand} has no such recipient")


def _check_names(reference: str, actor: str) -> None:
    if not reference.strip() or not actor.strip():
        raise HoldRefused("a legal hold has the reference of its process, and a person who sets or lifts it; name both")
