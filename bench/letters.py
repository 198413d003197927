"""Times the letters of a breach: `python -m bench.letters --letters 5000`. It prints pages a second and the memory.

The fonts are those of MAILER_LETTER_FONTS, or of the machine.
"""

import argparse
import asyncio
import os
import resource
import time
from datetime import date
from pathlib import Path

from bench.setting import BRAND, read_policies
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.ports.letters import USUAL_LETTERS_OF_RUN
from mailer.rendering.letter_content import LetterContent, LetterSection, Paragraph, TextRun
from mailer.rendering.letter_pages import Addressee, LetterPage, LetterRunPages, LetterSender, lines_of_address

_WORDS = "Somebody read files with your name, your address and your password. We have shut the door behind them. "


def _content() -> LetterContent:
    """A notice of two pages."""
    sections = (LetterSection(f"Part {number}", (Paragraph((TextRun(_WORDS * 5),)),) * 2) for number in range(6))
    return LetterContent("Notice of Data Breach", tuple(sections))


def _run_of(first: int, letters: int) -> LetterRunPages:
    """A run with people of different names and addresses."""
    controller = read_policies()[BRAND].controller
    pages = list[LetterPage]()
    for number in range(first, first + letters):
        lines = (f"{number} Main Street", f"LONDON N{number % 20}")
        person = Addressee(number, f"u{number}", f"User {number}", "GB", lines, is_under_13=False)
        pages.append(LetterPage(number, lines_of_address(person, "en"), 0))
    sender = LetterSender(controller.name, controller.postal_address)
    return LetterRunPages(WindowFormat.GB, "en", date(2026, 11, 30), sender, (_content(),), tuple(pages))


def _megabytes(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


async def _measure(letters: int, size: int) -> None:
    fonts = Path(os.environ.get("MAILER_LETTER_FONTS", "/usr/share/fonts"))
    typesetter, pages, took = LetterTypesetter(fonts), 0, 0.0
    for first in range(1, letters + 1, size):
        run = _run_of(first, min(size, letters + 1 - first))
        begun = time.perf_counter()
        made = await typesetter.set_pdf(run)
        took += time.perf_counter() - begun
        pages += made.pages
        memory = f"{_megabytes(resource.RUSAGE_SELF):.0f} MB here, {_megabytes(resource.RUSAGE_CHILDREN):.0f} MB there"
        print(f"{first + len(run.letters) - 1:>7,} letters, {pages / took:,.0f} pages/s, at most {memory}")
    print(f"{letters:,} letters of {pages:,} pages in {took:.1f} s: {pages / took:,.0f} pages/s")


def main() -> None:
    """Measures, and prints a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=5000)
    parser.add_argument("--run", type=int, default=USUAL_LETTERS_OF_RUN, help="letters of a run")
    asked = parser.parse_args()
    asyncio.run(_measure(asked.letters, asked.run))


if __name__ == "__main__":
    main()
