"""Puts together what is printed on letters: addresses, words and texts, as data that no program takes for a program."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from babel import Locale

from mailer.policy.breach.letter_sheets import WindowFormat, sheet_of_window
from mailer.rendering.jinja_environment import date_in_words
from mailer.rendering.languages import is_left_to_right, locale_and_fallbacks
from mailer.rendering.letter_content import BulletList, LetterContent, Paragraph

WORDS: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_name("letter_words.toml").read_text("utf-8")
)
"""The words on letters that are not the notice's, by language."""
FONTS: Final = ("Noto Sans", "Noto Sans Arabic", "VL Gothic")
"""The families that are asked first; then any that has the character."""
MOST_LINES: Final = 7
"""The most lines of an address, with the name and the country."""
MOST_COLUMNS: Final = 60
"""The longest line of an address, in columns; a wide character takes two."""
_LONG_WORD: Final = re.compile(r"[^\s\u200b]{40}(?=[^\s\u200b])")
_UNSEEN_ORDERS: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the order of others around (Unicode UAX 9): an address could be shown as another one."""


class LetterUnprintable(ValueError):
    """A letter cannot be printed as it is. The message says why, without any personal data."""


@dataclass(frozen=True, slots=True)
class LetterSender:
    """The controller: name, postal address in one line."""

    name: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """The person to whom a letter goes.

    Attributes:
        letter: the letter's number, which is the notice's.
        ref: of the account, for a person without a name.
        country: by ISO 3166-1; None: unknown.
        lines: of the postal address, without the name.
        is_under_13: the parents or guardians get the letter.
    """

    letter: int
    ref: str
    name: str | None
    country: str | None
    lines: tuple[str, ...]
    is_under_13: bool


@dataclass(frozen=True, slots=True)
class LetterPage:
    """A letter as it is printed: the lines of the address, and the place of its text among the run's texts."""

    letter: int
    lines: tuple[str, ...]
    content: int


@dataclass(frozen=True, slots=True)
class LetterRunPages:
    """The letters of a run, of one language and one format.

    Attributes:
        dated: the date that they bear.
        contents: the texts, one for each variant. letters: in the order in which they are printed.
    """

    window: WindowFormat
    language: str
    dated: date
    sender: LetterSender
    contents: tuple[LetterContent, ...]
    letters: tuple[LetterPage, ...]


def words_of_language(language: str) -> Mapping[str, str]:
    """Returns the words for a locale: those of its language, or the English ones."""
    return next((WORDS[code] for code in locale_and_fallbacks(language, "en") if code in WORDS), WORDS["en"])


def lines_of_address(person: Addressee, language: str) -> tuple[str, ...]:
    """Returns the lines in the window: the person, the address, the country.

    Raises:
        LetterUnprintable: there are too many lines, or too long ones, for a window.
    """
    words = words_of_language(language)
    name = _one_line(person.name or "") or words["account"].format(ref=_one_line(person.ref))
    first = words["guardians"].format(name=name) if person.is_under_13 else name
    given = [line for line in map(_one_line, person.lines) if line]
    lines = [first, *(given[1:] if given and given[0].casefold() == name.casefold() else given)]
    if len(lines) < 2:
        raise LetterUnprintable("the address is empty; import it again")
    country = _country_in_capitals(person.country)
    if country and lines[-1].casefold() not in (country.casefold(), (person.country or "").casefold()):
        lines.append(country)
    if len(lines) > MOST_LINES:
        raise LetterUnprintable(f"the address has more than {MOST_LINES} lines with name and country; shorten it")
    if any(_columns(line) > MOST_COLUMNS for line in lines):
        raise LetterUnprintable(f"a line of the address is longer than {MOST_COLUMNS} characters; shorten it")
    return tuple(lines)


def texts_in_run(run: LetterRunPages) -> list[str]:
    """Returns the texts that all letters of a run have: the sender and the date."""
    return [run.sender.name, run.sender.postal_address, date_in_words(run.dated.isoformat(), run.language)]


def run_as_data(run: LetterRunPages) -> dict[str, Any]:
    """Returns a run as JSON values for the program that sets it (`mailer/actions/typesetting/letter.typ`)."""
    words = words_of_language(run.language)
    sender = [run.sender.name, *_split_address(run.sender.postal_address)]
    return {
        "sheet": {name: value for name, value in asdict(sheet_of_window(run.window)).items() if value is not None},
        "language": run.language.partition("-")[0],
        "is_rtl": not is_left_to_right(run.language),
        "fonts": list(FONTS),
        "title": run.contents[0].title if run.contents else "",
        "sender": [_printable(line) for line in sender],
        "return_line": _printable(", ".join(sender)),
        "date": date_in_words(run.dated.isoformat(), run.language),
        "page_words": words["pages"],
        "contents": [_content_as_data(content) for content in run.contents],
        "letters": [
            {
                "lines": list(letter.lines),
                "is_rtl": _is_first_strong_rtl(letter.lines),
                "reference": words["reference"].format(letter=letter.letter),
                "content": letter.content,
            }
            for letter in run.letters
        ],
    }


def _content_as_data(content: LetterContent) -> dict[str, Any]:
    return {
        "title": _printable(content.title),
        "sections": [
            {"heading": _printable(one.heading), "blocks": [_block_as_data(block) for block in one.blocks]}
            for one in content.sections
        ],
    }


def _block_as_data(block: Paragraph | BulletList) -> dict[str, Any]:
    if isinstance(block, BulletList):
        return {"runs": [], "items": [_block_as_data(item) for item in block.items]}
    runs = [
        {"text": _printable(run.text), "is_strong": run.is_strong, "href": _printable(run.href) if run.href else None}
        for run in block.runs
    ]
    return {"runs": runs, "items": []}


def _printable(text: str) -> str:
    """Returns a text without unseen orders and control characters, whose long words may break."""
    plain = "".join(char if unicodedata.category(char) != "Cc" else " " for char in _UNSEEN_ORDERS.sub("", text))
    return _LONG_WORD.sub(lambda found: f"{found[0]}\u200b", plain)


def _one_line(text: str) -> str:
    kept = (
        char for char in text if unicodedata.category(char) not in ("Cf", "Cs", "Co", "Cn") or char in "\u200c\u200d"
    )
    return " ".join("".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in kept).split())


def _columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def _is_first_strong_rtl(lines: Sequence[str]) -> bool:
    """Tells whether an address is written from right to left: by its first letter of a direction (UAX 9, P2)."""
    kinds = (unicodedata.bidirectional(char) for line in lines for char in line)
    return next((kind in ("R", "AL") for kind in kinds if kind in ("L", "R", "AL")), False)


def _split_address(address: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", address) if part.strip()]


def _country_in_capitals(country: str | None) -> str:
    """Returns the English name of a country in capitals, as the Universal Postal Union asks for; empty if unknown."""
    return (Locale("en").territories.get(country, "") if country else "").upper()
