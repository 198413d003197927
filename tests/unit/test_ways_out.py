"""The way out of a mail is looked for in each way in which it may be printed, before and after it is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailer.policy.standing import Standing
from mailer.ports.deliveries import NO_WAY_OUT, DeliveryRow, DeliveryState
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import Template, compile_stored_source
from tests.doubles import FakeProcessor
from tests.factories import KEY
from tests.renderers import facts_of, plan
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

HTML, TEXT, BODY, PAGE = "_layout/layout.html.j2", "_layout/layout.txt.j2", "news/body.txt.j2", "news/body.html.j2"
MANIFEST = "news/template.toml"
LINK = '<a href="{{ unsubscribe_url }}">{{ strings.leave }}</a>'
SOMETIMES = (
    "{{% if recipient.name %}}{}{{% endif %}}",
    "{{% if not recipient.name %}}{}{{% endif %}}",
    "{{% if recipient.name and headline %}}{}{{% endif %}}",
    "{{% if headline == 'One' %}}{}{{% endif %}}",
    "{{% if headline|length < 10 %}}{}{{% endif %}}",
    "{{% if headline == 'Two' %}}x{{% else %}}{}{{% endif %}}",
    "{{% if headline %}}{{% if recipient.name == 'x' %}}y{{% else %}}{}{{% endif %}}{{% endif %}}",
    "{{% for letter in headline %}}{{% if loop.first %}}{}{{% endif %}}{{% endfor %}}",
    "{{% if recipient.locale == 'de' %}}y{{% else %}}{}{{% endif %}}",
    "{{% if headline == 'a' %}}{0}{{% endif %}}{{% if recipient.name %}}{0}{{% endif %}}",
    "{{% if reason is defined %}}{}{{% endif %}}",
)
ALWAYS = (
    "{{% if recipient.name %}}{0} {{% else %}}{0} {{% endif %}}",
    "{{% if recipient.name %}}{0} {{% endif %}}{{% if not recipient.name %}}{0} {{% endif %}}",
    "{{% if unsubscribe_url %}}{0} {{% endif %}}",
    "{{% if recipient.name %}}Dear {{{{ recipient.name }}}}{{% endif %}} {0} ",
)


@pytest.mark.parametrize(
    ("around", "file", "what"),
    [
        (around, *((HTML, LINK), (TEXT, "Leave: {{ unsubscribe_url }}"), (HTML, "{{ postal_address }}"))[number % 3])
        for number, around in enumerate(SOMETIMES)
    ],
)
def test_a_way_out_for_some_is_none(tmp_path: Path, around: str, file: str, what: str) -> None:
    """A template is refused whose link or address hangs on a name, a value, a language or a loop."""
    assert f"the {'text' if file == TEXT else 'HTML'} part has no" in faults(
        tmp_path, within(FILES, file, what, around.format(what))
    )


@pytest.mark.parametrize("around", ALWAYS)
@pytest.mark.parametrize(("file", "what"), [(HTML, LINK), (TEXT, "Leave: {{ unsubscribe_url }}")])
def test_a_way_out_in_every_branch_is_one(tmp_path: Path, around: str, file: str, what: str) -> None:
    """A template may print its way out in branches, if each of them has it."""
    assert len(library(tmp_path, within(FILES, file, what, around.format(what)))) == 1


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (TEXT, "Leave: {{ unsubscribe_url }}", "{{ headline }}\n{{ unsubscribe_url }}"),
        (HTML, "{{ strings.leave }}</a>", "{{ headline }}</a>"),
        (HTML, LINK, f'<font color="{{{{ headline }}}}">{LINK}</font>'),
    ],
)
def test_a_callers_text_is_no_word_of_a_link(tmp_path: Path, file: str, old: str, new: str) -> None:
    """A link whose words or colour an event gives is as good as hidden, since an event may give nothing to see."""
    files = within(within(FILES, file, old, new), MANIFEST, 'headline = "One"', 'headline = "red"')
    assert "with other texts, the" in faults(tmp_path, files)


@pytest.mark.parametrize(("file", "what"), [(HTML, "Close your account"), (TEXT, "Close your account")])
@pytest.mark.parametrize(
    "around", ["{{% if recipient.name %}}{}{{% endif %}}", "{{% if headline == 'a' %}}{}{{% endif %}}"]
)
def test_deactivation_for_some_is_for_none(tmp_path: Path, file: str, what: str, around: str) -> None:
    """Service mail is refused that says to some readers alone how to deactivate their account."""
    assert "does not say how to deactivate" in faults(tmp_path, within(MANDATORY, file, what, around.format(what)))


def printed_by(
    template: Template, category: str = "newsletter", brand: str = "paltalk-2006", **values: object
) -> MailingRenderer:
    """The renderer of a template that no check has looked at, as of a version that was deployed before."""

    class Shelf:
        def find_template(self, brand: str, name: str) -> Template:
            return template

    facts = facts_of(category, brand=brand, template_version=template.version, **values)
    shelf: Any = Shelf()
    cache = MailingRendererCache(POLICIES, shelf, SignedLinks("https://mail.example", (KEY,)), None)
    return cache.make_and_cache_renderer(facts, None)


def unchecked(tmp_path: Path, files: dict[str, str], old: str, new: str) -> Template:
    """A template with a piece replaced after it was checked, as an older version of the check let it pass."""
    (template,) = library(tmp_path, files)
    assert old in template.source
    return compile_stored_source(POLICIES["paltalk-2006"], "news", template.source.replace(old, new))


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("bent", [False, True], ids=["form", "alone"])
@pytest.mark.parametrize("lost", ["link", "address", "hidden"])
def test_what_is_printed_without_a_way_out_is_held(tmp_path: Path, size: int, bent: bool, lost: str) -> None:
    """A form or a message of one person's own is held if its reader sees no way out; others of the mailing go."""
    address = POLICIES["paltalk-2006"].controller.postal_address
    old, new = {
        "link": ("Leave: {{ unsubscribe_url }}", "{% if recipient.name %}Leave: {{ unsubscribe_url }}{% endif %}"),
        "address": (f", {address}\\n<a", ", {% if recipient.name %}" + address + "{% endif %}\\n<a"),
        "hidden": (
            "Leave &amp; go</a>",
            "{% if recipient.name %}Leave &amp; go{% else %}<span hidden>Leave</span>{% endif %}</a>",
        ),
    }[lost]
    files = within(FILES, BODY, "{{ headline }}", "{{ headline | upper }}") if bent else FILES
    renderer = printed_by(unchecked(tmp_path, files, old, new), audience_size=size, context={"headline": "News"})
    now = datetime.now(UTC)
    standing = Standing(7, 1, "ada@people.example", country="US", consents=frozenset({"newsletter"}))
    rows = [DeliveryRow(renderer.facts.id, 7, 1, standing, name, "en", {}) for name in ("Ada", None)]
    named, nameless = (plan(row, renderer, FakeProcessor(), now) for row in rows)
    assert named.change.move.to_state is DeliveryState.INTENDED
    move = nameless.change.move
    assert (move.to_state, move.reason, move.due_at) == (DeliveryState.HELD, NO_WAY_OUT, None)
    assert nameless.change.entries[-1].reason == "held no_way_out"
    assert "part" in (nameless.change.entries[-1].reply or "")
