"""The text of a notice, apart from the message that it returns."""

import re
from dataclasses import dataclass
from typing import Final

from mailer.inbound.reports.header_fields import HeaderFields, read_header_fields
from mailer.inbound.reports.mime_parts import Part, is_attached_message

MAX_NOTICE: Final = 20_000
"""Characters of the notice that are looked at."""
MAX_LINE: Final = 500

_SEPARATOR: Final = re.compile(
    r"""(?:this\ is\ a\ copy\ of | (?:below|under)\ (?:this|the\ next)\ line\ is\ a\ copy | below\ this\ line\ is
    | (?:here\ is\ )?a\ copy\ of\ (?:the|your)\ (?:original\ )?(?:message|mail|first) | copy\ of\ the\ original
    | here\ is\ (?:a\ copy|your\ returned) | included\ is\ a\ copy | attachment\ is\ a\ copy | attached\ is\ a\ copy
    | original\ message(?!\ details)(?!\ was)(?!\ id) | original\ mail\b | the\ original\ message\ (?:follows
    |was\ received.{0,80}follows|headers?)
    | the\ headers?\ (?:of\ the\ original|and\ top) | the\ (?:first|top)\ \d{1,4}\ lines
    | header\ of\ the\ (?:source|original)
    | (?:the\ )?(?:message|mail)\ (?:headers?|text|body|source)\ (?:follows?|suppressed)? | your\ message\ reads
    | returned\ (?:mail|message)\b(?!.{0,80}:\ ) | start\ of\ returned | (?:un|non-?)(?:sent|delivered
    |deliverable)\ message\ (?:below|follows|attached|headers)
    | unsent\ message | undelivered\ message(?!\ returned) | forwarded\ (?:message|by) | full\ text\ of
    | old\ message\b
    | a\ summary\ of\ the\ undelivered | (?:mensaje|mensagem)\ original | message\ (?:d'origine|original)
    | messaggio\ originale
    | (?:ursprüngliche|original)-?\ ?nachricht | kopie\ der\ nachricht | reporting\ mta\ headers
    | headers\ of\ (?:your|the\ original)
    | 元のメッセージ | 元メール | 原文 | 原信件? | 以下(?:は|に).{0,20}(?:ヘッダ|メッセージ))""",
    re.IGNORECASE | re.VERBOSE,
)
_RETURNED_FIELD: Final = re.compile(
    r">?\ ?(?:return-path|received|message-id|dkim-signature|x-[\w-]{1,40}):\ ?\S", re.IGNORECASE
)
_DECORATION: Final = "-=_*#|<>+~.:[( \t"
_QUOTE: Final = re.compile(r"(?:>|\|\s)")
_QUOTED_MAIL: Final = re.compile(
    r"(?:on|am|le|el|il|em)\b.{5,200}(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu)\s?:"
    r"|-{2,}\s?(?:original|forwarded|weitergeleitete)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """The text that a message says itself.

    Attributes:
        text: without the returned message.
        returned: the header of the message that the text quotes after a separator; empty if there is none.
    """

    text: str
    returned: HeaderFields

    @property
    def lines(self) -> list[str]:
        """The lines of the text, each at most `MAX_LINE` long."""
        return [line[:MAX_LINE] for line in self.text.split("\n")]


def read_notice(message: Part) -> Notice:
    """Returns the notice of a message: its first text part, plain before HTML, up to the returned message."""
    texts: dict[str, str] = {}
    size = 0
    for part in message.walk():
        kind = part.content_type
        if is_attached_message(part) or kind in ("message/delivery-status", "text/rfc822-headers"):
            if texts:
                break
            continue
        if part.children or size > MAX_NOTICE or (kind and kind not in ("text/plain", "text/html", "text")):
            if part.content_type.startswith("multipart/") and not part.children and not texts:
                texts["text/plain"] = part.read_text()  # a multipart without its boundary
            continue
        text = part.read_text()
        if text.strip():
            known = "text/html" if kind == "text/html" else "text/plain"
            texts[known] = f"{texts[known]}\n\n{text}" if known in texts else text
            size += len(text)
    return split_notice((texts.get("text/plain") or texts.get("text/html") or "")[: 3 * MAX_NOTICE])


def split_notice(text: str) -> Notice:
    """Returns a text and the header of the message that it returns."""
    lines = text.split("\n")
    seen = False
    for number, line in enumerate(lines):
        bare = line[:200].strip(_DECORATION)
        if seen and bare and (_SEPARATOR.match(bare) or _begins_returned_header(lines, number)):
            return Notice("\n".join(lines[:number])[:MAX_NOTICE], _header_after(lines, number))
        seen = seen or bool(bare)
    return Notice(text[:MAX_NOTICE], HeaderFields())


def unquoted_text(text: str) -> str:
    """Returns a text without lines that quote another mail, and without all that follows "… wrote:"."""
    kept = []
    for line in text[:MAX_NOTICE].split("\n"):
        if _QUOTED_MAIL.match(line[:250].strip()):
            break
        if not _QUOTE.match(line.lstrip()[:2]):
            kept.append(line)
    return "\n".join(kept)


def _begins_returned_header(lines: list[str], number: int) -> bool:
    """Tells whether a quoted header without a separator begins here: two such fields within four lines."""
    if not _RETURNED_FIELD.match(lines[number][:80]):
        return False
    return any(_RETURNED_FIELD.match(line[:80]) for line in lines[number + 1 : number + 4])


def _header_after(lines: list[str], number: int) -> HeaderFields:
    """Returns the header that begins after a separator, in the style that puts ">" before each line too."""
    kept: list[str] = []
    for line in lines[number : number + 400]:
        bare = line[:2000]
        if bare.startswith(">"):
            bare = bare[1:].removeprefix(" ")
        if kept and not bare.strip():
            break
        if ":" in bare.partition(" ")[0] or (kept and bare[:1] in (" ", "\t")):
            kept.append(bare)
    return read_header_fields("\n".join(kept))
