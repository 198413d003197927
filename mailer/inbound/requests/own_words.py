"""The words of a mail's writer: without quotes, forwarded mails, signatures and the brand's own footers. Pure.

Each line is looked at once. mail-parser-reply knows no Arabic, and takes a second for a hostile line of 4,000
characters, so it is only the second opinion of the tests.
"""

# ruff: noqa: RUF001 - quotation marks and letters of many languages

import re
from dataclasses import dataclass

from mailer.inbound.requests.word_folding import fold_letters

MAX_LINES = 600
"""The most lines that are read. A longer mail goes to a person."""
_QUOTED = re.compile(r"[ \t]*(?:>|\|[ \t]|＞)")
_ATTRIBUTION_START = re.compile(
    r"(?:on|am|le|el|den|il y a|em|op|from|von|de|في|بتاريخ|يوم|\d{4}[年/.-])(?![^\W\d_])|.{0,80}<[^<> ]{1,80}@",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(
    r"(?:wrote|writes|schrieb|geschrieben|a ecrit|ecrit|escribio|escribe|كتب|كتبت"
    r"|書きました|のメッセージ|>|\))[^:]{0,160}:$"
)
_DIGIT = re.compile(r"\d")
_SEPARATOR = re.compile(
    r"[-_=* \t]{0,40}(?:original message|originalnachricht|ursprungliche nachricht|mensaje original|message d'origine"
    r"|message original|الرساله الاصليه|元のメッセージ)[-_=* \t:]{0,40}$|_{10,}$|-{20,}$"
)
_FORWARDED = re.compile(
    r"[-_=* \t]{0,40}(?:begin forwarded message|forwarded message|weitergeleitete nachricht"
    r"|anfang der weitergeleiteten nachricht|mensaje reenviado|message transfere"
    r"|debut du message (?:transfere|reexpedie)"
    r"|الرساله المعاد توجيهها|رساله محوله|رساله معاد توجيهها|転送(?:された)?メッセージ)"
)
_HEADER_LINE = re.compile(
    r"[* \t]{0,8}(?:from|sent|to|subject|date|cc|von|gesendet|an|betreff|datum|de|enviado(?: el)?|para|asunto"
    r"|fecha|envoye|a|objet|من|الي|ارسلت|تاريخ|الموضوع|差出人|送信日時|宛先|件名|日時)[* \t]{0,4}:[* \t]"
)
_SIGNATURE = re.compile(r"(?:--|__|—)[ \t]*$")
_DEVICE = re.compile(
    r"(?:sent from (?:my|yahoo|outlook|mail|the|samsung|proton)|get outlook for|gesendet (?:von|mit)"
    r"|von meinem \w{1,20} gesendet"
    r"|diese nachricht wurde von meinem|enviado desde|obtener outlook"
    r"|envoye (?:de|depuis|a partir)|telecharge[rz] outlook"
    r"|ارسل(?:ت)? من|مرسل من|تم الارسال من|.{0,20}から送信|sent via|virus-?free)"
)
_DEVICE_WORDS = 9
_DISCLAIMER = re.compile(
    r"(?:this (?:e-?mail|message|communication)|the (?:information|contents?)|confidentiality|disclaimer|notice:"
    r"|diese (?:e-?mail|nachricht)|der inhalt|este (?:correo|mensaje)|la informacion|ce (?:message|courriel|mail)"
    r"|هذه الرساله|هذا البريد|このメール|本メール).{0,300}"
    r"(?:confidential|privileged|intended|vertraulich|confidencial|confidentiel|سري|機密)"
)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The writer's own words and the marks of a mail that has others.

    Attributes:
        lines: the lines in order, without those of others. Empty lines separate paragraphs.
        has_quote: another mail was quoted. has_forwarded: another mail was forwarded.
        is_cut: the mail has more lines than are read.
    """

    lines: tuple[str, ...]
    has_quote: bool
    has_forwarded: bool
    is_cut: bool


def separate_own_words(text: str, footers: tuple[str, ...]) -> OwnWords:
    """Returns the writer's own words of a plain text.

    Args:
        text: with any line ends, of bounded length.
        footers: the brand's own texts. A line of three words or more that stands in one of them is not the writer's.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").split("\n")
    is_cut = len(lines) > MAX_LINES
    lines = [line.strip(" \t\u00a0\u200e\u200f\u3000") for line in lines[:MAX_LINES]]
    folded = [fold_letters(line).strip() for line in lines]
    end, has_forwarded, has_foreign_end = _end_of_own_part(folded)
    attributions = _attribution_lines(folded[:end])
    ours = [_words_of(fold_letters(line)) for footer in footers for line in footer.split("\n")]
    kept: list[str] = []
    has_quote = has_foreign_end
    for place in range(end):
        if place in attributions or _QUOTED.match(lines[place]):
            has_quote = True
        elif any(kept) and (_SIGNATURE.match(folded[place]) or _is_disclaimer(folded, place)):
            break
        elif not _is_of_device(folded[place]) and not _is_ours(folded[place], ours):
            kept.append(lines[place])
    return OwnWords(tuple(kept), has_quote, has_forwarded, is_cut)


def _end_of_own_part(folded: list[str]) -> tuple[int, bool, bool]:
    """Returns the line at which another mail begins, and whether it is forwarded, and whether there is one."""
    for place, line in enumerate(folded):
        if _FORWARDED.match(line):
            return place, True, True
        if _SEPARATOR.match(line) and any(folded[place + 1 : place + 4]):
            return place, False, True
        if _HEADER_LINE.match(line) and sum(1 for other in folded[place : place + 5] if _HEADER_LINE.match(other)) >= 3:
            return place, False, True
        if _is_attribution(line, folded, place) and not _has_quoted_line(folded[place + 1 : place + 6]):
            return place, False, True
    return len(folded), False, False


def _attribution_lines(folded: list[str]) -> set[int]:
    found: set[int] = set()
    for place, line in enumerate(folded):
        if _is_attribution(line, folded, place):
            found.add(place)
            if not line.endswith(":"):
                found.add(place + 1)
    return found


def _is_attribution(line: str, folded: list[str], place: int) -> bool:
    """Tells whether a line, perhaps with the next one, says who wrote what is quoted below."""
    if not _ATTRIBUTION_START.match(line) or len(line) > 300:
        return False
    joined = line if line.endswith(":") else f"{line} {' '.join(folded[place + 1 : place + 2])}".strip()
    return (
        len(joined) < 400
        and bool(_DIGIT.search(joined) or "@" in joined)
        and bool(_ATTRIBUTION_END.search(joined[-260:]))
    )


def _has_quoted_line(lines: list[str]) -> bool:
    return any(_QUOTED.match(line) for line in lines)


def _is_disclaimer(folded: list[str], place: int) -> bool:
    """Tells whether a company's notice of confidentiality begins here. It ends the mail."""
    return _DISCLAIMER.match(" ".join(folded[place : place + 3])[:400]) is not None


def _is_of_device(line: str) -> bool:
    return bool(_DEVICE.match(line)) and len(line.split()) <= _DEVICE_WORDS


def _words_of(line: str) -> str:
    return " ".join(re.findall(r"\w+", line))


def _is_ours(line: str, ours: list[str]) -> bool:
    words = _words_of(line)
    if words.count(" ") < 2 and (not words or words.isascii() or len(words) < 6):
        return False
    return any(words in own for own in ours)
