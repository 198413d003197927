"""Checks of a campaign before it is sent: for each one a campaign that trips it, and some like it that must not."""

# ruff: noqa: RUF001 - subjects of other scripts

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.policy.campaign_draft import Article, ArticlesBlock, ColumnsBlock, HtmlBlock, PictureBlock, TextBlock
from mailer.rendering.campaign_checks import CHECKS, check_campaign
from mailer.rendering.campaign_facts import CampaignFacts, build_template_facts, preheader_of_page
from mailer.rendering.campaign_findings import (
    SEVERITIES,
    Place,
    Severity,
    findings_as_json,
    findings_by_severity,
    has_errors,
    sorted_findings,
)
from mailer.rendering.gmail_clipping import CLIPS_AT
from tests.campaign_facts import (
    WORDS,
    Size,
    address,
    draft,
    facts,
    page,
    plain,
    service_facts,
    texts,
    with_content,
    with_link,
)
from tests.factories import policies, templates

ID, OTHER = "a" * 32, "b" * 32
SIZES = {ID: Size(9_000, 1200), OTHER: Size(9_000, 600)}
LONG = f"<p>{WORDS}</p>" * (CLIPS_AT // len(WORDS) + 1)
OWN = "https://paltalk.example"
WHITE = "<p style='color: #ffffff'>Bargains of old words that only a filter of spam would ever read</p>".replace(
    "'", '"'
)


def names(checked: CampaignFacts) -> set[str]:
    """The names of the findings about a campaign."""
    return {finding.name for finding in check_campaign(checked)}


def with_subject(subject: str) -> CampaignFacts:
    """A campaign with another subject."""
    return facts(texts(subject=subject))


def with_blocks(*blocks: object, **changes: object) -> CampaignFacts:
    """A campaign whose draft has other blocks."""
    return facts(draft=draft(*blocks), **{"pictures": SIZES, **changes})  # type: ignore[arg-type]


def with_preheader(preheader: str) -> CampaignFacts:
    """A campaign with another preheader."""
    return facts(texts(preheader=preheader))


def picture(**more: object) -> PictureBlock:
    """A picture with words."""
    return PictureBlock(picture=ID, **{"alt": "The stage", **more})


TRIPPED: list[tuple[str, CampaignFacts]] = [
    ("subject-empty", with_subject("  ")),
    ("subject-unfit", with_subject("Two\nlines")),
    ("subject-unfit", with_subject("ü" * 400)),
    ("subject-long", with_subject("Words that go on and on without ever coming to what they want to say " * 2)),
    ("subject-cut-on-phones", with_subject("Twelve new rooms for singers and for listeners")),
    ("subject-cut-on-phones", with_subject("今週のお知らせ" * 4)),
    ("subject-shouts", with_subject("TWELVE NEW ROOMS for singers")),
    ("subject-exclaims", with_subject("Twelve rooms! Today!")),
    ("subject-false-reply", with_subject("Re: your rooms")),
    ("subject-false-reply", with_subject("AW: deine Räume")),
    ("subject-false-reply", with_subject("Fwd : rooms")),
    ("subject-false-reply", with_subject("回复：房间")),
    ("subject-invisible-characters", with_subject("Ka\u200braoke")),
    ("subject-invisible-characters", with_subject("Ka\u00adraoke")),
    ("preheader-missing", with_preheader(" ")),
    ("preheader-long", with_preheader("words " * 30)),
    ("preheader-repeats-subject", with_preheader("twelve new rooms for singers")),
    ("way-out-missing", facts(texts(html=page(footer=False)))),
    ("way-out-missing", facts(texts(text=plain(footer=False)))),
    ("way-out-missing", facts(texts(text=plain().replace(address(), "")))),
    ("way-out-missing", facts(texts(html=page().replace("Unsubscribe", "")))),
    ("way-out-missing", facts(texts(html=page().replace("#1d4ed8", "#ffffff")))),
    ("way-out-clipped", facts(texts(html=page(LONG), text=plain(LONG.replace("<p>", "").replace("</p>", ""))))),
    ("html-clipped", facts(texts(html=page() + "<!--" + "x" * CLIPS_AT + "-->"))),
    ("text-empty", facts(texts(text=" \n-- \n"))),
    ("text-short", facts(texts(html=page(f"<p>{WORDS}</p>" * 4)))),
    ("text-markup", facts(texts(text=plain(f"{WORDS} <b>bold</b>")))),
    ("text-markup", facts(texts(text=plain(f"{WORDS}&nbsp;")))),
    ("text-markup", facts(texts(text=plain(f"{WORDS} **bold**")))),
    ("text-markup", facts(texts(text=plain(f"## Rooms\n{WORDS} [here](https://a.b/)")))),
    ("field-unfilled", with_subject("For {{ name }}")),
    ("field-unfilled", with_content("<p>Hello *|FNAME|*</p>")),
    ("field-unfilled", with_content("<p>Hello %%first name%%</p>")),
    ("field-unfilled", facts(texts(text=plain(WORDS + " {% if x %}")))),
    ("field-unfilled", with_link("https://paltalk.example/%7B%7B id %7D%7D".replace(" ", ""))),
    ("invisible-characters", with_content("<p>Ka\u200braoke</p>")),
    ("invisible-characters", with_content("<p>Ka\u200draoke</p>")),
    ("hidden-text", with_content(f"<p>{WORDS}</p>" + WHITE)),
    ("hidden-text", with_content(f'<p>{WORDS}</p><p style="font-size: 0">Words that nobody is meant to see</p>')),
    ("link-placeholder", with_link("#")),
    ("link-placeholder", with_link("")),
    ("link-placeholder", with_link("https://www.example.com/page")),
    ("link-reserved-domain", with_link("https://shop.example/page")),
    ("link-unfit", with_link("javascript:alert(1)")),
    ("link-unfit", with_link("/rooms")),
    ("link-unfit", with_link("https://")),
    ("link-unfit", with_link("file:///etc/passwd")),
    ("link-unfit", with_link("https://user:pass@paltalk.com/")),
    ("link-unfit", with_link("https://paltalk.com:25/")),
    ("link-private", with_link("http://127.0.0.1/")),
    ("link-private", with_link("http://2130706433/")),
    ("link-private", with_link("http://0x7f.1/")),
    ("link-private", with_link("http://localhost:8025/u/x")),
    ("link-private", with_link("https://[::ffff:10.0.0.1]/")),
    ("link-personal-data", with_link("https://paltalk.com/?who=sam@paltalk.com")),
    ("link-personal-data", with_link("https://paltalk.com/?who=sam%2540paltalk.com")),
    ("link-personal-data", with_link("https://paltalk.com/sam%40paltalk.com/rooms")),
    ("link-personal-data", with_link("https://paltalk.com/?Email=x")),
    ("link-personal-data", with_link("https://paltalk.com/?a=1&amp;mc_eid=0a1b2c3d")),
    ("link-of-one-reader", replace(with_link("https://mail.brand.com/u/abc"), public_url="https://mail.brand.com")),
    ("link-of-one-reader", replace(with_link("http://Mail.brand.com/x//%75/a"), public_url="https://mail.brand.com/x")),
    ("link-shows-other-domain", with_link("https://rooms.evil.com/", "www.paltalk.com")),
    ("link-shows-other-domain", with_link("https://rooms.evil.com/", "https://paltalk.com/rooms")),
    ("link-shows-other-domain", with_link("https://paltalk.com.evil.com/", "paltalk.com")),
    ("link-shows-other-domain", with_link("mailto:help@evil.com", "help@paltalk.com")),
    ("link-without-words", with_link("https://paltalk.com/", " ")),
    ("link-without-words", with_link("https://paltalk.com/", '<img src="cid:a" alt="">')),
    ("link-not-encrypted", with_link("http://paltalk.com/")),
    ("link-to-ip-address", with_link("https://93.184.215.14/")),
    ("link-shortened", with_link("https://bit.ly/3abc")),
    ("link-tagged-twice", with_link("https://paltalk.com/?utm_source=a&amp;utm_source=b")),
    ("links-many", with_content("".join(f'<a href="https://paltalk.com/{n}">Room {n}</a>' for n in range(301)))),
    ("link-words-vague", with_link("https://paltalk.com/", "Click here!")),
    ("link-words-vague", with_link("https://paltalk.com/", "こちら")),
    ("picture-without-words", with_content('<img src="cid:a" width="600">')),
    ("picture-without-words", with_blocks(picture(alt=" "), TextBlock(markdown=WORDS))),
    (
        "picture-without-words",
        with_blocks(ColumnsBlock(first=(picture(alt=""),), second=()), TextBlock(markdown=WORDS)),
    ),
    ("picture-words-are-file-name", with_content('<img src="cid:a" alt="IMG_2041">')),
    ("picture-words-are-file-name", with_content('<img src="cid:a" alt="banner-final.png">')),
    ("picture-unknown", with_blocks(picture(), TextBlock(markdown=WORDS), pictures={})),
    ("picture-foreign", with_content('<img src="https://tracker.evil.com/a.png" alt="A stage">')),
    ("picture-foreign", with_content('<img src="https://paltalk.example.evil.com/a.png" alt="A stage">')),
    ("pictures-heavy", with_blocks(picture(), TextBlock(markdown=WORDS), pictures={ID: Size(1_100_000, 600)})),
    ("picture-wide", with_blocks(picture(), TextBlock(markdown=WORDS), pictures={ID: Size(9_000, 1201)})),
    ("pictures-only", with_blocks(picture(), TextBlock(markdown="Come."))),
    ("pictures-only", with_blocks(HtmlBlock(html='<img src="cid:a" alt="A long, long, long text that stands in it">'))),
    ("contrast-low", with_content('<p style="color: #999999">Pale words</p>')),
    (
        "contrast-low",
        with_content('<a style="color: #ffffff; background-color: #f97316" href="https://paltalk.com/">Buy</a>'),
    ),
    ("contrast-low", with_content('<p style="color: #ffffff">Buy</p>')),
    ("contrast-low", with_content('<p style="opacity: 0.4">Faint words</p>')),
    ("contrast-low-in-dark-mode", with_content('<p style="color: #1f2937">Dark on dark</p>')),
    ("category-unfit", facts(category="weather")),
    ("category-unfit", facts(category="breach")),
    ("category-unfit", facts(category="account")),
    ("purpose-unknown", facts(purpose="world-domination")),
    ("promotion-in-service-mail", service_facts(text=WORDS + " Get 20% off now.")),
    ("promotion-in-service-mail", service_facts(html=f"<p>{WORDS} Ein Gutschein wartet.</p>")),
    ("promotion-in-other-mail", with_content("<p>Today only</p>")),
    ("service-mail-like-newsletter", service_facts(draft=draft(ArticlesBlock(articles=(Article(title="One"),))))),
    ("content-empty", facts(draft=draft().model_copy(update={"variants": {"a": {}}}))),
    ("language-missing", facts(people=10, people_by_locale={"en": 7, "fr": 2, "": 1})),
    ("variants-equal", facts(texts(), texts(variant="b"), draft=draft(variants=("a", "b")))),
    ("field-values-missing", facts(people=10, people_without={"first_name": 2})),
    ("one-click-not-encrypted", facts(public_url="http://127.0.0.1:8025")),
]
"""Each check with campaigns that trip it."""

CLEAN: list[CampaignFacts] = [
    facts(),
    service_facts(),
    with_subject("今週のお知らせ、歌の部屋"),
    with_subject("هذا الأسبوع: اثنتا عشرة غرفة"),
    with_subject("NASA and ESA: a talk"),
    with_subject("Twelve rooms!"),
    with_subject("Rehearsal: be there"),
    with_subject("Reisen: zwölf Räume"),
    with_subject("می\u200cخواهم"),
    with_subject("Family 👨\u200d👩\u200d👧"),
    facts(texts(text=plain(f"{WORDS} 2 * 3 * 4, a_b_c, x < y & z, [sic], #1, C# and **"))),
    with_content("<p>Prices in {curly} brackets, 100% sure, a || b, ${}</p>"),
    with_content("<p>می\u200cخواهم 👨\u200d👩\u200d👧</p>"),
    with_content(f'<p>{WORDS}</p><p style="display: none">Short</p>'),
    with_link("https://paltalk.com/rooms?utm_source=mail&amp;utm_medium=mail#top"),
    with_link("https://rooms.paltalk.example/a"),
    with_link("mailto:help@paltalk.com"),
    with_link("tel:+12125550100"),
    with_link("https://paltalk.com/?topic=e-mail&amp;email="),
    with_link("https://paltalk.com/@sam"),
    with_link("https://www.paltalk.com/rooms", "paltalk.com/rooms"),
    with_link("https://rooms.paltalk.com/", "paltalk.com"),
    with_link("https://nodejs.org/", "How Node.js helps"),
    with_link("https://paltalk.com/", '<img src="cid:a" alt="The stage">'),
    with_content('<img src="cid:a" alt="">'),
    with_content('<img src="https://mail.example/o/x.gif" width="1" height="1">'),
    with_content('<img src="https://cdn.paltalk.example/a.png" alt="The stage">'),
    with_blocks(picture(), picture(alt="", is_decoration=True), TextBlock(markdown=WORDS)),
    with_blocks(ArticlesBlock(articles=(Article(title=WORDS, picture=ID),))),
    with_content('<p style="color: #767676; background-color: #ffffff">Grey that is dark enough</p>'),
    with_content('<h1 style="color: #8a8a8a; background-color: #ffffff; font-size: 28px">Large words</h1>'),
    with_content('<p style="color: #ffffff; background-color: #c2410c">A button</p>'),
    facts(people=10, people_by_locale={"en-GB": 9, "": 1}, people_without={"first_name": 1}),
    facts(texts(), texts(variant="b", subject="Other rooms"), draft=draft(variants=("a", "b"))),
    service_facts(html=f'<p>{WORDS} <a class="link" style="color: #1d4ed8" href="{OWN}/">Go on</a></p>'),
    facts(category="promotional", purpose="offers", draft=None),
]
"""Campaigns much like those, without any finding."""


@pytest.mark.parametrize(("name", "checked"), TRIPPED, ids=[f"{n}-{name}" for n, (name, _) in enumerate(TRIPPED)])
def test_a_fault_is_found(name: str, checked: CampaignFacts) -> None:
    """The finding has the severity and remedy of its check, and is a sentence."""
    found = [finding for finding in check_campaign(checked) if finding.name == name]
    [check] = [check for check in CHECKS if check.name == name]
    assert found
    for finding in found:
        assert (finding.severity, finding.remedy) == (check.severity, check.remedy)
        assert finding.text.endswith((".", ":1."))


@pytest.mark.parametrize("checked", CLEAN, ids=range(len(CLEAN)))
def test_a_good_campaign_has_no_finding(checked: CampaignFacts) -> None:
    """Languages without capitals, joiners of Persian, addresses with @, words with dots: none is a fault."""
    assert [(finding.name, finding.text) for finding in check_campaign(checked)] == []


def test_each_check_is_tripped_or_asks_servers() -> None:
    """No check is without a test; names are unique, and sentences end."""
    outside = {
        "link-broken",
        "link-unanswered",
        "link-redirected",
        "link-not-checked",
        "sender-not-authenticated",
        "sender-weakly-authenticated",
        "mail-goes-to-nobody",
        "language-missing-in-variant",
        "languages-differ",
    }
    assert {name for name, _ in TRIPPED} | outside == {check.name for check in CHECKS}
    assert Counter(check.name for check in CHECKS).most_common(1)[0][1] == 1
    assert all(words.endswith(".") for check in CHECKS for words in (check.looks_for, check.remedy))


def test_shipped_templates_have_no_error_and_no_warning() -> None:
    """The templates of all brands pass: a check that complains about each mail is read by nobody."""
    brands, shipped = policies(), list(templates())
    assert len({template.brand for template in shipped}) == 4
    for template in shipped:
        for finding in check_campaign(build_template_facts(brands[template.brand], template)):
            assert finding.severity is Severity.NOTE, (template.brand, template.name, finding)


def test_a_finding_names_the_block() -> None:
    """The place is the block whose words or address are at fault."""
    checked = replace(
        with_link("http://paltalk.com/rooms"),
        draft=draft(TextBlock(markdown=WORDS), TextBlock(markdown="[All of the rooms](http://paltalk.com/rooms)")),
    )
    [finding] = check_campaign(checked)
    assert (finding.name, finding.place) == ("link-not-encrypted", Place("a", "en", 2))
    assert finding.place.in_words == "variant a, en, block 2"
    blocks = with_blocks(TextBlock(markdown=WORDS), picture(alt=""))
    assert [finding.place for finding in check_campaign(blocks)] == [Place("a", "en", 2)]


def test_a_variant_has_the_languages_of_the_other() -> None:
    """A missing part is told by variant and language, and so are different numbers of blocks."""
    both = draft(variants=("a", "b"), locales=("en", "de"))
    lacking = both.model_copy(update={"variants": {**both.variants, "b": {"en": both.variants["b"]["en"]}}})
    found = check_campaign(facts(draft=lacking))
    assert [(finding.name, finding.place) for finding in found] == [("language-missing-in-variant", Place("b", "de"))]
    short = draft(TextBlock(markdown=WORDS), TextBlock(markdown=WORDS)).variants["a"]["en"]
    uneven = draft(locales=("en", "de")).model_copy(
        update={"variants": {"a": {"en": short, "de": draft().variants["a"]["en"]}}}
    )
    [finding] = check_campaign(facts(draft=uneven))
    assert (finding.name, finding.text) == ("languages-differ", "The numbers of blocks differ: de 1, en 2.")
    empty = draft(locales=("en", "de"))
    bare = empty.variants["a"]["de"].model_copy(update={"blocks": ()})
    found = check_campaign(
        facts(draft=empty.model_copy(update={"variants": {"a": {**empty.variants["a"], "de": bare}}}))
    )
    assert ("content-empty", Place("a", "de")) in [(finding.name, finding.place) for finding in found]


def test_missing_languages_are_counted() -> None:
    """Those of most people come first; a language that is close enough is none, an unknown one of a person is."""
    counts = {"en-AU": 5, "fr": 3, "fr-CA": 4, "ja": 9, "": 2, "xx": 0}
    [finding] = check_campaign(facts(people=23, people_by_locale=counts))
    assert finding.text == "16 people read another language: ja (9), fr-CA (4), fr (3)."


def test_findings_come_worst_first_and_once() -> None:
    """The order is that of the severities; JSON has each part by its name."""
    checked = facts(texts(subject="Re: TWELVE NEW ROOMS!!", preheader=""), texts(subject="Re: TWELVE NEW ROOMS!!"))
    found = check_campaign(checked)
    assert [severity for severity, _ in findings_by_severity(found)] == [Severity.ERROR, Severity.WARNING]
    assert len(found) == len(set(found))
    assert has_errors(found)
    assert not has_errors([])
    assert findings_as_json(found[:1]) == [
        {
            "name": "subject-false-reply",
            "severity": "error",
            "variant": "a",
            "locale": "en",
            "block": None,
            "text": 'The subject begins with "Re:".',
            "remedy": "Take the beginning away.",
        }
    ]
    assert sorted_findings(reversed(found))[0].severity is Severity.ERROR


def test_many_faults_of_one_kind_are_counted() -> None:
    """A mail with a thousand faults has a page that can be read."""
    links = "".join(f'<a class="link" href="http://paltalk.com/{n}">Room {n}</a>' for n in range(200))
    found = check_campaign(with_content(links, WORDS * 10))
    assert [finding.name for finding in found] == ["link-not-encrypted"] * 21
    assert found[-1].text == "There are 180 more of this kind."


def test_a_preheader_is_the_hidden_text_at_the_beginning() -> None:
    """Padding does not count, nor hidden words further below."""
    padded = "Twelve rooms" + "&nbsp;&#847;&zwnj; " * 60
    assert preheader_of_page(page(preheader=padded)) == "Twelve rooms"
    assert preheader_of_page(page(preheader="")) == ""
    assert preheader_of_page(page('<p>Seen</p><p style="display:none">Unseen</p>', "")) == ""


@settings(max_examples=150)
@given(st.text(max_size=60), st.text(alphabet="<>&;{}%*[]()#!\"'=/ab:@\u200b\n ", max_size=200), st.text(max_size=80))
def test_no_text_breaks_a_check(subject: str, content: str, url: str) -> None:
    """Whatever is written, the checks end with findings, not with an error."""
    broken = texts(subject=subject, html=page(content) + f'<a href="{url}">{content}</a>', text=content)
    assert isinstance(check_campaign(facts(broken)), list)


@pytest.mark.parametrize("text", ["{{" * 50_000, "[" * 100_000, "**a" * 30_000, "<b " * 30_000, "%%a" * 30_000])
def test_a_long_text_takes_a_short_time(text: str) -> None:
    """Texts that make patterns go back and forth; a second is more than enough."""
    begun = time.process_time()
    check_campaign(facts(texts(text=text)))
    assert time.process_time() - begun < 2


def test_the_documentation_has_each_check() -> None:
    """docs/campaign-checks.md lists the checks with the words of the code, the worst first."""
    text = (Path(__file__).parents[2] / "docs" / "campaign-checks.md").read_text("utf-8")
    listed = [line for line in text.partition("## All checks")[2].splitlines() if line.startswith("| `")]
    by_weight = sorted(CHECKS, key=lambda check: SEVERITIES.index(check.severity))
    expected = [f"| `{one.name}` | {one.severity.value} | {one.looks_for} | {one.remedy} |" for one in by_weight]
    assert listed == expected
