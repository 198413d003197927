"""Checks of a campaign's sender: one-click unsubscribe, and the records of its domain in the DNS."""

from collections.abc import Iterator
from typing import Final

from mailer.policy.category import CATEGORIES
from mailer.rendering.campaign_facts import CampaignFacts
from mailer.rendering.campaign_findings import CheckFinding, error_check, note_check, warning_check

ONE_CLICK_UNFIT = warning_check(
    "one-click-not-encrypted",
    "The address of List-Unsubscribe does not begin with https://, so mail programs show no button to unsubscribe"
    " (RFC 8058). Gmail and Yahoo ask bulk senders for one.",
    "Tell the operator: MAILER_PUBLIC_URL has to begin with https://.",
)
SENDER_FAULT = error_check(
    "sender-not-authenticated",
    "SPF, DKIM or DMARC (RFC 9989) of the sender's domain is missing or wrong, so receivers refuse bulk mail or file it"
    " as spam.",
    "Show this to the operator. The command `mailer doctor` says which record to publish.",
)
SENDER_WEAK = warning_check(
    "sender-weakly-authenticated",
    "SPF, DKIM or DMARC (RFC 9989) of the sender's domain is weak, or the DNS did not answer.",
    "Show this to the operator. The command `mailer doctor` says what to change.",
)
SENDER_CAPTURED = note_check(
    "mail-goes-to-nobody",
    "This installation captures its mail, for trials. Records of the sender's domain were not asked for.",
    "Nothing is to do for a trial. For real mail the operator sets MAILER_PROCESSORS.",
)
CHECKS: Final = (SENDER_FAULT, ONE_CLICK_UNFIT, SENDER_WEAK, SENDER_CAPTURED)
"""The checks of this module."""


def find_one_click_faults(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields an address of List-Unsubscribe that mail programs do not use."""
    category = CATEGORIES.get(facts.category)
    if category and category.is_optional and not facts.public_url.startswith("https://"):
        yield ONE_CLICK_UNFIT.finding(f"Links of this installation begin with {facts.public_url.partition('//')[0]}//.")
