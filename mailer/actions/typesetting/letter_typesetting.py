"""Sets letters as a file for a printer: checks the fonts, then runs the typesetter as a process with limits."""

import asyncio
import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mailer.rendering.font_coverage import FontUnreadable, characters_missing, characters_of_font
from mailer.rendering.letter_content import texts_of_content
from mailer.rendering.letter_pages import LetterRunPages, LetterUnprintable, run_as_data, texts_in_run

_PROGRAM: Final = Path(__file__).with_name("typesetter_program.py")
_SECONDS: Final = 150
_FONT_ENDINGS: Final = (".ttf", ".otf", ".ttc")
MOST_CHARACTERS_NAMED: Final = 5


class TypesettingFailed(Exception):
    """Letters cannot be set. The message says why, and what to do."""


class TypesettingTooLarge(TypesettingFailed):
    """The letters take more time or memory than the typesetter has. Fewer may do."""


@dataclass(frozen=True, slots=True)
class SetLetters:
    """A file with letters.

    Attributes:
        content: the file.
        first_pages: of each letter, counted from 1. pages: of all of them.
    """

    content: bytes
    first_pages: tuple[int, ...]
    pages: int


class LetterTypesetter:
    """Sets letters with the fonts of a folder, one file at a time.

    Args:
        fonts: the folder; fonts in folders below it count too.
    """

    def __init__(self, fonts: Path) -> None:
        self._fonts = fonts
        self._one_at_a_time = asyncio.Semaphore(1)

    async def set_pdf(self, run: LetterRunPages, *, is_tagged: bool = False) -> SetLetters:
        """Returns the letters as PDF. The same letters and fonts make the same octets.

        Raises:
            TypesettingFailed: there is no font, or none has a character of the text.
            TypesettingTooLarge: the limits of time or memory are reached.
        """
        if not run.letters:
            raise TypesettingFailed("there is no letter to set")
        await self._require_characters(run)
        return await self._run_program(run, "pdf", is_tagged=is_tagged)

    async def set_picture_of_first_page(self, run: LetterRunPages) -> bytes:
        """Returns the first page of the first letter as PNG. Raises as `set_pdf`."""
        await self._require_characters(run)
        return (await self._run_program(run, "png", is_tagged=False)).content

    async def find_missing_characters(self, lines: tuple[str, ...]) -> str:
        """Returns the characters that no font has. Raises TypesettingFailed: there is no font."""
        return characters_missing(lines, await asyncio.to_thread(characters_of_folder, self._fonts))

    async def require_printable(self, lines: tuple[str, ...]) -> None:
        """Raises LetterUnprintable if no font has a character of an address."""
        if missing := await self.find_missing_characters(lines):
            raise LetterUnprintable(
                f"no font has {name_characters(missing)} of the address; add one, or write it in Latin"
            )

    async def _require_characters(self, run: LetterRunPages) -> None:
        texts = tuple(text for content in run.contents for text in texts_of_content(content))
        if missing := await self.find_missing_characters((*texts, *texts_in_run(run))):
            raise TypesettingFailed(
                f"no font in MAILER_LETTER_FONTS has {name_characters(missing)}; `mailer doctor` names the packages"
            )

    async def _run_program(self, run: LetterRunPages, form: str, *, is_tagged: bool) -> SetLetters:
        order = {"run": run_as_data(run), "fonts": str(self._fonts), "format": form, "is_tagged": is_tagged}
        async with self._one_at_a_time:
            made = await _answer_of_program(json.dumps(order).encode())
        head, _, content = made.partition(b"\n")
        told: dict[str, Any] = json.loads(head)
        return SetLetters(content, tuple(told["first_pages"]), told["pages"])


async def _answer_of_program(order: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_PROGRAM), stdin=pipe, stdout=pipe, stderr=pipe, env={}
    )
    try:
        async with asyncio.timeout(_SECONDS):
            made, said = await process.communicate(order)
    except TimeoutError:
        raise TypesettingTooLarge(f"the letters took longer than {_SECONDS} seconds; shorten the text") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    status = process.returncode or 0
    if status < 0 or b"MemoryError" in said:
        raise TypesettingTooLarge("the letters took more memory or time than the typesetter has; shorten the text")
    if status != 0:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
        raise TypesettingFailed(f"the typesetter ended with status {status}: {last}")
    return made


@lru_cache(maxsize=4)
def characters_of_folder(folder: Path) -> frozenset[int]:
    """Returns the code points that the fonts of a folder have together.

    Raises:
        TypesettingFailed: there is no font.
    """
    known = set[int]()
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _FONT_ENDINGS:
            try:
                known |= characters_of_font(file.read_bytes())
            except FontUnreadable:
                continue
    if not known:
        raise TypesettingFailed(
            f"MAILER_LETTER_FONTS: there is no font in {folder}; `mailer doctor` names the packages"
        )
    return frozenset(known)


def name_characters(characters: str) -> str:
    """Returns characters by their code points, such as `U+1F600`, a few of them."""
    named = ", ".join(f"U+{ord(char):04X}" for char in characters[:MOST_CHARACTERS_NAMED])
    return (
        f"{named} and {len(characters) - MOST_CHARACTERS_NAMED} more"
        if len(characters) > MOST_CHARACTERS_NAMED
        else named
    )
