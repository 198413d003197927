"""The class of one failure, from its status, the SMTP reply that it quotes, and its words.

The table of replies (`mailer.policy.smtp_replies`) decides where it can. Only a final failure whose status, reply and
words agree is hard. In doubt a failure is soft, since a false hard class makes somebody unreachable.
"""

import re
from dataclasses import dataclass
from typing import Final

from mailer.inbound.reports.failure_words import cause_against_hard, class_by_words
from mailer.inbound.reports.received_report import BounceClass, RecipientAction
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.policy.session_refusals import SmtpStage
from mailer.policy.smtp_replies import HARD, outcome_kind_by_words, outcome_of_reply

MAX_EVIDENCE: Final = 4000
MAX_DIAGNOSTIC: Final = 1000

STATUS: Final = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\w)")
_REPLY: Final = re.compile(
    r"(?<![\w.:/@-])#?([45]\d\d)(?:[ \t\]:,;.-]{1,3}|$|\n)(?:[\[(# <]{0,3}([245]\.\d{1,3}\.\d{1,3})(?!\.?\w))?"
)
_CODES: Final = frozenset(
    (
        *(
            421,
            422,
            431,
            432,
            441,
            442,
            446,
            447,
            449,
            *range(450, 456),
            458,
            459,
            471,
            *range(500, 505),
            510,
            511,
            512,
        ),
        *(513, 515, 517, 521, 523, 530, 531, 533, 534, 535, 538, 541, *range(550, 560), 571, 572, 574),
    )
)
"""The codes of SMTP, and those that single systems use. Other numbers in a text are no replies."""
_OVER_QUOTA: Final = 552
"""RFC 5321 4.2.3: exceeded storage allocation. A status that says something else contradicts it."""
_OWN_SPACE: Final = frozenset((510, 511, 512, 513, 517, 521, 523, 530, 531, 533, 534, 535, 538))
_NOISE: Final = re.compile(
    r"https?://\S{1,500}|[^\s@]{0,100}@[^\s@]{0,200}|(?<![\w.])(?:[a-z0-9_-]{1,63}\.){2,8}[a-z]{2,12}(?![\w.])"
    r"|(?<![\w.])[a-z0-9_-]{1,63}\.(?:com|net|org|edu|gov|info|io|de|fr|jp|uk|ru|cn|it|es|local|test|invalid|example)(?![\w.])",
    re.IGNORECASE,
)
"""Links, addresses and host names. A word of a host name such as spam.example.com is no cause."""
_CONTINUED: Final = re.compile(r"\n[ \t]*[45]\d\d-(?:#?[45]\.\d{1,3}\.\d{1,3})?|\s+")
_OTHER_LINE: Final = re.compile(r"[ \t]{0,8}(?:([245]\d\d)[ \t-]|<<<|>>>)")
_TELLS_NOTHING: Final = frozenset(("5.0.0", "5.1.0", "5.2.0", "4.0.0", "2.0.0"))
_CLASSES: Final = {
    OutcomeKind.REFUSED: BounceClass.HARD,
    OutcomeKind.DEFERRED: BounceClass.SOFT,
    OutcomeKind.ACCEPTED: BounceClass.SOFT,
}
"""Every other outcome is a refusal of us."""


@dataclass(frozen=True, slots=True)
class QuotedReply:
    """An SMTP reply inside a text. `text` is what follows its code, on one line."""

    code: int
    status: str | None
    text: str


def words_of(text: str) -> str:
    """Returns a text on one line, without links, addresses and host names, at most `MAX_EVIDENCE` long."""
    return " ".join(_NOISE.sub(" ", text[:MAX_EVIDENCE]).split())


def find_reply(text: str, address: str = "") -> QuotedReply | None:
    """Returns the refusal that a text quotes: the first that names the address, else the first; None if none."""
    first: QuotedReply | None = None
    text = text[:MAX_EVIDENCE]
    for number, found in enumerate(_REPLY.finditer(text)):
        code = int(found[1])
        if code not in _CODES or number > 200:
            continue
        rest = _own_lines(text[found.end(1) : found.end(1) + 600].split("\n\n")[0], found[1])
        status = found[2] or next(iter(STATUS.findall(rest)), None)
        reply = QuotedReply(code, status, " ".join(_CONTINUED.sub(" ", rest).split())[:MAX_DIAGNOSTIC])
        if not address or address.lower() in rest.lower():
            return reply
        first = first or reply
    return first


def _own_lines(text: str, code: str) -> str:
    """Returns the lines up to another reply: one with another code, or a line of a session."""
    lines = text.split("\n")
    other = (n for n, line in enumerate(lines) if n and (found := _OTHER_LINE.match(line[:20])) and found[1] != code)
    return "\n".join(lines[: next(other, len(lines))])


def status_of_text(text: str) -> str | None:
    """Returns the first enhanced status code in a text that is a failure's, or None."""
    found = STATUS.search(text[:MAX_EVIDENCE])
    return found[1] if found and found[1][0] in "45" else None


def class_of_failure(
    action: RecipientAction, status: str | None, reply: QuotedReply | None, evidence: str, more: str = ""
) -> BounceClass:
    """Returns the class of a recipient's fate.

    Args:
        action: of the report; only `failed` can be hard.
        status: the Status field; None if it is missing or none.
        reply: the refusal that the evidence quotes.
        evidence: the diagnostic text about this recipient.
        more: the notice's own text near the address. It can make a failure milder, never harder.
    """
    if action not in (RecipientAction.FAILED, RecipientAction.DELAYED):
        return BounceClass.NONE
    found = _class_of_final_failure(status, reply, evidence)
    if found is BounceClass.HARD:
        found = cause_against_hard(words_of(f"{evidence}\n{more}")) or found
    if found is BounceClass.HARD and (
        action is RecipientAction.DELAYED or (status or "5")[0] != "5" or (reply and reply.code == _OVER_QUOTA)
    ):
        return BounceClass.SOFT
    return found


def _class_of_final_failure(status: str | None, reply: QuotedReply | None, evidence: str) -> BounceClass:
    code = reply.code if reply else {"4": 450, "5": 550}.get((status or " ")[0])
    told = (reply.status if reply else None) or (status if not reply or status not in _TELLS_NOTHING else None)
    if code in _OWN_SPACE and told is None:
        code = 550  # codes of single systems (510 and 511 for a bad address): the words decide
    words = words_of(reply.text if reply else evidence)
    if code is None:
        return class_by_words(words) or BounceClass.SOFT
    outcome = outcome_of_reply(SmtpStage.RCPT, code, f"{told or ''} {words}")
    if told is None or told in _TELLS_NOTHING:
        return _class_by_texts(outcome.result, code, words, words_of(evidence), quoted=reply is not None)
    if told in HARD and outcome.result is OutcomeKind.UNSENT:
        return BounceClass.SENDER_FAULT
    return _CLASSES.get(outcome.result, BounceClass.SENDER_FAULT)


def _class_by_texts(result: OutcomeKind, code: int, words: str, around: str, *, quoted: bool) -> BounceClass:
    """Returns the class of a failure whose status says nothing: by the table's words, then by ours."""
    if result is OutcomeKind.DEFERRED and code // 100 == 4:
        return BounceClass.SOFT
    if result in (OutcomeKind.SET_UP, OutcomeKind.UNSENT):
        return BounceClass.SENDER_FAULT
    own = class_by_words(words)
    if not quoted:
        return own or BounceClass.SOFT
    by_table = outcome_kind_by_words(words)
    if own is BounceClass.SOFT or result is OutcomeKind.DEFERRED:
        return BounceClass.SOFT
    if by_table is not None:
        return _CLASSES.get(by_table, BounceClass.SENDER_FAULT)
    if own is not None:
        return own
    return class_by_words(around) or BounceClass.SENDER_FAULT
