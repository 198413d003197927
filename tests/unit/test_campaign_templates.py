"""Composed templates: nothing that a person writes is syntax, and what comes out is a mail like any other."""

# ruff: noqa: RUF001 - word processors write such quotation marks

import re
from dataclasses import replace

import pytest

from mailer.policy.campaign_draft import (
    Article,
    ArticlesBlock,
    Block,
    ButtonBlock,
    CampaignDraft,
    ColumnsBlock,
    HeadingBlock,
    HtmlBlock,
    LocalizedDraft,
    PictureBlock,
    TextBlock,
)
from mailer.rendering.campaign_blocks import pictures_used
from mailer.rendering.campaign_fields import fields_used, parse_field
from mailer.rendering.campaign_templates import compile_campaign_template
from mailer.rendering.open_and_click_tracking import is_shared_url
from mailer.rendering.template_samples import render_template_preview
from tests.composed import (
    BLOCKS,
    BRANDS,
    LETTER,
    NAME,
    PICTURE,
    PUBLIC_URL,
    compiled,
    draft_of,
    faults_of,
    files_of,
    mail_of,
)
from tests.factories import policies


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("category", ["newsletter", "promotional"])
def test_each_brand_takes_each_block_in_each_language(brand: str, category: str) -> None:
    """All blocks compile inside the layout of every brand, in both directions, with the way out in both parts."""
    template = compiled(*BLOCKS, brand=brand, category=category, locales=("en", "de", "ar"), preheader="News")
    assert template.promotional is (category == "promotional")
    for locale in ("en", "de", "ar"):
        rendered = render_template_preview(template, locale)
        address = policies()[brand].controller.postal_address
        for part in (rendered.text, rendered.html):
            assert "https://mail.example/u/sample" in part
        assert address in rendered.text
        assert rendered.html.count("<h1") == 1
        assert f'dir="{"rtl" if locale == "ar" else "ltr"}"' in rendered.html


def test_values_come_from_the_profile_and_fallbacks_in_their_place() -> None:
    """A person with values gets them, escaped; a person without gets the fallbacks; a link is no value."""
    template = compiled(TextBlock(markdown=LETTER), subject="For {{ first_name or 'you' }}")
    profile = {"first_name": "Ada <b>", "plan": "Plus", "points": 0, "since": "2026-04-12"}
    subject, text, markup = mail_of(template, context={"profile": profile})
    assert subject == "For Ada <b>"
    assert "Hello Ada <b>, you have 0 points on Plus, since April 12, 2026." in text
    assert "Ada &lt;b&gt;" in markup
    subject, text, _ = mail_of(template)
    assert subject == "For you"
    assert "Hello there, you have no points on the free plan, since today." in text
    linking = mail_of(template, context={"profile": {"first_name": "Win at https://evil.example now", "plan": "a"}})
    assert not any("evil.example" in part for part in linking)
    assert "Hello there, you have no points on a," in linking[1]


def test_the_name_is_a_slot_that_all_people_share() -> None:
    """A field of the name needs no rendering for each person; a name that is a link is left out."""
    template = compiled(TextBlock(markdown="Dear {{ name or 'friend' }}, hello."))
    assert "recipient.name" not in template.bent
    assert "profile" not in template.uses
    assert "Dear Grace, hello." in mail_of(template, name="Grace")[1]
    assert "Dear friend, hello." in mail_of(template)[1]
    assert "Dear friend, hello." in mail_of(template, name="www.evil.example")[1]


def test_a_text_that_greets_has_no_second_greeting() -> None:
    """The layout greets, unless the text prints the person's name."""
    assert "Hi Sam Example," in render_template_preview(compiled(TextBlock(markdown="News."))).text
    own = render_template_preview(compiled(TextBlock(markdown="Dear {{ name or 'friend' }}.")))
    assert "Hi Sam Example," not in own.text + own.html


@pytest.mark.parametrize("quotes", ["''", '""', "‘’", "“”", "„“", "’’", "«»", "´´", "「」", "‚‘"])
def test_fallbacks_stand_in_any_quotation_marks(quotes: str) -> None:
    """Word processors turn quotation marks; a fallback may have an apostrophe of its own, and no end is mistaken."""
    written = f" First_Name or {quotes[0]}dear l’ami{quotes[1]}\u00a0"
    found = parse_field(written)
    assert found is not None
    assert (found.name, found.fallback) == ("first_name", "dear l’ami")
    assert "Hello dear l’ami." in mail_of(compiled(TextBlock(markdown=f"Hello {{{{{written}}}}}.")))[1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ first_name }}", "without a fallback"),
        ("{{ 7 * 7 }}", "no field"),
        ("{{ unsubscribe_url }}", "without a fallback"),
        ("{{ profile.plan or 'x' }}", "no field"),
        ("{{ password or 'x' }}", "does not declare; there are: first_name, name, plan"),
        ("{{ first_name or 'a' }", "{{ without }}"),
        ("{{ first_name or 'a' | safe }}", "no field"),
        ("{{ first_name or ''.__class__ }}", "no field"),
        (f"{{{{ first_name or '{'a' * 101}' }}}}", "no field"),
        ("a \ue0000\ue001 b", "U+E000"),
        ("a \x02b", "U+0002"),
    ],
)
def test_what_is_no_field_is_refused_with_words(text: str, fault: str) -> None:
    """Braces that are no declared field, and signs that the engine uses itself, are refused at their block."""
    said = faults_of(TextBlock(markdown="fine"), TextBlock(markdown=text))
    assert fault in said
    assert said.startswith("en: block 2 (text): ")


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (ButtonBlock(label="Go", href="javascript:alert(1)"), "no page and no mailbox"),
        (ButtonBlock(label="Go", href="https://x.example/{{ first_name or 'a' }}"), "field in the address"),
        (TextBlock(markdown="[x](https://x.example/{{ first_name or 'a' }})"), "field in the address"),
        (HtmlBlock(html='<a href="https://x.example/{{ name or &quot;a&quot; }}">x</a>'), "field in the address"),
        (HtmlBlock(html="<p title=\"{{ name or 'a' }}\">x</p>"), "field in <p title>"),
        (TextBlock(markdown="![x](https://x.example/a.png)"), "add a picture block"),
        (HtmlBlock(html='<img src="https://evil.example/a.png">'), "foreign picture"),
        (HtmlBlock(html='<img src="https://notice.paltalk.example@evil.example/a.png">'), "foreign picture"),
        (HtmlBlock(html=f'<img src="https://mail.example/m/{"b" * 32}">'), "foreign picture"),
        (PictureBlock(picture="b" * 32, alt="x"), "upload it first"),
        (PictureBlock(picture=PICTURE.id, alt="{{ name or 'x' }}"), "field in the picture's alt"),
        (ButtonBlock(label=" ", href="https://x.example"), "no label"),
        (HeadingBlock(text=" "), "no text"),
    ],
)
def test_blocks_that_cannot_be_sent_say_why(block: Block, fault: str) -> None:
    """Each fault names its block and the remedy."""
    assert f"block 2 ({block.type}): " in faults_of(TextBlock(markdown="fine"), block)
    assert fault in faults_of(TextBlock(markdown="fine"), block)


def test_drafts_that_cannot_be_sent_say_why() -> None:
    """A missing default language, an empty subject, no contents, and a category that is not for campaigns."""
    text = TextBlock(markdown="fine")
    assert "en: has no texts" in faults_of(text, locales=("de",))
    assert "en: subject: is empty" in faults_of(text, subject="")
    assert "en: has no contents" in faults_of()
    assert "breach is not for campaigns" in faults_of(text, category="breach")
    assert "partner is not for campaigns" in faults_of(text, category="partner", brand="paltalk-2002")
    assert "lacks why_newsletter for pt" in faults_of(text, locales=("en", "pt"))
    assert "50% off" in faults_of(TextBlock(markdown="Only today: 50% off"), category="service")
    picture = PictureBlock(picture=PICTURE.id, alt="A room")
    assert "fetches nothing" in faults_of(text, picture, category="service")


def test_the_policy_names_domains_whose_pictures_are_shown() -> None:
    """A picture may come from a domain of the policy, and its hosts below."""
    domain = policies()["paltalk-2006"].domain
    html = "".join(f'<img src="https://{host}/a.png" alt="A">' for host in (domain, f"img.{domain}"))
    assert f"https://img.{domain}/a.png" in render_template_preview(compiled(HtmlBlock(html=html))).html
    assert "foreign picture" in faults_of(HtmlBlock(html=f'<img src="https://evil{domain}/a.png">'))
    assert "foreign picture" in faults_of(HtmlBlock(html=f'<img src="http://{domain}/a.png">'))


def test_service_mail_is_inside_the_mandatory_layout_and_counts_nothing() -> None:
    """Service mail has no way out by a link of ours, no tracked link and no greeting twice."""
    template = compiled(TextBlock(markdown="We [move](https://status.example/x)."), category="service")
    assert "tracked" not in template.uses
    assert "unsubscribe_url" not in template.uses
    rendered = render_template_preview(template)
    assert 'href="https://status.example/x"' in rendered.html
    assert "move: https://status.example/x\n" in rendered.text


def test_a_brand_has_its_own_words_for_why_people_get_it() -> None:
    """`why_newsletter` in the layout's strings is taken instead of the general sentence."""
    files = files_of("paltalk-2006")
    files = replace(
        files, strings={**files.strings, "en": {**files.strings["en"], "why_newsletter": "Because {{ brand.name }}."}}
    )
    draft = draft_of(TextBlock(markdown="x"), policy=files.policy)
    template = compile_campaign_template(files, NAME, draft, "a", {}, PUBLIC_URL)
    assert "Because Paltalk." in render_template_preview(template).text


def test_fields_used_are_those_of_all_variants_and_languages() -> None:
    """The name is no attribute; a field in a subject, a preheader or a column counts."""
    other = LocalizedDraft(subject="{{ plan or “x” }}", preheader="{{ since or 'x' }}", blocks=BLOCKS)
    draft = draft_of(TextBlock(markdown="{{ first name or 'x' }} {{ name or 'x' }} {{ broken }}"))
    both = CampaignDraft.model_validate(
        draft.model_dump() | {"variants": {"a": draft.variants["a"], "b": {"de": other}}, "ab_test": {}}
    )
    assert fields_used(draft) == {"first_name"}
    assert fields_used(both) == {"first_name", "plan", "since", "points"}


def test_pictures_used_are_those_of_blocks_articles_columns_and_html() -> None:
    """Each id is found once, wherever a draft shows the picture."""
    ids = [digit * 32 for digit in "abcde"]
    blocks = (
        PictureBlock(picture=ids[0]),
        ArticlesBlock(articles=(Article(title="x", picture=ids[1]), Article(title="y"))),
        ColumnsBlock(first=(PictureBlock(picture=ids[2]),), second=(PictureBlock(picture=ids[0]),)),
        HtmlBlock(html=f'<img src="https://mail.example/m/{ids[3]}"><p>/m/{ids[4]}ff</p>'),
    )
    assert pictures_used(draft_of(*blocks)) == set(ids[:4])


def test_links_count_clicks_and_have_ascii_hosts() -> None:
    """An address stands in the source as it is, so that its clicks count without a consent (paltalk06-18)."""
    urls = ("https://rooms.example/a?b=1&c=%C3%BC#d", "https://b\u00fccher.example:8443/\u00fc'{{x")
    written = ("https://rooms.example/a?b=1&c=%C3%BC#d", "https://xn--bcher-kva.example:8443/%C3%BC%27%7B%7Bx")
    block = ButtonBlock(label="Go", href=urls[0])
    template = compiled(block, HtmlBlock(html=f'<a href="{urls[1].replace("{{", "%7B%7B")}">x</a>'))
    assert all(is_shared_url(url, frozenset(), template.source) for url in written)
    assert mail_of(template)[1].count("https://mail.example/c/") == 2
    assert "host is not clear" in faults_of(ButtonBlock(label="Go", href="https://\u00fc..example/"))


def test_the_text_part_is_readable() -> None:
    """Headings, lists, quotes and tables are lines; links stand behind the text; the preheader is not in it."""
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    text = render_template_preview(
        compiled(*BLOCKS, TextBlock(markdown=f"## Plans\n\n> quoted\n\n{table}"), preheader="Psst")
    ).text
    assert "Psst" not in text
    for piece in (
        "\n* one\n* two\n  * three\n\n1. first\n2. second\n\n",
        "Read all of it.\nall of it: https://mail.example/c/sample\n",
        "\nGo on: https://mail.example/c/sample\n",
        "\n[A room]: https://mail.example/c/sample\n",
        "\nKaraoke\n-------\nhttps://mail.example/c/sample\n\nEach Friday\n",
        "\nLeft\n----\n\nTo the left\n",
        "\nPlans\n-----\n\n> quoted\n\na | b\n1 | 2\n",
    ):
        assert piece in text


def test_html_of_a_writer_keeps_nothing_that_acts_or_fetches() -> None:
    """Scripts, forms, style sheets, event handlers, foreign ids and hiding styles are left out."""
    html = """<script>alert(1)</script><style>@import url(https://evil.example)</style><form><input name=x></form>
    <iframe src="https://evil.example"></iframe><svg onload=alert(1)></svg><link rel=stylesheet href=x><base href=x>
    <p onclick="x()" id="q" class="preheader panel" style="color:#333;position:fixed;background:url(//evil.example);
    display:none;margin:-99px;width:expression(1)" background="//evil.example">kept</p></td></table><!-- gone -->"""
    page = render_template_preview(compiled(HtmlBlock(html=html))).html
    for gone in ("alert", "evil.example", "<form", "<input", "onclick", 'id="q"', "fixed", "-99px", "gone", "<svg"):
        assert gone not in page
    assert re.search(r'<p class="panel" style="[^"]*color: #333[^"]*">kept</p>', page)
