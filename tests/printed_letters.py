"""Letters of tests: texts, people, and the tools that look at a PDF (poppler)."""

import os
import re
import subprocess
from datetime import date
from pathlib import Path

from PIL import Image

from mailer.policy.breach.letter_sheets import Sheet, WindowFormat, Zone
from mailer.rendering.letter_content import BulletList, LetterContent, LetterSection, Paragraph, TextRun
from mailer.rendering.letter_pages import Addressee, LetterPage, LetterRunPages, LetterSender, lines_of_address

_CACHE = Path(__file__).parent.parent / ".cache/letters"
LETTER_FONTS = _CACHE / "fonts" if (_CACHE / "done").exists() else Path("/usr/share/fonts")
"""The fonts that `scripts/setup-letters` has fetched, or those of the machine."""
HAS_TOOLS = (_CACHE / "done").exists()
NO_TOOLS = "scripts/setup-letters has not fetched fonts and poppler: no Debian packages here"
DPI = 127
"""Five pixels for a millimetre."""
DAY = date(2026, 11, 30)
SENDER = LetterSender("Interpals, Inc.", "30 Example Street, Cambridge, MA 02139")


def plain_content(title: str, *paragraphs: str) -> LetterContent:
    """A text of one section."""
    return LetterContent(title, (LetterSection("", tuple(Paragraph((TextRun(text),)) for text in paragraphs)),))


def full_content(title: str, text: str) -> LetterContent:
    """A text with a heading, a paragraph with emphasis and a link, and a list."""
    runs = (TextRun(text), TextRun(" strong ", is_strong=True), TextRun("help", href="https://interpals.net/help"))
    bullets = BulletList((Paragraph((TextRun("first point"),)), Paragraph((TextRun("second point"),))))
    return LetterContent(title, (LetterSection("Heading", (Paragraph(runs), bullets)),))


def run_of(content: LetterContent, *people: Addressee, language: str = "en", window: str = "gb") -> LetterRunPages:
    """A run of letters with one text."""
    letters = tuple(LetterPage(one.letter, lines_of_address(one, language), 0) for one in people)
    return LetterRunPages(WindowFormat(window), language, DAY, SENDER, (content,), letters)


def person(number: int, name: str | None = "Ada Lovelace", *lines: str, country: str | None = "GB") -> Addressee:
    """A person with an address."""
    return Addressee(number, f"user-{number}", name, country, lines or ("1 Main Street", "LONDON SW1A 1AA"), False)


def run_tool(name: str, *arguments: str | Path, pdf: bytes) -> bytes:
    """Runs a tool of poppler over a PDF, and returns what it says. The file is `-`."""
    libraries = ":".join(map(str, (_CACHE / "unpacked/usr/lib").glob("*-linux-gnu")))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    program = _CACHE / "unpacked/usr/bin" / name
    return subprocess.run([program, *arguments], input=pdf, env=environment, capture_output=True, check=True).stdout


def text_of_pdf(pdf: bytes) -> str:
    """The text of a PDF, with single spaces, without characters that only break lines or turn their order."""
    text = run_tool("pdftotext", "-raw", "-", "-", pdf=pdf).decode()
    return " ".join(re.sub("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "", text).split())


def picture_of_page(pdf: bytes, page: int = 1) -> Image.Image:
    """A page in shades of grey, five pixels for a millimetre."""
    pages = ("-f", str(page), "-l", str(page))
    made = run_tool("pdftoppm", "-r", str(DPI), "-gray", *pages, "-", pdf=pdf)
    head, width, height = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", made), 0, 0
    assert head
    width, height = int(head[1]), int(head[2])
    return Image.frombytes("L", (width, height), made[head.end() : head.end() + width * height])


def ink(picture: Image.Image, zone: Zone) -> tuple[float, float, float, float] | None:
    """The rectangle of what is printed within a zone, in millimetres from the page's edges; None: nothing is."""
    scale = DPI / 25.4
    left, top = zone.x * scale, zone.y * scale
    box = tuple(round(edge) for edge in (left, top, left + zone.width * scale, top + zone.height * scale))
    found = picture.crop(box).point(lambda shade: 255 if shade < 160 else 0).getbbox()  # type: ignore[arg-type]
    if found is None:
        return None
    x, y, right, bottom = ((edge + start) / scale for edge, start in zip(found, (box[0], box[1]) * 2, strict=True))
    return x, y, right, bottom


def whole(sheet: Sheet) -> Zone:
    """The zone of all of a sheet."""
    return Zone(0, 0, sheet.width, sheet.height)


def pieces(picture: Image.Image, zone: Zone) -> int:
    """The number of pieces of ink side by side in a zone, with white between them."""
    scale = DPI / 25.4
    box = tuple(round(edge * scale) for edge in (zone.x, zone.y, zone.x + zone.width, zone.y + zone.height))
    part = picture.crop(box)  # type: ignore[arg-type]
    columns = [any(part.getpixel((x, y)) < 160 for y in range(part.height)) for x in range(part.width)]  # type: ignore[operator]
    return sum(now and not before for before, now in zip([False, *columns], columns, strict=False))
