"""Statements for the rules that decide about mail, from the words of the promises that name the rule.

Each returns the fate that its promise demands for a person and a mailing, or None if the promise is not about them.
Most are about mail that must not go. Those of the floor are about mail that must go, so that a pipeline which sends
nothing keeps no promise.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailer.trial.case_facts import (
    ANNOUNCING,
    LEGAL,
    MARKETING,
    OF_THE_ACCOUNT,
    PROMOTING,
    ExpectedFate,
    MailCase,
    binding,
    has_opted_out,
    is_asked_first,
    is_bound,
    is_elsewhere,
    is_in_order,
    is_of_source,
    is_reachable,
    is_well_known,
    pays_for_mail,
    switch_values,
)
from mailer.trial.sample_people import FOREIGN_VERSION, HOME, STRANGER

FLOOR = "the floor"
"""The name in place of a rule, for statements that hold for every brand with any policy."""

Speak = Callable[[MailCase], ExpectedFate | None]


@dataclass(frozen=True, slots=True)
class DecisionStatement:
    """A statement that a promise with a rule makes of a person and a mailing.

    Attributes:
        rules: the rules whose promises it expresses. says: the statement in one sentence.
        speak: returns the expected fate, or None if the statement is not about the case.
    """

    rules: tuple[str, ...]
    says: str
    speak: Speak


STATEMENTS: list[DecisionStatement] = []
"""Every statement about decisions."""


def decision_statement(*rules: str) -> Callable[[Speak], Speak]:
    """Registers a function as a statement of some rules."""

    def note(speak: Speak) -> Speak:
        says = (speak.__doc__ or "").splitlines()[0]
        STATEMENTS.append(DecisionStatement(rules, says, speak))
        return speak

    return note


@decision_statement("closed-purposes")
def outside_the_list(case: MailCase) -> ExpectedFate | None:
    """Nobody gets mail for a purpose that the policy does not list."""
    return ExpectedFate.STAYS if case.mail.mailing.purpose not in case.policy.purposes else None


@decision_statement("under-13", FLOOR)
def under_13(case: MailCase) -> ExpectedFate | None:
    """Nobody known to be under 13 gets mail of any kind."""
    return ExpectedFate.STAYS if case.standing.under_13 else None


@decision_statement("erased", "erasure", FLOOR)
def erased(case: MailCase) -> ExpectedFate | None:
    """An erased person gets nothing."""
    return ExpectedFate.STAYS if case.standing.erased else None


@decision_statement("restricted")
def restricted(case: MailCase) -> ExpectedFate | None:
    """A restricted person gets account, legal and security mail, and nothing else."""
    if not case.standing.restricted:
        return None
    return _legal_only(case)


@decision_statement("deactivated", FLOOR)
def closed(case: MailCase) -> ExpectedFate | None:
    """A closed account gets legal and security mail, and neither service mail nor anything optional."""
    if not case.standing.deactivated:
        return None
    return _legal_only(case)


def _legal_only(case: MailCase) -> ExpectedFate | None:
    if case.category not in LEGAL | OF_THE_ACCOUNT:
        return ExpectedFate.STAYS
    return must_arrive(case)


@decision_statement("objection", FLOOR)
def objected(case: MailCase) -> ExpectedFate | None:
    """An objection to marketing ends all optional mail."""
    return ExpectedFate.STAYS if case.is_optional and case.standing.objected else None


@decision_statement("opt-out", "own-preference", "way-out", FLOOR)
def left(case: MailCase) -> ExpectedFate | None:
    """Optional mail never goes to a person who left all of it, its category or its topic."""
    return ExpectedFate.STAYS if case.is_optional and has_opted_out(case) else None


@decision_statement("own-preference")
def stays_by_itself(case: MailCase) -> ExpectedFate | None:
    """Leaving one category leaves every other one as it is."""
    if not case.standing.opted_out or not case.standing.opted_out <= set(case.policy.terms) or has_opted_out(case):
        return None
    is_of_topics = any(given.startswith(f"{case.category}/") for given in case.standing.consents)
    is_spoken_of = case.category in _FREE and (case.category not in MARKETING or case.has_asked) and not is_of_topics
    return _unless_refused(case) if is_spoken_of else None


_FREE = frozenset({"notification", "updates", "newsletter"})
"""Categories whose opt-out affects no other category."""


@decision_statement("refused-purpose")
def refused_purpose(case: MailCase) -> ExpectedFate | None:
    """Optional mail never goes to a person who refused its purpose."""
    refused = f"purpose/{case.mail.mailing.purpose}" in case.standing.opted_out
    return ExpectedFate.STAYS if case.is_optional and refused else None


@decision_statement("strangers")
def strange_partner(case: MailCase) -> ExpectedFate | None:
    """No mail goes for a third party that is no partner of the brand."""
    return ExpectedFate.STAYS if case.mail.mailing.partner == STRANGER else None


@decision_statement("partner-request")
def partner(case: MailCase) -> ExpectedFate | None:
    """A partner's mail goes as the policy says: to nobody, to who asked for that partner, or to who did not refuse."""
    if case.category != "partner":
        return None
    name = case.mail.mailing.partner
    allowed = switch_values(case.policy, case.standing, "partner_mail")
    has_asked = f"partner/{name}" in case.standing.consents
    is_strict = "on_request" in allowed or is_asked_first(case)
    if name is None or "never" in allowed or has_opted_out(case) or (is_strict and not has_asked):
        return ExpectedFate.STAYS
    return may_go(case) if has_asked else None


@decision_statement("inviter")
def invited_by_nobody(case: MailCase) -> ExpectedFate | None:
    """No invitation goes without a member who invites, or for one who was stopped after a report."""
    mailing = case.mail.mailing
    return (
        ExpectedFate.STAYS
        if case.category == "invitation" and (not mailing.inviter or mailing.inviter_paused)
        else None
    )


@decision_statement("one-invitation")
def invited_once(case: MailCase) -> ExpectedFate | None:
    """An invited address gets one invitation, and nothing else that is optional before its owner asks."""
    if case.category == "invitation":
        return ExpectedFate.STAYS if case.standing.invited_by is not None else None
    is_only_invited = is_of_source(case, "invitation") and not case.has_asked
    return ExpectedFate.STAYS if case.is_optional and is_only_invited else None


@decision_statement("erased-before", FLOOR)
def erased_address_returned(case: MailCase) -> ExpectedFate | None:
    """An erased address that comes back gets no optional mail without a new consent."""
    is_new = case.standing.erased_before and not case.has_asked
    return ExpectedFate.STAYS if case.is_optional and is_new else None


@decision_statement("known-basis", FLOOR)
def unknown_origin(case: MailCase) -> ExpectedFate | None:
    """No marketing goes to an address of unknown origin or policy; a newsletter that was asked for does."""
    is_unknown = case.standing.source is None or case.standing.collected_under == FOREIGN_VERSION
    is_unasked = case.category in PROMOTING or not case.has_asked
    return ExpectedFate.STAYS if case.category in MARKETING and is_unknown and is_unasked else None


@decision_statement("contest-entry")
def contest_entry(case: MailCase) -> ExpectedFate | None:
    """An entry in a contest, under any name, is no consent to marketing; nor is what a partner or an import gives."""
    is_entry = is_of_source(case, "contest", "partner", "import") and not case.has_asked
    return ExpectedFate.STAYS if case.category in MARKETING and is_entry else None


@decision_statement("topic-consent")
def other_topics(case: MailCase) -> ExpectedFate | None:
    """A person who asked for some topics of a category gets those and no others."""
    asked = {given for given in case.standing.consents if given.startswith(f"{case.category}/")}
    if not asked or not case.is_optional or case.category == "partner":
        return None
    return may_go(case) if case.has_asked else ExpectedFate.STAYS


@decision_statement("subscription")
def unsubscribed(case: MailCase) -> ExpectedFate | None:
    """A category that needs a confirmed subscription goes to nobody without one."""
    terms = case.policy.terms.get(case.category)
    if terms is None or not terms.confirmed:
        return None
    return may_go(case) if case.has_asked else ExpectedFate.STAYS


@decision_statement("promo-basis", FLOOR)
def marketing(case: MailCase) -> ExpectedFate | None:
    """Marketing goes to who asked; where the policies and the law let it, also to who never refused."""
    if case.category not in MARKETING:
        return None
    if case.has_asked:
        return None if case.category == "partner" else may_go(case)
    if is_asked_first(case):
        return ExpectedFate.STAYS
    is_free = case.category == "promotional" and not case.standing.consents and not _is_confirmed(case)
    return may_go(case) if is_free else None


def _is_confirmed(case: MailCase) -> bool:
    terms = case.policy.terms.get(case.category)
    return terms is not None and terms.confirmed


@decision_statement("fresh-consent")
def new_purpose(case: MailCase) -> ExpectedFate | None:
    """A purpose that the address's own version did not have waits for a consent of its own."""
    purpose = case.mail.mailing.purpose
    is_new = any(purpose not in version.purposes for version in binding(case.policy, case.standing)[1:])
    has_consent = f"purpose/{purpose}" in case.standing.consents
    return ExpectedFate.STAYS if case.is_optional and is_new and not has_consent else None


@decision_statement("channel")
def other_channel(case: MailCase) -> ExpectedFate | None:
    """A wish for a channel that the policy offers ends optional mail, announcements and answers by mail; no other does.

    Legal and security mail, and that of the account, comes by mail all the same.
    """
    if case.standing.channel == "email":
        return None
    is_told_there = case.mail.mailing.answers or case.category not in LEGAL | OF_THE_ACCOUNT
    if is_elsewhere(case) and is_told_there:
        return ExpectedFate.STAYS
    return may_go(case) if case.is_optional and case.has_asked else None if case.is_optional else must_arrive(case)


@decision_statement("no-address", "dead-address", "electronic-consent")
def written(case: MailCase) -> ExpectedFate | None:
    """A breach notice that no mail can bring is written; other mail to such an address does not go."""
    one = case.standing
    if case.category != "breach":
        return ExpectedFate.STAYS if one.address is None or one.address_dead else None
    if one.erased or one.under_13 or not is_in_order(case):
        return None
    return ExpectedFate.WRITTEN if one.address is None or one.address_dead or one.electronic_refused else None


@decision_statement("dead-address")
def dead_for_a_list(case: MailCase) -> ExpectedFate | None:
    """An address that another system calls dead for a list is dead for that list, and gets mandatory mail."""
    if not case.standing.dead_in:
        return None
    if not case.is_optional:
        return must_arrive(case)
    return ExpectedFate.STAYS if case.category in case.standing.dead_in else None


@decision_statement("not-yet", FLOOR)
def before_its_time(case: MailCase) -> ExpectedFate | None:
    """Nothing goes before its time."""
    return ExpectedFate.NOT_NOW if case.mail.mailing.send_at is not None else None


@decision_statement("expired", FLOOR)
def after_its_time(case: MailCase) -> ExpectedFate | None:
    """Nothing but a breach notice goes after its time."""
    is_over = case.mail.mailing.expires_at is not None and case.category != "breach"
    return ExpectedFate.STAYS if is_over else None


@decision_statement("frequency")
def over_cap(case: MailCase) -> ExpectedFate | None:
    """Optional mail stays within the caps of the policy."""
    terms = case.policy.terms.get(case.category)
    is_capped = case.policy.cap is not None or (terms is not None and terms.cap is not None)
    is_full = is_capped and bool(case.standing.sent)
    return ExpectedFate.STAYS if case.is_optional and is_full and is_in_order(case) else None


@decision_statement("service-scope")
def announcements(case: MailCase) -> ExpectedFate | None:
    """Announcements go to who pays whatever they refused; where only those are bound, others can leave them."""
    if case.mail.category.name != ANNOUNCING:
        return None
    if case.category == ANNOUNCING:
        return must_arrive(case)
    return ExpectedFate.STAYS if not pays_for_mail(case.standing, case.mail) and has_opted_out(case) else None


@decision_statement("service-scope")
def of_the_account(case: MailCase) -> ExpectedFate | None:
    """Mail without which nobody can use an account goes to everybody, whatever they refused or pay."""
    return must_arrive(case) if case.category in OF_THE_ACCOUNT else None


@decision_statement("breach-alone")
def breach(case: MailCase) -> ExpectedFate | None:
    """A breach notice goes to everybody, whatever they refused."""
    return must_arrive(case) if case.category == "breach" else None


@decision_statement("lasting-notice")
def lasting(case: MailCase) -> ExpectedFate | None:
    """No time ends a breach notice: late is better than never."""
    if case.category != "breach" or case.mail.mailing.expires_at is None or not is_reachable(case):
        return None
    return None if case.standing.electronic_refused else ExpectedFate.GOES


@decision_statement("primary-address", "notice-proof")
def changes(case: MailCase) -> ExpectedFate | None:
    """A change of the policy or of the owner is told to everybody, whatever they refused."""
    return must_arrive(case) if case.category in ("policy_change", "business_transition") else None


@decision_statement(FLOOR)
def mandatory(case: MailCase) -> ExpectedFate | None:
    """No opt-out, complaint, objection, cap or hour stops mandatory mail."""
    return None if case.is_optional else must_arrive(case)


@decision_statement("plain-promotions", "tracking-refused")
def refusals_stop_no_mail(case: MailCase) -> ExpectedFate | None:
    """Refusing personalisation or tracking stops no mail."""
    is_concerned = case.standing.personalisation_refused or case.standing.tracking_refused
    return may_go(case) if is_concerned and case.has_asked else None


def must_arrive(case: MailCase, kind: str | None = None) -> ExpectedFate | None:
    """Returns GOES if the mail is usual, and the person can be reached, has the account, and wants mail; else None.

    Returns None also for a breach notice to a person who wants notices in writing.

    Args:
        case: the person and the mailing.
        kind: the category that the mail must be to this person; None: the one that it is.
    """
    if not is_in_order(case) or not is_reachable(case) or not is_bound(case, kind):
        return None
    return None if case.category == "breach" and case.standing.electronic_refused else ExpectedFate.GOES


def may_go(case: MailCase) -> ExpectedFate | None:
    """Returns GOES for an ordinary member who has opted out of nothing; else None."""
    return None if case.standing.opted_out else _unless_refused(case)


def _unless_refused(case: MailCase) -> ExpectedFate | None:
    """Returns GOES for a usual mailing to an ordinary member in the home country of whom all is known; else None."""
    one = case.standing
    is_free = is_in_order(case) and is_reachable(case) and is_bound(case) and is_well_known(case)
    is_special = one.erased_before or one.invited_by is not None or one.objected or one.sent
    is_at_home = one.collected_under == case.policy.version and one.country == HOME
    return ExpectedFate.GOES if is_free and is_at_home and not is_special else None
