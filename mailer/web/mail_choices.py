"""The kinds of mail that a brand sends, as pages name them, and those that a person gets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from mailer.policy import rules
from mailer.policy.category import Category
from mailer.policy.consent_and_opt_out_scopes import category_of_scope
from mailer.policy.deciding import facts_for_rules
from mailer.policy.decision_types import Mailing
from mailer.policy.limits_set_by_recipient import has_brand_optional_mail
from mailer.policy.policy_file import Policy
from mailer.policy.standing import TRACKING, Standing, partner_scope
from mailer.ports.pending_requests import OWN_LIMITS_ENDED, RequestedAct
from mailer.web.languages import PageLanguage
from mailer.web.page_rendering import category_titles_and_descriptions

_OWN_WILL = (
    rules.suppress_optional_after_objection,
    rules.suppress_after_opt_out,
    rules.suppress_disallowed_partner_mail,
    rules.suppress_reuse_of_invited_address,
    rules.suppress_optional_if_erased_before,
    rules.suppress_marketing_if_address_given_otherwise,
    rules.suppress_if_only_other_topics_consented,
    rules.suppress_marketing_without_opt_in,
    rules.suppress_without_confirmed_subscription,
)
"""The rules whose answer depends on a person's own choice."""

_GROUPS_OF_ACTS: Mapping[str, tuple[str, ...]] = {
    "frequency": OWN_LIMITS_ENDED,
    "offers": (RequestedAct.MARKETING, RequestedAct.PERSONALISED, RequestedAct.COUNTED, TRACKING),
    "breach_notices": (RequestedAct.IN_WRITING, RequestedAct.BY_EMAIL),
}
"""The groups of acts on the page of preferences. What is in none of them is in the first group, `mail`."""


@dataclass(frozen=True, slots=True)
class MailChoice:
    """A kind of mail or an act that a person can stop or ask for.

    Attributes:
        what: the scope of a consent or an opt-out, or a `RequestedAct`.
        on: True if the person gets it; False also if this was not looked up.
        topics: the choices for topics of this category about which the person has said something.
    """

    what: str
    title: str
    description: str
    on: bool = False
    topics: tuple["MailChoice", ...] = ()

    @property
    def title_and_description(self) -> tuple[str, str]:
        """Returns title and description."""
        return self.title, self.description


def optional_mail_scopes_offered(policy: Policy, now: datetime) -> list[str]:
    """Returns the scopes of optional mail that a page offers, one for each partner that mails on request.

    They are the same for everybody.
    """
    found = []
    for category in policy.categories.values():
        if category.mandatory:
            continue
        mail = {switches.partner_mail for switches in policy.all_possible_switches()} if category.partners else set()
        if not category.partners or "allowed" in mail:
            found.append(category.name)
        if "on_request" in mail:
            found += _scopes_of_current_partners(policy, now)
    return found


def acts_person_may_request(policy: Policy) -> list[str]:
    """Returns the acts that a person can ask for, besides mail. They are the same for everybody."""
    categories, levels = policy.categories.values(), {switches.tracking for switches in policy.all_possible_switches()}
    return [
        *([RequestedAct.MARKETING] if any(category.markets for category in categories) else []),
        *([RequestedAct.PERSONALISED] if any(category.promotes for category in categories) else []),
        *([RequestedAct.COUNTED] if levels != {"off"} else []),
        *([TRACKING] if "individual" in levels else []),
        RequestedAct.IN_WRITING,
        RequestedAct.BY_EMAIL,
        *(OWN_LIMITS_ENDED if has_brand_optional_mail(policy) else ()),
        RequestedAct.SHOWN,
    ]


def group_scopes_and_acts(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Returns the groups in which a page shows scopes and acts: the name of each, and what is in it. None is empty."""
    asked, grouped = list(names), {act for acts in _GROUPS_OF_ACTS.values() for act in acts}
    groups = {"mail": [name for name in asked if name not in grouped]}
    groups |= {group: [name for name in asked if name in acts] for group, acts in _GROUPS_OF_ACTS.items()}
    return [(group, found) for group, found in groups.items() if found]


def mail_choices_of_person(
    policy: Policy, standing: Standing, language: PageLanguage, now: datetime
) -> Iterator[MailChoice]:
    """Yields a choice for each kind of optional mail of a brand, with the person's present choice in `on`."""
    switches = policy.strictest_switches_for_person(standing.collected_under, standing.country)
    for category in policy.categories.values():
        if category.mandatory or (category.partners and switches.partner_mail == "never"):
            continue
        within = (
            _scopes_of_current_partners(policy, now)
            if category.partners
            else topic_scopes_with_recorded_choice(policy, standing, category.name)
        )
        choose = partial(_build_mail_choice, policy, standing, language, now, category)
        if category.partners and switches.partner_mail == "on_request":
            yield from map(choose, within)
        else:
            yield replace(choose(category.name), topics=tuple(map(choose, within)))


def topic_scopes_with_recorded_choice(policy: Policy, standing: Standing, category: str | None = None) -> list[str]:
    """Returns the topics, of one category or of all, that the person has consented to or opted out of."""
    said = sorted(scope for scope in standing.consents | standing.opted_out if "/" in scope)
    found = [(scope, category_of_scope(policy, scope)) for scope in said]
    return [scope for scope, of in found if of is not None and category in (None, of)]


def title_and_description_of_scope_or_act(policy: Policy, what: str, language: PageLanguage) -> tuple[str, str]:
    """Returns title and description of a scope or an act, as pages show them."""
    texts, brand = language.texts, language.isolate_name_in_rtl_text(policy.name)
    name, _, within = what.partition("/")
    if what in texts["wishes"]:
        controller = language.isolate_name_in_rtl_text(policy.controller.name)
        title, description = texts["wishes"][what]
        return title.format(brand=brand), description.format(brand=brand, controller=controller)
    if what == TRACKING:
        return texts["tracking_title"], texts["tracking_individual"].format(brand=brand)
    for partner in policy.partners:
        if what == partner_scope(partner.id):
            return partner.name, texts["partner_kind"].format(
                partner=language.isolate_name_in_rtl_text(partner.name), brand=brand
            )
    if name not in texts["kinds"]:
        return _slug_in_words(within or name), policy.name
    title, description = category_titles_and_descriptions(language, [name], brand)[0]
    return (_slug_in_words(within), title) if within else (title, description)


def _build_mail_choice(
    policy: Policy, standing: Standing, language: PageLanguage, now: datetime, category: Category, scope: str
) -> MailChoice:
    within = scope.partition("/")[2] or None
    topic, partner = (None, within) if category.partners else (within, None)
    # True if no rule that depends on the person's own choice stops such mail.
    facts = facts_for_rules(Mailing(category, "", topic=topic, partner=partner), standing, policy, now)
    on = all(ask(facts) is None for ask in _OWN_WILL if partner or ask is not rules.suppress_disallowed_partner_mail)
    return MailChoice(scope, *title_and_description_of_scope_or_act(policy, scope, language), on)


def _scopes_of_current_partners(policy: Policy, now: datetime) -> list[str]:
    return [partner_scope(partner.id) for partner in policy.partners if partner.is_in_force_on(now.date())]


def _slug_in_words(slug: str) -> str:
    return slug.replace("-", " ").replace("_", " ").capitalize()
