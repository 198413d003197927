"""The replies that are about the session with a processor, and not about a message. Pure tables.

Before a message begins, every refusal is about the session. Later, the server may still mean us: it wants TLS or a
password first, does not relay for us, or does not understand us. Servers say so at any stage (Postfix waits until
RCPT). Some use one status for two things. So the words come before the status, and the status before the code.
"""

import re
from enum import StrEnum
from typing import Final

from mailer.policy.connection_trouble import ConnectionTrouble


class SmtpStage(StrEnum):
    """The step that a reply answers."""

    CONNECT = "connect"
    """The greeting (RFC 5321 3.1)."""
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "final dot"


CLOSING: Final = 421
"""The code with which a server ends the connection, whatever was asked (RFC 5321 3.8)."""

_BEFORE_MAIL: Final = {
    SmtpStage.CONNECT: ConnectionTrouble.GREETING,
    SmtpStage.EHLO: ConnectionTrouble.EHLO,
    SmtpStage.STARTTLS: ConnectionTrouble.STARTTLS,
    SmtpStage.AUTH: ConnectionTrouble.AUTH,
}
"""The trouble of a refusal at each step before the first message."""

_WORDS: Final = re.compile(
    r"""starttls | \bauth\ (?:is\ )?required | unauthenticated\ senders?\ (?:are\ )?not\ allowed
    | must\ (?:first\ )?use\ (?:tls|ssl|encryption) | (?:tls|ssl|encryption)\ (?:is\ )?(?:required|needed)
    | must\ be\ encrypted
    | (?:smtp\ )?authentication\ (?:is\ )?(?:required|needed|unsuccessful|credentials) | auth(?:orization)?\ required
    | (?:please|must|need\ to|have\ to)\ (?:first\ )?(?:authenticate|log\ ?in)\b(?!\ with\ (?:either|spf|dkim))
    | not\ (?:authenticated|logged\ in)\b | (?:client|sender)\ (?:was|is|host)?\ ?not\ authenticated
    | \b(?:relay|relaying)\ (?:access\ )?(?:is\ )?(?:denied|prohibited|forbidden|refused|disallowed)
    | \brelay(?:ing)?\ (?:is\ )?not\ (?:permitted|allowed|authori[sz]ed|enabled) | \bwe\ do\ not\ relay\b
    | \brelaying\b[\w' ]{0,30}\b(?:denied|prohibited|forbidden|refused|disallowed)
    | \bno\ relaying\b | \brelay\ rejected
    | permission\ to\ submit\ mail | sending\ paused\ for\ this\ account
    | (?:unable|not\ (?:permitted|allowed|authori[sz]ed)|refus\w+|cannot)\ to\ relay | credentials\ for\ relay
    | list\ of\ allowed\ rcpthosts | i\ cannot\ deliver\ mail\ for
    | helo\ command\ rejected | (?:helo|ehlo)\b.*\b(?:required|first|invalid|rejected|need)
    | (?:send|say|use|polite)\ (?:helo|ehlo)\b | need\ fully-?qualified\ hostname
    | client\ host\ rejected:\ *access\ denied | cannot\ find\ your\ (?:reverse\ )?hostname
    | (?:from|sender)\ address\ does\ not\ match\ a\ verified
    | (?:address|identities|identity|domain)\b[^.]*\bnot\ verified
    | failed\ the\ check\ in\ region | not\ owned\ by\ user | permissions?\ to\ send\ as
    | (?:sending|smtp)\ (?:account|user|domain)\b.*\b(?:disabled|suspended|not\ allowed|deactivated)
    | not\ allowed\ to\ send:? | credits\ exceeded""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words that servers use only about us as the sender."""
_RECIPIENT: Final = re.compile(
    r"recipient address rejected|mailbox (?:unavailable|full|name)|resolver\.rst|sending to this group", re.IGNORECASE
)
"""Words about one recipient, with any code."""
_HOST: Final = re.compile(
    r"\bip\b|\[\d{1,3}(?:\.\d{1,3}){3}\]|client host|(?:not|n't) allowed to connect|\byour (?:host|server|network)\b",
    re.IGNORECASE,
)
"""Words about our sending host. They count only at MAIL, before a recipient was named."""
_POLICY: Final = re.compile(r"polic(?:y|ies)|spam|content|virus|attachment", re.IGNORECASE)
"""Words about a message that the server has examined and refused (Yahoo's 554 5.7.9, Gmail's 552 5.7.0)."""

_NEVER_OF_MAIL: Final = frozenset((521, 530, 534, 535, 538))
"""Codes about hosts, encryption and passwords (RFC 7504, 4954)."""
_SYNTAX: Final = frozenset((500, 502, 503, 504))
"""Codes of a server that does not understand the command, or not now (RFC 5321 4.2.4)."""
_OF_PARAMETERS: Final = frozenset((501, 555))
"""Codes that count only at MAIL. At RCPT they can be about the one recipient."""
_NEVER_OF_MAIL_STATUS: Final = frozenset(
    ("5.7.8", "5.7.9", "5.7.10", "5.7.11", "5.7.12", "5.7.3", "5.7.54", "5.7.57", "5.7.60", "5.7.64")
)
"""RFC 4954 6 and RFC 5248; from .3 on Exchange's own: no password, does not relay, not this sender."""
_OF_ADDRESSES: Final = ("5.1.", "5.2.", "4.1.", "4.2.")
"""RFC 3463 3.2 and 3.3: about an address or a mailbox, with whatever code."""
_OF_PROTOCOL: Final = "5.5."
_SPARED: Final = frozenset(("5.5.3",))
"""Too many recipients, as a full queue says it."""


def session_trouble_of_refusal(stage: SmtpStage, code: int, status: str | None, text: str) -> ConnectionTrouble | None:
    """Returns the trouble of the processor that a refusal shows.

    None: the refusal is about this message, its sender or its recipient.

    Args:
        stage: the step that it answers.
        code: three digits, 4yz or 5yz. Before MAIL it can be any code that is no success.
        status: the enhanced status code (RFC 3463), None if it has none.
        text: all lines, without links and addresses, since their words are not the server's.
    """
    if (before := _BEFORE_MAIL.get(stage)) is not None:
        return ConnectionTrouble.BUSY if code // 100 == 4 else before
    if code == CLOSING and stage is SmtpStage.MAIL:
        return ConnectionTrouble.BUSY
    return ConnectionTrouble.REFUSED if _is_refusal_about_us_and_not_message(stage, code, status or "", text) else None


def _is_refusal_about_us_and_not_message(stage: SmtpStage, code: int, status: str, text: str) -> bool:
    """Tells whether a refusal within a transaction is about us, and not about the message or the recipient."""
    if _RECIPIENT.search(text) and stage is not SmtpStage.MAIL:
        return False
    if _WORDS.search(text):
        return True
    if stage is SmtpStage.MAIL and code // 100 == 5 and _HOST.search(text):
        return True
    if code // 100 != 5 or (status and not status.startswith("5.")):
        return False
    if stage is SmtpStage.DOT:
        # The server has read the message. Only codes that cannot be about a message are about us.
        of_us = code in _NEVER_OF_MAIL and not status.startswith((*_OF_ADDRESSES, _OF_PROTOCOL, "5.6."))
        return (of_us or status in _NEVER_OF_MAIL_STATUS) and not _POLICY.search(text)
    if code in _NEVER_OF_MAIL:
        return True
    if status.startswith(_OF_ADDRESSES):
        return False
    if status in _NEVER_OF_MAIL_STATUS or (status == "5.7.0" and stage is SmtpStage.MAIL):
        return not _POLICY.search(text)
    if status.startswith(_OF_PROTOCOL) and status not in _SPARED:
        return True
    return code in _SYNTAX or (code in _OF_PARAMETERS and stage is SmtpStage.MAIL)
