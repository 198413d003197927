"""The content of a notice as HTML, in which all text is escaped."""

from collections.abc import Callable
from html import escape

from mailer.rendering.letter_content import BulletList, LetterContent, Paragraph, TextRun

AddressWriter = Callable[[str], str]
"""Returns the address of a link as it stands in HTML."""


def html_of_content(content: LetterContent, write_address: AddressWriter) -> str:
    """Returns the sections as headings, paragraphs and lists, without the title.

    Raises:
        DraftTextRefused: `write_address` refuses a link.
    """
    pieces = []
    for section in content.sections:
        pieces.append(f"<h2>{escape(section.heading)}</h2>")
        for block in section.blocks:
            if isinstance(block, BulletList):
                items = "\n".join(f"<li>{_html_of_paragraph(item, write_address)}</li>" for item in block.items)
                pieces.append(f"<ul>\n{items}\n</ul>")
            else:
                pieces.append(f"<p>{_html_of_paragraph(block, write_address)}</p>")
    return "\n".join(pieces)


def _html_of_paragraph(paragraph: Paragraph, write_address: AddressWriter) -> str:
    return "".join(_html_of_run(run, write_address) for run in paragraph.runs)


def _html_of_run(run: TextRun, write_address: AddressWriter) -> str:
    said = escape(run.text).replace("\n", "<br>")
    if run.is_strong:
        said = f"<strong>{said}</strong>"
    return f'<a class="link" href="{write_address(run.href)}">{said}</a>' if run.href else said
