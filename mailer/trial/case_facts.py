"""The facts about one person and one mailing, as the promises name them. They use no rule of `mailer.policy`."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.trial.sample_mailings import SampleMailing
from mailer.trial.sample_people import CONTESTS, HOME, OTHERS, SamplePerson

LEGAL = frozenset({"breach", "rights", "policy_change", "business_transition"})
"""Legal and security mail, as DESIGN names it."""
OF_THE_ACCOUNT = frozenset({"account"})
"""Mail without which nobody can use an account. No switch changes it."""
ANNOUNCING = "service"
"""Announcements. Under `service_scope = "paid"` they are optional for people who do not pay for that product."""
ANNOUNCED_FREELY = "updates"
"""The category of an announcement to a person who does not pay for the product."""
MARKETING = frozenset({"newsletter", "promotional", "partner"})
"""Direct marketing."""
PROMOTING = frozenset({"promotional", "partner"})
"""Offers. They need a known basis even if the person asked for them."""


class ExpectedFate(StrEnum):
    """The fate that a promise demands for a mail."""

    GOES = "must get"
    STAYS = "must not get"
    WRITTEN = "must be told in writing of"
    NOT_NOW = "must not yet get"


@dataclass(slots=True)
class PersonMailingCase:
    """One person, one mailing and the brand's policy.

    Attributes:
        category: the category of the mail to this person, by name. is_optional: they may opt out of it.
        has_asked: there is a consent to this mail.
    """

    person: SamplePerson
    standing: Standing
    mail: SampleMailing
    policy: Policy
    category: str
    is_optional: bool
    has_asked: bool


def make_person_mailing_case(person: SamplePerson, mail: SampleMailing, policy: Policy) -> PersonMailingCase:
    """Builds the case of a person and a mailing: it finds the category to this person, and a consent."""
    standing, category = person.standing, mail.category.name
    if (
        category == ANNOUNCING
        and not is_person_paying_for_product(standing, mail)
        and "paid" in switch_values_binding_person(policy, standing, "service_scope")
    ):
        category = ANNOUNCED_FREELY
    is_optional = category not in LEGAL | OF_THE_ACCOUNT | {ANNOUNCING}
    return PersonMailingCase(
        person, standing, mail, policy, category, is_optional, _has_consent_to_mail(standing, mail, category)
    )


def is_person_paying_for_product(standing: Standing, mail: SampleMailing) -> bool:
    """Tells whether a person pays for the product that a mailing is about."""
    product, has = mail.mailing.product, standing.products
    return bool(has) and (product is None or product in has or ("*" in has and f"-{product}" not in has))


def versions_binding_person(policy: Policy, standing: Standing) -> tuple[Policy, ...]:
    """Returns the versions of a brand's policy that bind the brand to a person.

    These are the version in force, and each version under which the address was collected. If one of those is unknown,
    all versions of the brand count. A version that the person agreed to replaces all earlier ones.
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


def switch_values_binding_person(policy: Policy, standing: Standing, switch: str) -> frozenset[str]:
    """Returns the values of a switch in the versions that bind the brand to a person. The strictest counts."""
    return frozenset(getattr(one.switches, switch) for one in versions_binding_person(policy, standing))


def is_opt_in_required(case: PersonMailingCase) -> bool:
    """Tells whether marketing to this person needs an opt-in, by a policy or by the law of their country."""
    return case.standing.country != HOME or "opt_in" in switch_values_binding_person(
        case.policy, case.standing, "promo_basis"
    )


def is_mailing_itself_correct(case: PersonMailingCase) -> bool:
    """Tells whether the mailing itself may go: its purpose, time, partner and inviter are correct."""
    return case.mail.usual


def has_mailable_address(case: PersonMailingCase) -> bool:
    """Tells whether the address works, and the person is not erased and not under 13."""
    one = case.standing
    return one.address is not None and not (one.erased or one.under_13 or one.address_dead)


def is_allowed_by_account_and_channel(case: PersonMailingCase, kind: str | None = None) -> bool:
    """Tells whether neither the account nor the channel stops the mail, as mail of a category."""
    if (kind or case.category) in LEGAL | OF_THE_ACCOUNT:
        return not (case.mail.mailing.answers and is_other_channel_wished(case))
    one = case.standing
    return not (one.deactivated or one.restricted or is_other_channel_wished(case))


def is_other_channel_wished(case: PersonMailingCase) -> bool:
    """Tells whether the person wants another channel, and the policy offers it."""
    return case.standing.channel in case.policy.channels


def has_sign_up_of_known_origin(case: PersonMailingCase) -> bool:
    """Tells whether the person signed up under a version of the brand, in a known country, with no dead address."""
    one = case.standing
    known = {version.version for version in case.policy.all_versions}
    return one.source == "sign-up" and one.collected_under in known and one.country is not None and not one.dead_in


def has_source_of_kind(case: PersonMailingCase, *kinds: str) -> bool:
    """Tells whether a source of the address is of one of some kinds. An unlisted source counts as each kind."""
    said = (case.standing.source or "").casefold().splitlines()
    listed = {name.casefold(): kind for name, kind in case.policy.sources.items()}
    return any(listed.get(source, _KINDS.get(source, kinds[0])) in kinds for source in said)


_KINDS = {
    "sign-up": "account",
    "invitation": "invitation",
    **dict.fromkeys((name.casefold() for name in CONTESTS), "contest"),
    **{name: name for name in OTHERS},
}
"""The kinds of the made-up sources, as the promises define them."""


def has_opted_out_of_mail(case: PersonMailingCase) -> bool:
    """Tells whether the person opted out of this mail: all optional mail, its category, topic, partner, or sharing."""
    mailing = case.mail.mailing
    scopes = {"*", case.category, f"{case.category}/{mailing.topic}", f"partner/{mailing.partner}"}
    if case.category == "partner":
        scopes.add("sharing")
    return not scopes.isdisjoint(case.standing.opted_out)


def _has_consent_to_mail(standing: Standing, mail: SampleMailing, category: str) -> bool:
    mailing = mail.mailing
    asked = {category, f"{category}/{mailing.topic}"}
    if category == "partner":
        asked.add(f"partner/{mailing.partner}")
    return not asked.isdisjoint(standing.consents)
