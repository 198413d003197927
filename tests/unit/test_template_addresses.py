"""Values in addresses: fetched files are the same for everyone, and an address leads to a page or a mailbox."""

from pathlib import Path
from typing import Any

import pytest

from mailer.events import EventRefused, validate_event
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.template_library import RenderError, Template, TemplateLibrary
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

PAGE, MANIFEST = "news/body.html.j2", "news/template.toml"
PICTURE = "https://x.example/a.gif"


def showing(html: str, **example: str) -> dict[str, str]:
    """An optional template whose page has this HTML."""
    files = within(FILES, PAGE, "<p>{{ headline }}</p>", f"<p>{{{{ headline }}}}</p>{html}")
    stated = "".join(f"\n{name} = {value}" for name, value in example.items())
    return within(files, MANIFEST, 'headline = "One"', f'headline = "One"{stated}')


def event(context: dict[str, Any], **person: Any) -> Any:
    """An event of the template for one person, with these values as the person's own."""
    said = {"ref": "u1", "email": "ada@people.example", "context": person}
    told = {"v": 1, "id": "1", "brand": "paltalk-2006", "category": "newsletter", "template": "news"}
    return validate_event({**told, "to": {"people": [said]}, "context": {"headline": "x", **context}})


def refusal(templates: TemplateLibrary, context: dict[str, Any], **person: Any) -> str:
    """The refusal of such an event; empty if it is accepted."""
    try:
        check_event_and_get_template(event(context, **person), POLICIES, templates)
    except EventRefused as refused:
        return "; ".join(refused.problems)
    return ""


FETCHING = (
    '<img src="{{ pic }}" alt="">',
    '<img src="https://x.example/{{ pic }}.gif" alt="">',
    '<img src="https://x.example/?u={{ pic | urlencode }}" alt="">',
    "<img src='https://x.example/a.gif?{{ pic ~ 1 }}' alt=''>",
    '{% set x = pic %}<img src="https://x.example/{{ x }}" alt="">',
    '{% with y = "a" ~ pic %}{% set x = y %}<img src="https://x.example/{{ x }}" alt="">{% endwith %}',
    '{% for x in [pic] %}<img src="https://x.example/{{ x }}" alt="">{% endfor %}',
    "<img src=\"https://x.example/{{ 'a' if pic else 'b' }}\" alt=\"\">",
    "<!--[if mso]><img src='https://x.example/{{ pic }}' alt=''><![endif]-->",
    '<!--[if mso]><p style="background: url({{ pic }})">x</p><![endif]-->',
    "<!--[if mso]><p style='color: {{ pic }}'>x</p><![endif]-->",
    '{% if headline == "never" %}<img src="https://x.example/{{ pic }}" alt="">{% endif %}',
)


@pytest.mark.parametrize("html", FETCHING)
def test_what_is_fetched_is_the_same_for_everyone(tmp_path: Path, html: str) -> None:
    """A value that decides what is fetched may be the event's own, and no person's: that would be a pixel of theirs."""
    templates = library(tmp_path, showing(html, pic=f'"{PICTURE}"'))
    assert refusal(templates, {"pic": PICTURE}) == ""
    said = refusal(templates, {}, pic=PICTURE)
    assert said.startswith("to.people.0.context: pic is fetched when the mail is opened")
    assert PICTURE not in said


@pytest.mark.parametrize("html", ["<p>{{ pic }}</p>", '<a href="{{ pic }}">x</a>', '<p title="{{ pic }}">x</p>'])
def test_what_is_not_fetched_may_be_a_persons_own(tmp_path: Path, html: str) -> None:
    """Words and links are not fetched when a mail is opened, so they may be anybody's own."""
    assert refusal(library(tmp_path, showing(html, pic=f'"{PICTURE}"')), {}, pic=PICTURE) == ""


@pytest.mark.parametrize("css", ["color: {{ pic }}", "background: url({{ pic }})", "{{ pic }}"])
@pytest.mark.parametrize("files", [FILES, MANDATORY])
def test_css_has_no_values(tmp_path: Path, css: str, files: dict[str, str]) -> None:
    """A value in CSS could be `red; background: url(//x)`, in any mail; in mandatory mail also in a comment."""
    html = f'<p style="{css}">x</p>'
    commented = f"<!--[if mso]>{html}<![endif]-->"
    assert "Jinja2 in a style" in faults(tmp_path / "a", within(files, PAGE, "</p>", f"</p>{html}"))
    if files is MANDATORY:
        typed = within(files, MANIFEST, "[example]", 'pic = "text 20"\n[example]\npic = "red"')
        assert "within CSS" in faults(tmp_path / "b", within(typed, PAGE, "</p>", f"</p>{commented}"))


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://x.example/{{ recipient.name }}" alt="">',
        '<img src="https://x.example/?{{ unsubscribe_url }}" alt="">',
        '<img src="{{ preferences_url }}" alt="">',
        '<img src="{{ report_url }}" alt="">',
        '{% if pixel_url %}<img src="https://x.example/?{{ pixel_url }}" alt="">{% endif %}',
        '{% if pixel_url %}<img src="{{ pixel_url }}&amp;x" alt="">{% endif %}',
        '{% set x = recipient.locale %}{% if x %}<img src="https://x.example/{{ x }}" alt="">{% endif %}',
        '<img src="{{ headline | tracked }}" alt="">',
        '<!--[if mso]><p style="background: url({{ unsubscribe_url }})">x</p><![endif]-->',
    ],
)
def test_no_image_carries_who_opens(tmp_path: Path, html: str) -> None:
    """No image's server learns a person's name or link, or the pixel's token."""
    said = faults(tmp_path, showing(html).copy() | {MANIFEST: FILES[MANIFEST].replace('"One"', f'"{PICTURE}"')})
    assert "would tell who opens the mail" in said


def test_the_pixel_stands_by_itself(tmp_path: Path) -> None:
    """Our own pixel, which our rules count, may stand alone in an image."""
    pixel = '{% if pixel_url %}<img src="{{ pixel_url }}" alt="">{% endif %}'
    assert len(library(tmp_path, showing(pixel))) == 1


BAD_ADDRESSES = (
    "javascript:alert(1)",
    "JaVaScript:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//x.example/a",
    "\\\\x.example\\a",
    "https:\\\\x.example",
    "https:x.example",
    "https://y.example@x.example/",
    "https://%78.example/",
    "https://x.example/\u202egpj",
    "https://x.exam\u200bple/",
    "https://x.example/a b",
    "ms-word:ofe|u|https://x.example",
    "java",
    "/a",
    "x.example",
)
LINKING = (
    '<a href="{{ url }}">x</a>',
    '<a href="{{ url | trim }}">x</a>',
    '<a href="{{ (url, headline) | first }}">x</a>',
    '<a href="{{ url if url else headline }}">x</a>',
    '{% set x = url %}<a href="{{ x }}">x</a>',
    '{% for x in [url] %}<a href="{{ x }}">x</a>{% endfor %}',
    '<!--[if mso]><a href="{{ url }}">x</a><![endif]-->',
    '<a href="{{ url }}/more?x=1">x</a>',
)


@pytest.mark.parametrize("html", LINKING)
@pytest.mark.parametrize("whose", ["event", "person"])
def test_a_value_that_begins_an_address_is_one(tmp_path: Path, html: str, whose: str) -> None:
    """A scheme that runs something, a share of Windows or an unclear host is no address, from any source."""
    templates = library(tmp_path, showing(html, url='"https://x.example/"'))
    for url in (*BAD_ADDRESSES, "https://x.example/"):
        said = refusal(templates, {"url": url}) if whose == "event" else refusal(templates, {}, url=url)
        assert bool(said) is (url != "https://x.example/"), url
        assert url not in said


def test_an_address_is_looked_at_within_lists_and_languages(tmp_path: Path) -> None:
    """The URL of an item of a list, of each language, and of an object is looked at where it stands."""
    html = '{% for item in items %}<a href="{{ item.url }}">x</a>{% endfor %}<a href="{{ page }}">y</a>'
    files = showing(html, items='[{url = "https://x.example/"}]', page='"https://x.example/"')
    templates = library(tmp_path, files)
    good: dict[str, Any] = {
        "items": [{"url": "https://x.example/"}, {"url": "mailto:help@paltalk.example"}, {"url": ""}]
    }
    assert refusal(templates, {**good, "page": {"en": "https://x.example/", "de": "https://y.example/"}}) == ""
    bad = {"items": [{"url": "https://x.example/"}, {"url": "javascript:x"}], "page": "tel:+49123"}
    assert refusal(templates, bad).startswith("context: items.url: is no address")
    assert "page" in refusal(templates, {**good, "page": {"en": "https://x.example/", "de": "javascript:x"}})
    assert "items.url" in refusal(templates, {"page": "#a"}, items=bad["items"])


@pytest.mark.parametrize("html", ['<a href="java{{ url }}">x</a>', '<a href="javascript{{ url }}">x</a>'])
@pytest.mark.parametrize("files", [FILES, MANDATORY])
def test_no_value_ends_a_scheme(tmp_path: Path, html: str, files: dict[str, str]) -> None:
    """A template that writes the half of a scheme is refused, as a value could be the other half."""
    typed = 'url = "slug"\n[example]' if files is MANDATORY else "[example]"
    files = within(files, MANIFEST, "[example]", f'{typed}\nurl = "a"')
    assert "has a link whose" in faults(tmp_path, within(files, PAGE, "</p>", f"</p>{html}"))


def test_a_mailbox_of_a_value_is_one(tmp_path: Path) -> None:
    """A mailbox behind `mailto:` has no other scheme and nothing invisible."""
    templates = library(tmp_path, showing('<a href="mailto:{{ box }}">x</a>', box='"help@paltalk.example"'))
    assert refusal(templates, {"box": "care@paltalk.example"}) == ""
    assert "box" in refusal(templates, {"box": "care@paltalk\u200b.example"})


@pytest.mark.parametrize("src", ["javascript:x", "//x.example/a", "file://x/a", "data:image/svg+xml,x", "a.gif"])
def test_an_image_of_a_value_is_of_the_web_or_of_the_mail(tmp_path: Path, src: str) -> None:
    """A value that begins the address of an image is https, http, cid or a picture itself."""
    templates = library(tmp_path, showing('<img src="{{ pic }}" alt="">', pic=f'"{PICTURE}"'))
    assert refusal(templates, {"pic": src}).startswith("context: pic: is no address of an image")
    for good in (PICTURE, "cid:a", "data:image/png;base64,YQ=="):
        assert refusal(templates, {"pic": good}) == ""


def test_what_is_computed_is_looked_at_for_each_person(tmp_path: Path) -> None:
    """An address that a template computes is checked when it is rendered, for each person."""
    template: Template = next(
        iter(library(tmp_path, showing('<a href="{{ url | lower }}">x</a>', url='"https://x.example"')))
    )
    values = {"headline": "x", "recipient": None, "unsubscribe_url": "https://mail.example/u/x"}
    with pytest.raises(RenderError, match="leads to no page"):
        template.render("en", {**values, "url": "JAVASCRIPT:x"})
    assert "https://y.example" in template.render("en", {**values, "url": "HTTPS://Y.example"}).html
