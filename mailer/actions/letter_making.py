"""Puts the letters of a run together: texts by variant, addresses, and those that cannot be printed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from mailer.actions.typesetting.letter_typesetting import SetLetters
from mailer.policy.breach.letter_sheets import WindowFormat, window_of_country
from mailer.policy.policy_file import Policy
from mailer.ports.letters import LetterToSet, PlacedLetter, PrintedAddress
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.letter_pages import (
    Addressee,
    LetterPage,
    LetterRunPages,
    LetterSender,
    LetterUnprintable,
    lines_of_address,
)

ReadLetterContent = Callable[[LetterToSet], LetterContent]
"""Returns the notice's text for a letter: of its manifest, variant and locale."""
CSV_HEADINGS: Final = (
    *("letter", "position", "first_page", "pages", "window", "language", "text"),
    *(f"line_{number}" for number in range(1, 8)),
)


class Typesetter(Protocol):
    """Sets letters."""

    async def set_pdf(self, run: LetterRunPages, *, is_tagged: bool = False) -> SetLetters:
        """Returns the letters as PDF."""
        ...

    async def set_picture_of_first_page(self, run: LetterRunPages) -> bytes:
        """Returns the first page as PNG."""
        ...

    async def require_printable(self, lines: tuple[str, ...]) -> None:
        """Raises LetterUnprintable if no font has a character of an address."""
        ...


@dataclass(frozen=True, slots=True)
class MadeRun:
    """A run as it can be printed: None if no letter can be. `left_out` has the reason for each other letter."""

    pages: LetterRunPages | None
    left_out: dict[int, str | None]


async def put_run_together(
    letters: Sequence[LetterToSet],
    policy: Policy,
    window: WindowFormat,
    language: str,
    dated: date,
    typesetter: Typesetter,
    read_content: ReadLetterContent,
) -> MadeRun:
    """Returns the letters of a run, each with the text of its variant.

    Args:
        letters: of one language and format, in the order in which they are printed.
        policy: of the brand, which names the sender.
        window: of all the letters.
        language: of all the letters.
        dated: the date that they bear.
        typesetter: knows the characters that can be printed.
        read_content: returns the text of a letter.
    """
    contents, places = list[LetterContent](), dict[tuple[str, str, str], int]()
    pages, left_out = list[LetterPage](), dict[int, str | None]()
    for letter in letters:
        try:
            lines = lines_of_address(addressee_of_letter(letter), language)
            await typesetter.require_printable(lines)
        except LetterUnprintable as error:
            left_out[letter.letter] = str(error)
            continue
        key = (str(letter.manifest_id), letter.variant, letter.locale)
        if key not in places:
            places[key] = len(contents)
            contents.append(read_content(letter))
        pages.append(LetterPage(letter.letter, lines, places[key]))
    if not pages:
        return MadeRun(None, left_out)
    sender = LetterSender(policy.controller.name, policy.controller.postal_address)
    return MadeRun(LetterRunPages(window, language, dated, sender, tuple(contents), tuple(pages)), left_out)


async def put_preview_together(
    letter: LetterToSet, policy: Policy, dated: date, read_content: ReadLetterContent, typesetter: Typesetter
) -> LetterRunPages:
    """Returns one letter as it would be printed.

    Raises:
        LetterUnprintable: it cannot be.
    """
    window = window_of_country(letter.country)
    made = await put_run_together([letter], policy, window, letter.locale, dated, typesetter, read_content)
    if made.pages is None:
        raise LetterUnprintable(made.left_out[letter.letter] or "")
    return made.pages


def addressee_of_letter(letter: LetterToSet | PrintedAddress) -> Addressee:
    """Returns the person of a letter."""
    return Addressee(
        letter.letter, letter.ref, letter.name, letter.country, tuple(letter.lines or ()), letter.is_under_13
    )


def places_of_letters(run: LetterRunPages, made: SetLetters) -> list[PlacedLetter]:
    """Returns where each letter is in the file."""
    ends = (*made.first_pages[1:], made.pages + 1)
    return [
        PlacedLetter(letter.letter, position, first, end - first)
        for position, (letter, first, end) in enumerate(zip(run.letters, made.first_pages, ends, strict=True), 1)
    ]


def csv_rows_of_run(
    letters: Sequence[PrintedAddress], window: WindowFormat, language: str
) -> list[Sequence[str | int]]:
    """Returns the letters of a run for a print shop, with headings: where each is in the PDF, and its address."""
    rows: list[Sequence[str | int]] = [CSV_HEADINGS]
    for one in letters:
        lines = lines_of_address(addressee_of_letter(one), language)
        place = (one.letter, one.position, one.first_page, one.pages)
        rows.append((*place, window.value, language, f"{one.variant}.{one.locale}", *lines, *[""] * (7 - len(lines))))
    return rows
