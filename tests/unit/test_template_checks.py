"""The faults for which a template is refused: one broken piece at a time, and the name of its fault."""

from pathlib import Path

import pytest

from mailer.policy.policy_file import Policy
from mailer.rendering.template_library import SAMPLE, Template
from mailer.rendering.template_samples import LEAVE, LINK, CategoryWithFooter, possible_categories_with_footers
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

TEXT, HTML = "_layout/layout.txt.j2", "_layout/layout.html.j2"
BODY, PAGE, MANIFEST = "news/body.txt.j2", "news/body.html.j2", "news/template.toml"

LEAVING = {
    **MANDATORY,
    HTML: MANDATORY[HTML]
    .replace("Close your account", "")
    .replace(
        "{% block footer %}", '{% block footer %}{% if leave_url %}<a href="{{ leave_url }}">Leave</a>{% endif %}'
    ),
    TEXT: MANDATORY[TEXT] + "\n{% if leave_url %}Leave: {{ leave_url }}{% endif %}",
}
"""Mandatory mail with the link that closes the account."""

FACTS = "happened {{ information }}, consequences: {{ consequences }} {{ doing }} {{ contact }} {{ happened_on }}"
_STATED = ("happened_on", "information", "consequences", "doing", "contact")
BREACH = {
    **MANDATORY,
    MANIFEST: MANDATORY[MANIFEST]
    .replace('"service"', '"breach"')
    .replace('"service_notice"', '"security_notice"')
    .replace("[example]", "".join(f'{fact} = "slug"\n' for fact in _STATED) + "[example]")
    + "".join(f'{fact} = "x"\n' for fact in _STATED),
    PAGE: MANDATORY[PAGE].replace("{{ headline }}", FACTS),
    BODY: MANDATORY[BODY].replace("{{ headline }}", FACTS),
}
PERSONAL = {
    **FILES,
    MANIFEST: FILES[MANIFEST] + '[example.profile]\ncity = "Lisbon"\n',
    PAGE: FILES[PAGE].replace("{{ headline }}", "{% if profile.city is defined %}Near {{ profile.city }}{% endif %}"),
}
PAID = 'service_scope = "paid"'


def only(folder: Path, files: dict[str, str], brand: str = "paltalk-2006") -> Template:
    """The one template of these files."""
    (template,) = library(folder, files, brand)
    return template


def brand_with(**switches: str) -> dict[str, Policy]:
    """The policy of paltalk-2006 with other switches."""
    policy = POLICIES["paltalk-2006"]
    return {
        policy.brand: policy.model_copy(
            update={"switches": policy.switches.model_copy(update=switches)}
        ).with_earlier_versions({})
    }


MANDATORY_FAULTS: list[tuple[str, str, str]] = [
    ("link", '<a href="{{ unsubscribe_url }}">x</a>', "uses unsubscribe_url; service mail cannot be left"),
    ("pixel", '{% if pixel_url %}<img src="{{ pixel_url }}" alt="">{% endif %}', "has a pixel"),
    ("remote image", '<img src="https://x.example/a.gif" alt="">', "has a pixel or another image that is fetched"),
    ("remote background", '<p style="background: url(https://x.example/a)">x</p>', "image that is fetched"),
    ("tracked", '<a href="https://mail.example/c/abc">x</a>', "has a tracked link"),
    ("campaign", '<a href="https://x.example/?a=b&amp;utm_source=y">x</a>', "has a tracked link"),
    ("promotion", "{% block promotional %}<p>Buy</p>{% endblock %}", "a promotional block makes it promotional"),
    ("promotions", "{% block promotional_two %}{{ headline }}{% endblock %}", "a promotional block makes it"),
]


@pytest.mark.parametrize(
    ("html", "said"), [fault[1:] for fault in MANDATORY_FAULTS], ids=[fault[0] for fault in MANDATORY_FAULTS]
)
def test_mandatory_mail_is_neither_tracked_nor_promotional(tmp_path: Path, html: str, said: str) -> None:
    """Content that has no place in mandatory mail is refused when the template is loaded."""
    assert len(library(tmp_path / "good", MANDATORY)) == 1
    body = MANDATORY["news/body.html.j2"].replace("<p>{{ headline }}</p>", "<p>{{ headline }}</p>" + html)
    assert said in faults(tmp_path / "bad", {**MANDATORY, "news/body.html.j2": body})


def test_mandatory_mail_has_no_tracked_links(tmp_path: Path) -> None:
    """The filter that counts clicks has no place in mandatory mail."""
    body = MANDATORY[PAGE].replace("<p>{{ headline }}</p>", "<a href=\"{{ 'https://x.example' | tracked }}\">x</a>")
    assert "has a tracked link; service mail is not tracked" in faults(tmp_path, {**MANDATORY, PAGE: body})


OPTIONAL_FAULTS: list[tuple[str, str, str, str, str]] = [
    ("no link", TEXT, "{{ unsubscribe_url }}", "", "the text part has no unsubscribe_url"),
    ("no link in HTML", HTML, "{{ unsubscribe_url }}", "https://x.example", "the HTML part has no unsubscribe_url"),
    ("no word", TEXT, "Leave: ", "", "the text part does not say what unsubscribe_url is for"),
    ("no word in HTML", HTML, "{{ strings.leave }}", " <b></b>", "the HTML part does not say what unsubscribe_url is"),
    ("no address", TEXT, "{{ postal_address }}", "", "the text part has no postal_address"),
    ("no address in HTML", HTML, "{{ postal_address }}", "", "the HTML part has no postal_address"),
    ("no brand", TEXT, "{{ brand.name }}", "", "the text part has no brand.name"),
    ("no controller", HTML, "{{ controller.name }}", "", "the HTML part has no controller.name"),
    (
        "password",
        BODY,
        "{{ headline }}",
        "{{ password | default('') }}",
        "uses password; no mail carries a secret",
    ),
    ("pin", BODY, "{{ headline }}", "{% if pin is defined %}x{% endif %}", "uses pin; no mail carries a secret"),
    ("card", BODY, "{{ headline }}", "{{ card_number | default('') }}", "uses card_number; no mail carries a secret"),
    ("form", PAGE, "<p>", '<form action="https://x.example"><input name="a"></form><p>', "has a form; no mail asks"),
    ("asks", BODY, "{{ headline }}", "Please reply with your password.", "the text part asks for a secret (password)"),
    ("asks in German", PAGE, "{{ headline }}", "Bitte nenne uns deine Kreditkarte.", "HTML part asks for a secret"),
    (
        "profile in a link",
        PAGE,
        "<p>",
        '<p><a href="/{{ profile.a | default("") }}">x</a>',
        "has profile in an address",
    ),
    ("profile in a test", PAGE, "<p>", '<p title="{% if profile.a is defined %}a{% endif %}">', "has profile in an"),
    (
        "profile in a text link",
        BODY,
        "{{ headline }}",
        "https://{{ profile.a | default('') }}",
        "the text has profile in an",
    ),
    (
        "profile lent",
        BODY,
        "{{ headline }}",
        "{% set a = profile %}{{ a.b | default('') }}",
        "the text passes profile on",
    ),
    ("profile glued", BODY, "{{ headline }}", "{{ 'x' ~ profile.a | default('') }}", "the text passes profile on"),
    (
        "profile unguarded",
        BODY,
        "{{ headline }}",
        "{{ profile.city }}",
        "city is missing in an object that has nothing",
    ),
    ("profile no table", MANIFEST, "[example]", '[example]\nprofile = "x"', "profile is a table"),
    (
        "profile kept",
        MANIFEST,
        '"News: {{ headline }}"',
        '"{{ profile.a | default(1) ~ 2 }}"',
        "the subject passes profile on",
    ),
    ("tracked mailto", BODY, "{{ headline }}", "{{ 'mailto:a@b.example' | tracked }}", "wants an https or http URL"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [fault[1:] for fault in OPTIONAL_FAULTS],
    ids=[fault[0] for fault in OPTIONAL_FAULTS],
)
def test_optional_mail_is_refused_for(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    """One broken piece of a good newsletter is named."""
    assert said in faults(tmp_path, within(FILES, file, old, new))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("We will never ask you to send your password.", "a warning"),
        ("Nobody saw your password. Reply to us at any time.", "two sentences"),
        ("{{ password_url | default('') }}", "a link"),
        ("{{ shipping | default('password') }}", "part of a word, and a text"),
    ],
)
def test_a_mail_may_speak_of_secrets(tmp_path: Path, text: str, why: str) -> None:
    """Warning of those who ask, or linking to a page, is not asking."""
    assert len(library(tmp_path, within(FILES, BODY, "{{ headline }}", text))) == 1, why


def test_a_profile_may_be_shown(tmp_path: Path) -> None:
    """A guarded profile is words for a person who has one, and nothing for a person who refused it."""
    template = only(tmp_path, PERSONAL)
    with_one = template.render("en", {**SAMPLE, "headline": "x", "profile": {"city": "Porto"}})
    assert "Near Porto" in with_one.html
    assert "Near" not in template.render("en", {**SAMPLE, "headline": "x"}).html


def test_mandatory_mail_has_no_profile(tmp_path: Path) -> None:
    """Mandatory mail is the same for everybody, so it has no profile."""
    said = faults(tmp_path, {**MANDATORY, PAGE: PERSONAL[PAGE]})
    assert "uses profile; service mail is the same for everyone" in said


def test_partners_creatives_have_a_way_out(tmp_path: Path) -> None:
    """A partner's creative is refused without the link, like any other optional mail."""
    manifest = FILES[MANIFEST].replace('"newsletter"', '"partner"', 1).replace('"newsletter"', '"partner_offers"')
    partners = {**FILES, MANIFEST: manifest, BODY: FILES[BODY].replace("{{ headline }}", "{{ partner.name }}")}
    assert only(tmp_path / "good", partners, "paltalk-2002").uses >= {"partner"}
    said = faults(tmp_path / "bad", within(partners, TEXT, "{{ unsubscribe_url }}", ""), "paltalk-2002")
    assert "the text part has no unsubscribe_url" in said


def test_service_mail_says_how_to_deactivate(tmp_path: Path) -> None:
    """A part that does not say how to deactivate is refused, if that is the way out of service mail."""
    said = faults(tmp_path, within(MANDATORY, TEXT, "Close your account", ""))
    assert "the text part does not say how to deactivate" in said
    assert "HTML" not in said


@pytest.mark.parametrize("category", ["service", "rights", "policy_change", "breach"])
def test_every_mandatory_mail_offers_to_leave(tmp_path: Path, category: str) -> None:
    """All mandatory mail has a link to leave in both parts, if the policy promises one in every mail."""
    files = BREACH | {HTML: LEAVING[HTML], TEXT: LEAVING[TEXT]} if category == "breach" else LEAVING
    files = within(
        files, MANIFEST, f'category = "{"breach" if category == "breach" else "service"}"', f'category = "{category}"'
    )
    template = only(tmp_path / "good", files, "paltalk-2002")
    (face,) = possible_categories_with_footers(POLICIES["paltalk-2002"], POLICIES["paltalk-2002"].categories[category])
    rendered = template.render("en", face.sample_values(template))
    assert [LEAVE in rendered.text, LEAVE in rendered.html] == [True, True]
    bare = within(files, TEXT, "Leave: {{ leave_url }}", "")
    assert "the text part has no leave_url" in faults(tmp_path / "bad", bare, "paltalk-2002")


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("{{ happened_on }}", "what happened"),
        ("{{ information }}", "which data are concerned"),
        ("{{ consequences }}", "the likely consequences"),
        ("{{ doing }}", "the measures taken"),
        ("{{ contact }}", "whom to ask"),
    ],
)
def test_a_breach_notice_says_five_things(tmp_path: Path, name: str, fact: str) -> None:
    """A notice that leaves one of the five unsaid, in either part, is refused; a plain word is not the fact."""
    assert len(library(tmp_path / "good", BREACH)) == 1
    for file, part in ((BODY, "txt"), (PAGE, "html")):
        assert f"the {part} body does not say {fact}" in faults(tmp_path / part, within(BREACH, file, name, ""))


def test_service_mail_shows_both_faces_under_paid(tmp_path: Path) -> None:
    """A policy under which only paid service mail is mandatory makes its template one of updates too, with the link."""
    policies = brand_with(service_scope="paid")
    said = faults(tmp_path / "one", MANDATORY, policies=policies)
    assert "the text part has no unsubscribe_url" in said
    assert "the HTML part has no postal_address" not in said
    footer = '{% if unsubscribe_url %}<a href="{{ unsubscribe_url }}">Leave</a>{% endif %}{% endblock %}'
    two = {
        **MANDATORY,
        HTML: MANDATORY[HTML].replace("{% endblock %}</body>", footer + "</body>"),
        TEXT: MANDATORY[TEXT]
        + " {{ postal_address }}\n{% if unsubscribe_url %}Leave: {{ unsubscribe_url }}{% endif %}",
    }
    (template,) = library(tmp_path / "two", two, policies=policies)
    category = policies["paltalk-2006"].categories["service"]
    shown = {
        face.category.name: LINK in template.render("en", face.sample_values(template)).text
        for face in possible_categories_with_footers(policies["paltalk-2006"], category)
    }
    assert shown == {"service": False, "updates": True}
    assert "uses unsubscribe_url; service mail cannot be left" in faults(tmp_path / "any", two)


def test_earlier_versions_ask_for_faces_too(tmp_path: Path) -> None:
    """Somebody whose address was collected under a stricter version gets what that one promised."""
    policy = POLICIES["paltalk-2006"]
    (paid,) = brand_with(service_scope="paid", service_footer="leave").values()
    later = policy.with_earlier_versions({"older": paid})
    found = {
        (face.category.name, face.footer)
        for face in possible_categories_with_footers(later, later.categories["service"])
    }
    assert found == {("service", "deactivate"), ("service", "leave"), ("updates", "none")}
    assert "no leave_url" in faults(tmp_path, MANDATORY, policies={policy.brand: later})


def test_faces_differ_in_what_they_are_given(tmp_path: Path) -> None:
    """Only an invitation has an inviter, only partners' mail a partner, only optional mail a way out."""
    template = only(tmp_path, FILES)
    policy = POLICIES["interpals"]
    given = {
        name: {
            key
            for key in ("inviter", "partner", "unsubscribe_url", "pixel_url", "tracked")
            if CategoryWithFooter(category, "none").sample_values(template)[key] is not None
        }
        for name, category in policy.categories.items()
    }
    optional = {"unsubscribe_url", "pixel_url", "tracked"}
    assert given["service"] == given["breach"] == set()
    assert given["newsletter"] == given["promotional"] == given["notification"] == optional
    assert given["invitation"] == optional | {"inviter"}
    assert given["partner"] == optional | {"partner"}
