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
    return LetterText(sender, to, subject, _shown(own_text(message), MAX_TEXT))


def own_text(message: Part) -> str:
    """Returns the text of the first plain part, else of the first part in HTML."""
    parts = [*message.walk()]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.content_type == kind and not part.children:
                if kind == "text/plain":
                    return part.read_text(_OCTETS)
                octets = part.read_octets(_OCTETS)
                return plain_text_of_html(decode_octets(octets, part.parameters.get("charset", "")))
    return ""


def _shown(text: str, longest: int) -> str:
    """Returns a text without unseen characters, at most so long."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))[:longest]
