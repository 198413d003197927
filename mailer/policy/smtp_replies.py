"""The classes of SMTP replies (MAIL.md) as tables.

Replies about our own set-up (`setup_fault_replies`) or about the session (`session_refusals`) come first. Then the
enhanced status code (RFC 3463) decides, if it says something, then the bare code (RFC 5321 4.2), then the text.
A reply that no table knows counts against us, never against the recipient.
"""

import re
from dataclasses import replace
from typing import Final

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import SmtpStage, session_trouble_of_refusal
from mailer.policy.setup_fault_replies import find_setup_checks_for_enhanced_status, find_setup_checks_for_reply_words

HARD: Final = frozenset(
    ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.7.13", "5.7.17", "5.7.18"),
)
"""The only status codes that say that an address is dead."""

_BY_STATUS: Final[dict[str, OutcomeKind]] = {
    **dict.fromkeys(HARD, OutcomeKind.REFUSED),
    "5.2.2": OutcomeKind.DEFERRED,  # mailbox full
    "5.5.3": OutcomeKind.DEFERRED,  # too many recipients
}
_BY_SUBJECT: Final[dict[str, OutcomeKind]] = {
    "5.3": OutcomeKind.DEFERRED,  # the receiving system
    "5.4": OutcomeKind.DEFERRED,  # network and routing
}
_TELLS_NOTHING: Final = frozenset(("5.0.0", "5.1.0", "5.2.0"))
"""Permanent, but "other or undefined" (RFC 3463 3.1 to 3.3): the text decides."""
_TWO_THINGS: Final = {
    "5.5.0": frozenset((OutcomeKind.REFUSED, OutcomeKind.DEFERRED)),  # Outlook.com: 5.5.0 ... mailbox unavailable
    "5.2.1": frozenset((OutcomeKind.DEFERRED,)),  # Gmail: disabled, or receiving mail at too high a rate
}
"""Statuses with two meanings, each with the classes in which the words decide and not the status."""

_OF_SENDER: Final = frozenset(("4.1.7", "4.1.8", "5.1.7", "5.1.8"))
"""About the sender's address (RFC 3463 3.2)."""

_BY_CODE: Final[dict[int, OutcomeKind]] = {552: OutcomeKind.DEFERRED}
_BY_TEXT: Final = frozenset((550, 551, 553, 554))
"""Bare codes that mean anything from a dead address to a listed sender."""

_STATUS: Final = re.compile(r"(?<![\w.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
"""Anywhere in the text, since qmail appends it as (#5.1.1); not part of an IP address."""
_STATUS_OF_SUCCESS: Final = re.compile(r"\s*(2\.\d{1,3}\.\d{1,3})(?!\.?\d)")

_NOISE: Final = re.compile(r"https?://\S+|\S*@\S*")
"""Links and addresses. Their words do not come from the server."""

_ONE: Final = r"(?:user|mailbox|mail ?box|recipient|account|address|addressee|alias|customer|domain|host|local[ -]part)"
_TEXTS: Final[tuple[tuple[OutcomeKind, re.Pattern[str]], ...]] = tuple(
    (result, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for result, pattern in (
        (
            OutcomeKind.DEFERRED,
            r"""quota | (?:mailbox|inbox|folder)\b[\w' ]{0,20}\bfull | full\ mailbox | storage\ (?:allocation|limit)
            | disk\ (?:space|full) | insufficient\ (?:system\ |disk\ )?(?:storage|space) | temporar
            | (?:try|retry)\b[\w' ]{0,20}\b(?:later|again) | too\ many | rate\ limit | gr[ae]y-?list
            | (?:mail|messages)\ (?:at\ a\ rate|too\ (?:quickly|fast|often))""",
        ),
        (
            OutcomeKind.BLOCKED,
            r"""spam | virus | malware | black-?\ ?list | block-?\ ?list | denylist | \bblocked\b | \brbl | dnsbl
            | reputation | \bpolic(?:y|ies)\b | \bspf\b | dkim | dmarc | authenti | authori[sz] | access\ denied
            | prohibited | \brelay\ (?:access|not|denied|prohibited) | relaying | \bto\ relay | rcpthosts
            | sender | mail\ from | reverse\ dns | \bptr\b | \bhelo\b | \behlo\b | client\ host""",
        ),
        (
            OutcomeKind.REFUSED,
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
"""The order matters: an address counts as dead only if the text names no other cause."""

_LONGEST: Final = 2000


def storable_reply_text(text: str) -> str:
    """Returns a reply's text for storage: valid Unicode, no control character but line ends, at most 2,000 long."""
    text = text[:_LONGEST]
    if text.isprintable():
        return text.strip()
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char == "\n" or char.isprintable() else " " for char in readable).strip()


def scrub_reply(text: str) -> str:
    """Returns a reply's text for a log: on one line, without addresses and links."""
    return " ".join(_NOISE.sub("…", storable_reply_text(text)).split())


def outcome_of_reply(stage: SmtpStage, code: int, text: str) -> Outcome:
    """Returns the outcome for a reply to a command of a transaction (MAIL.md, "Replies by class").

    Args:
        stage: the command that it answers, from MAIL on.
        code: the three digits (RFC 5321 4.2.1).
        text: all lines without their codes, joined by line ends, the enhanced status still in them.
    """
    text = storable_reply_text(text)
    if code // 100 == 2:
        found = _STATUS_OF_SUCCESS.match(text)
        return Outcome(OutcomeKind.ACCEPTED, code, found[1] if found else None, text)
    if code // 100 not in (4, 5):
        # Not a reply to anything (RFC 5321 4.2.1): a server that has lost its way may find it again.
        return Outcome(OutcomeKind.DEFERRED, code, None, text)
    return _outcome_of_refusal(stage, code, text)


def outcome_kind_by_words(words: str) -> OutcomeKind | None:
    """Returns the class that the words of a permanent refusal name; None if they name no cause.

    Args:
        words: the reply's text, without links and addresses, since their words are not the server's.
    """
    return next((result for result, pattern in _TEXTS if pattern.search(words)), None)


def is_about_mailbox(outcome: Outcome) -> bool:
    """Tells whether a refusal's enhanced status speaks of the recipient's address or mailbox (RFC 3463 3.2, 3.3)."""
    return outcome.status is not None and outcome.status[1:4] in (".1.", ".2.") and outcome.status not in _OF_SENDER


def _outcome_of_refusal(stage: SmtpStage, code: int, text: str) -> Outcome:
    found = _STATUS.search(text)
    outcome = Outcome(OutcomeKind.DEFERRED, code, found[1] if found else None, text)
    words = " ".join(_NOISE.sub(" ", text).split())
    if find_setup_checks_for_enhanced_status(outcome.status):
        outcome.result = OutcomeKind.SET_UP
    elif believed := _outcome_kind_of_ambiguous_status(stage, outcome.status, words):
        outcome.result = believed
    elif trouble := session_trouble_of_refusal(stage, code, outcome.status, words):
        return replace(outcome, result=OutcomeKind.UNSENT, trouble=trouble)
    elif find_setup_checks_for_reply_words(outcome.status, words):
        outcome.result = OutcomeKind.SET_UP
    elif code // 100 == 5:
        outcome.result = _outcome_kind_of_permanent_refusal(code, outcome.status, words)
    if stage is SmtpStage.MAIL and outcome.result is OutcomeKind.REFUSED:
        outcome.result = OutcomeKind.BLOCKED  # no recipient has been named yet, so whatever it says is not about one
    return outcome


def _outcome_kind_of_ambiguous_status(stage: SmtpStage, status: str | None, words: str) -> OutcomeKind | None:
    """Returns the class by the words, if the status has two meanings and the words name the other one; else None."""
    if stage is SmtpStage.MAIL or status not in _TWO_THINGS:
        return None
    worded = _outcome_kind_by_words_or_blocked(words)
    return worded if worded in _TWO_THINGS[status] else None


def _outcome_kind_of_permanent_refusal(code: int, status: str | None, words: str) -> OutcomeKind:
    """Returns the class of a reply whose code begins with 5."""
    if status is None:
        return _outcome_kind_by_words_or_blocked(words) if code in _BY_TEXT else _BY_CODE.get(code, OutcomeKind.BLOCKED)
    if status in _TELLS_NOTHING:
        return _outcome_kind_by_words_or_blocked(words)
    if status.startswith("4."):
        return OutcomeKind.DEFERRED
    subject = status.rpartition(".")[0]
    return _BY_STATUS.get(status) or _BY_SUBJECT.get(subject, OutcomeKind.BLOCKED)


def _outcome_kind_by_words_or_blocked(words: str) -> OutcomeKind:
    return outcome_kind_by_words(words) or OutcomeKind.BLOCKED
