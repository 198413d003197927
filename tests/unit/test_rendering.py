"""A renderer's messages of one mailing to different people: links, pixel, profile, category."""

import email.policy
import re
from collections.abc import Mapping
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from typing import Any

import pytest

from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.standing import TRACKING, Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.processors.smtp.transaction import SmtpExtensions, compose_transaction_or_outcome
from mailer.rendering.link_tokens import ClickToken, MailReportToken, OpenToken, UnsubscribeToken
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SERVICE, SignedLinks
from tests.factories import KEY, policies, templates
from tests.renderers import facts_of

LINKS = SignedLinks("https://mail.example", (KEY,))
NOW = 1_790_000_000
OFFERED = SmtpExtensions(utf8=True, eight_bits=True)
URL = "https://shop.example/a?b=1&c=2"
ITEMS = {"headline": "x", "items": [{"title": "a", "text": "b", "url": URL}, {"title": "a", "text": "b", "url": URL}]}


def with_switches(brand: str, **switches: str) -> Mapping[str, Policy]:
    """The policies, one of them with other switches."""
    policy = policies()[brand]
    changed = policy.model_copy(update={"switches": policy.switches.model_copy(update=switches)}).with_earlier_versions(
        {}
    )
    return {**policies(), brand: changed}


def set_up(facts: MailingFacts, among: Mapping[str, Policy]) -> MailingRenderer:
    """The renderer of a mailing whose messages are not signed."""
    return MailingRendererCache(among, templates(), LINKS, None).make_and_cache_renderer(facts, None)


def renderer_of(category: str = "newsletter", tracking: str = "mailing", **values: Any) -> MailingRenderer:
    """A renderer of InterPals, whose policy counts opens at this level."""
    return set_up(facts_of(category, **{"context": ITEMS, **values}), with_switches("interpals", tracking=tracking))


def row_for(
    renderer: MailingRenderer, recipient_id: int = 7, context: Mapping[str, Any] | None = None, **standing: Any
) -> DeliveryRow:
    """A delivery of the renderer's mailing, to somebody in the United States."""
    person = Standing(recipient_id, 1, "ada@people.example", **{"country": "US", **standing})
    return DeliveryRow(renderer.facts.id, recipient_id, 1, person, "Ada", "en", context or {})


def rendered(renderer: MailingRenderer, row: DeliveryRow, category: str | None = None) -> EmailMessage:
    """One message, read back."""
    outgoing = renderer.render_message(row, CATEGORIES[category] if category else renderer.category, NOW).outgoing
    assert outgoing.is_canonical
    assert compose_transaction_or_outcome(outgoing, 0, OFFERED) == compose_transaction_or_outcome(
        outgoing._replace(is_canonical=False), 0, OFFERED
    )
    return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(outgoing.content)


def part(message: EmailMessage, subtype: str) -> str:
    """The contents of one part, as somebody reads them."""
    found = message.get_body((subtype,))
    assert found is not None
    return unescape(found.get_content())


def tokens(message: EmailMessage, path: str) -> list[str]:
    """The tokens of all links of a path, in either part."""
    both = part(message, "plain") + part(message, "html")
    return re.findall(rf"https://mail\.example/{path}/([\w.-]+?)(?:\.gif)?(?=[\"\s<)]|$)", both)


def opened(message: EmailMessage) -> OpenToken | None:
    """The token that the pixel counts; None if there is no pixel."""
    found = tokens(message, "o")
    return LINKS.read_open_token(found[0]) if found else None


def clicked(message: EmailMessage) -> set[ClickToken | None]:
    """The tokens that the links count."""
    return {LINKS.read_click_token(token) for token in tokens(message, "c")}


def test_a_mailings_opens_and_clicks_are_nobodys() -> None:
    """Everybody gets the same pixel and links at `mailing`. They name only the mailing."""
    renderer = renderer_of()
    first, second = (rendered(renderer, row_for(renderer, number)) for number in (7, 8))
    assert opened(first) == opened(second) == OpenToken(renderer.facts.id)
    assert clicked(first) == clicked(second) == {ClickToken(renderer.facts.id, URL)}
    assert set(tokens(first, "c")) == set(tokens(second, "c"))


def test_unlinkable_opens_have_a_random_nonce() -> None:
    """Each message has a random nonce at `unlinkable`: the same in its pixel and links, and new each time."""
    renderer = renderer_of(tracking="unlinkable")
    messages = [rendered(renderer, row_for(renderer, 7)) for _ in range(3)]
    seen = [opened(message) for message in messages]
    assert all(token and token.nonce and len(token.nonce) == 32 and token.recipient_id is None for token in seen)
    assert len({token.nonce for token in seen if token}) == 3
    for token, message in zip(seen, messages, strict=True):
        assert token
        assert clicked(message) == {ClickToken(renderer.facts.id, URL, token.nonce)}


def test_individual_opens_need_a_consent() -> None:
    """Only people who consented are named at `individual`. The opens of others are unlinkable."""
    renderer = renderer_of(tracking="individual")
    with_consent = rendered(renderer, row_for(renderer, 7, consents=frozenset({TRACKING})))
    assert opened(with_consent) == OpenToken(renderer.facts.id, None, 7, 1)
    assert clicked(with_consent) == {ClickToken(renderer.facts.id, URL, None, 7, 1)}
    without = opened(rendered(renderer, row_for(renderer, 8)))
    assert without
    assert (without.recipient_id, without.nonce is None) == (None, False)


@pytest.mark.parametrize(
    ("tracking", "standing"),
    [
        ("off", {}),
        ("mailing", {"tracking_refused": True}),
        ("individual", {"tracking_refused": True, "consents": frozenset({TRACKING})}),
    ],
)
def test_nobody_is_counted_who_may_not_be(tracking: str, standing: dict[str, Any]) -> None:
    """The mail without tracking has no pixel, and its links are the plain ones."""
    renderer = renderer_of(tracking=tracking)
    message = rendered(renderer, row_for(renderer, **standing))
    assert (opened(message), clicked(message)) == (None, set())
    assert "<img" not in part(message, "html")
    assert URL in part(message, "plain")
    assert f'href="{URL}"' in part(message, "html")


@pytest.mark.parametrize("tracking", ["mailing", "unlinkable"])
def test_few_recipients_are_not_counted(tracking: str) -> None:
    """Small audiences get neither pixel nor counted link, since an open would name somebody, unless they consented."""
    renderer = renderer_of(tracking=tracking, audience_size=19)
    assert (opened(rendered(renderer, row_for(renderer))), clicked(rendered(renderer, row_for(renderer)))) == (
        None,
        set(),
    )
    alone = renderer_of(tracking="individual", audience_size=1)
    assert opened(rendered(alone, row_for(alone, consents=frozenset({TRACKING})))) == OpenToken(
        alone.facts.id, None, 7, 1
    )


def test_a_jurisdiction_lowers_the_level() -> None:
    """The law of the reader's country allows one pixel a mailing, and so overrules a policy that tells more."""
    renderer = renderer_of(tracking="individual")
    assert opened(rendered(renderer, row_for(renderer, country="FR", consents=frozenset({TRACKING})))) == OpenToken(
        renderer.facts.id
    )


def test_service_mail_is_an_update_to_some() -> None:
    """One mailing, two faces: as an update it comes from the other sender, with a way out in header and parts."""
    renderer = renderer_of("service", context=dict(_example("interpals", "maintenance")))
    notice, service = rendered(renderer, row_for(renderer), "updates"), rendered(renderer, row_for(renderer))
    assert "letters@mail." in notice["From"]
    assert "service@notice." in service["From"]
    assert notice["List-Id"] == "Service updates of InterPals <updates.interpals.interpals.example>"
    assert (service["List-Id"], service["List-Unsubscribe"], service["List-Unsubscribe-Post"]) == (None, None, None)
    token = notice["List-Unsubscribe"].removeprefix("<https://mail.example/u/").partition(">")[0]
    assert LINKS.read_unsubscribe_token(token) == UnsubscribeToken("interpals", 7, "updates", renderer.facts.id, 1)
    assert tokens(notice, "u") == [token, token]
    assert tokens(service, "u") == []


def test_a_topic_is_a_list_of_its_own() -> None:
    """Mailings that differ only in their topic share no list. Mail without a topic is on the category's list."""
    renderers, context = (
        MailingRendererCache(policies(), templates(), LINKS, None),
        _example("interpals", "maintenance"),
    )
    lists = []
    for topic in ("chat-rooms", "travel", None, "chat-rooms"):
        renderer = renderers.make_and_cache_renderer(
            facts_of("service", context=context, audience_size=1, topic=topic), None
        )
        lists.append(rendered(renderer, row_for(renderer), "updates")["List-Id"].partition("<")[2])
    assert lists == [
        "chat-rooms.updates.interpals.interpals.example>",
        "travel.updates.interpals.interpals.example>",
        "updates.interpals.interpals.example>",
        "chat-rooms.updates.interpals.interpals.example>",
    ]


def test_the_service_itself_can_be_left() -> None:
    """All mandatory mail has a link to close the account at `leave`, and no header to unsubscribe."""
    for category, name in (("service", "maintenance"), ("breach", "breach-notice"), ("rights", "rights-answer")):
        context = dict(_example("paltalk-2002", name))
        facts = replace(facts_of(), brand="paltalk-2002", category=category, template=name, context=context)
        renderer = set_up(facts, policies())
        message = rendered(renderer, row_for(renderer))
        read = {LINKS.read_unsubscribe_token(token) for token in tokens(message, "u")}
        assert read == {UnsubscribeToken("paltalk-2002", 7, SERVICE, renderer.facts.id, 1)}
        assert len(tokens(message, "u")) == 2
        assert message["List-Unsubscribe"] is None


def test_every_mail_can_be_reported() -> None:
    """The report link names brand, recipient and mailing."""
    renderer = renderer_of()
    read = {LINKS.read_mail_report_token(token) for token in tokens(rendered(renderer, row_for(renderer)), "report")}
    assert read == {MailReportToken("interpals", 7, renderer.facts.id, 1)}


def test_a_name_with_an_address_is_left_out_of_mandatory_mail() -> None:
    """A name that was known from before, in which mail programs make a link, stands in no part and no field."""
    for name, shown in (("Ada", True), ("Win at ev\u00adil.com", False), ("HTTPS://EVIL", False)):
        renderer = set_up(replace(facts_of("service"), context=dict(_example("interpals", "maintenance"))), policies())
        message = str(rendered(renderer, replace(row_for(renderer), name=name)))
        assert ("Ada" in message) is shown
        assert not re.search("evil|ev\u00adil|=C2=AD|win at", message, re.IGNORECASE)
    optional = renderer_of()
    assert "evil.com" in str(rendered(optional, replace(row_for(optional), name="Win at evil.com"))["To"])


def test_nobody_sets_what_is_the_pipelines() -> None:
    """A context with a reserved name, however it came in, changes nothing."""
    evil = {"unsubscribe_url": "https://evil.example", "report_url": "https://evil.example", "partner": "evil"}
    renderer = renderer_of(context={**ITEMS, **evil})
    assert "evil" not in str(rendered(renderer, row_for(renderer, context=evil)))


def _example(brand: str, name: str) -> Mapping[str, Any]:
    template = templates().find_template(brand, name)
    assert template
    return template.example
