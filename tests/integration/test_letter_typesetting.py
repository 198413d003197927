"""Letters as PDF: the address in the window, all texts as data, scripts set right. Looked at by rendering."""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.actions.typesetting import letter_typesetting
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter, TypesettingFailed, TypesettingTooLarge
from mailer.doctor.finding import FindingLevel
from mailer.doctor.letter_fonts import examine_letter_fonts
from mailer.policy.breach.letter_sheets import WindowFormat, Zone, sheet_of_window
from mailer.rendering.letter_content import texts_of_content
from mailer.rendering.letter_pages import WORDS, LetterUnprintable, lines_of_address
from tests.printed_letters import (
    HAS_TOOLS,
    LETTER_FONTS,
    NO_TOOLS,
    full_content,
    ink,
    person,
    picture_of_page,
    pieces,
    plain_content,
    run_of,
    run_tool,
    text_of_pdf,
    whole,
)

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason=NO_TOOLS)
TEXTS = {
    "en": "Your data were involved in a breach of our systems.",
    "de": "Ihre Daten waren von einem Einbruch betroffen: Größe, Straße, Übermaß.",
    "es": "Sus datos se vieron afectados: año, contraseña, ¿qué puede hacer?",
    "fr": "Vos données ont été touchées ; où, à quel degré, cœur.",
    "ar": "كانت بياناتك ضمن خرق لأنظمتنا.",
    "ja": "お客様のデータが侵害の影響を受けました。",
}


@pytest.fixture(scope="module")
def typesetter() -> LetterTypesetter:
    """Sets letters with the fonts that the script has fetched."""
    return LetterTypesetter(LETTER_FONTS)


@pytest.mark.parametrize("window", WindowFormat)
async def test_nothing_but_the_address_is_in_the_window(typesetter: LetterTypesetter, window: WindowFormat) -> None:
    """Short, long and wide addresses stay in their zone; the window has nothing else, and the edges are white."""
    people = [
        person(1),
        person(2, "Wolfeschlegelsteinhausenbergerdorff " * 1 + "von und zu Altona IV", *["W" * 58] * 5),
        person(3, "山田太郎", "東京都千代田区永田町一丁目七番一号", "100-8914", country="JP"),
        person(4, "محمد علي", "شارع النيل ١٢", "القاهرة", country="EG"),
    ]
    made = await typesetter.set_pdf(run_of(plain_content("Notice", "word " * 900), *people, window=window.value))
    sheet = sheet_of_window(window)
    for number, page in enumerate(made.first_pages):
        picture = picture_of_page(made.content, page)
        found = ink(picture, sheet.window)
        assert found, f"the address of letter {number + 1} is in the window"
        address = ink(picture, sheet.address)
        assert address
        line = sheet.return_line
        top = min(sheet.address.y, line.y if line else 999)
        assert found[0] >= sheet.address.x - 0.3
        assert found[1] >= top - 0.3
        assert found[2] <= sheet.address.x + sheet.address.width + 0.3
        assert found[3] <= sheet.address.y + sheet.address.height + 0.3
        seen = ink(picture, whole(sheet))
        assert seen
        assert seen[0] > 15
        assert seen[2] < sheet.width - 15, "printers do not reach the edge"
        below = Zone(0, sheet.window.y + sheet.window.height, sheet.width, 3)
        assert ink(picture, replace(below, x=0, width=sheet.window.x + sheet.window.width)) is None
    assert made.pages == made.first_pages[1] * 4 - 4, "each letter has as many pages"


@pytest.mark.parametrize("language", WORDS)
async def test_a_letter_says_all_in_its_language(typesetter: LetterTypesetter, language: str, tmp_path: Path) -> None:
    """Title, heading, emphasis, link, list, date, reference and page number are there, at 10 points at least."""
    content = full_content(TEXTS[language][:20], TEXTS[language])
    made = await typesetter.set_pdf(run_of(content, person(77), language=language))
    said = unicodedata.normalize("NFKC", text_of_pdf(made.content)).replace(" ", "")
    pages = WORDS[language]["pages"].format(page=1, pages=1)
    for text in ("Ada Lovelace", "UNITED KINGDOM", "77", "Cambridge", "strong", "https://interpals.net/help"):
        assert text.replace(" ", "") in said
    file = tmp_path / "letter.pdf"
    file.write_bytes(made.content)
    layout = run_tool("pdftohtml", "-xml", "-stdout", "-i", "-zoom", "1", file, pdf=b"").decode()
    sizes = [int(size) for size in re.findall(r'<fontspec id="\d+" size="(\d+)"', layout)]
    assert sizes
    assert min(sizes) >= 10
    if language == "ar":  # poppler tells words from left to right, and turns ligatures around
        words = {"".join(sorted(word)) for word in text_of_pdf(made.content).split()}
        assert {"".join(sorted(word)) for word in f"{TEXTS['ar']} {pages}".split() if word[-1] != "."} <= words
        return
    for text in (*texts_of_content(content), pages):
        assert unicodedata.normalize("NFKC", text).replace(" ", "") in said


async def test_arabic_is_joined_and_stands_on_the_right(typesetter: LetterTypesetter) -> None:
    """A word whose letters all join is one piece of ink; the title begins at the right margin."""
    made = await typesetter.set_pdf(run_of(plain_content("سلسلة", TEXTS["ar"]), person(1), language="ar"))
    picture = picture_of_page(made.content)
    title = Zone(25, 87, 160, 7)
    assert pieces(picture, title) == 1
    found = ink(picture, title)
    assert found
    assert found[2] > 183, "it ends at the right margin"
    assert found[0] > 150, "and nothing is on the left"
    latin = await typesetter.set_pdf(run_of(plain_content("s l s l a", "x"), person(1)))
    assert pieces(picture_of_page(latin.content), title) == 5, "the measure tells pieces apart"


async def test_japanese_characters_are_not_boxes(typesetter: LetterTypesetter) -> None:
    """Different characters look different, and are set in a font that has them."""
    pictures = []
    for title in ("日月火水", "木金土曜"):
        made = await typesetter.set_pdf(run_of(plain_content(title, TEXTS["ja"]), person(1), language="ja"))
        assert b"VL" in run_tool("pdffonts", "-", pdf=made.content)
        page = picture_of_page(made.content)
        pictures.append(page.crop((25 * 5, 87 * 5, 60 * 5, 95 * 5)).tobytes())
    assert pictures[0] != pictures[1]


async def test_texts_are_data_and_no_program(typesetter: LetterTypesetter) -> None:
    """Commands of the typesetter in texts, names and addresses are printed as they are; nothing is read or fetched."""
    evil = (
        '#import "@preview/cetz:0.3.1"',
        '#read("/etc/passwd")',
        "\\u{41} \\ $x^2$ *bold* _it_ `raw` = H",
        "[] ] } #panic() <first-page> @last-page",
        "\x00\x07 end",
    )
    someone = person(1, '#read("letter.typ")', "#eval(1+1) Street", "C]TY $1$")
    made = await typesetter.set_pdf(run_of(plain_content(evil[0], *evil), someone))
    said = text_of_pdf(made.content).replace(" ", "")
    for text in (*evil[:4], "end", '#read("letter.typ")', "#eval(1+1)Street", "C]TY$1$"):
        assert text.replace(" ", "") in said
    assert "root:" not in said
    assert made.first_pages == (1,)


async def test_a_word_without_an_end_stays_on_the_paper(typesetter: LetterTypesetter) -> None:
    """A word of 10,000 characters is broken; the margins stay white."""
    made = await typesetter.set_pdf(run_of(plain_content("a" * 300, "b" * 10_000), person(1)))
    assert text_of_pdf(made.content).count("b") > 10_000 - 1
    found = ink(picture_of_page(made.content), Zone(0, 85, 210, 180))
    assert found
    assert found[0] > 24
    assert found[2] < 187


async def test_unseen_orders_do_not_turn_an_address_around(typesetter: LetterTypesetter) -> None:
    """Marks that turn the order around, line breaks and control characters are left out of addresses."""
    someone = person(1, "Ada\u202elaveL", "1 Main\nStreet\x00", "LON\u2066DON\u2069")
    assert lines_of_address(someone, "en") == ("AdalaveL", "1 Main Street", "LONDON", "UNITED KINGDOM")


async def test_characters_that_no_font_has_are_told_before_they_are_printed(typesetter: LetterTypesetter) -> None:
    """A text with them is refused with the code points; an address too, so that its letter alone is left out."""
    with pytest.raises(TypesettingFailed, match=r"U\+E123"):
        await typesetter.set_pdf(run_of(plain_content("Notice \ue123"), person(1)))
    with pytest.raises(LetterUnprintable, match=r"U\+E124"):
        await typesetter.require_printable(("Ada \ue124",))
    await typesetter.require_printable(("Ада Лавлейс", "Αθήνα", "תל אביב", "山田"))


async def test_a_folder_without_fonts_says_what_to_do(tmp_path: Path) -> None:
    """Without a font nothing is printed, and `mailer doctor` names the packages."""
    (tmp_path / "broken.ttf").write_bytes(b"\x00\x01\x00\x00\x00\x09 cut")
    with pytest.raises(TypesettingFailed, match="MAILER_LETTER_FONTS: there is no font"):
        await LetterTypesetter(tmp_path).set_pdf(run_of(plain_content("x"), person(1)))
    assert "apt-get install fonts-noto-core" in examine_letter_fonts(tmp_path).text
    [japanese] = LETTER_FONTS.glob("VL-Gothic*")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/ja.ttf").write_bytes(japanese.read_bytes())
    assert "for ar: apt-get install fonts-noto-core" in examine_letter_fonts(tmp_path / "other").text
    assert examine_letter_fonts(LETTER_FONTS).level is FindingLevel.OK


async def test_the_same_letters_are_the_same_octets(typesetter: LetterTypesetter) -> None:
    """A run that is made again is the same file; another date makes another one."""
    run = run_of(plain_content("Notice", "text"), person(1), person(2))
    first, second = await typesetter.set_pdf(run), await typesetter.set_pdf(run)
    assert first == second
    assert (await typesetter.set_pdf(replace(run, dated=run.dated.replace(day=1)))).content != first.content


async def test_the_typesetter_is_ended_when_it_takes_too_long(
    typesetter: LetterTypesetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that takes too long is killed, and the run says so."""
    monkeypatch.setattr(letter_typesetting, "_SECONDS", 0.01)
    with pytest.raises(TypesettingTooLarge, match="took longer"):
        await typesetter.set_pdf(run_of(plain_content("Notice", "text"), person(1)))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((" ",), "is empty"),
        (("a",) * 7, "more than 7 lines"),
        (("漢" * 31,), "longer than 60"),
        (("x" * 61,), "longer"),
    ],
)
def test_an_address_that_no_window_shows_is_refused(lines: tuple[str, ...], said: str) -> None:
    """Too many lines, too long ones, or none are a problem of that letter."""
    with pytest.raises(LetterUnprintable, match=said):
        lines_of_address(replace(person(1), lines=lines), "en")


def test_parents_get_the_letter_of_a_child() -> None:
    """A letter about a child is for the parents or guardians; a person without a name has the account."""
    for language, words in WORDS.items():
        child = replace(person(1, "Ada"), is_under_13=True)
        assert lines_of_address(child, language)[0] == words["guardians"].format(name="Ada")
    assert "Ada" in lines_of_address(replace(person(1, "Ada"), is_under_13=True), "pt")[0]
    assert lines_of_address(person(7, None), "en")[0] == "Account user-7"
