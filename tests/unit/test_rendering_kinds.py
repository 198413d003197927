"""Values of all kinds in messages that share a form, and in the trial that admits events."""

from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from mailer.events import EventRefused, MessageEvent, validate_event
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import TemplateLibrary
from tests.factories import KEY, person
from tests.renderers import facts_of
from tests.template_files import FILES, POLICIES, library, within

NAME = "paltalk-2006"
POLICY = next(policy for policy in POLICIES.values() if policy.brand == NAME)
HTML = "news/body.html.j2"


def presses_of(templates: TemplateLibrary, policy: Policy = POLICY) -> MailingRendererCache:
    """The renderers of one brand."""
    return MailingRendererCache({NAME: policy}, templates, SignedLinks("https://mail.example", (KEY,)), None)


def set_up(renderers: MailingRendererCache, templates: TemplateLibrary, **values: Any) -> MailingRenderer:
    """A mailing of the brand's news."""
    template = templates.find_template(NAME, "news")
    assert template is not None
    stated: dict[str, Any] = {"id": uuid7(), "brand": NAME, "template": "news", "context": {"headline": "One"}}
    return renderers.make_and_cache_renderer(facts_of(**stated | {"template_version": template.version} | values), None)


def rendered(renderer: MailingRenderer, number: int = 1, context: Mapping[str, Any] | None = None) -> EmailMessage:
    """A person's message."""
    row = DeliveryRow(
        renderer.facts.id, number, 1, Standing(number, 1, f"p{number}@people.example"), context=dict(context or {})
    )
    message = message_from_bytes(renderer.render_message(row, renderer.category, 1).outgoing.content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def html_of(message: EmailMessage) -> str:
    """The HTML part of a message."""
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("value", [[], {}], ids=["list", "object"])
def test_an_empty_value_of_one_person(tmp_path: Path, value: object) -> None:
    """An empty list or object of one person is a value like any other, beside people who have one that is not empty."""
    files = within(FILES, HTML, "{{ headline }}", "{{ headline }}{% if tags %} tagged{% endif %}")
    files = within(files, "news/template.toml", 'headline = "One"', 'headline = "One"\ntags = ["a"]')
    templates = library(tmp_path, files)
    renderer = set_up(presses_of(templates), templates)
    tagged = [
        " tagged" in html_of(rendered(renderer, number, {"tags": own}))
        for number, own in enumerate((value, ["a"], value))
    ]
    assert tagged == [False, True, False]


@pytest.mark.parametrize("value", [3, 3.5, True], ids=["int", "float", "bool"])
@pytest.mark.parametrize("first", ["text", "number"])
def test_a_number_where_another_has_a_text(tmp_path: Path, value: object, first: str) -> None:
    """One person's value is a text and another's a number. Each reads their own, in either order."""
    templates = library(tmp_path, FILES)
    renderer = set_up(presses_of(templates), templates)
    values = ["a text", value] if first == "text" else [value, "a text"]
    subjects = [rendered(renderer, number, {"headline": own})["Subject"] for number, own in enumerate(values)]
    assert subjects == [f"News: {own}" for own in values]


def test_a_pixel_is_its_own_mailings(tmp_path: Path) -> None:
    """The pixel of one mailing does not stand in the messages of another, even where few people are enough to count."""
    pixel = '{% if pixel_url %}<img src="{{ pixel_url }}" alt="">{% endif %}<p>'
    policy = POLICY.model_copy(update={"minimum_cell": 5})
    templates = library(tmp_path, within(FILES, HTML, "<p>", pixel), policies={NAME: policy})
    renderers = presses_of(templates, policy)
    bodies = [html_of(rendered(set_up(renderers, templates, audience_size=10))) for _ in range(2)]
    pixels = [body.partition('<img src="')[2].partition('"')[0] for body in bodies]
    assert all("/o/" in url for url in pixels)
    assert pixels[0] != pixels[1]


def test_a_persons_own_links_are_not_counted(tmp_path: Path) -> None:
    """Below `individual`, a link of a person's own value stays as it is; one that the event has, too, is counted."""
    files = within(FILES, HTML, "<p>", '<p><a href="{{ link | tracked }}">x</a>')
    files = within(files, "news/template.toml", 'headline = "One"', 'headline = "One"\nlink = "https://x.example/1"')
    templates = library(tmp_path, files)
    context = {"headline": "One", "link": "https://x.example/1"}
    renderer = set_up(presses_of(templates), templates, context=context)
    bodies = [html_of(rendered(renderer, number, {"link": f"https://x.example/{number}"})) for number in (0, 1, 2)]
    links = [body.partition('<a href="')[2].partition('"')[0] for body in bodies]
    assert [links[0], links[2]] == ["https://x.example/0", "https://x.example/2"]
    assert "/c/" in links[1]
    assert len(renderer.counting.clicks) == 1


def news_for(name: str) -> MessageEvent:
    """An event for somebody of that name."""
    to = {"people": [person(1, name=name)]}
    named = {"brand": NAME, "category": "newsletter", "template": "news"}
    return validate_event({"v": 1, "id": uuid7().hex, **named, "to": to, "context": {"headline": "x"}})


def test_nobody_is_admitted_by_anothers_name(tmp_path: Path) -> None:
    """One renderable name admits no other name, if a template takes names apart."""
    surname = "{{ headline }}{% if recipient.name %} {{ recipient.name.split(' ')[1] }}{% endif %}"
    files = within(FILES, HTML, "{{ headline }}", surname)
    templates = library(tmp_path, within(files, "news/body.txt.j2", "{{ headline }}", surname))
    assert check_event_and_get_template(news_for("Anna Maria"), {NAME: POLICY}, templates).name == "news"
    with pytest.raises(EventRefused, match="context"):
        check_event_and_get_template(news_for("Anna"), {NAME: POLICY}, templates)
