"""The fields in the texts of a campaign, such as `{{ first_name or 'there' }}`, and marks in place of engine syntax.

Nothing that a person writes is syntax for the template engine. Fields and links are taken out of the texts first, and
marks stand in their place while Markdown and HTML are read. At the end each `{` becomes a literal, and each mark
becomes an expression that this module wrote.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.recipient_attributes import FIRST_NAME, AttributeType

NAME_FIELD: Final = "name"
"""The field of the person's own name, which is no attribute."""
MOST_FALLBACK_CHARACTERS: Final = 100
_QUOTES: Final = (
    "'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u300c\u300d\u2032\u2033"
)
"""Quotation marks, also those that word processors make of straight ones."""
_BRACED = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}")
_FIELD = re.compile(
    rf"\s*(?P<name>[a-z][a-z0-9_]*(?: [a-z0-9_]+)*)\s+or\s+[{_QUOTES}](?P<fallback>.*)[{_QUOTES}]\s*", re.IGNORECASE
)
_BARE_NAME = re.compile(r"\s*[a-z][a-z0-9_ ]*\s*", re.IGNORECASE)
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ue000\ue001\ufffe\uffff]")
_OVERLONG_NUMBER = re.compile(r"&#(?:[0-9]{8}|[xX][0-9a-fA-F]{8})")
_PLACEHOLDER_OF_INLINING = "q0jinja"
_PLAIN_IN_LITERAL = re.compile(r"[^A-Za-z0-9 ,.!?:;/_~=&+#@$*()-]")
_UNFIT_IN_URL = re.compile(r"[^A-Za-z0-9:/._~?=&,+%#@!$*();\[\]-]")


@dataclass(frozen=True, slots=True)
class WrittenField:
    """A field as it is written: its name, and the text for people who lack a value."""

    name: str
    fallback: str


class DraftTextRefused(ValueError):
    """A text of a draft cannot be used; the message says why, and the remedy."""


@dataclass(slots=True)
class SourceMarks:
    """The marks of one text in one language, and the engine's expressions in their place.

    Attributes:
        types: the types of the attributes that a field may name, by name.
        tracks: whether links to web pages count clicks. is_left_to_right: the direction of the text.
    """

    types: Mapping[str, AttributeType]
    tracks: bool
    is_left_to_right: bool = True
    _plain: list[str] = field(default_factory=list)
    _html: list[str] = field(default_factory=list)
    _shown: list[str] = field(default_factory=list)

    def replace_fields_by_marks(self, text: str) -> str:
        """Returns a text with a mark in the place of each field.

        Raises:
            DraftTextRefused: it has braces that are no field, an unknown field, or a character that no mail can show.
        """
        # HTML and Markdown can also write a character by its number, such as that of a mark.
        if _OVERLONG_NUMBER.search(text):
            raise DraftTextRefused("has &# with more than seven digits, which is no character; remove it")
        if found := _UNFIT.search(html.unescape(text.replace("\r\n", "\n"))):
            raise DraftTextRefused(f"has the character U+{ord(found[0]):04X}, which no mail can show; remove it")
        marked = _BRACED.sub(self._mark_one_field, text.replace("\r\n", "\n"))
        if "{{" in marked:
            raise DraftTextRefused(
                "has {{ without }}; write a field such as {{ first_name or 'there' }}, or leave out {{"
            )
        return marked

    def add_mark_for_url(self, url: str) -> str:
        """Returns a mark for the address of a link. Web pages are counted if `tracks`."""
        url = _UNFIT_IN_URL.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url.strip())
        is_counted = self.tracks and url.lower().startswith(("https://", "http://"))
        expression = f"{{{{ '{url}' | tracked }}}}" if is_counted else ""
        return self._add_mark(expression or url, expression or html.escape(url), url)

    def shown_text(self, text: str) -> str:
        """Returns a text with its marks replaced by what people without values see."""
        return _MARK.sub(lambda found: self._shown[int(found[1])], text)

    def plain_source(self, text: str) -> str:
        """Returns the engine's source of a plain text."""
        return _substitute_marks(_literal_braces(text), self._plain)

    def html_source(self, markup: str) -> str:
        """Returns the engine's source of HTML, in which all text is escaped."""
        fixed = _literal_braces(markup).replace(_PLACEHOLDER_OF_INLINING, "q0{{ 'j' }}inja")
        return _substitute_marks(fixed, self._html)

    def _mark_one_field(self, found: re.Match[str]) -> str:
        written = parse_field(found["inside"])
        if written is None:
            raise DraftTextRefused(_fault_of_braces(found["inside"]))
        if written.name == NAME_FIELD:
            plain, marked = _name_sources(written.fallback)
        elif kind := self.types.get(written.name):
            plain = marked = _attribute_expression(written, kind)
        else:
            known = ", ".join(sorted({NAME_FIELD, *self.types}))
            raise DraftTextRefused(
                f"names the field {written.name}, which the policy does not declare; there are: {known}"
            )
        return self._add_mark(plain, f"<bdi>{marked}</bdi>", written.fallback)

    def _add_mark(self, plain: str, marked: str, shown: str) -> str:
        self._plain.append(plain)
        self._html.append(marked)
        self._shown.append(shown)
        return f"{_OPEN}{len(self._plain) - 1}{_CLOSE}"


def parse_field(inside: str) -> WrittenField | None:
    """Returns the field that is written between `{{` and `}}`, or None if it is no field with a fallback."""
    if _OVERLONG_NUMBER.search(inside):
        return None
    found = _FIELD.fullmatch(html.unescape(inside))
    if found is None or len(found["fallback"]) > MOST_FALLBACK_CHARACTERS or "\n" in found["fallback"]:
        return None
    return WrittenField("_".join(found["name"].lower().split()), found["fallback"])


def has_mark(text: str) -> bool:
    """Tells whether a text has a mark, of a field or a link."""
    return _OPEN in text


def fields_used(draft: CampaignDraft) -> frozenset[str]:
    """Returns the attributes that the texts of a draft print, in any variant and language. `name` is none of them."""
    written = (parse_field(found["inside"]) for text in _texts_of_draft(draft) for found in _BRACED.finditer(text))
    return frozenset(one.name for one in written if one and one.name != NAME_FIELD)


def uses_a_name(blocks: Iterable[BaseModel]) -> bool:
    """Tells whether blocks of a draft print the person's name, so that they greet by themselves."""
    texts = texts_in([one.model_dump() for one in blocks])
    written = (parse_field(found["inside"]) for text in texts for found in _BRACED.finditer(text))
    return any(one.name in (NAME_FIELD, FIRST_NAME) for one in written if one)


def _texts_of_draft(draft: CampaignDraft) -> Iterator[str]:
    yield from texts_in([one.model_dump() for locales in draft.variants.values() for one in locales.values()])


def texts_in(value: Any) -> Iterator[str]:
    """Yields all texts within a value of lists and objects."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from texts_in(inner)
        case _:
            pass


def _fault_of_braces(inside: str) -> str:
    if _BARE_NAME.fullmatch(inside):
        return (
            f"has the field {inside.strip()[:40]} without a fallback, and not everybody has a value; "
            f"write {{{{ {inside.strip()[:40]} or 'friend' }}}}"
        )
    return "has {{ … }} that is no field; write one such as {{ first_name or 'there' }}"


def _literal_braces(text: str) -> str:
    return text.replace("{", "{{ '{' }}")


def _substitute_marks(text: str, sources: list[str]) -> str:
    return _MARK.sub(lambda found: sources[int(found[1])], text)


def _name_sources(fallback: str) -> tuple[str, str]:
    """Returns the plain and the HTML source of the name. A test, unlike a filter, lets all people share one form."""
    marked = _literal_braces(html.escape(fallback)).replace(_PLACEHOLDER_OF_INLINING, "q0{{ 'j' }}inja")
    return _name_or(_literal_braces(fallback)), _name_or(marked)


def _name_or(fallback: str) -> str:
    return f"{{%+ if recipient.name +%}}{{{{ recipient.name }}}}{{%+ else +%}}{fallback}{{%+ endif +%}}"


def _attribute_expression(written: WrittenField, kind: AttributeType) -> str:
    value, fallback = f"profile.{written.name}", _literal_of_text(written.fallback)
    match kind:
        case AttributeType.NUMBER:
            return f"{{{{ {value} if {value} is number else {fallback} }}}}"
        case AttributeType.DATE:
            return f"{{{{ {value} | when if {value} is string else {fallback} }}}}"
        case AttributeType.YES_NO:
            raise DraftTextRefused(
                f"prints {written.name}, which is yes or no; choose people by it in a segment instead"
            )
        case _:
            return f"{{{{ {value} | default({fallback}, true) }}}}"


def _literal_of_text(text: str) -> str:
    """Returns a literal of the engine with escapes for each sign that could end it."""
    return f"'{_PLAIN_IN_LITERAL.sub(lambda found: _escaped(found[0]), text)}'"


def _escaped(char: str) -> str:
    return char if char.isalnum() else f"\\U{ord(char):08x}"
