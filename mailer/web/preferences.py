"""`/preferences/{token}`: what somebody gets and how they are counted, each theirs to say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import opt_out
from mailer.actions.account import mark
from mailer.actions.consent import Asked, Confirmations, consent, withdraw
from mailer.actions.suppression import OBJECTION, lift, object_to_marketing
from mailer.policy import rules
from mailer.policy.category import Category
from mailer.policy.deciding import facts_of
from mailer.policy.decision import Mailing
from mailer.policy.document import Policy
from mailer.policy.scopes import category_of
from mailer.policy.standing import EVERYTHING_OPTIONAL, TRACKING, Standing, partner_scope
from mailer.policy.switches import Switches
from mailer.ports.consents import Consent
from mailer.ports.standings import Flag
from mailer.web.languages import Language
from mailer.web.pages import Problem, brand_page, kinds, language_of, problem_page
from mailer.web.pressing import METHODS, acts, form_of
from mailer.web.site import Site, TheSite

router = APIRouter(include_in_schema=False)

Form = Mapping[str, list[str]]

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
"""The rules that a tick can change the answer of."""

_REFUSALS = {"personalisation": Flag.PERSONALISATION_REFUSED, "electronic": Flag.ELECTRONIC_REFUSED}
"""The page's own names of what can be refused."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of mail, on or off.

    Attributes:
        scope: what a consent or an opt-out is about.
        asks: a tick is confirmed by a mail first.
        topics: within it, as far as they are known for the person.
    """

    scope: str
    title: str
    description: str
    on: bool
    asks: bool
    topics: tuple["Choice", ...] = ()


@router.api_route("/preferences/{token}", methods=METHODS)
async def preferences(request: Request, token: str, site: TheSite) -> Response:
    """Shows what somebody gets; once saved, changes what they have changed."""
    link = site.links.read_preferences(token)
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    standing = await site.standings.get(link.brand, link.recipient_id)
    if standing is None or standing.erased:
        return problem_page(request, Problem.GONE, 410)
    language, saved, waiting = language_of(request, policy), False, list[Choice]()
    if acts(request.method):
        saved, waiting = True, await _save(site, policy, standing, language, await form_of(request))
        standing = await site.standings.get(link.brand, link.recipient_id) or standing
    switches = policy.switches_for(standing.collected_under, standing.country)
    return brand_page(
        request,
        policy,
        "preferences.html.j2",
        choices=list(choices(policy, standing, language, datetime.now(UTC))),
        standing=standing,
        markets=any(category.markets for category in policy.categories.values()),
        promotes=any(category.promotes for category in policy.categories.values()),
        levels=_levels(switches),
        counted=_counted(switches, standing),
        saved=saved,
        waiting=waiting,
    )


def choices(policy: Policy, standing: Standing, language: Language, now: datetime) -> Iterator[Choice]:
    """All that the brand may send or not, as somebody wishes, and what they wish as of now."""
    switches = policy.switches_for(standing.collected_under, standing.country)
    for category in policy.categories.values():
        if category.mandatory or (category.partners and switches.partner_mail == "never"):
            continue
        within = _partners if category.partners else _topics
        scopes = within(policy, standing, category, now)
        choose = partial(_choice, policy, standing, language, now, category)
        if category.partners and switches.partner_mail == "on_request":
            yield from map(choose, scopes)
        else:
            yield replace(choose(category.name), topics=tuple(map(choose, scopes)))


def titled(policy: Policy, scope: str, language: Language) -> tuple[str, str]:
    """A scope's title and description, as pages show it."""
    name, _, within = scope.partition("/")
    if scope == TRACKING:
        return language.texts["tracking_title"], language.texts["tracking_individual"].format(
            brand=language.name(policy.name)
        )
    for partner in policy.partners:
        if scope == partner_scope(partner.id):
            return partner.name, language.texts["partner_kind"].format(
                partner=language.name(partner.name), brand=language.name(policy.name)
            )
    if name not in language.texts["kinds"]:
        return _named(within or name), policy.name
    title, description = kinds(language, [name], language.name(policy.name))[0]
    return (_named(within), title) if within else (title, description)


def _choice(
    policy: Policy, standing: Standing, language: Language, now: datetime, category: Category, scope: str
) -> Choice:
    within = scope.partition("/")[2] or None
    topic, partner = (None, within) if category.partners else (within, None)
    # Whether nothing that is the person's own to say keeps such mail from them.
    facts = facts_of(Mailing(category, "", topic=topic, partner=partner), standing, policy, now)
    on = all(ask(facts) is None for ask in _OWN_WILL if partner or ask is not rules.partner_request)
    return Choice(scope, *titled(policy, scope, language), on, policy.terms[category.name].confirmed)


def _partners(policy: Policy, standing: Standing, category: Category, now: datetime) -> list[str]:
    """The brand's partners of today."""
    return [partner_scope(partner.id) for partner in policy.partners if partner.on(now.date())]


def _topics(policy: Policy, standing: Standing, category: Category, now: datetime) -> list[str]:
    """The topics about which the person has said something."""
    said = standing.consents | standing.opted_out
    return sorted(scope for scope in said if "/" in scope and category_of(policy, scope) == category.name)


def _named(slug: str) -> str:
    return slug.replace("-", " ").replace("_", " ").capitalize()


def _levels(switches: Switches) -> list[str]:
    """How somebody may be counted, as they wish; nothing to choose where nobody is."""
    if switches.tracking == "off":
        return []
    return ["refused", "anonymous", *(["individual"] if switches.tracking == "individual" else [])]


def _counted(switches: Switches, standing: Standing) -> str:
    if standing.tracking_refused:
        return "refused"
    return "individual" if switches.tracking == "individual" and TRACKING in standing.consents else "anonymous"


async def _save(site: Site, policy: Policy, standing: Standing, language: Language, form: Form) -> list[Choice]:
    """Does what is said otherwise than the page had shown; returns what waits for a confirmation."""
    if "all" in form:
        await opt_out(site.standings, policy, standing.recipient_id, EVERYTHING_OPTIONAL, "page")
        return []
    waiting = await _save_kinds(site, policy, standing, language, form)
    await _save_refusals(site, policy, standing, form)
    await _save_tracking(site, policy, standing, language, form)
    return waiting


async def _save_kinds(site: Site, policy: Policy, standing: Standing, language: Language, form: Form) -> list[Choice]:
    """What was ticked becomes a consent with its words, what is ticked no more an opt-out."""
    now = datetime.now(UTC)
    ticked, shown = set(form.get("on", [])), set(form.get("was", []))
    offered = list(choices(policy, standing, language, now))
    flat = [choice for top in offered for choice in (top, *top.topics)]
    left = [choice for choice in flat if choice.scope in shown - ticked]
    for choice in left:
        await opt_out(site.standings, policy, standing.recipient_id, choice.scope, "page")
    given = (ticked - shown) | ({topic.scope for choice in left for topic in choice.topics} & ticked)
    for choice in offered:
        # Who asks for a topic alone gets nothing else of its kind (rule topic-consent); here the kind is ticked too.
        if choice.scope in ticked - standing.consents and any(topic.scope in given for topic in choice.topics):
            given.add(choice.scope)
    waiting = []
    for choice in flat:
        if choice.scope in given:
            words = f"{language.texts['preferences']} {choice.title}: {choice.description}"
            answer = await _consent(site, policy, standing, choice.scope, words)
            if isinstance(answer, Asked):
                waiting.append(choice)
    return waiting


async def _save_refusals(site: Site, policy: Policy, standing: Standing, form: Form) -> None:
    refused, shown = set(form.get("refuse", [])), set(form.get("refused", []))
    for name, flag in _REFUSALS.items():
        if (name in refused) != (name in shown):
            await mark(site.standings, policy.brand, standing.recipient_id, flag, name in refused, "page")
    if "marketing" in refused - shown:
        await object_to_marketing(site.suppressions, policy, standing.recipient_id, "page", "recipient")
    elif "marketing" in shown - refused:
        for found in await site.suppressions.of(policy.brand, standing.recipient_id):
            if found.reason == OBJECTION and found.lifted_at is None:
                await lift(site.suppressions, policy, found.id, "recipient", "taken back on the preferences page")


async def _save_tracking(site: Site, policy: Policy, standing: Standing, language: Language, form: Form) -> None:
    wish, shown = form.get("tracking"), form.get("tracked")
    if wish is None or wish == shown:
        return
    level, refuses = wish[0], wish == ["refused"]
    if not refuses and level not in _levels(policy.switches_for(standing.collected_under, standing.country)):
        return
    if refuses != standing.tracking_refused:
        await mark(site.standings, policy.brand, standing.recipient_id, Flag.TRACKING_REFUSED, refuses, "page")
    if level == "individual":
        words = language.texts["tracking_individual"].format(brand=language.name(policy.name))
        await _consent(site, policy, standing, TRACKING, words)
    elif TRACKING in standing.consents:
        said = Consent(TRACKING, False, "page", policy.version, None, "recipient", datetime.now(UTC))
        await withdraw(site.consents, policy, standing.recipient_id, said)


async def _consent(site: Site, policy: Policy, standing: Standing, scope: str, words: str) -> Any:
    said = Consent(scope, True, "page", policy.version, words, "recipient", datetime.now(UTC))
    return await consent(site.consents, Confirmations(site.links, site.outbox), policy, standing.recipient_id, said)
