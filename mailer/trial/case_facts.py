"""The facts of one person and one mailing in the words of the promises, worked out without any rule of `policy`."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.trial.sample_mailings import SampleMailing
from mailer.trial.sample_people import CONTESTS, HOME, OTHERS, SamplePerson

LEGAL = frozenset({"breach", "rights", "policy_change", "business_transition"})
"""Legal and security mail, as DESIGN names it."""
OF_THE_ACCOUNT = frozenset({"account"})
"""Mail that lets somebody use an account at all; no switch moves it."""
ANNOUNCING = "service"
"""Announcements; under `service_scope = "paid"` optional for who does not pay for that product."""
ANNOUNCED_FREELY = "updates"
"""The category of an announcement to a person who does not pay for the product."""
MARKETING = frozenset({"newsletter", "promotional", "partner"})
"""Direct marketing."""
PROMOTING = frozenset({"promotional", "partner"})
"""Offers, which need a known basis even where they were asked for."""


class ExpectedFate(StrEnum):
    """The fate that a promise demands for a mail."""

    GOES = "must get"
    STAYS = "must not get"
    WRITTEN = "must be told in writing of"
    NOT_NOW = "must not yet get"


@dataclass(slots=True)
class MailCase:
    """One person, one mailing and the brand's policy.

    Attributes:
        category: what the mail is to this person, by name. is_optional: they may leave it.
        has_asked: there is a consent to this mail.
    """

    person: SamplePerson
    standing: Standing
    mail: SampleMailing
    policy: Policy
    category: str
    is_optional: bool
    has_asked: bool


def make_case(person: SamplePerson, mail: SampleMailing, policy: Policy) -> MailCase:
    """Works out what a mail is to a person."""
    standing, category = person.standing, mail.category.name
    if (
        category == ANNOUNCING
        and not pays_for_mail(standing, mail)
        and "paid" in switch_values(policy, standing, "service_scope")
    ):
        category = ANNOUNCED_FREELY
    is_optional = category not in LEGAL | OF_THE_ACCOUNT | {ANNOUNCING}
    return MailCase(person, standing, mail, policy, category, is_optional, _has_asked(standing, mail, category))


def pays_for_mail(standing: Standing, mail: SampleMailing) -> bool:
    """Tells that a person pays for what a mailing is about."""
    product, has = mail.mailing.product, standing.products
    return bool(has) and (product is None or product in has or ("*" in has and f"-{product}" not in has))


def binding(policy: Policy, standing: Standing) -> tuple[Policy, ...]:
    """The versions of a brand's policy that bind it to a person.

    These are the one in force, and each under which the address was collected. Where one of those is not known, each
    version of the brand may be it. A version that the person agreed to takes the place of all that came before it.
    """
    said = (standing.collected_under or "").split("\n")
    agreed = [one for one in policy.all_versions if f"\t{one.version}" in said]
    since = max((one.effective for one in agreed), default=None)
    named = [one for one in policy.all_versions if one.version in said]
    if since is not None:
        newest = (one for one in agreed if one.effective == since)
        return policy, *newest, *(one for one in named if one.effective > since)
    is_known = len(named) == len(said)
    return policy, *(named if is_known else policy.all_versions)


def switch_values(policy: Policy, standing: Standing, switch: str) -> frozenset[str]:
    """The values of a switch in each version that binds the brand to a person; the strictest counts."""
    return frozenset(getattr(one.switches, switch) for one in binding(policy, standing))


def is_asked_first(case: MailCase) -> bool:
    """Tells that marketing to this person needs an opt-in, by a policy or by the law where they live."""
    return case.standing.country != HOME or "opt_in" in switch_values(case.policy, case.standing, "promo_basis")


def is_in_order(case: MailCase) -> bool:
    """Tells that the mailing itself may go: purpose, time, partner and inviter are as they should be."""
    return case.mail.usual


def is_reachable(case: MailCase) -> bool:
    """Tells that there is a person of age behind an address that works."""
    one = case.standing
    return one.address is not None and not (one.erased or one.under_13 or one.address_dead)


def is_bound(case: MailCase, kind: str | None = None) -> bool:
    """Tells that nothing about the account or the channel is in the way of the mail, as mail of a category."""
    if (kind or case.category) in LEGAL | OF_THE_ACCOUNT:
        return not (case.mail.mailing.answers and is_elsewhere(case))
    one = case.standing
    return not (one.deactivated or one.restricted or is_elsewhere(case))


def is_elsewhere(case: MailCase) -> bool:
    """Tells that the person wants another channel, and that the policy offers it."""
    return case.standing.channel in case.policy.channels


def is_well_known(case: MailCase) -> bool:
    """Tells that the address was collected by signing up, under a version of the brand, in a country that is known."""
    one = case.standing
    known = {version.version for version in case.policy.all_versions}
    return one.source == "sign-up" and one.collected_under in known and one.country is not None and not one.dead_in


def is_of_source(case: MailCase, *kinds: str) -> bool:
    """Tells that the address came, at some time, from a source of some kinds; one that nobody lists is of each."""
    said = (case.standing.source or "").casefold().splitlines()
    listed = {name.casefold(): kind for name, kind in case.policy.sources.items()}
    return any(listed.get(source, _KINDS.get(source, kinds[0])) in kinds for source in said)


_KINDS = {
    "sign-up": "account",
    "invitation": "invitation",
    **dict.fromkeys((name.casefold() for name in CONTESTS), "contest"),
    **{name: name for name in OTHERS},
}
"""The kinds of the sources that the trial makes up, by the promises' words."""


def has_opted_out(case: MailCase) -> bool:
    """Tells that an opt-out is about this mail: all optional mail, its category, its topic, its partner, or sharing."""
    mailing = case.mail.mailing
    scopes = {"*", case.category, f"{case.category}/{mailing.topic}", f"partner/{mailing.partner}"}
    if case.category == "partner":
        scopes.add("sharing")
    return not scopes.isdisjoint(case.standing.opted_out)


def _has_asked(standing: Standing, mail: SampleMailing, category: str) -> bool:
    mailing = mail.mailing
    asked = {category, f"{category}/{mailing.topic}"}
    if category == "partner":
        asked.add(f"partner/{mailing.partner}")
    return not asked.isdisjoint(standing.consents)
