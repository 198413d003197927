"""The kinds of mail that a brand sends, as pages name them; and which of them somebody gets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from mailer.policy import rules
from mailer.policy.category import Category
from mailer.policy.deciding import decision_facts
from mailer.policy.decision import Mailing
from mailer.policy.policy_file import Policy
from mailer.policy.scopes import category_of_scope
from mailer.policy.standing import TRACKING, Standing, partner_scope
from mailer.ports.pending_requests import RequestedAct
from mailer.web.languages import Language
from mailer.web.pages import kinds

_OWN_WILL = (
    rules.objection,
    rules.opted_out,
    rules.partner_request,
    rules.one_invitation,
    rules.erased_before,
    rules.contest_entry,
    rules.topic_consent,
    rules.promo_basis,
    rules.subscription,
)
"""The rules that a person's own word changes the answer of."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to stop or to ask for.

    Attributes:
        what: the scope of a consent or an opt-out, or an `StandingChange`.
        on: the person gets it; False where nobody has looked.
        topics: within it, as far as they are known for the person.
    """

    what: str
    title: str
    description: str
    on: bool = False
    topics: tuple["Choice", ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        """Title and description."""
        return self.title, self.description


def scopes_offered(policy: Policy, now: datetime) -> list[str]:
    """Each kind of optional mail, partner by partner where they mail on request: the same for everybody."""
    found = []
    for category in policy.categories.values():
        if category.mandatory:
            continue
        mail = {switches.partner_mail for switches in policy.all_switches()} if category.partners else set()
        if not category.partners or "allowed" in mail:
            found.append(category.name)
        if "on_request" in mail:
            found += _partners(policy, now)
    return found


def acts_offered(policy: Policy) -> list[str]:
    """Returns what else can be asked for: the same for everybody."""
    categories, levels = policy.categories.values(), {switches.tracking for switches in policy.all_switches()}
    return [
        *([RequestedAct.MARKETING] if any(category.markets for category in categories) else []),
        *([RequestedAct.PERSONALISED] if any(category.promotes for category in categories) else []),
        *([RequestedAct.COUNTED] if levels != {"off"} else []),
        *([TRACKING] if "individual" in levels else []),
        RequestedAct.IN_WRITING,
        RequestedAct.BY_EMAIL,
        RequestedAct.SHOWN,
    ]


def choices(policy: Policy, standing: Standing, language: Language, now: datetime) -> Iterator[Choice]:
    """All that the brand may send or not, as somebody wishes, and what they wish as of now."""
    switches = policy.switches_for(standing.collected_under, standing.country)
    for category in policy.categories.values():
        if category.mandatory or (category.partners and switches.partner_mail == "never"):
            continue
        within = _partners(policy, now) if category.partners else topics_of(policy, standing, category.name)
        choose = partial(_choice, policy, standing, language, now, category)
        if category.partners and switches.partner_mail == "on_request":
            yield from map(choose, within)
        else:
            yield replace(choose(category.name), topics=tuple(map(choose, within)))


def topics_of(policy: Policy, standing: Standing, category: str | None = None) -> list[str]:
    """The topics, of one category or of all, about which the person has said something."""
    said = sorted(scope for scope in standing.consents | standing.opted_out if "/" in scope)
    found = [(scope, category_of_scope(policy, scope)) for scope in said]
    return [scope for scope, of in found if of is not None and category in (None, of)]


def titled(policy: Policy, what: str, language: Language) -> tuple[str, str]:
    """Title and description of a scope or an act, as pages show it."""
    texts, brand = language.texts, language.name(policy.name)
    name, _, within = what.partition("/")
    if what in texts["wishes"]:
        controller = language.name(policy.controller.name)
        title, description = texts["wishes"][what]
        return title.format(brand=brand), description.format(brand=brand, controller=controller)
    for partner in policy.partners:
        if what == partner_scope(partner.id):
            return partner.name, texts["partner_kind"].format(partner=language.name(partner.name), brand=brand)
    if name not in texts["kinds"]:
        return _named(within or name), policy.name
    title, description = kinds(language, [name], brand)[0]
    return (_named(within), title) if within else (title, description)


def _choice(
    policy: Policy, standing: Standing, language: Language, now: datetime, category: Category, scope: str
) -> Choice:
    within = scope.partition("/")[2] or None
    topic, partner = (None, within) if category.partners else (within, None)
    # Whether nothing that is the person's own to say keeps such mail from them.
    facts = decision_facts(Mailing(category, "", topic=topic, partner=partner), standing, policy, now)
    on = all(ask(facts) is None for ask in _OWN_WILL if partner or ask is not rules.partner_request)
    return Choice(scope, *titled(policy, scope, language), on)


def _partners(policy: Policy, now: datetime) -> list[str]:
    return [partner_scope(partner.id) for partner in policy.partners if partner.holds_on(now.date())]


def _named(slug: str) -> str:
    return slug.replace("-", " ").replace("_", " ").capitalize()
