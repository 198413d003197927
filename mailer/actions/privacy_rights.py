"""The rights of a person: a copy of their data, correction and erasure. Also marks accounts of children."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mailer.actions.account_flags import UnknownRecipient
from mailer.actions.consent import electronic_notice_basis_in_words
from mailer.actions.legal_hold import correction_refusal_by_holds, erasure_refusal_by_holds
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.ports.privacy_rights import DataCorrection, ErasureResult, PrivacyRightsStore

BASIS = "GDPR Art. 17(3)(b) and (e), Art. 21(3): to keep to the refusal, and to show what was done"
"""The legal basis for keeping the keyed hash and the pseudonymous ledger of an erased person."""

LINKS = {
    "unsubscribe": "leaves the mail's category",
    "leave": "asks by mail whether the account is to be closed",
    "preferences": "stops mail, and asks by mail for what would begin or move",
    "report": "says why the mail was sent, and that the account is not yours",
    "pixel": "counts that the mailing was opened; as yours only with your consent",
    "click": "leads on, and counts that a link of the mailing was followed; as yours only with your consent",
}
"""The effect of each signed link in mail. Links never expire. After a change of address, older links only opt out."""


@rule("export", "peerstream-07; GDPR Art. 15, 20")
async def read_personal_data(
    rights: PrivacyRightsStore, policy: Policy, recipient_id: int, now: datetime
) -> dict[str, Any]:
    """Everything that is stored about a person at a brand, in a form that people and machines can read.

    Args:
        rights: the store of personal data.
        policy: the policy of the brand.
        recipient_id: the person.
        now: the current time, with its zone.

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    copy = await rights.read_all_recipient_data(policy.brand, recipient_id)
    if copy is None:
        raise UnknownRecipient(f"{policy.brand} has no such recipient")
    controller = policy.controller
    deliveries = [{**delivery, "links": _link_kinds_of_delivery(policy, delivery)} for delivery in copy["deliveries"]]
    return {
        "v": 1,
        "exported_at": now.isoformat(),
        "controller": {
            "name": controller.name,
            "postal_address": controller.postal_address,
            "authority": controller.authority,
            "seal": policy.seal and policy.seal.model_dump(),
        },
        **copy,
        "deliveries": deliveries,
        "links": LINKS,
        "recipients_of_data": _processors_given_data(deliveries),
        "inbound": [],
        "basis": {
            "electronic_notices": electronic_notice_basis_in_words(policy, copy["data"]["policy_version"]),
            "retention_days": policy.retention_days,
        },
    }


@rule("erasure", "interpals-20, peerstream-09, paltalk06-21; GDPR Art. 17; invariant 8")
async def erase_recipient(rights: PrivacyRightsStore, policy: Policy, recipient_id: int, source: str) -> ErasureResult:
    """Erasure is real: what remains is a keyed hash, and numbers in a ledger that still verifies.

    Queued mail is cancelled. Processors that got data are listed, so that they can confirm that they erased them too.

    Args:
        rights: the store of personal data.
        policy: the policy of the brand.
        recipient_id: the person.
        source: who asked, and how, such as `operator`; the ledger stores it.

    Raises:
        ForbiddenByLegalHold: a legal hold is in force.
        UnknownRecipient: the brand has no such recipient.
    """
    keep = timedelta(days=policy.retention_days)
    done = await rights.erase_recipient(
        policy.brand, recipient_id, source, basis=BASIS, keep=keep, blocks=erasure_refusal_by_holds
    )
    if done is None:
        raise UnknownRecipient(f"{policy.brand} has no such recipient")
    return done


async def rectify_recipient(
    rights: PrivacyRightsStore, policy: Policy, recipient_id: int, correction: DataCorrection, source: str
) -> None:
    """Corrects a person's data as of now (GDPR Art. 16). Opt-outs of the old address also apply to a new one.

    Raises:
        ForbiddenByLegalHold: a legal hold preserves the data as they are.
        UnknownRecipient: the brand has no such recipient.
        RecipientErased: the person was erased.
        ValueError: the correction is empty, or no address is known.
    """
    if not correction.corrected_values:
        raise ValueError("nothing is corrected; name email, name, locale or country")
    if not await rights.rectify_recipient(
        policy.brand, recipient_id, correction, source, blocks=correction_refusal_by_holds
    ):
        raise UnknownRecipient(f"{policy.brand} has no such recipient")


async def mark_under_13(rights: PrivacyRightsStore, policy: Policy, recipient_id: int, source: str) -> None:
    """Marks a person as under 13, and cancels their queued mail (interpals-03).

    Raises:
        UnknownRecipient: the brand has no such recipient.
    """
    if not await rights.mark_recipient_under_13_and_cancel_deliveries(policy.brand, recipient_id, source):
        raise UnknownRecipient(f"{policy.brand} has no such recipient")


def _link_kinds_of_delivery(policy: Policy, delivery: Mapping[str, Any]) -> list[str]:
    """Returns the kinds of signed links in the mail of a delivery; an empty list if it was not handed over."""
    if not any(entry["kind"] == "hand_over" for entry in delivery["entries"]):
        return []
    return link_kinds_of_mail(policy, delivery["category"])


def link_kinds_of_mail(policy: Policy, name: str) -> list[str]:
    """Returns the kinds of signed links in mail of a category; see `LINKS` for their effects."""
    category = CATEGORIES.get(name)
    if category is None:
        return ["unknown"]  # a newer version has sent it
    if category.is_optional:
        counting = ["pixel", "click"] if policy.switches.tracking != "off" else []
        return ["unsubscribe", "preferences", "report", *counting]
    return ["leave", "report"] if policy.switches.service_footer == "leave" else ["report"]


def _processors_given_data(deliveries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the processors that got data, each with its country, kinds of data and last time (GDPR Art. 15(1)(c))."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for delivery in deliveries:
        for entry in delivery["entries"]:
            if entry["kind"] == "hand_over":
                key = entry["processor"], entry["country"], entry["contract"]
                fields = sorted({*found.get(key, {}).get("fields", ()), *(entry["fields"] or ())})
                last_at = max(found.get(key, {}).get("last_at", ""), entry["at"])
                names = dict(zip(("processor", "country", "contract"), key, strict=True))
                found[key] = {**names, "fields": fields, "last_at": last_at}
    return list(found.values())
