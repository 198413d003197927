"""The reasons of a delivery's state: the meaning of each, and the remedy for an operator.

docs/reference/reasons.md is made of this table. Tests hold it against the rules and the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ReasonExplanation:
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

REASONS: Final[Mapping[str, ReasonExplanation]] = {
    "opted_out": ReasonExplanation("suppressed", "The person left this category, or all optional mail."),
    "objected": ReasonExplanation("suppressed", "The person objected to all marketing."),
    "purpose_refused": ReasonExplanation("suppressed", "The person refused mail for this purpose."),
    "deactivated": ReasonExplanation("suppressed", "The person closed the account."),
    "restricted": ReasonExplanation("suppressed", "Processing is restricted: account, legal and security mail only."),
    "under_13": ReasonExplanation(
        "suppressed, cancelled", "The person is known to be under 13, and gets no mail at all."
    ),
    "erased": ReasonExplanation("suppressed, cancelled", "The person's data were erased."),
    "erased_before": ReasonExplanation(
        "suppressed", "Somebody with this address was erased. Optional mail waits for a new consent."
    ),
    "no_opt_in": ReasonExplanation("suppressed", "Such mail needs a consent here, and the person gave none."),
    "not_subscribed": ReasonExplanation("suppressed", "The person has no confirmed subscription."),
    "other_topics_only": ReasonExplanation("suppressed", "The person asked for other topics."),
    "consent_not_confirmed": ReasonExplanation(
        "suppressed", "The law where the person lives wants a consent that a link in a mail confirmed."
    ),
    "consent_too_old": ReasonExplanation(
        "suppressed", "The law where the person lives wants the consent to be given again."
    ),
    "unknown_basis": ReasonExplanation(
        "suppressed", "Nobody knows how the address was collected, or under which policy.", _EXPLAIN
    ),
    "contest_is_no_consent": ReasonExplanation("suppressed", "The address was given to enter a contest."),
    "needs_fresh_consent": ReasonExplanation("suppressed", "The purpose is new since the address was collected."),
    "not_collected_for_it": ReasonExplanation("suppressed", "The address was collected for another purpose.", _EXPLAIN),
    "unrelated_third_party": ReasonExplanation("suppressed", "The partner is not one of the policy's `[[partners]]`."),
    "no_partner_mail": ReasonExplanation(
        "suppressed", "The policy, or the law, allows no partner's mail to this person."
    ),
    "not_requested": ReasonExplanation("suppressed", "The person did not ask for mail of this partner."),
    "no_inviter": ReasonExplanation("suppressed", "An invitation that names no inviter, or one who is not known."),
    "inviter_paused": ReasonExplanation(
        "suppressed", "The invitations of this member are stopped after a report.", "`mailer inviters resume MEMBER`"
    ),
    "invited_once": ReasonExplanation("suppressed", "The address has had its one invitation."),
    "only_invited": ReasonExplanation("suppressed", "The address was given for an invitation, and for nothing else."),
    "category_cap": ReasonExplanation(
        "suppressed", "The person had as many mails of the category as the policy allows."
    ),
    "brand_cap": ReasonExplanation("suppressed", "The person had as many optional mails as the policy allows."),
    "no_address": ReasonExplanation("suppressed, diverted", "A `ref` that is not known yet, or has no address."),
    "address_dead": ReasonExplanation("suppressed", "A relay said for good that the address does not exist."),
    "duplicate_address": ReasonExplanation("suppressed", "Another recipient with the same address got the same text."),
    "category_not_in_policy": ReasonExplanation("suppressed", "The brand's policy does not list the category."),
    "purpose_not_in_policy": ReasonExplanation("suppressed", "The brand's policy does not list the purpose."),
    "only_deliver_to": ReasonExplanation(
        "suppressed", "The address is outside the staging fence.", "`MAILER_ONLY_DELIVER_TO`"
    ),
    "written_notice": ReasonExplanation(
        "diverted", "Somebody has to tell the person in writing: no mail can.", "`mailer notices list`"
    ),
    "no_electronic_consent": ReasonExplanation(
        "diverted", "The person withdrew the consent to electronic notices.", "`mailer notices list`"
    ),
    "channel_preference": ReasonExplanation(
        "diverted", "The person wants to be told on another channel.", "`mailer notices list`"
    ),
    "not_yet_due": ReasonExplanation("held", "It is before the event's `send_at`."),
    "outside_hours": ReasonExplanation("held", "It is outside the policy's hours where the recipient lives."),
    "copy_undecided": ReasonExplanation(
        "held", "Another recipient with this address gets the text; its result is not known yet."
    ),
    "quarantined": ReasonExplanation(
        "held",
        "A relay said that the address does not exist, as it did of too many others.",
        "judge with `mailer quarantine believe` or `mailer quarantine dismiss`",
    ),
    "dismissed": ReasonExplanation(
        "deferred", "A person did not believe the relay's refusal. It is tried again at once."
    ),
    "processor_not_in_policy": ReasonExplanation(
        "held", "The policy lists none of the processors that are set up.", _REGISTRY
    ),
    "processor_in_another_country": ReasonExplanation(
        "held", "The policy names another country for the processor.", _REGISTRY
    ),
    "purpose_not_of_processor": ReasonExplanation("held", "No processor may serve the purpose.", _REGISTRY),
    "processor_may_retain": ReasonExplanation(
        "held", "The policy asks for a statement that the processor retains nothing.", _REGISTRY
    ),
    "set_up": ReasonExplanation(
        "held",
        "The receiving domain finds our set-up broken (SPF, DKIM, DMARC, reverse DNS, TLS).",
        "`mailer doctor`, then `mailer mailing resume ID`; it is tried again every hour",
    ),
    "no_way_out": ReasonExplanation(
        "held",
        "The mail as rendered would not show its reader how to leave it.",
        "correct the template, then `mailer mailing resume ID`",
    ),
    "bug": ReasonExplanation("held", "It met an error of mailer itself.", "read the log, and report it"),
    "cancelled": ReasonExplanation("cancelled", "Somebody cancelled the mailing."),
    "restored": ReasonExplanation("failed", "It may have gone out before a restore that ended optional mail."),
    "expired": ReasonExplanation("expired", "It is after the event's `expires_at`. A breach notice never expires."),
    "render_error": ReasonExplanation(
        "failed", "This person's values do not fit the template. The others got their mail.", "correct the values"
    ),
    "in_doubt": ReasonExplanation(
        "failed, deferred, held",
        "It may have been handed over before a crash. Optional mail ends as failed. Mandatory mail goes again; after"
        " `MAILER_COPIES` copies it is held.",
        "held: `mailer mailing resume ID` sends one more copy, `mailer mailing end ID` none",
    ),
    "blocked": ReasonExplanation(
        "failed", "The relay refused the message for a reason of ours.", "`mailer processors list`"
    ),
    "gave_up": ReasonExplanation(
        "failed",
        "It was tried for as long as its category is tried: five days for account mail, breach, rights, policy changes"
        " and business transitions, two for service mail, updates and newsletters, one for all else. The last reason"
        " follows.",
        "`mailer processors list`",
    ),
}
"""The reasons by name; the key of a reason of several words is its first word."""
