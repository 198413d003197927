"""The rules that `decide` asks: small pure functions, each with a source. `deciding` has their order.

A rule reads a trait of a category (`Category.partners`, `Category.invites`, …), never its name.
"""

from datetime import timedelta

from mailer.policy.address_sources import FOR_SOMETHING_ELSE
from mailer.policy.consent_validity import NO_TERMS, legal_flaw_of_consent
from mailer.policy.decision_types import EXPIRED, Decision, Divert, FactsForRules, Hold, Suppress
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, WRITTEN, category_scope, partner_scope, purpose_scope

Verdict = Decision | None

SOON = timedelta(seconds=10)  # the wait before the rule looks again if another worker has sent the copy


def _build_suppress_verdict(reason: str, name: str, facts: FactsForRules) -> Suppress:
    return Suppress(reason, name, facts.policy.version)


def _divert_to_written_notice_or_suppress(reason: str, name: str, facts: FactsForRules) -> Decision:
    """Returns Divert to the written-notice queue for an unreachable breach notice, and Suppress for other mail."""
    if facts.category.written_fallback:
        return Divert(WRITTEN, reason, name, facts.policy.version)
    return _build_suppress_verdict(reason, name, facts)


def _has_valid_consent(facts: FactsForRules) -> bool:
    """Tells whether the person asked for this mail: for its category, its topic, or its partner."""
    found, given = facts.has_asked, facts.standing.consents
    if found is None:
        found = False
        if given:
            for asked in _consent_scopes_allowing_mail(facts):
                found = found or (asked in given and _consent_flaw(facts, asked, "") is None)
        facts.has_asked = found
    return found


def _consent_scopes_allowing_mail(facts: FactsForRules) -> tuple[str, ...]:
    """Returns the scopes of which a consent would allow this mail."""
    name, topic = facts.category.name, facts.mailing.topic
    if facts.category.partners:
        return name, category_scope(name, topic), partner_scope(facts.mailing.partner or "")
    return (name,) if topic is None else (name, f"{name}/{topic}")


def _reason_why_no_consent_counts(facts: FactsForRules, reason: str) -> str | None:
    """Returns the reason for which no consent to this mail counts: the law's, else `reason`. None: one counts."""
    if _has_valid_consent(facts):
        return None
    flaws = (_consent_flaw(facts, asked, reason) for asked in _consent_scopes_allowing_mail(facts))
    return next((flaw for flaw in flaws if flaw != reason), reason)


def _consent_flaw(facts: FactsForRules, asked: str, reason: str) -> str | None:
    """Returns `reason` without a consent to a scope, else the law's reason why it does not count. None: it counts."""
    standing = facts.standing
    if asked not in standing.consents:
        return reason
    terms = facts.policy.consent_validity_terms(standing.country)
    return None if terms is NO_TERMS else legal_flaw_of_consent(terms, standing.consent_days, asked, facts.now)


@rule("closed-purposes", "interpals-02", sees=("mailing.category.name", "mailing.purpose"))
def suppress_unlisted_category_or_purpose(facts: FactsForRules) -> Verdict:
    """Mail is sent only with a category and a purpose that are in the policy's closed lists."""
    mailing, policy = facts.mailing, facts.policy
    if mailing.category.name not in policy.terms:
        return _build_suppress_verdict("category_not_in_policy", "closed-purposes", facts)
    if mailing.purpose not in policy.purposes:
        return _build_suppress_verdict("purpose_not_in_policy", "closed-purposes", facts)
    return None


@rule("under-13", "interpals-03; COPPA, 15 U.S.C. 6502", sees=("standing.under_13",))
def suppress_if_under_13(facts: FactsForRules) -> Verdict:
    """Nobody known to be under 13 gets mail of any kind."""
    return _build_suppress_verdict("under_13", "under-13", facts) if facts.standing.under_13 else None


@rule("erased", "interpals-20; GDPR Art. 12(3), 17; invariant 3", sees=("standing.erased", "category.name"))
def suppress_if_erased(facts: FactsForRules) -> Verdict:
    """An erased person has no data left to mail; an answer to their request that was under way still reaches them."""
    if not facts.standing.erased or (facts.category.answers and facts.standing.address is not None):
        return None
    return _build_suppress_verdict("erased", "erased", facts)


@rule("expired", "the event's expires_at", sees=("mailing.expires_at", "now"))
def suppress_if_expired(facts: FactsForRules) -> Verdict:
    """Nothing goes out after its time. A notice that everyone must get has none: it is tried, and then written."""
    expires_at = facts.mailing.expires_at
    return (
        _build_suppress_verdict(EXPIRED, "expired", facts)
        if expires_at is not None and facts.now >= expires_at
        else None
    )


@rule("restricted", "peerstream-09; GDPR Art. 18; invariant 3", sees=("standing.restricted", "category.name"))
def suppress_most_if_restricted(facts: FactsForRules) -> Verdict:
    """A restricted recipient gets account, legal and security mail only."""
    if facts.standing.restricted and not facts.category.outlives_account:
        return _build_suppress_verdict("restricted", "restricted", facts)
    return None


@rule(
    "deactivated",
    "paltalk06-06, paltalk02-01, paltalk02-08; invariant 3",
    sees=("standing.deactivated", "category.name"),
)
def suppress_most_if_account_closed(facts: FactsForRules) -> Verdict:
    """A closed account gets only account, legal and security mail. This also decides about queued mail."""
    if facts.standing.deactivated and not facts.category.outlives_account:
        return _build_suppress_verdict("deactivated", "deactivated", facts)
    return None


@rule("objection", "peerstream-06; GDPR Art. 21(3)", sees=("standing.objected",))
def suppress_optional_after_objection(facts: FactsForRules) -> Verdict:
    """An objection to marketing holds for all brands of the controller, and for all optional mail."""
    if facts.standing.objected and facts.category.is_optional:
        return _build_suppress_verdict("objected", "objection", facts)
    return None


@rule(
    "opt-out",
    "interpals-07, interpals-09, paltalk06-02, paltalk02-08; invariant 2; CAN-SPAM 5(a)(4)",
    sees=("standing.opted_out", "category.name", "mailing.topic"),
)
def suppress_after_opt_out(facts: FactsForRules) -> Verdict:
    """Optional mail never goes to a person who left its category, its topic, or all optional mail."""
    left = facts.standing.opted_out
    if (
        left
        and facts.category.is_optional
        and facts.standing.has_opted_out_of(facts.category.name, facts.mailing.topic)
    ):
        return _build_suppress_verdict("opted_out", "opt-out", facts)
    return None


@rule("refused-purpose", "paltalk06-14", sees=("standing.opted_out", "mailing.purpose"))
def suppress_refused_purpose(facts: FactsForRules) -> Verdict:
    """A purpose that the person has refused gets no optional mail."""
    left = facts.standing.opted_out
    if left and facts.category.is_optional and purpose_scope(facts.mailing.purpose) in left:
        return _build_suppress_verdict("purpose_refused", "refused-purpose", facts)
    return None


@rule("strangers", "interpals-04", sees=("mailing.partner",))
def suppress_for_unregistered_partner(facts: FactsForRules) -> Verdict:
    """Mail for a third party is sent only if that party is a registered partner."""
    partner = facts.mailing.partner
    if partner is None or facts.policy.find_partner_on_day(partner, facts.now.date()) is not None:
        return None
    return _build_suppress_verdict("unrelated_third_party", "strangers", facts)


@rule(
    "partner-request",
    "interpals-05, paltalk02-04",
    sees=("mailing.partner", "switches.partner_mail", "standing.consents", "standing.opted_out"),
)
def suppress_disallowed_partner_mail(facts: FactsForRules) -> Verdict:
    """Mail that names a partner goes where the policy lets it; on request, to those who asked for that partner."""
    partner, allowed = facts.mailing.partner, facts.switches.partner_mail
    if partner is None and not facts.category.partners:
        return None
    if partner is None or allowed == "never":
        return _build_suppress_verdict("no_partner_mail", "partner-request", facts)
    asked, left = partner_scope(partner), facts.standing.opted_out
    if left and not left.isdisjoint((asked, SHARING)):
        return _build_suppress_verdict("opted_out", "partner-request", facts)
    if allowed == "on_request" and (flaw := _consent_flaw(facts, asked, "not_requested")):
        return _build_suppress_verdict(flaw, "partner-request", facts)
    return None


@rule("inviter", "interpals-10, paltalk02-06, paltalk02-07", sees=("mailing.inviter", "mailing.inviter_paused"))
def suppress_if_no_or_paused_inviter(facts: FactsForRules) -> Verdict:
    """An invitation has an inviter whose invitations have not been stopped."""
    if not facts.category.invites:
        return None
    if facts.mailing.inviter is None:
        return _build_suppress_verdict("no_inviter", "inviter", facts)
    return _build_suppress_verdict("inviter_paused", "inviter", facts) if facts.mailing.inviter_paused else None


@rule("one-invitation", "interpals-10", sees=("standing.invited_by", "standing.source", "standing.consents"))
def suppress_reuse_of_invited_address(facts: FactsForRules) -> Verdict:
    """An invitee's address is used once, and never for anything else that is optional, unless its owner asks for it."""
    standing = facts.standing
    if facts.category.invites:
        used = standing.invited_by is not None and standing.invited_by != facts.mailing.id
        return _build_suppress_verdict("invited_once", "one-invitation", facts) if used else None
    if (
        facts.category.mandatory
        or facts.policy.source_vocabulary.strictest_source_kind(standing.source) != "invitation"
        or _has_valid_consent(facts)
    ):
        return None
    return _build_suppress_verdict("only_invited", "one-invitation", facts)


@rule("erased-before", "PROMISES: erased, an account registers again", sees=("standing.erased_before",))
def suppress_optional_if_erased_before(facts: FactsForRules) -> Verdict:
    """An erased address that comes back gets no optional mail without a new consent."""
    if facts.category.mandatory or not facts.standing.erased_before or _has_valid_consent(facts):
        return None
    return _build_suppress_verdict("erased_before", "erased-before", facts)


@rule(
    "known-basis",
    "PROMISES: unknown means no promotion; interpals-01, interpals-13",
    sees=("standing.source", "standing.collected_under", "standing.consents"),
)
def suppress_marketing_to_unknown_origin(facts: FactsForRules) -> Verdict:
    """Marketing needs a known source and policy of the address. A newsletter that was asked for does not."""
    standing = facts.standing
    if not facts.category.markets or (standing.source and facts.policy.knows_versions(standing.collected_under)):
        return None
    has_asked = not facts.category.promotes and _has_valid_consent(facts)
    return None if has_asked else _build_suppress_verdict("unknown_basis", "known-basis", facts)


@rule("contest-entry", "interpals-01", sees=("standing.source", "standing.consents"))
def suppress_marketing_if_address_given_otherwise(facts: FactsForRules) -> Verdict:
    """Entering a contest is no consent to marketing. Nor is giving an address for another purpose."""
    reason = FOR_SOMETHING_ELSE.get(facts.policy.source_vocabulary.strictest_source_kind(facts.standing.source))
    if reason is None or not facts.category.markets or _has_valid_consent(facts):
        return None
    return _build_suppress_verdict(reason, "contest-entry", facts)


@rule(
    "promo-basis",
    "interpals-24, paltalk06-12, paltalk02-02; ePrivacy Directive Art. 13(1)",
    sees=("switches.promo_basis", "standing.country", "standing.consents"),
)
def suppress_marketing_without_opt_in(facts: FactsForRules) -> Verdict:
    """Direct marketing that needs an opt-in goes only to people who asked for it."""
    if not facts.category.markets or facts.switches.promo_basis == "opt_out":
        return None
    flaw = _reason_why_no_consent_counts(facts, "no_opt_in")
    return _build_suppress_verdict(flaw, "promo-basis", facts) if flaw else None


@rule("topic-consent", "paltalk06-01", sees=("mailing.topic", "standing.consents"))
def suppress_if_only_other_topics_consented(facts: FactsForRules) -> Verdict:
    """A person who consented to some topics of a category gets only those."""
    if facts.category.mandatory or facts.category.partners or not facts.standing.consents or _has_valid_consent(facts):
        return None
    prefix = f"{facts.category.name}/"
    if not any(given.startswith(prefix) for given in facts.standing.consents):
        return None
    return _build_suppress_verdict("other_topics_only", "topic-consent", facts)


@rule("subscription", "paltalk06-03", sees=("policy.terms", "standing.consents"))
def suppress_without_confirmed_subscription(facts: FactsForRules) -> Verdict:
    """Nobody gets a category without a confirmed subscription, if the policy asks for one."""
    terms = facts.policy.terms.get(facts.category.name)
    if terms is None or not terms.confirmed:
        return None
    flaw = _reason_why_no_consent_counts(facts, "not_subscribed")
    return _build_suppress_verdict(flaw, "subscription", facts) if flaw else None


@rule("fresh-consent", "paltalk06-25", sees=("mailing.purpose", "standing.collected_under", "standing.consents"))
def suppress_new_purpose_without_consent(facts: FactsForRules) -> Verdict:
    """A purpose newer than the policy under which an address was collected waits for a consent to it or that policy."""
    purpose = facts.mailing.purpose
    if facts.category.mandatory or purpose in facts.policy.purposes_common_to_binding_versions(
        facts.standing.collected_under
    ):
        return None
    flaw = _consent_flaw(facts, purpose_scope(purpose), "needs_fresh_consent")
    return _build_suppress_verdict(flaw, "fresh-consent", facts) if flaw else None


@rule(
    "channel",
    "paltalk06-08, paltalk06-32, paltalk02-05",
    sees=("standing.channel", "policy.channels", "mailing.answers"),
)
def divert_to_wished_channel(facts: FactsForRules) -> Verdict:
    """A person's choice of a channel that the policy offers moves announcements, answers and optional mail there."""
    wished = facts.standing.channel
    if wished not in facts.policy.channels:
        return None
    if facts.category.outlives_account and not (facts.category.may_answer and facts.mailing.answers):
        return None
    return Divert(wished, "channel_preference", "channel", facts.policy.version)


@rule("no-address", "invariant 1; interpals-18")
def divert_breach_or_suppress_if_no_address(facts: FactsForRules) -> Verdict:
    """A person without an address cannot be mailed; a breach notice is written to them."""
    return (
        _divert_to_written_notice_or_suppress("no_address", "no-address", facts)
        if facts.standing.address is None
        else None
    )


@rule("dead-address", "invariant 3; interpals-18", sees=("standing.address_dead", "standing.dead_in"))
def divert_breach_or_suppress_dead_address(facts: FactsForRules) -> Verdict:
    """A dead address gets no mail; a breach notice is written to its owner. It may be dead for some scopes only."""
    if facts.standing.address_dead:
        return _divert_to_written_notice_or_suppress("address_dead", "dead-address", facts)
    dead_in = facts.standing.dead_in
    if dead_in and facts.category.is_optional and not _scopes_to_which_mail_belongs(facts).isdisjoint(dead_in):
        return _build_suppress_verdict("address_dead", "dead-address", facts)
    return None


def _scopes_to_which_mail_belongs(facts: FactsForRules) -> set[str]:
    """Returns the scopes to which an optional mail belongs: its category, topic, purpose and partner, and all."""
    mailing, name = facts.mailing, facts.category.name
    of_category = {EVERYTHING_OPTIONAL, name, category_scope(name, mailing.topic)}
    return of_category | {purpose_scope(mailing.purpose), partner_scope(mailing.partner or "")}


@rule("electronic-consent", "interpals-18", sees=("standing.electronic_refused",))
def divert_breach_if_electronic_refused(facts: FactsForRules) -> Verdict:
    """A person who withdrew the consent to electronic notices gets breach notices in writing."""
    if not facts.standing.electronic_refused or not facts.category.written_fallback:
        return None
    return Divert(WRITTEN, "no_electronic_consent", "electronic-consent", facts.policy.version)


@rule("one-copy", "invariant 1", sees=("standing.copy_of",))
def suppress_or_hold_duplicate_copy(facts: FactsForRules) -> Verdict:
    """Two recipients with one address get one copy of one text. If one may not have it, the other still gets it."""
    if facts.standing.copy_of is None:
        return None
    if facts.standing.copy_known_at is not None:
        return Hold(
            max(facts.standing.copy_known_at, facts.now) + SOON, "copy_undecided", "one-copy", facts.policy.version
        )
    return _build_suppress_verdict("duplicate_address", "one-copy", facts)


@rule("staging", "MAILER_ONLY_DELIVER_TO", sees=("policy.only_deliver_to",))
def suppress_outside_staging_fence(facts: FactsForRules) -> Verdict:
    """Outside production, mail leaves only for the addresses that were named."""
    allowed, address = facts.policy.only_deliver_to, facts.standing.address
    if allowed is None or address is None:
        return None
    domain = "@" + address.rpartition("@")[2].lower()
    return (
        None
        if address.lower() in allowed or domain in allowed
        else _build_suppress_verdict("only_deliver_to", "staging", facts)
    )


@rule("not-yet", "the event's send_at", sees=("mailing.send_at", "now"))
def hold_until_send_at(facts: FactsForRules) -> Verdict:
    """Nothing goes out before its time."""
    send_at = facts.mailing.send_at
    if send_at is None or facts.now >= send_at:
        return None
    return Hold(send_at, "not_yet_due", "not-yet", facts.policy.version)


@rule("frequency", "the policy's caps; MAIL.md", sees=("standing.sent", "policy.cap"))
def suppress_over_frequency_cap(facts: FactsForRules) -> Verdict:
    """Optional mail stays within the caps of its category and of the brand."""
    if facts.category.mandatory or not facts.standing.sent:
        return None
    terms = facts.policy.terms.get(facts.category.name)
    if terms and terms.cap and facts.standing.count_sent(facts.category.name) >= terms.cap.mails:
        return _build_suppress_verdict("category_cap", "frequency", facts)
    if facts.policy.cap is not None and facts.standing.count_sent(EVERYTHING_OPTIONAL) >= facts.policy.cap.mails:
        return _build_suppress_verdict("brand_cap", "frequency", facts)
    return None


@rule("service-rate", "paltalk06-04", idle=False, sees=("standing.sent",))
def is_service_mail_alarm_rate_exceeded(facts: FactsForRules) -> bool:
    """Service mail is rare: beyond the policy's rate it still goes out, and an alarm stands in the ledger."""
    if not facts.standing.sent:
        return False
    terms = facts.policy.terms.get(facts.category.name)
    if terms is None or terms.alarm is None:
        return False
    return facts.standing.count_sent(facts.category.name) >= terms.alarm.mails
