"""Checks the way out of a printed mail: the link and the postal address that a reader must see.

A template is checked when it is loaded (see `template_checks`), and each form of a message again when it is made.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mailer.policy.category import Category
from mailer.policy.rule_registry import rule
from mailer.policy.switches import ServiceFooter
from mailer.rendering.mail_merge import MergeField, MergeForm, Pieces, fill_pieces
from mailer.rendering.visible_text import VisibleTextAndLinks, visible_text
from mailer.text_checks import SLOT_MARKS

LINKS: Final = ("unsubscribe_url", "leave_url")
"""The names of the links that leave a mail."""
SOMETHING: Final = SLOT_MARKS[0]
"""The text that replaces a person's value in a check: it is no word, no colour, and no possible end of a link."""
_GLUED = re.compile(rf"[\w+.@/=%&#?{SOMETHING}-]")
_WORD = re.compile(r"\w")
_SPACE = re.compile(r"\s+")
_LEAST_WORDS = 2
"""The least number of letters in the text of a link: 退订 has two."""
_FARTHEST = re.compile(r"(?:[^\S\n]*\n){40,}")


class NoVisibleWayToLeave(ValueError):
    """A message does not show how to leave it, or the address of its sender; the text says which."""


@dataclass(frozen=True)
class RenderedParts:
    """Both printed parts of a message."""

    text: str
    html: str

    @property
    def visible_text_and_links(self) -> VisibleTextAndLinks:
        """The text and links of its HTML that a reader sees."""
        return _shown(self.html)


_shown = lru_cache(maxsize=16)(visible_text)


def parts_with_only_links_filled_in(form: MergeForm, values: Mapping[str, Any]) -> RenderedParts:
    """Prints both parts of a form, with the links of its ways out in their slots, and `SOMETHING` in the other slots.

    Args:
        form: the form of a message.
        values: values for its slots, with the links.
    """
    values = {slot.name: SOMETHING for slot in _fields_of_merge_form(form)} | {
        name: values.get(name) or "" for name in LINKS
    }
    return RenderedParts(fill_pieces(form.text, values), fill_pieces(form.html, values))


def _fields_of_merge_form(form: MergeForm) -> Iterator[MergeField]:
    pieces: Pieces = (*form.text, *form.html)
    return (piece for piece in pieces if isinstance(piece, MergeField))


@rule(
    "way-out",
    "interpals-07, paltalk06-02, paltalk06-03, paltalk06-15, paltalk02-09, paltalk06-31; CAN-SPAM 5(a)(3) and (5)",
    idle=(),
)
def missing_link_or_postal_address_faults(
    sheet: RenderedParts, category: Category, link: str | None, postal_address: str
) -> Iterator[str]:
    """Optional mail shows how to leave it, with the link and the postal address, in both parts; partners' mail too."""
    if category.mandatory:
        return
    yield from _missing_or_unexplained_link_faults(sheet, link, "unsubscribe_url", "; optional mail can always be left")
    address = _SPACE.sub(" ", postal_address)
    for name, content in (("text", sheet.text), ("HTML", sheet.visible_text_and_links.text)):
        if address not in _SPACE.sub(" ", content):
            yield f"the {name} part has no postal_address that is shown; optional mail needs it"


@rule("service-footer", "paltalk06-06, paltalk02-08, paltalk02-09; PROMISES: where they clash", idle=())
def service_footer_faults(
    sheet: RenderedParts, silent: RenderedParts | None, footer: ServiceFooter, link: str | None
) -> Iterator[str]:
    """Both parts of mandatory mail offer the way out of the service, or say how to deactivate, as the policy wants.

    Args:
        sheet: the message.
        silent: the same message without its footer, if the footer must say how to deactivate.
        footer: the footer that the policy requires.
        link: the link that leaves the service.
    """
    if footer == "leave":
        yield from _missing_or_unexplained_link_faults(
            sheet, link, "leave_url", "; the policy promises a link in every mail"
        )
    if footer == "deactivate" and silent is not None:
        for name, said, unsaid in (
            ("text", sheet.text, silent.text),
            ("HTML", sheet.visible_text_and_links.text, silent.visible_text_and_links.text),
        ):
            if not _WORD.search(_lines_only_in_first_text(said, unsaid)):
                yield f'the {name} part does not say how to deactivate; do so where service_footer == "deactivate"'


def _missing_or_unexplained_link_faults(sheet: RenderedParts, link: str | None, name: str, why: str) -> Iterator[str]:
    lines = _lines_with_link(link, sheet.text) if link else []
    if link is None or not lines:
        yield f"the text part has no {name} that is shown{why}"
    elif not any(_WORD.search(line.replace(link, "")) for line in lines):
        yield f"the text part does not say what {name} is for; write it beside the link"
    if link is None or link not in sheet.visible_text_and_links.links:
        yield f"the HTML part has no {name} that is shown{why}"
    elif len(_WORD.findall(sheet.visible_text_and_links.links[link])) < _LEAST_WORDS:
        yield f"the HTML part does not say what {name} is for; write it beside the link"


def _lines_with_link(link: str, text: str) -> list[str]:
    """Returns the lines with a link that has no other text directly at its ends, each with the line above it."""
    far = _FARTHEST.search(text)
    lines = (text[: far.start()] if far else text).splitlines()
    return [
        f"{lines[max(number - 1, 0)]} {line}" if number else line
        for number, line in enumerate(lines)
        for before, found, after in [line.partition(link)]
        if found and not _GLUED.match(before[-1:]) and not after[:1].strip()
    ]


def _lines_only_in_first_text(said: str, unsaid: str) -> str:
    """Returns the lines of a text that another text lacks."""
    known = {line.strip() for line in unsaid.splitlines()}
    return "\n".join(line for line in said.splitlines() if line.strip() not in known)
