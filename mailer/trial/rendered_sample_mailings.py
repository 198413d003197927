"""Renders made-up mailings as the hand-over does, for people whose copies can look different."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Send
from mailer.policy.policy_file import Policy
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.rendering.link_tokens import ClickToken, OpenToken
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import Template
from mailer.trial.case_facts import make_person_mailing_case
from mailer.trial.parsed_messages import ParsedMessage, VisiblePage, parse_headers_and_parts, parse_visible_page
from mailer.trial.sample_mailings import INVITER, SampleMailing
from mailer.trial.sample_people import (
    TRACKED,
    SamplePerson,
    base_people,
    person_with_traits,
    possible_traits_except_consents,
)

_READERS = 1000
"""People of a made-up mailing, enough for it to be counted."""
_LOOKS = frozenset({"country", "collected_under", "products", "personalisation_refused", "tracking_refused"})
"""The attributes of a standing that change the look of a message."""
_PLACES = ("DE", "FR", "KR")
"""Countries with different floors, so that tracking and advertising marks differ."""


def render_and_parse_messages(mail: SampleMailing, policy: Policy, now: datetime) -> Iterator[ParsedMessage]:
    """Renders a mailing for each person who gets it, and yields the parsed messages.

    Args:
        mail: a usual mailing with a template; others yield nothing.
        policy: the brand's.
        now: an aware datetime.

    Raises:
        RenderError, HeaderRefused: the template cannot be rendered with its own example.
        NoVisibleWayToLeave: a reader would not see how to leave it.
    """
    if mail.template is None or not mail.usual:
        return
    links = SignedLinks("https://mail.example", ["the key of a trial"])
    renderer = _sample_renderer(mail, mail.template, policy, links, now)
    bare = _sample_renderer(mail, mail.template, _policy_without_footer_offer(policy), links, now)
    for person in sample_people_with_distinct_copies(policy, mail.template):
        decision = decide(mail.mailing, person.standing, policy, now)
        if not isinstance(decision, Send):
            continue
        rendered = renderer.render_message(
            _sample_delivery_row(mail, mail.template, person), decision.category, int(now.timestamp())
        )
        headers, text, html = parse_headers_and_parts(rendered.outgoing.content)
        seen, profile = parse_visible_page(html), tuple(_texts_in_nested_value(mail.template.profile))
        case = make_person_mailing_case(person, mail, policy)
        without = text
        if decision.category.mandatory:
            plain = bare.render_message(
                _sample_delivery_row(mail, mail.template, person), decision.category, int(now.timestamp())
            )
            without = parse_headers_and_parts(plain.outgoing.content)[1]
        counted = tuple(_tracking_tokens_in_page(links, seen))
        yield ParsedMessage(case, rendered.outgoing.recipient, headers, text, html, seen, profile, without, counted)


def sample_people_with_distinct_copies(policy: Policy, template: Template) -> Iterator[SamplePerson]:
    """Yields people whose copies can look different: by language, name, country, version, product and refusals."""
    member = base_people(policy)[1]
    for locale in (None, *template.locales):
        for name in (member.name, None):
            yield replace(member, locale=locale, name=name)
    yield person_with_traits(member, TRACKED)
    for trait in possible_traits_except_consents(policy):
        is_near = trait.changes.get("country") in (None, *_PLACES, *policy.jurisdictions)
        if trait.changes.keys() <= _LOOKS and is_near:
            yield person_with_traits(member, trait)


def _sample_renderer(
    mail: SampleMailing, template: Template, policy: Policy, links: SignedLinks, now: datetime
) -> MailingRenderer:
    mailing = mail.mailing
    if mailing.id is None:
        raise AssertionError("each made-up mailing has an id")
    facts = MailingFacts(
        id=mailing.id,
        brand=policy.brand,
        event_id="trial",
        category=mail.category.name,
        lane=CATEGORIES[mail.category.name].lane.value,
        template=template.name,
        template_version=template.version,
        campaign=None,
        reason="Needed to keep your account working",
        context=template.example,
        reply_to=None,
        send_at=None,
        expires_at=None,
        released_at=now,
        audience_size=_READERS,
        topic=mailing.topic,
        inviter=INVITER if mailing.inviter else None,
        partner=mailing.partner,
        product=mailing.product,
    )
    return MailingRenderer(facts, policy, template, links, {})


def _sample_delivery_row(mail: SampleMailing, template: Template, person: SamplePerson) -> DeliveryRow:
    if mail.mailing.id is None:
        raise AssertionError("each made-up mailing has an id")
    context = {"profile": dict(template.profile)} if template.profile else {}
    return DeliveryRow(mail.mailing.id, 1, 1, person.standing, person.name, person.locale, context)


def _policy_without_footer_offer(policy: Policy) -> Policy:
    """Returns the policy with a footer that offers nothing, in each of its versions."""

    def bare(one: Policy) -> Policy:
        return one.model_copy(update={"switches": one.switches.model_copy(update={"service_footer": "none"})})

    return bare(policy).with_earlier_versions({one.version: bare(one) for one in policy.all_versions[1:]})


def _texts_in_nested_value(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts_in_nested_value(one)
        case list() | tuple():
            for one in value:
                yield from _texts_in_nested_value(one)
        case _:
            pass


def _tracking_tokens_in_page(links: SignedLinks, seen: VisiblePage) -> Iterator[OpenToken | ClickToken]:
    for url in (*seen.images, *seen.links):
        path = urlsplit(url).path
        found = links.read_open_token(path[3:]) if path.startswith("/o/") else None
        found_click = links.read_click_token(path[3:]) if path.startswith("/c/") else None
        if token := found or found_click:
            yield token
