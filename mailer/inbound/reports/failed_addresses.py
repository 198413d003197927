"""The addresses that the text of a notice says have failed, with the text about each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_ADDRESSES: Final = 50
MAX_CONTEXT: Final = 1000
"""Characters of the text about one address."""

ADDRESS: Final = re.compile(
    r"(?<![\w.+=/@-])((?:[\w!#$%&'*+/=?^`{|}~.-]{1,100}|\"[^\"\s@]{1,80}\")@(?:[\w-]{1,63}\.){1,9}[\w-]{1,63})(?![\w@-])"
)
_STRUCTURED: Final = (
    re.compile(
        r"^\s{0,40}(?:[*>-]\s{0,4})?(?:recipient: ?)?[<\[\"'(]{0,2}(?:smtp|mailto|rfc822)?:?\s?(@A@)[>\])\"']{0,2}\s?"
        r"(?::|;|,|$|\.\.\.)",
        re.I,
    ),
    re.compile(
        r"^\s{0,40}(?:[*>-]{1,4}\s{0,4})?(?:failed recipient|failed address|recipient(?: address)?|error-for"
        r"|undeliverable address|user|address"
        r"|(?:following|intended) recipients?|destinataire|empfänger|final-recipient)\s?:\s{0,8}"
        r"(?:rfc822;\s?)?[\[<\"]{0,2}(?:smtp:)?(@A@)",
        re.I,
    ),
    re.compile(r"\b(?:rcpt\s+to|recipient\s+to)\s?:\s?<?(@A@)", re.I),
    re.compile(r"\((?:generated|expanded|reached|ultimately generated)\s+from:?\s+<?(@A@)", re.I),
    re.compile(r"\(?originally\s+addressed\s+to\s+<?(@A@)", re.I),
    re.compile(r"smtp=(@A@)", re.I),
    re.compile(r"^\s{0,40}<(@A@)>(?:\s|:|\.\.\.)", re.I),
    re.compile(r"^\s{0,40}[45]\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3}\s)?<?(@A@)>?\.\.\.", re.I),
    re.compile(r"^\s{0,40}(@A@)(?:\s{1,4}|:)(?:on\s\w{3},|\(|[45]\d\d\b|-|\.\.\.)", re.I),
    re.compile(r"^\s{0,40}(?:to|an|à|a|para):?\s{1,8}<?(@A@)>?[.,;:]?$", re.I),
)
_TO: Final = re.compile(r"\s{0,20}to\s?:\s{0,10}[<\"]?" + ADDRESS.pattern.removeprefix(r"(?<![\w.+=/@-])"), re.I)
_PATTERNS: Final = tuple(
    re.compile(one.pattern.replace("@A@", ADDRESS.pattern[len(r"(?<![\w.+=/@-])(") : -len(r")(?![\w@-])")]), re.I)
    for one in _STRUCTURED
)
_OF_SUPPORT: Final = re.compile(
    r"(?:postmaster|mailer-daemon|abuse|support|help(?:desk)?|admin(?:istrator)?|hostmaster|webmaster|noreply|no-reply|info"
    r"|service|security|root|mail-?admin)@",
    re.I,
)
_ABOUT_HELP: Final = re.compile(
    r"\b(?:contact|assistance|questions?|help|forward|postmaster|reporting|further|mail from|from|sender|reply)\b"
    r"[^\n]{0,80}$",
    re.I,
)
_FIELD_OF_MAIL: Final = re.compile(
    r"^\s{0,20}[>|]?\s?(?:from|to|de|von|an|cc|sender|reply-to|message-id|return-path|subject|x-[\w-]{1,40})\s?:", re.I
)


@dataclass(frozen=True, slots=True)
class FailedAddress:
    """An address, and the lines about it (at most `MAX_CONTEXT` characters; they may be empty)."""

    address: str
    context: str


def find_listed_addresses(lines: Sequence[str], ours: frozenset[str]) -> list[FailedAddress]:
    """Returns the addresses that stand by themselves in a notice, or after a word such as "Recipient:".

    Args:
        lines: of the notice, without the returned message.
        ours: addresses in lower case that the notice was sent from or to, which have not failed.
    """
    return _with_contexts(lines, list(_structured_places(lines, ours)))


def find_mentioned_addresses(lines: Sequence[str], ours: frozenset[str]) -> list[FailedAddress]:
    """Returns the addresses that a notice mentions; if there are none, those in its line "To:". `ours`: see above."""
    return _with_contexts(lines, list(_mentioned_places(lines, ours)) or list(_addressed_places(lines, ours)))


def context_of_address(lines: Sequence[str], address: str) -> str:
    """Returns the lines of a notice that name an address, with those after each; empty if none names it."""
    places = [number for number, line in enumerate(lines) if address.lower() in line.lower()]
    return "\n".join(_lines_about(lines, number, min(number + 5, len(lines))) for number in places[:5])[:MAX_CONTEXT]


def _with_contexts(lines: Sequence[str], places: Sequence[tuple[int, str]]) -> list[FailedAddress]:
    kept: dict[str, str] = {}
    spelled: dict[str, str] = {}
    begins = [number for number, _ in places]
    for number, address in places:
        key = address.lower()
        spelled.setdefault(key, address)
        if len(kept) >= MAX_ADDRESSES:
            break
        end = next((other for other in begins if other > number), len(lines))
        context = _lines_about(lines, number, min(end, number + 15))
        kept[key] = f"{kept.get(key, '')}\n{context}"[:MAX_CONTEXT]
    return [FailedAddress(spelled[key], context.strip("\n")) for key, context in kept.items()]


def _structured_places(lines: Sequence[str], ours: frozenset[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        if "@" not in line or _FIELD_OF_MAIL.match(line[:60]):
            continue
        for pattern in _PATTERNS:
            if (found := pattern.search(line)) and _is_possible(found[1], ours):
                yield number, _tidied(found[1])
                break


def _mentioned_places(lines: Sequence[str], ours: frozenset[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        if "@" not in line or _FIELD_OF_MAIL.match(line[:60]):
            continue
        for found in ADDRESS.finditer(line):
            if _is_possible(found[1], ours) and not _OF_SUPPORT.match(found[1]):
                before = line[: found.start()]
                if not _ABOUT_HELP.search(before[-120:]) and not before.rstrip("<").endswith("id "):
                    yield number, _tidied(found[1])


def _addressed_places(lines: Sequence[str], ours: frozenset[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        if (found := _TO.match(line)) and _is_possible(found[1], ours):
            yield number, _tidied(found[1])


def _is_possible(address: str, ours: frozenset[str]) -> bool:
    return _tidied(address).lower() not in ours and "@" in address


def _tidied(address: str) -> str:
    return address.strip("'`*=").rstrip(".")


def _has_words_beside_address(line: str) -> bool:
    return any(char.isalpha() for char in ADDRESS.sub("", line))


def _lines_about(lines: Sequence[str], begin: int, end: int) -> str:
    """Returns the lines from `begin` on, up to a blank line that is followed by an unindented one."""
    kept: list[str] = []
    for number in range(begin, end):
        line = lines[number]
        if not line.strip() and kept and (len(kept) > 1 or _has_words_beside_address(kept[0])):
            after = lines[number + 1] if number + 1 < end else ""
            if not after[:1].isspace():
                break
        kept.append(line)
    return "\n".join(kept)
