"""The content of a breach notice as a value: mail, letter, web page and telephone script are made of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Final

from babel.dates import format_date
from markdown_it.token import Token

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText
from mailer.policy.breach.rules import PartsRequired
from mailer.rendering.breach_wording import BreachWording, wording_of_locale
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks
from mailer.rendering.campaign_markup import parse_markdown
from mailer.rendering.jinja_environment import babel_locale
from mailer.rendering.languages import is_left_to_right
from mailer.rendering.letter_content import (
    BulletList,
    LetterContent,
    LetterSection,
    Paragraph,
    TextRun,
    map_texts_of_content,
)
from mailer.rendering.text_direction import MARK, keep_latin_in_order
from mailer.text_checks import check_one_line

Headings = Mapping[NoticePart, str]
NO_HEADINGS: Final[Headings] = MappingProxyType({})
_SILENT_NAMES: Final = (
    "paragraph_open paragraph_close inline bullet_list_open bullet_list_close ordered_list_open ordered_list_close "
    "list_item_open list_item_close"
)
_SILENT: Final = frozenset(_SILENT_NAMES.split())
"""The tokens of Markdown that a notice may have; the others of it are refused."""
_REFUSED: Final[Mapping[str, str]] = {
    "heading_open": "a heading; each part has its own already, so write a paragraph",
    "blockquote_open": "a quotation; write a paragraph",
    "code_block": "a line that begins with four blanks, which is code; begin it without",
    "fence": "code; write a paragraph",
    "code_inline": "code between ` signs; remove the signs",
    "table_open": "a table; write a list",
    "hr": "a line across; remove it",
    "image": "a picture, and mail of this category fetches nothing; remove it",
    "s_open": "struck text; remove it",
}
_ALWAYS: Final = "a kind of markup that letters cannot show; write paragraphs, lists, **strong** words and links"


def notice_content(
    draft: BreachPhaseDraft, variant: str, locale: str, headings: Headings = NO_HEADINGS
) -> LetterContent:
    """Returns the content of a notice, for mail, letters and the web.

    Args:
        draft: the draft of the phase.
        variant: one of its variants.
        locale: of one of its texts.
        headings: those that a law sets (`PartsRequired.headings` in this language); they replace the shipped ones.

    Raises:
        DraftTextRefused: a part cannot be shown, or there are no headings in this language. The message names the part.
    """
    text = draft.variants[variant].texts[locale]
    shown = headings_in_locale(locale, headings)
    content = LetterContent(_checked_line("title", text.title), tuple(_sections(text, shown)))
    return content if is_left_to_right(locale) else map_texts_of_content(content, keep_latin_in_order)


def headings_in_locale(locale: str, headings: Headings = NO_HEADINGS) -> Headings:
    """Returns the headings of all parts in a language.

    Raises:
        DraftTextRefused: neither the shipped words nor the law has them in this language.
    """
    wording = wording_of_locale(locale)
    found = {**(wording.headings if wording else {}), **headings}
    if missing := [part for part in NoticePart if part not in found]:
        raise DraftTextRefused(f"has no headings in {locale} ({missing[0]}); write the notice in a shipped language")
    return found


def headings_of_language(required: PartsRequired, locale: str) -> Headings:
    """Returns the headings that laws set in the language of a locale."""
    return required.headings.get(locale) or required.headings.get(locale.partition("-")[0], {})


def _sections(text: NoticeText, headings: Headings) -> Iterator[LetterSection]:
    for part in NoticePart:
        if text.parts.get(part, "").strip():
            try:
                yield LetterSection(headings[part], blocks_of_markdown(text.parts[part]))
            except DraftTextRefused as error:
                raise DraftTextRefused(f"{part}: {error}") from None


def blocks_of_markdown(markdown: str) -> tuple[Paragraph | BulletList, ...]:
    """Returns paragraphs and lists of CommonMark. A numbered list becomes paragraphs that begin with their number.

    Raises:
        DraftTextRefused: it has markup that a letter or a telephone script cannot have, or a character that none
            can show.
    """
    reader = _BlockReader()
    for token in parse_markdown(markdown.replace("\t", " ")):
        reader.read_token(token)
    return tuple(reader.blocks)


@dataclass(slots=True)
class _BlockReader:
    """Collects the blocks of a text. `lists` are the open lists: their next number, or None for bullets."""

    blocks: list[Paragraph | BulletList] = field(default_factory=list)
    lists: list[int | None] = field(default_factory=list)
    items: list[Paragraph] = field(default_factory=list)
    is_item_begun: bool = False

    def read_token(self, token: Token) -> None:
        """Adds what a token says."""
        if token.type not in _SILENT:
            raise DraftTextRefused(f"has {_REFUSED.get(token.type, _ALWAYS)}")
        match token.type:
            case "bullet_list_open":
                self.lists.append(None)
            case "ordered_list_open":
                self.lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self._close_list()
            case "list_item_open":
                self.is_item_begun = False
            case "inline":
                self._add_paragraph(Paragraph(tuple(_merged_runs(_runs(token)))))
            case _:
                pass

    def _close_list(self) -> None:
        self.lists.pop()
        if self.items and None not in self.lists:
            self.blocks.append(BulletList(tuple(self.items)))
            self.items = []

    def _add_paragraph(self, paragraph: Paragraph) -> None:
        into: list[Paragraph] | list[Paragraph | BulletList] = self.items if None in self.lists else self.blocks
        if self.lists and self.is_item_begun and isinstance(last := into[-1], Paragraph):
            into[-1] = Paragraph((*last.runs, TextRun("\n"), *paragraph.runs))
            return
        number = self.lists[-1] if self.lists else None
        if number is not None:
            self.lists[-1] = number + 1
            paragraph = Paragraph((TextRun(f"{number}. "), *paragraph.runs))
        self.is_item_begun = bool(self.lists)
        into.append(paragraph)


def _runs(inline: Token) -> Iterator[TextRun]:
    strong, href = 0, None
    for token in inline.children or ():
        match token.type:
            case "text":
                yield TextRun(checked_text(token.content), strong > 0, href)
            case "softbreak":
                yield TextRun(" ", strong > 0, href)
            case "hardbreak":
                yield TextRun("\n", strong > 0, href)
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "link_open":
                href = checked_text(str(token.attrs["href"]))
            case "link_close":
                href = None
            case "em_open" | "em_close":
                pass
            case _:
                raise DraftTextRefused(f"has {_REFUSED.get(token.type, _ALWAYS)}")


def _merged_runs(runs: Iterator[TextRun]) -> Iterator[TextRun]:
    """Yields runs in which neighbours of one look are one."""
    last: TextRun | None = None
    for run in runs:
        if last and (last.is_strong, last.href) == (run.is_strong, run.href):
            last = replace(last, text=last.text + run.text)
            continue
        if last:
            yield last
        last = run
    if last and last.text:
        yield last


def checked_text(text: str) -> str:
    """Returns a text of a notice unchanged.

    Raises:
        DraftTextRefused: it has a field, or a character that no mail or letter can show.
    """
    if "{{" in text or "}}" in text:
        raise DraftTextRefused("has {{ or }}, and a notice has no fields: the layout greets people by name; remove it")
    SourceMarks({}, tracks=False).replace_fields_by_marks(text)
    try:
        return check_one_line(text) if text else text
    except ValueError as error:
        raise DraftTextRefused(str(error)) from None


def _checked_line(name: str, text: str) -> str:
    try:
        return checked_text(text)
    except DraftTextRefused as error:
        raise DraftTextRefused(f"{name}: {error}") from None


def text_of_content(content: LetterContent) -> str:
    """Returns a content as plain text: title, headings, paragraphs, lists with dashes, links with their address."""
    pieces = [content.title]
    for section in content.sections:
        pieces += [section.heading, text_of_blocks(section.blocks)]
    return "\n\n".join(piece for piece in pieces if piece)


def text_of_blocks(blocks: tuple[Paragraph | BulletList, ...]) -> str:
    """Returns blocks as plain text, as the public notice has each part."""
    return "\n\n".join(
        "\n".join(f"- {_text_of_paragraph(item)}" for item in block.items)
        if isinstance(block, BulletList)
        else _text_of_paragraph(block)
        for block in blocks
    )


def _text_of_paragraph(paragraph: Paragraph) -> str:
    return "".join(
        run.text
        if run.href is None or run.href.removeprefix("mailto:") == run.text.strip(MARK)
        else f"{run.text} ({run.href})"
        for run in paragraph.runs
    )


def telephone_script(
    draft: BreachPhaseDraft, variant: str, locale: str, notice_day: date, headings: Headings = NO_HEADINGS
) -> str:
    """Returns what those who answer the telephone say: the writer's own words, or the notice read out.

    Args:
        draft: the draft of the phase.
        variant: one of its variants.
        locale: of one of its texts.
        notice_day: the day of the notice, which the opening names.
        headings: those that a law sets.

    Raises:
        DraftTextRefused: a part cannot be said, or there are no words in this language.
    """
    text, wording = draft.variants[variant].texts[locale], wording_of_locale(locale)
    if text.telephone.strip():
        return text_of_blocks(blocks_of_markdown(text.telephone))
    read_out = text_of_content(notice_content(draft, variant, locale, headings))
    if wording is None:
        return read_out
    return "\n\n".join((_opening(wording, notice_day, locale), read_out, wording.telephone_closing))


def _opening(wording: BreachWording, notice_day: date, locale: str) -> str:
    return wording.telephone_opening.replace("<notice>", day_in_language(notice_day, locale))


def home_page_line(text: NoticeText, locale: str) -> str:
    """Returns the line with which the home page leads to the public notice."""
    wording = wording_of_locale(locale)
    return text.home_page.strip() or (wording.home_page if wording else text.title)


def day_in_language(day: date, locale: str) -> str:
    """Returns a day in words, such as 10 March 2026."""
    return format_date(day, "long", locale=babel_locale(locale))
