"""The look of a brand's pages: looks that are accepted, and looks that are refused with words that help."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import bundled_files
from mailer.brand_look_loading import load_brand_looks
from mailer.rendering.colours import contrast_ratio, parse_colour
from mailer.web.brand_look import PLAIN_LOOK, BrandLook, BrandLookError, parse_brand_look
from mailer.web.languages import LANGUAGES
from mailer.web.logo_checks import MAX_LOGO_BYTES, LogoError, logo_as_data_uri
from mailer.web.page_colours import DEFAULT_ACCENTS, SCHEMES, contrast_faults

SHIPPED = bundled_files.bundled_folder("policies")
BRANDS = ["interpals", "paltalk-2002", "paltalk-2006", "peerstream"]
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(24)
ACCENT = '[accent]\nlight = "#0b6e63"\ndark = "#5fd0c0"\n'


def svg(inside: str = "", more: str = "", before: str = "") -> bytes:
    """An SVG file with something in it."""
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" {more}>{inside}</svg>'.encode()


def look(text: str, logo: bytes = PNG) -> BrandLook:
    """The look of a file, with a logo beside it."""
    return parse_brand_look(text, "look.toml", lambda name: logo)


def test_each_shipped_brand_has_a_look_of_its_own() -> None:
    """The looks of the shipped brands pass the check of every look, and differ."""
    looks = load_brand_looks(SHIPPED, BRANDS)
    assert sorted(looks) == BRANDS
    assert len({look.logo for look in looks.values()}) == len({str(look.accents) for look in looks.values()}) == 4
    assert all(look.privacy_policy and look.contact and look.logo for look in looks.values())


def test_an_empty_look_is_the_plain_one() -> None:
    """Each key may be left out."""
    assert look("") == PLAIN_LOOK
    assert PLAIN_LOOK.accent_css == ""


def test_a_whole_look_is_taken() -> None:
    """Colours, logo, addresses and texts come as the pages use them."""
    said = f'logo = "a.png"\nprivacy_policy = "https://example.org/p"\ncontact = "help@example.org"\n{ACCENT}'
    made = look(f'{said}[texts.de]\nleave = "Schluss"\n[texts.de.kinds]\nnewsletter = ["Brief", "Von {{brand}}."]\n')
    assert (made.privacy_policy, made.contact) == ("https://example.org/p", "mailto:help@example.org")
    assert made.logo is not None
    assert made.logo.startswith("data:image/png;base64,")
    assert "--accent: #0b6e63" in made.accent_css
    german = made.languages["de"].texts
    assert (german["leave"], german["kinds"]["newsletter"]) == ("Schluss", ["Brief", "Von {brand}."])
    assert german["kinds"]["promotional"] == LANGUAGES["de"].texts["kinds"]["promotional"]
    assert made.languages["en"] == LANGUAGES["en"]
    assert LANGUAGES["de"].texts["leave"] == "Abbestellen", "other brands keep the words"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[accent]\nlight = "#ffcc00"\ndark = "#5fd0c0"', "look.toml:2: accent.light is #ffcc00: links on the page"),
        (
            '[accent]\nlight = "#ffcc00"\ndark = "#5fd0c0"',
            "text on buttons (#ffffff on #ffcc00) have a contrast of 1.51:1",
        ),
        ('[accent]\nlight = "#0b6e63"\ndark = "#14433d"', "look.toml:3: accent.dark is #14433d: links on the page"),
        (
            '[accent]\nlight = "#0b6e63"\ndark = "#14433d"',
            "4.5:1 is the least (WCAG 2.2, 1.4.3); choose a lighter colour",
        ),
        ('[accent]\nlight = "red"\ndark = "#5fd0c0"', "accent.light is no colour of the form #2b4fc7"),
        ('[accent]\nlight = "#fff;} body {"\ndark = "#5fd0c0"', "accent.light is no colour"),
        ('[accent]\nlight = "#0b6e63"', "accent.dark is missing"),
        ('accent = "#0b6e63"', "accent is no section"),
        ('colour = "#0b6e63"', "colour is no key that belongs here"),
        ('logo = "https://elsewhere.example/logo.png"', "logo is no name of a file beside look.toml"),
        ('logo = "../../etc/passwd"', "logo is no name of a file"),
        ('logo = ".env"', "logo is no name of a file"),
        ("logo = 1", "logo is no text"),
        ('privacy_policy = "http://example.org/p"', "privacy_policy is no address of a page"),
        ('privacy_policy = "javascript:alert(1)"', "privacy_policy is no address"),
        ('privacy_policy = "https://example.org@elsewhere.example/p"', "privacy_policy is no address"),
        (f'privacy_policy = "https://example.org/{"a" * 2000}"', "privacy_policy is no address"),
        ('contact = "a@example.org?bcc=b@example.org"', "contact is neither a page nor a mail address"),
        ('contact = "somebody"', "contact is neither a page nor a mail address"),
        ('[texts.xx]\nleave = "a"', "texts.xx is no language of the pages; write one of ar, de, en, es, fr, ja"),
        ('[texts]\nen = "a"', "texts.en is no section"),
        ('[texts.en]\nleaf = "a"', "look.toml:2: texts.en.leaf is no text of the pages"),
        ('[texts.en]\ndir = "rtl"', "texts.en.dir is no text of the pages"),
        ("[texts.en]\nleave = 1", "texts.en.leave is no text; write one"),
        ('[texts.en]\nleave = " "', "texts.en.leave is no text; write one"),
        (f'[texts.en]\nleave = "{"a" * 2001}"', "texts.en.leave has 2,001 characters; at most 2,000"),
        ('[texts.en]\nask_title = "Leave?"', "needs the same blanks as the text that it replaces: {brand}"),
        ('[texts.en]\nask_title = "{brand.__class__}"', "needs the same blanks"),
        ('[texts.en]\nask_title = "{brand!r}"', "needs the same blanks"),
        ('[texts.en]\nask_title = "{brand:>9999999}"', "needs the same blanks"),
        ('[texts.en]\nask_title = "{brand} {"', "texts.en.ask_title cannot be read"),
        ('[texts.en]\nleave = "Leave {brand}"', "needs the same blanks as the text that it replaces: no {…}"),
        ('[texts.en.kinds]\nnewsletter = "a"', "texts.en.kinds.newsletter is no title with a description"),
        ('[texts.en.kinds]\nnewsletter = ["a", "b"]', "needs the same blanks"),
        ('[texts.en]\nkinds = "a"', "texts.en.kinds is no section"),
        ("[accent", "look.toml:1: is not TOML"),
    ],
)
def test_a_faulty_look_is_refused(text: str, fault: str) -> None:
    """The message names the file, the line, the key and the remedy."""
    with pytest.raises(BrandLookError) as refused:
        look(text)
    assert fault in str(refused.value)


def test_every_fault_is_told_at_once() -> None:
    """Nobody mends one only to hear of the next."""
    with pytest.raises(BrandLookError) as refused:
        look('logo = "a.png"\n[accent]\nlight = "#ffffff"\ndark = "#000000"\n[texts.en]\nleaf = "a"', b"GIF89a")
    lines = str(refused.value).splitlines()
    assert [line.split(" ")[1] for line in lines] == ["accent.light"] * 3 + ["accent.dark"] * 3 + [
        "texts.en.leaf",
        "logo",
    ]


@given(st.integers(0, 0xFFFFFF), st.sampled_from(["light", "dark"]))
def test_a_colour_that_is_taken_can_be_read(number: int, scheme: str) -> None:
    """No pair of text and background is below 4.5:1, for any accepted colour."""
    accent, colours = f"#{number:06x}", SCHEMES[scheme]
    pairs = [(accent, colours.ground), (accent, colours.card), (colours.on_accent, accent)]
    ratios = []
    for one, other in pairs:
        text, background = parse_colour(one), parse_colour(other)
        assert text is not None
        assert background is not None
        ratios.append(contrast_ratio(text, background))
    assert (list(contrast_faults(scheme, accent)) == []) is (min(ratios) >= 4.5)


def test_the_colours_that_are_checked_are_those_of_the_pages() -> None:
    """`page.css` has the same colours as the check."""
    css = (Path(__file__).parents[2] / "mailer" / "web" / "templates" / "page.css").read_text("utf-8")
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in css.split("@media", 2)[:2])
    for scheme, said in (("light", light), ("dark", dark)):
        colours = SCHEMES[scheme]
        assert (said["ground"], said["card"], said["on-accent"]) == (colours.ground, colours.card, colours.on_accent)
        assert said["accent"] == DEFAULT_ACCENTS[scheme]
        assert list(contrast_faults(scheme, said["accent"])) == []
        assert list(contrast_faults(scheme, said["soft"]))[:2] == [], "soft text can be read, too"


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (PNG, "image/png"),
        (WEBP, "image/webp"),
        (svg('<g><path d="M0 0h9v9z" fill="#fff"/></g>'), "image/svg+xml"),
        (svg('<defs><linearGradient id="a"/></defs><circle r="4" fill="url(#a)"/>'), "image/svg+xml"),
        (svg("<style>@media (prefers-color-scheme: dark) { path { fill: #fff } }</style>"), "image/svg+xml"),
        (svg(before='\ufeff<?xml version="1.0" encoding="UTF-8"?>'), "image/svg+xml"),
        (PNG + bytes(MAX_LOGO_BYTES - len(PNG)), "image/png"),
    ],
)
def test_a_logo_is_known_by_its_content(content: bytes, type_: str) -> None:
    """A logo's type is known by its content, not by its name."""
    assert logo_as_data_uri(content).startswith(f"data:{type_};base64,")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (PNG + bytes(MAX_LOGO_BYTES), "bytes; at most 65,536 are allowed"),
        (b"GIF89a" + bytes(40), "is no PNG, WebP or SVG file by its content"),
        (b"", "is no PNG, WebP or SVG file"),
        (b"\x1f\x8b" + svg(), "is no PNG, WebP or SVG file"),
        (b"<html><body/></html>", "has the element <html>"),
        (svg("<script>alert(1)</script>"), "has the element <script>"),
        (svg('<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>'), "has the element <script>"),
        (svg("<foreignObject/>"), "has the element <foreignObject>"),
        (svg('<image href="https://elsewhere.example/a.png"/>'), "has the element <image>"),
        (svg('<a href="https://elsewhere.example/"><path/></a>'), "has the element <a>"),
        (svg('<animate attributeName="href"/>'), "has the element <animate>"),
        (svg('<path id="p"/><use href="#p"/>'), "has the element <use>"),
        (svg("<svg/>"), "has the element <svg>"),
        (svg(more='onload="alert(1)"'), "has the attribute onload"),
        (svg('<path ONCLICK="alert(1)"/>'), "has the attribute ONCLICK"),
        (svg('<linearGradient href="https://elsewhere.example/a.svg#b"/>'), "refers to"),
        (svg('<linearGradient href="javascript:alert(1)"/>'), "refers to"),
        (svg('<path fill="url(https://elsewhere.example/a.svg#b)"/>'), "in the attribute fill"),
        (svg('<path fill="url( &quot;//elsewhere.example/a.svg#b&quot;)"/>'), "in the attribute fill"),
        (svg('<path style="fill: u\\72l(//elsewhere.example)"/>'), "in the attribute style"),
        (svg("<style>@import '//elsewhere.example/a.css';</style>"), "in a text or style"),
        (svg("<style>path { fill: URL(//elsewhere.example/a) }</style>"), "in a text or style"),
        (svg("<style>path { fill: u<!-- -->rl(//elsewhere.example/a) }</style>"), "in a text or style"),
        (svg(before='<!DOCTYPE svg [<!ENTITY a "b">]>'), "has a document type"),
        (svg(before='<?xml-stylesheet href="//elsewhere.example/a.css"?>'), "has the instruction <?xml-stylesheet"),
        (svg(before='<?xml version="1.0" encoding="UTF-7"?>'), "is in UTF-7; save it in UTF-8"),
        (svg("<path>"), "is no SVG file: mismatched tag"),
        (svg("<path d='\xff'/>").replace(b"\xc3\xbf", b"\xff"), "is no SVG file: not well-formed"),
    ],
)
def test_a_logo_that_could_do_more_than_be_seen_is_refused(content: bytes, fault: str) -> None:
    """Scripts, references to elsewhere, other types and large files."""
    with pytest.raises(LogoError) as refused:
        logo_as_data_uri(content)
    assert fault in str(refused.value)


def test_a_folder_of_no_brand_is_refused(tmp_path: Path) -> None:
    """A misspelt folder would else have no effect, and nobody would know."""
    (tmp_path / "interpal").mkdir()
    (tmp_path / "interpal" / "look.toml").write_text("")
    with pytest.raises(BrandLookError, match="there is no policy of a brand interpal"):
        load_brand_looks(tmp_path, ["interpals"])


def test_a_logo_is_read_beside_its_look(tmp_path: Path) -> None:
    """One that is missing is a fault, and a huge one is not read whole."""
    folder = tmp_path / "interpals"
    folder.mkdir()
    (folder / "look.toml").write_text('logo = "a.png"')
    with pytest.raises(BrandLookError, match=r"logo a\.png cannot be read: No such file or directory"):
        load_brand_looks(tmp_path, ["interpals"])
    (folder / "a.png").write_bytes(PNG + bytes(10 * MAX_LOGO_BYTES))
    with pytest.raises(BrandLookError, match=r"a\.png has 65,537 bytes; at most 65,536"):
        load_brand_looks(tmp_path, ["interpals"])
    (folder / "a.png").write_bytes(PNG)
    assert load_brand_looks(tmp_path, ["interpals"])["interpals"].logo
