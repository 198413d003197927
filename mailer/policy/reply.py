"""What an SMTP reply means: the reply classes of MAIL.md as tables.

The enhanced status code (RFC 3463) decides where there is one that says something, then the bare code (RFC 5321 4.2),
then the text. Whatever no table knows is held against ourselves, never against the recipient.
"""

import re
from typing import Final

from mailer.policy.outcome import Outcome, Result

HARD: Final = frozenset(
    ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.7.13", "5.7.17", "5.7.18"),
)
"""The only status codes that say that an address is dead."""

_BY_STATUS: Final[dict[str, Result]] = {
    **dict.fromkeys(HARD, Result.REFUSED),
    "5.2.2": Result.DEFERRED,  # mailbox full
}
_BY_SUBJECT: Final[dict[str, Result]] = {
    "5.3": Result.DEFERRED,  # the receiving system
    "5.4": Result.DEFERRED,  # network and routing
}
_TELLS_NOTHING: Final = frozenset(("5.0.0", "5.1.0", "5.2.0"))
"""Permanent, but "other or undefined" (RFC 3463 3.1 to 3.3): the text decides."""

_OF_SENDER: Final = frozenset(("4.1.7", "4.1.8", "5.1.7", "5.1.8"))
"""About the sender's address (RFC 3463 3.2)."""

_BY_CODE: Final[dict[int, Result]] = {552: Result.DEFERRED}
_BY_TEXT: Final = frozenset((550, 551, 553, 554))
"""Bare codes that mean anything from a dead address to a listed sender."""

_STATUS: Final = re.compile(r"(?<![\w.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
"""Anywhere in the text, since qmail appends it as (#5.1.1); not part of an IP address."""
_STATUS_OF_SUCCESS: Final = re.compile(r"\s*(2\.\d{1,3}\.\d{1,3})(?!\.?\d)")

_NOISE: Final = re.compile(r"https?://\S+|\S*@\S*")
"""Links and addresses: their words are not the server's words."""

_ONE: Final = r"(?:user|mailbox|mail ?box|recipient|account|address|addressee|alias|customer|domain|host|local[ -]part)"
_TEXTS: Final[tuple[tuple[Result, re.Pattern[str]], ...]] = tuple(
    (result, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for result, pattern in (
        (
            Result.DEFERRED,
            r"""quota | (?:mailbox|inbox|folder)\b[\w' ]{0,20}\bfull | full\ mailbox | storage\ (?:allocation|limit)
            | disk\ (?:space|full) | insufficient\ (?:system\ |disk\ )?(?:storage|space) | temporar
            | (?:try|retry)\b[\w' ]{0,20}\b(?:later|again) | too\ many | rate\ limit | gr[ae]y-?list""",
        ),
        (
            Result.BLOCKED,
            r"""spam | virus | malware | black-?\ ?list | block-?\ ?list | denylist | \bblocked\b | \brbl | dnsbl
            | reputation | \bpolic(?:y|ies)\b | \bspf\b | dkim | dmarc | authenti | authori[sz] | access\ denied
            | prohibited | \brelay\ (?:access|not|denied|prohibited) | relaying | \bto\ relay | rcpthosts
            | sender | mail\ from | reverse\ dns | \bptr\b | \bhelo\b | \behlo\b | client\ host""",
        ),
        (
            Result.REFUSED,
            rf"""\b{_ONE}\b[\w' ]{{0,40}}\b(?:unknown | not\ (?:be\ )?(?:found|known|exist|local|active|available|valid)
            | unavailable | invalid | inactive | disabled | deactivated | discontinued | suspended | closed | terminated
            | (?:does\ not|doesn'?t|no\ longer)\ exists? | no\ longer\ (?:valid|available|active|in\ use|accepts)
            | name\ not\ allowed)\b
            | \b(?:unknown|invalid|no|no\ such|non-?existent|unroute?able|bad)\ (?:virtual\ |e-?mail\ )?{_ONE}\b
            | (?:does\ not|doesn'?t)\ have\ an?\ \S+\ account
            | \bnot\ (?:a|an|our)\ (?:known\ |valid\ |local\ |active\ )?{_ONE}\b
            | \bno\ (?:one|such\ person)\ at\ this\ address""",
        ),
    )
)
"""In this order, so that a dead address is only believed where the text names no other cause."""

_LONGEST: Final = 2000


def clean(text: str) -> str:
    """A reply's text as it can be stored: valid Unicode, no control character but the line end, at most 2,000 long."""
    text = text[:_LONGEST]
    if text.isprintable():
        return text.strip()
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char == "\n" or char.isprintable() else " " for char in readable).strip()


def classify(code: int, text: str) -> Outcome:
    """What follows from the reply to a command of a transaction (MAIL.md, "Replies by class").

    Args:
        code: the three digits (RFC 5321 4.2.1).
        text: all lines without their codes, joined by line ends, the enhanced status still in them.
    """
    text = clean(text)
    match code // 100:
        case 2:
            found = _STATUS_OF_SUCCESS.match(text)
            result = Result.ACCEPTED
        case 5:
            found = _STATUS.search(text)
            result = _permanent(code, found and found[1], text)
        case 4:
            found = _STATUS.search(text)
            result = Result.DEFERRED
        case _:  # not a reply to anything (RFC 5321 4.2.1): a server that has lost its way may find it again
            found = None
            result = Result.DEFERRED
    return Outcome(result, code, found[1] if found else None, text)


def is_about_mailbox(outcome: Outcome) -> bool:
    """Whether a refusal's enhanced status speaks of the recipient's address or mailbox (RFC 3463 3.2, 3.3)."""
    return outcome.status is not None and outcome.status[1:4] in (".1.", ".2.") and outcome.status not in _OF_SENDER


def _permanent(code: int, status: str | None, text: str) -> Result:
    """The class of a reply whose code begins with 5."""
    if status is None:
        return _worded(text) if code in _BY_TEXT else _BY_CODE.get(code, Result.BLOCKED)
    if status in _TELLS_NOTHING:
        return _worded(text)
    if status.startswith("4."):
        return Result.DEFERRED
    subject = status.rpartition(".")[0]
    return _BY_STATUS.get(status) or _BY_SUBJECT.get(subject, Result.BLOCKED)


def _worded(text: str) -> Result:
    """The class by the words alone."""
    words = _NOISE.sub(" ", text)
    return next((result for result, pattern in _TEXTS if pattern.search(words)), Result.BLOCKED)
