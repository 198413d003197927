"""The reasons of a delivery's state: the meaning of each, and the remedy for an operator.

docs/reference/reasons.md is made of this table. Tests hold it against the rules and the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DeliveryReasonExplanation:
    """A reason in words.

    Attributes:
        states: of the deliveries that have it.
        says: what happened.
        do: what an operator can do; empty: nothing has to be done.
    """

    states: str
    says: str
    do: str = ""


_EXPLAIN = "`mailer policy explain` names what is missing"
_REGISTRY = "correct the policy's `[[processors]]` or `MAILER_PROCESSORS`; it is tried again every 15 minutes"

REASONS: Final[Mapping[str, DeliveryReasonExplanation]] = {
    "opted_out": DeliveryReasonExplanation("suppressed", "The person left this category, or all optional mail."),
    "objected": DeliveryReasonExplanation("suppressed", "The person objected to all marketing."),
    "purpose_refused": DeliveryReasonExplanation("suppressed", "The person refused mail for this purpose."),
    "deactivated": DeliveryReasonExplanation("suppressed", "The person closed the account."),
    "restricted": DeliveryReasonExplanation(
        "suppressed", "Processing is restricted: account, legal and security mail only."
    ),
    "under_13": DeliveryReasonExplanation(
        "suppressed, cancelled", "The person is known to be under 13, and gets no mail at all."
    ),
    "erased": DeliveryReasonExplanation("suppressed, cancelled", "The person's data were erased."),
    "erased_before": DeliveryReasonExplanation(
        "suppressed", "Somebody with this address was erased. Optional mail waits for a new consent."
    ),
    "no_opt_in": DeliveryReasonExplanation("suppressed", "Such mail needs a consent here, and the person gave none."),
    "not_subscribed": DeliveryReasonExplanation("suppressed", "The person has no confirmed subscription."),
    "other_topics_only": DeliveryReasonExplanation("suppressed", "The person asked for other topics."),
    "consent_not_confirmed": DeliveryReasonExplanation(
        "suppressed", "The law where the person lives wants a consent that a link in a mail confirmed."
    ),
    "consent_too_old": DeliveryReasonExplanation(
        "suppressed", "The law where the person lives wants the consent to be given again."
    ),
    "unknown_basis": DeliveryReasonExplanation(
        "suppressed", "Nobody knows how the address was collected, or under which policy.", _EXPLAIN
    ),
    "contest_is_no_consent": DeliveryReasonExplanation("suppressed", "The address was given to enter a contest."),
    "needs_fresh_consent": DeliveryReasonExplanation(
        "suppressed", "The purpose is new since the address was collected."
    ),
    "not_collected_for_it": DeliveryReasonExplanation(
        "suppressed", "The address was collected for another purpose.", _EXPLAIN
    ),
    "unrelated_third_party": DeliveryReasonExplanation(
        "suppressed", "The partner is not one of the policy's `[[partners]]`."
    ),
    "no_partner_mail": DeliveryReasonExplanation(
        "suppressed", "The policy, or the law, allows no partner's mail to this person."
    ),
    "not_requested": DeliveryReasonExplanation("suppressed", "The person did not ask for mail of this partner."),
    "no_inviter": DeliveryReasonExplanation(
        "suppressed", "An invitation that names no inviter, or one who is not known."
    ),
    "inviter_paused": DeliveryReasonExplanation(
        "suppressed", "The invitations of this member are stopped after a report.", "`mailer inviters resume MEMBER`"
    ),
    "invited_once": DeliveryReasonExplanation("suppressed", "The address has had its one invitation."),
    "only_invited": DeliveryReasonExplanation(
        "suppressed", "The address was given for an invitation, and for nothing else."
    ),
    "category_cap": DeliveryReasonExplanation(
        "suppressed", "The person had as many mails of the category as the policy allows."
    ),
    "brand_cap": DeliveryReasonExplanation("suppressed", "The person had as many optional mails as the policy allows."),
    "own_pause": DeliveryReasonExplanation(
        "suppressed", "The person paused optional mail for 30 or 90 days. It does not come later."
    ),
    "own_cap": DeliveryReasonExplanation(
        "suppressed", "The person had the one optional mail a week or a month that they chose."
    ),
    "no_address": DeliveryReasonExplanation(
        "suppressed, diverted", "A `ref` that is not known yet, or has no address."
    ),
    "address_dead": DeliveryReasonExplanation("suppressed", "A relay said for good that the address does not exist."),
    "duplicate_address": DeliveryReasonExplanation(
        "suppressed", "Another recipient with the same address got the same text."
    ),
    "category_not_in_policy": DeliveryReasonExplanation("suppressed", "The brand's policy does not list the category."),
    "purpose_not_in_policy": DeliveryReasonExplanation("suppressed", "The brand's policy does not list the purpose."),
    "only_deliver_to": DeliveryReasonExplanation(
        "suppressed", "The address is outside the staging fence.", "`MAILER_ONLY_DELIVER_TO`"
    ),
    "written_notice": DeliveryReasonExplanation(
        "diverted", "Somebody has to tell the person in writing: no mail can.", "`mailer notices list`"
    ),
    "no_electronic_consent": DeliveryReasonExplanation(
        "diverted", "The person withdrew the consent to electronic notices.", "`mailer notices list`"
    ),
    "channel_preference": DeliveryReasonExplanation(
        "diverted", "The person wants to be told on another channel.", "`mailer notices list`"
    ),
    "not_yet_due": DeliveryReasonExplanation("held", "It is before the event's `send_at`."),
    "outside_hours": DeliveryReasonExplanation("held", "It is outside the policy's hours where the recipient lives."),
    "copy_undecided": DeliveryReasonExplanation(
        "held", "Another recipient with this address gets the text; its result is not known yet."
    ),
    "quarantined": DeliveryReasonExplanation(
        "held",
        "A relay said that the address does not exist, as it did of too many others.",
        "judge with `mailer quarantine believe` or `mailer quarantine dismiss`",
    ),
    "dismissed": DeliveryReasonExplanation(
        "deferred", "A person did not believe the relay's refusal. It is tried again at once."
    ),
    "processor_not_in_policy": DeliveryReasonExplanation(
        "held", "The policy lists none of the processors that are set up.", _REGISTRY
    ),
    "processor_in_another_country": DeliveryReasonExplanation(
        "held", "The policy names another country for the processor.", _REGISTRY
    ),
    "purpose_not_of_processor": DeliveryReasonExplanation("held", "No processor may serve the purpose.", _REGISTRY),
    "processor_may_retain": DeliveryReasonExplanation(
        "held", "The policy asks for a statement that the processor retains nothing.", _REGISTRY
    ),
    "set_up": DeliveryReasonExplanation(
        "held",
        "The receiving domain finds our set-up broken (SPF, DKIM, DMARC, reverse DNS, TLS).",
        "`mailer doctor`, then `mailer mailing resume ID`; it is tried again every hour",
    ),
    "no_way_out": DeliveryReasonExplanation(
        "held",
        "The mail as rendered would not show its reader how to leave it.",
        "correct the template, then `mailer mailing resume ID`",
    ),
    "bug": DeliveryReasonExplanation("held", "It met an error of mailer itself.", "read the log, and report it"),
    "cancelled": DeliveryReasonExplanation("cancelled", "Somebody cancelled the mailing."),
    "restored": DeliveryReasonExplanation("failed", "It may have gone out before a restore that ended optional mail."),
    "expired": DeliveryReasonExplanation(
        "expired", "It is after the event's `expires_at`. A breach notice never expires."
    ),
    "render_error": DeliveryReasonExplanation(
        "failed", "This person's values do not fit the template. The others got their mail.", "correct the values"
    ),
    "in_doubt": DeliveryReasonExplanation(
        "failed, deferred, held",
        "It may have been handed over before a crash. Optional mail ends as failed. Mandatory mail goes again; after"
        " `MAILER_COPIES` copies it is held.",
        "held: `mailer mailing resume ID` sends one more copy, `mailer mailing end ID` none",
    ),
    "blocked": DeliveryReasonExplanation(
        "failed", "The relay refused the message for a reason of ours.", "`mailer processors list`"
    ),
    "gave_up": DeliveryReasonExplanation(
        "failed",
        "It was tried for as long as its category is tried: five days for account mail, breach, rights, policy changes"
        " and business transitions, two for service mail, updates and newsletters, one for all else. The last reason"
        " follows.",
        "`mailer processors list`",
    ),
}
"""The reasons by name; the key of a reason of several words is its first word."""
