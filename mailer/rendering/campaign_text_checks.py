"""Checks of a campaign's two parts: their size, their text, their ways out, and what stands in them by mistake."""

import re
from collections.abc import Iterator
from typing import Final

from mailer.policy.category import CATEGORIES
from mailer.rendering.campaign_facts import PageUnderCheck
from mailer.rendering.campaign_findings import CheckFinding, error_check, warning_check
from mailer.rendering.campaign_subject_checks import INVISIBLE
from mailer.rendering.element_style import TextStyle
from mailer.rendering.gmail_clipping import clipping_warning, is_clipped_away
from mailer.rendering.template_samples import LEAVE
from mailer.rendering.way_to_leave_faults import (
    RenderedParts,
    missing_link_or_postal_address_faults,
    service_footer_faults,
)

LEAST_TEXT_SHARE: Final = 0.5
"""The least share of the HTML's letters that the text part has to have."""
_MOST_HIDDEN_LETTERS: Final = 20
"""The letters of hidden text that count as a mistake of the layout, and as no finding."""
_QUOTED: Final = 60
_SCANNED: Final = 200_000
"""The characters of a part in which markup and fields are looked for. Mail programs show fewer."""

WAY_OUT = error_check(
    "way-out-missing",
    "A part of the mail lacks the unsubscribe link, its words, or the postal address of the sender.",
    "Let the layout's footer stand, or write {{ unsubscribe_url }} and {{ postal_address }} where they can be seen.",
)
WAY_OUT_CLIPPED = error_check(
    "way-out-clipped",
    "The HTML is so long that Gmail hides the unsubscribe link.",
    "Shorten the mail: link to a page for the rest.",
)
HTML_CLIPPED = warning_check(
    "html-clipped",
    "The HTML has nearly or more octets than Gmail shows (102 KiB).",
    "Shorten the mail: link to a page for the rest.",
)
TEXT_EMPTY = error_check(
    "text-empty",
    "The text part has no words. Some people and filters read only that part.",
    "Write at least one block of text.",
)
TEXT_SHORT = warning_check(
    "text-short",
    f"The text part has less than {LEAST_TEXT_SHARE:.0%} of the letters that the HTML shows.",
    "Write as text what only the HTML block says.",
)
TEXT_MARKUP = warning_check(
    "text-markup",
    "The text part has HTML or Markdown in it, which readers see as signs.",
    "Write the block again without the signs, or as a block of the right kind.",
)
FIELD_LEFT = error_check(
    "field-unfilled",
    "A field stands in the mail as it was written, such as {{ name }} or %%name%%.",
    "Write fields as {{ name or 'friend' }}, with a name from the list of fields.",
)
INVISIBLE_LEFT = warning_check(
    "invisible-characters",
    "The text has invisible characters within words, as spam has to get past filters.",
    "Paste the text as plain text, or type it anew.",
)
HIDDEN_TEXT = warning_check(
    "hidden-text",
    "Words that nobody can see stand in the HTML, beside the preheader. Spam filters count them.",
    "Take the words away, or show them.",
)

CHECKS: Final = (
    WAY_OUT,
    WAY_OUT_CLIPPED,
    HTML_CLIPPED,
    TEXT_EMPTY,
    TEXT_SHORT,
    TEXT_MARKUP,
    FIELD_LEFT,
    INVISIBLE_LEFT,
    HIDDEN_TEXT,
)
"""The checks of this module."""

_FIELD = re.compile(
    r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\{\{|\}\}|%7B%7B|\*\|[\w:]{1,40}\|\*|%%[\w ]{1,40}%%|%recipient\.\w+%"
    r"|\$\{\w{1,40}\}|\[\[[\w ]{1,40}\]\]",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP = re.compile(
    r"</?(?:p|br|div|span|a|b|i|strong|em|table|tr|td|ul|li|h[1-6]|img|font)\b[^>\n]{0,200}>|&(?:nbsp|amp|quot|lt|gt|#\d{2,6});"
    r"|!?\[[^\]\n]{1,200}\]\(\S{1,300}\)|(?<!\w)(?:\*\*|__)(?=\S)[^*_\n]{1,200}(?:\*\*|__)(?!\w)|^#{1,6} \S",
    re.IGNORECASE | re.MULTILINE,
)


def letters_in(text: str) -> int:
    """Returns the number of letters and digits of a text."""
    return sum(letter.isalnum() for letter in text)


def quoted(words: str) -> str:
    """Returns the beginning of some words in quotation marks, on one line."""
    said = " ".join(words.split())
    return f'"{said[:_QUOTED]}…"' if len(said) > _QUOTED else f'"{said}"'


def find_way_out_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields what the ways out of a mail lack. See `way_to_leave_faults`."""
    facts, category = page.facts, CATEGORIES.get(page.facts.category)
    if category is None:
        return
    sheet = RenderedParts(page.texts.text, page.texts.html)
    for fault in missing_link_or_postal_address_faults(
        sheet, category, facts.leave_link, facts.policy.controller.postal_address
    ):
        yield WAY_OUT.finding(_as_sentence(fault), page.place)
    if facts.leave_link == LEAVE:
        for fault in service_footer_faults(sheet, None, "leave", LEAVE):
            yield WAY_OUT.finding(_as_sentence(fault), page.place)


def _as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def find_size_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields what Gmail would hide of the HTML."""
    html, leave = page.texts.html, page.facts.leave_link
    if warning := clipping_warning(html, leave):
        check = WAY_OUT_CLIPPED if leave and is_clipped_away(html, leave) else HTML_CLIPPED
        yield check.finding(_as_sentence(warning), page.place)


def find_text_part_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the faults of the text part."""
    text = page.texts.text
    said, shown = letters_in(text), letters_in(page.shown.text)
    if not said:
        yield TEXT_EMPTY.finding("The text part is empty.", page.place)
    elif said < LEAST_TEXT_SHARE * shown:
        yield TEXT_SHORT.finding(f"The text part has {said:,} letters, and the HTML shows {shown:,}.", page.place)
    if found := _MARKUP.search(text[:_SCANNED]):
        yield TEXT_MARKUP.finding(f"The text part has {quoted(found[0])}.", page.place_of(found[0]))


def find_unfilled_fields(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the fields that stand in a mail as they were written."""
    texts = page.texts
    for where, content in (
        ("subject", texts.subject),
        ("preheader", texts.preheader),
        ("text part", texts.text),
        ("HTML", page.shown.text),
        ("address of a link", "\n".join(link.url for link in page.links)),
    ):
        if found := _FIELD.search(content[:_SCANNED]):
            yield FIELD_LEFT.finding(f"The {where} has {quoted(found[0])}.", page.place_of(found[0]))


def find_unseen_text(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields invisible characters and hidden words."""
    if found := INVISIBLE.search(page.shown.text):
        around = page.shown.text[max(found.start() - 20, 0) : found.end() + 20]
        yield INVISIBLE_LEFT.finding(
            f"There is U+{ord(found[0]):04X} in {quoted(INVISIBLE.sub('', around))}.", page.place_of(found[0])
        )
    hidden = " ".join(_hidden_words_after_first_shown_words(page))
    if letters_in(hidden) > _MOST_HIDDEN_LETTERS:
        yield HIDDEN_TEXT.finding(f"Nobody sees {quoted(hidden)}.", page.place_of(hidden))


def _hidden_words_after_first_shown_words(page: PageUnderCheck) -> Iterator[str]:
    """Yields the words that are hidden in light mode on a wide screen, after the first words that are shown."""
    has_begun = False
    for run in page.runs:
        if not letters_in(run.words):
            continue
        if _is_read(run.styles[""]):
            has_begun = True
        elif has_begun:
            yield run.words


def _is_read(style: TextStyle | None) -> bool:
    """Tells whether a text is read. The letters of one whose background is not known may be."""
    return style is not None and (style.is_legible or not style.under or style.colour is None)
