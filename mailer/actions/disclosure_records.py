"""Records disclosures under legal process: the data of a person that an authority was given (interpals-12)."""

from mailer.actions.account_flags import UnknownRecipient
from mailer.policy.rule_registry import rule
from mailer.ports.privacy_rights import LegalDisclosure, PrivacyRightsStore


class DisclosureRefused(ValueError):
    """A disclosure that cannot be recorded. The message says what is missing."""


@rule("disclosure", "interpals-12; GDPR Art. 15(1)(c)")
async def record_disclosure_to_authority(
    rights: PrivacyRightsStore, brand: str, recipient_id: int, disclosure: LegalDisclosure, actor: str
) -> None:
    """Each disclosure is on record: which kinds of data, to which authority, under which reference, by whom.

    Raises:
        DisclosureRefused: one of these facts is missing.
        UnknownRecipient: the brand has no such recipient.
    """
    stated = (disclosure.authority, disclosure.reference, actor, *disclosure.fields)
    if not disclosure.fields or not all(part.strip() for part in stated):
        raise DisclosureRefused("a disclosure has an authority, a reference, the kinds of data, and who disclosed them")
    if not await rights.record_legal_disclosure(brand, recipient_id, disclosure, actor):
        raise UnknownRecipient(f"{brand} has no such recipient")
