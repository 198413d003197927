"""The text of a letter as a person may look at it: plain, with nothing in it that acts. Pure."""

import re
from typing import Final

from mailer.inbound.reports.header_fields import decode_octets, decode_words
from mailer.inbound.reports.mime_parts import Part, parse_message
from mailer.inbound.requests.html_plain_text import plain_text_of_html
from mailer.inbound.requests.request_types import MAX_TEXT
from mailer.ports.received_mail import LetterText

_OCTETS: Final = 4 * MAX_TEXT
_LONGEST_FIELD: Final = 1000
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Control characters, and those that reverse text or hide in it. Line feeds and tabs stay."""


def read_text_of_letter(content: bytes) -> LetterText:
    """Returns the text of a letter, and the fields of its header that a person needs. Raises nothing."""
    message = parse_message(content)
    if message is None:
        return LetterText("", "", "", _shown(content[:_OCTETS].decode("utf-8", "replace"), MAX_TEXT))
    named = (decode_words(message.header.first(name)) for name in ("from", "to", "subject"))
    sender, to, subject = (_shown(text.replace("\n", " "), _LONGEST_FIELD) for text in named)
    return LetterText(sender, to, subject, _shown(_all_words(letter_texts(message)), 2 * MAX_TEXT))


def _all_words(texts: list[str]) -> str:
    """Returns the first text, and below it the lines that only another one has: the writer saw one of them."""
    first, *more = [text[:MAX_TEXT] for text in texts] or [""]
    known = " ".join(first.split())
    others = [line for text in more for line in text.splitlines() if " ".join(line.split()) not in known]
    return "\n".join([first.rstrip(), "", *others]) if others else first


def letter_texts(message: Part) -> list[str]:
    """Returns the text of the first plain part, and that of the first part in HTML, without empty ones."""
    first: dict[str, Part] = {}
    for part in message.walk():
        if not part.children:
            first.setdefault(part.content_type, part)
    texts = [first["text/plain"].read_text(_OCTETS)] if "text/plain" in first else []
    if html := first.get("text/html"):
        octets = html.read_octets(_OCTETS)
        texts.append(plain_text_of_html(decode_octets(octets, html.parameters.get("charset", ""))))
    return [text for text in texts if text.strip()]


def _shown(text: str, longest: int) -> str:
    """Returns a text without unseen characters, at most so long."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))[:longest]
