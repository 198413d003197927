"""Statements for the rules that decide about mail, from the words of the promises that name the rule.

Each returns the fate that its promise demands for a person and a mailing, or None if the promise is not about them.
Those of the floor are also about mail that must go.
"""

from collections.abc import Callable

from mailer.trial.case_facts import (
    ANNOUNCING,
    LEGAL,
    MARKETING,
    OF_THE_ACCOUNT,
    PROMOTING,
    ExpectedFate,
    PersonMailingCase,
    has_mailable_address,
    has_opted_out_of_mail,
    has_sign_up_of_known_origin,
    has_source_of_kind,
    is_allowed_by_account_and_channel,
    is_mailing_itself_correct,
    is_opt_in_required,
    is_other_channel_wished,
    is_person_paying_for_product,
    switch_values_binding_person,
    versions_binding_person,
)
from mailer.trial.decision_expectation import DecisionExpectation, Speak
from mailer.trial.sample_people import FOREIGN_VERSION, HOME, STRANGER

FLOOR = "the floor"  # in place of a rule: for statements that hold for every brand with any policy


STATEMENTS: list[DecisionExpectation] = []
"""Every statement about decisions."""


def register_decision_expectation(*rules: str) -> Callable[[Speak], Speak]:
    """Registers a function as a statement of some rules."""

    def note(speak: Speak) -> Speak:
        says = (speak.__doc__ or "").splitlines()[0]
        STATEMENTS.append(DecisionExpectation(rules, says, speak))
        return speak

    return note


@register_decision_expectation("closed-purposes")
def expected_fate_of_unlisted_purpose(case: PersonMailingCase) -> ExpectedFate | None:
    """Nobody gets mail for a purpose that the policy does not list."""
    return ExpectedFate.STAYS if case.mail.mailing.purpose not in case.policy.purposes else None


@register_decision_expectation("under-13", FLOOR)
def expected_fate_if_under_13(case: PersonMailingCase) -> ExpectedFate | None:
    """Nobody known to be under 13 gets mail of any kind."""
    return ExpectedFate.STAYS if case.standing.under_13 else None


@register_decision_expectation("erased", "erasure", FLOOR)
def expected_fate_if_erased(case: PersonMailingCase) -> ExpectedFate | None:
    """An erased person gets nothing."""
    return ExpectedFate.STAYS if case.standing.erased else None


@register_decision_expectation("restricted")
def expected_fate_if_restricted(case: PersonMailingCase) -> ExpectedFate | None:
    """A restricted person gets account, legal and security mail, and nothing else."""
    if not case.standing.restricted:
        return None
    return _fate_where_only_legal_mail_goes(case)


@register_decision_expectation("deactivated", FLOOR)
def expected_fate_if_account_closed(case: PersonMailingCase) -> ExpectedFate | None:
    """A closed account gets legal and security mail, and neither service mail nor anything optional."""
    if not case.standing.deactivated:
        return None
    return _fate_where_only_legal_mail_goes(case)


def _fate_where_only_legal_mail_goes(case: PersonMailingCase) -> ExpectedFate | None:
    if case.category not in LEGAL | OF_THE_ACCOUNT:
        return ExpectedFate.STAYS
    return expect_usual_mail_to_reachable_person(case)


@register_decision_expectation("objection", FLOOR)
def expected_fate_after_marketing_objection(case: PersonMailingCase) -> ExpectedFate | None:
    """An objection to marketing ends all optional mail."""
    return ExpectedFate.STAYS if case.is_optional and case.standing.objected else None


@register_decision_expectation("opt-out", "own-preference", "way-out", FLOOR)
def expected_fate_after_opt_out(case: PersonMailingCase) -> ExpectedFate | None:
    """Optional mail never goes to a person who left all of it, its category or its topic."""
    return ExpectedFate.STAYS if case.is_optional and has_opted_out_of_mail(case) else None


@register_decision_expectation("own-preference")
def expected_fate_after_other_opt_out(case: PersonMailingCase) -> ExpectedFate | None:
    """Leaving one category leaves every other one as it is."""
    if (
        not case.standing.opted_out
        or not case.standing.opted_out <= set(case.policy.terms)
        or has_opted_out_of_mail(case)
    ):
        return None
    is_of_topics = any(given.startswith(f"{case.category}/") for given in case.standing.consents)
    is_spoken_of = case.category in _FREE and (case.category not in MARKETING or case.has_asked) and not is_of_topics
    return _expect_sending_to_ordinary_member(case) if is_spoken_of else None


_FREE = frozenset({"notification", "updates", "newsletter"})
"""Categories whose opt-out affects no other category."""


@register_decision_expectation("refused-purpose")
def expected_fate_if_person_refused_purpose(case: PersonMailingCase) -> ExpectedFate | None:
    """Optional mail never goes to a person who refused its purpose."""
    refused = f"purpose/{case.mail.mailing.purpose}" in case.standing.opted_out
    return ExpectedFate.STAYS if case.is_optional and refused else None


@register_decision_expectation("strangers")
def expected_fate_for_unknown_partner(case: PersonMailingCase) -> ExpectedFate | None:
    """No mail goes for a third party that is no partner of the brand."""
    return ExpectedFate.STAYS if case.mail.mailing.partner == STRANGER else None


@register_decision_expectation("partner-request")
def expected_fate_of_partner_mail(case: PersonMailingCase) -> ExpectedFate | None:
    """A partner's mail goes as the policy says: to nobody, to people who asked for it, or to all who did not refuse."""
    if case.category != "partner":
        return None
    name = case.mail.mailing.partner
    allowed = switch_values_binding_person(case.policy, case.standing, "partner_mail")
    has_asked = f"partner/{name}" in case.standing.consents
    is_strict = "on_request" in allowed or is_opt_in_required(case)
    if name is None or "never" in allowed or has_opted_out_of_mail(case) or (is_strict and not has_asked):
        return ExpectedFate.STAYS
    return expect_sending_if_nothing_opted_out(case) if has_asked else None


@register_decision_expectation("inviter")
def expected_fate_if_no_or_paused_inviter(case: PersonMailingCase) -> ExpectedFate | None:
    """No invitation goes without a member who invites, or for one who was stopped after a report."""
    mailing = case.mail.mailing
    return (
        ExpectedFate.STAYS
        if case.category == "invitation" and (not mailing.inviter or mailing.inviter_paused)
        else None
    )


@register_decision_expectation("one-invitation")
def expected_fate_of_reused_invited_address(case: PersonMailingCase) -> ExpectedFate | None:
    """An invited address gets one invitation, and nothing else that is optional before its owner asks."""
    if case.category == "invitation":
        return ExpectedFate.STAYS if case.standing.invited_by is not None else None
    is_only_invited = has_source_of_kind(case, "invitation") and not case.has_asked
    return ExpectedFate.STAYS if case.is_optional and is_only_invited else None


@register_decision_expectation("erased-before", FLOOR)
def expected_fate_of_returned_erased_address(case: PersonMailingCase) -> ExpectedFate | None:
    """An erased address that comes back gets no optional mail without a new consent."""
    is_new = case.standing.erased_before and not case.has_asked
    return ExpectedFate.STAYS if case.is_optional and is_new else None


@register_decision_expectation("known-basis", FLOOR)
def fate_of_marketing_to_unknown_origin(case: PersonMailingCase) -> ExpectedFate | None:
    """No marketing goes to an address of unknown origin or policy; a newsletter that was asked for does."""
    is_unknown = case.standing.source is None or case.standing.collected_under == FOREIGN_VERSION
    is_unasked = case.category in PROMOTING or not case.has_asked
    return ExpectedFate.STAYS if case.category in MARKETING and is_unknown and is_unasked else None


@register_decision_expectation("contest-entry")
def expected_fate_if_address_not_for_marketing(case: PersonMailingCase) -> ExpectedFate | None:
    """An entry in a contest, under any name, is no consent to marketing; nor is what a partner or an import gives."""
    is_entry = has_source_of_kind(case, "contest", "partner", "import") and not case.has_asked
    return ExpectedFate.STAYS if case.category in MARKETING and is_entry else None


@register_decision_expectation("topic-consent")
def expected_fate_if_only_topics_asked_for(case: PersonMailingCase) -> ExpectedFate | None:
    """A person who asked for some topics of a category gets those and no others."""
    asked = {given for given in case.standing.consents if given.startswith(f"{case.category}/")}
    if not asked or not case.is_optional or case.category == "partner":
        return None
    return expect_sending_if_nothing_opted_out(case) if case.has_asked else ExpectedFate.STAYS


@register_decision_expectation("subscription")
def expected_fate_if_subscription_required(case: PersonMailingCase) -> ExpectedFate | None:
    """A category that needs a confirmed subscription goes to nobody without one."""
    terms = case.policy.terms.get(case.category)
    if terms is None or not terms.confirmed:
        return None
    return expect_sending_if_nothing_opted_out(case) if case.has_asked else ExpectedFate.STAYS


@register_decision_expectation("promo-basis", FLOOR)
def expected_fate_of_marketing(case: PersonMailingCase) -> ExpectedFate | None:
    """Marketing goes to people who asked. Where policies and law allow it, it also goes to people who never refused."""
    if case.category not in MARKETING:
        return None
    if case.has_asked:
        return None if case.category == "partner" else expect_sending_if_nothing_opted_out(case)
    if is_opt_in_required(case):
        return ExpectedFate.STAYS
    is_free = (
        case.category == "promotional" and not case.standing.consents and not _is_confirmed_subscription_required(case)
    )
    return expect_sending_if_nothing_opted_out(case) if is_free else None


def _is_confirmed_subscription_required(case: PersonMailingCase) -> bool:
    terms = case.policy.terms.get(case.category)
    return terms is not None and terms.confirmed


@register_decision_expectation("fresh-consent")
def expected_fate_of_new_purpose(case: PersonMailingCase) -> ExpectedFate | None:
    """A purpose that the address's own version did not have waits for a consent of its own."""
    purpose = case.mail.mailing.purpose
    is_new = any(purpose not in version.purposes for version in versions_binding_person(case.policy, case.standing)[1:])
    has_consent = f"purpose/{purpose}" in case.standing.consents
    return ExpectedFate.STAYS if case.is_optional and is_new and not has_consent else None


@register_decision_expectation("channel")
def expected_fate_if_channel_is_not_email(case: PersonMailingCase) -> ExpectedFate | None:
    """A wish for a channel that the policy offers ends optional mail, announcements and answers by mail; no other does.

    Legal and security mail, and that of the account, comes by mail all the same.
    """
    if case.standing.channel == "email":
        return None
    is_told_there = case.mail.mailing.answers or case.category not in LEGAL | OF_THE_ACCOUNT
    if is_other_channel_wished(case) and is_told_there:
        return ExpectedFate.STAYS
    return (
        expect_sending_if_nothing_opted_out(case)
        if case.is_optional and case.has_asked
        else None
        if case.is_optional
        else expect_usual_mail_to_reachable_person(case)
    )


@register_decision_expectation("no-address", "dead-address", "electronic-consent")
def expected_fate_if_unreachable_by_mail(case: PersonMailingCase) -> ExpectedFate | None:
    """A breach notice that no mail can bring is written; other mail to such an address does not go."""
    one = case.standing
    if case.category != "breach":
        return ExpectedFate.STAYS if one.address is None or one.address_dead else None
    if one.erased or one.under_13 or not is_mailing_itself_correct(case):
        return None
    return ExpectedFate.WRITTEN if one.address is None or one.address_dead or one.electronic_refused else None


@register_decision_expectation("dead-address")
def expected_fate_if_address_dead_for_category(case: PersonMailingCase) -> ExpectedFate | None:
    """An address that another system calls dead for a list is dead for that list, and gets mandatory mail."""
    if not case.standing.dead_in:
        return None
    if not case.is_optional:
        return expect_usual_mail_to_reachable_person(case)
    return ExpectedFate.STAYS if case.category in case.standing.dead_in else None


@register_decision_expectation("not-yet", FLOOR)
def expected_fate_before_send_at(case: PersonMailingCase) -> ExpectedFate | None:
    """Nothing goes before its time."""
    return ExpectedFate.NOT_NOW if case.mail.mailing.send_at is not None else None


@register_decision_expectation("expired", FLOOR)
def expected_fate_after_expires_at(case: PersonMailingCase) -> ExpectedFate | None:
    """Nothing but a breach notice goes after its time."""
    is_over = case.mail.mailing.expires_at is not None and case.category != "breach"
    return ExpectedFate.STAYS if is_over else None


@register_decision_expectation("frequency")
def expected_fate_over_cap(case: PersonMailingCase) -> ExpectedFate | None:
    """Optional mail stays within the caps of the policy."""
    terms = case.policy.terms.get(case.category)
    is_capped = case.policy.cap is not None or (terms is not None and terms.cap is not None)
    is_full = is_capped and bool(case.standing.sent)
    return ExpectedFate.STAYS if case.is_optional and is_full and is_mailing_itself_correct(case) else None


@register_decision_expectation("service-scope")
def expected_fate_of_announcements(case: PersonMailingCase) -> ExpectedFate | None:
    """Announcements go to payers even if they refused. If only payers are bound, others can leave them."""
    if case.mail.category.name != ANNOUNCING:
        return None
    if case.category == ANNOUNCING:
        return expect_usual_mail_to_reachable_person(case)
    return (
        ExpectedFate.STAYS
        if not is_person_paying_for_product(case.standing, case.mail) and has_opted_out_of_mail(case)
        else None
    )


@register_decision_expectation("service-scope")
def expected_fate_of_account_mail(case: PersonMailingCase) -> ExpectedFate | None:
    """Mail without which nobody can use an account goes to everybody, refused or not, paying or not."""
    return expect_usual_mail_to_reachable_person(case) if case.category in OF_THE_ACCOUNT else None


@register_decision_expectation("breach-alone")
def expected_fate_of_breach_notice(case: PersonMailingCase) -> ExpectedFate | None:
    """A breach notice goes to everybody, even to people who refused everything."""
    return expect_usual_mail_to_reachable_person(case) if case.category == "breach" else None


@register_decision_expectation("lasting-notice")
def expected_fate_of_expired_breach_notice(case: PersonMailingCase) -> ExpectedFate | None:
    """No time ends a breach notice: late is better than never."""
    if case.category != "breach" or case.mail.mailing.expires_at is None or not has_mailable_address(case):
        return None
    return None if case.standing.electronic_refused else ExpectedFate.GOES


@register_decision_expectation("primary-address", "notice-proof")
def expected_fate_of_change_notice(case: PersonMailingCase) -> ExpectedFate | None:
    """A change of the policy or of the owner goes to everybody, even to people who refused everything."""
    return (
        expect_usual_mail_to_reachable_person(case)
        if case.category in ("policy_change", "business_transition")
        else None
    )


@register_decision_expectation(FLOOR)
def expected_fate_of_mandatory_mail(case: PersonMailingCase) -> ExpectedFate | None:
    """No opt-out, complaint, objection, cap or hour stops mandatory mail."""
    return None if case.is_optional else expect_usual_mail_to_reachable_person(case)


@register_decision_expectation("plain-promotions", "tracking-refused")
def expected_fate_despite_profiling_refusals(case: PersonMailingCase) -> ExpectedFate | None:
    """Refusing personalisation or tracking stops no mail."""
    is_concerned = case.standing.personalisation_refused or case.standing.tracking_refused
    return expect_sending_if_nothing_opted_out(case) if is_concerned and case.has_asked else None


def expect_usual_mail_to_reachable_person(case: PersonMailingCase, kind: str | None = None) -> ExpectedFate | None:
    """Returns GOES if the mail is usual, and the person can be reached, has the account, and wants mail; else None.

    Returns None also for a breach notice to a person who wants notices in writing.

    Args:
        case: the person and the mailing.
        kind: the category that the mail must be to this person; None: the one that it is.
    """
    if (
        not is_mailing_itself_correct(case)
        or not has_mailable_address(case)
        or not is_allowed_by_account_and_channel(case, kind)
    ):
        return None
    return None if case.category == "breach" and case.standing.electronic_refused else ExpectedFate.GOES


def expect_sending_if_nothing_opted_out(case: PersonMailingCase) -> ExpectedFate | None:
    """Returns GOES for an ordinary member who has opted out of nothing; else None."""
    return None if case.standing.opted_out else _expect_sending_to_ordinary_member(case)


def _expect_sending_to_ordinary_member(case: PersonMailingCase) -> ExpectedFate | None:
    """Returns GOES for a usual mailing to an ordinary member in the home country of whom all is known; else None."""
    one = case.standing
    is_free = (
        is_mailing_itself_correct(case)
        and has_mailable_address(case)
        and is_allowed_by_account_and_channel(case)
        and has_sign_up_of_known_origin(case)
    )
    is_special = one.erased_before or one.invited_by is not None or one.objected or one.sent
    is_at_home = one.collected_under == case.policy.version and one.country == HOME
    return ExpectedFate.GOES if is_free and is_at_home and not is_special else None
