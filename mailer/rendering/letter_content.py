"""The content of a letter: a title and sections of plain paragraphs and lists, without any markup. Pure values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text with one look.

    Attributes:
        text: as people read it; it is never taken as markup.
        is_strong: whether it is emphasised.
        href: the address of a link, which paper shows behind the text; None: there is no link.
    """

    text: str
    is_strong: bool = False
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, or an item of a list."""

    runs: tuple[TextRun, ...]


@dataclass(frozen=True, slots=True)
class BulletList:
    """A list of items, each with a bullet."""

    items: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class LetterSection:
    """A heading and the blocks below it. The heading may be empty."""

    heading: str
    blocks: tuple[Paragraph | BulletList, ...]


@dataclass(frozen=True, slots=True)
class LetterContent:
    """The text of a letter in one language.

    Attributes:
        title: the title, which is the subject of the mail too.
        sections: in the order in which they are read.
    """

    title: str
    sections: tuple[LetterSection, ...]


def map_texts_of_content(content: LetterContent, change: Callable[[str], str]) -> LetterContent:
    """Returns a letter with each title, heading and piece of text changed. Addresses of links stay."""

    def changed(paragraph: Paragraph) -> Paragraph:
        return Paragraph(tuple(replace(run, text=change(run.text)) for run in paragraph.runs))

    sections = (
        LetterSection(
            change(section.heading),
            tuple(
                BulletList(tuple(map(changed, block.items))) if isinstance(block, BulletList) else changed(block)
                for block in section.blocks
            ),
        )
        for section in content.sections
    )
    return LetterContent(change(content.title), tuple(sections))


def texts_of_content(content: LetterContent) -> Sequence[str]:
    """Returns all texts of a letter that are printed, in order."""
    texts = [content.title]
    for section in content.sections:
        texts.append(section.heading)
        for block in section.blocks:
            paragraphs = block.items if isinstance(block, BulletList) else (block,)
            texts += [piece for one in paragraphs for run in one.runs for piece in (run.text, run.href or "")]
    return [text for text in texts if text]
