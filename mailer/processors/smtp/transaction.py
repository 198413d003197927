"""The commands and the content of a message, for a server with given SMTP extensions. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage

_XTEXT: Final = re.compile(r"[!-*,-<>-~]*")
_NOT_XTEXT: Final = re.compile(r"[^!-*,-<>-~]")
_GREATEST_SIZE: Final = re.compile("[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class SmtpExtensions:
    """The SMTP extensions that a server offers in its reply to EHLO, as far as they are used here.

    Attributes:
        pipelining: RFC 2920.
        dsn: RFC 3461.
        utf8: SMTPUTF8, RFC 6531.
        eight_bits: 8BITMIME, RFC 6152.
        size: SIZE, RFC 1870.
        most: the maximum octets of a message; None if there is no limit or it is not known.
    """

    pipelining: bool = False
    dsn: bool = False
    utf8: bool = False
    eight_bits: bool = False
    size: bool = False
    most: int | None = None

    @classmethod
    def parse_ehlo_keywords(cls, offered: Mapping[str, str]) -> Self:
        """Returns the extensions for the EHLO keywords, in lower case, with their parameters."""
        size = offered.get("size", "").strip()
        return cls(
            pipelining="pipelining" in offered,
            dsn="dsn" in offered,
            utf8="smtputf8" in offered,
            eight_bits="8bitmime" in offered,
            size="size" in offered,
            most=(int(size) if _GREATEST_SIZE.fullmatch(size) else 0) or None,
        )


@dataclass(slots=True)
class SmtpTransaction:
    """A message in the form in which it is sent.

    Attributes:
        index: the index of the message in its window.
        mail: the text after `MAIL `.
        rcpt: the text after `RCPT `.
        content: the content, dot-stuffed (RFC 5321 4.5.2), ending in CRLF, without the final dot.
    """

    index: int
    mail: bytes
    rcpt: bytes
    content: bytes

    @property
    def envelope_commands(self) -> bytes:
        """The commands MAIL, RCPT and DATA, as one group (RFC 2920 3.1: DATA is last)."""
        return b"MAIL %b\r\nRCPT %b\r\nDATA\r\n" % (self.mail, self.rcpt)


def compose_transaction_or_outcome(
    message: OutgoingMessage, index: int, extensions: SmtpExtensions
) -> SmtpTransaction | Outcome:
    """Returns the message for a server with these extensions, or the outcome if it cannot be sent to it."""
    content = message.content
    sender, recipient = message.sender, message.recipient
    plain = content.isascii()
    utf8 = not (sender.isascii() and recipient.isascii() and (plain or _header_block(content).isascii()))
    trouble = _invalid_address_outcome(sender, recipient) or _missing_extension_outcome(
        extensions, utf8, plain, len(content)
    )
    if trouble is not None:
        return trouble
    if not message.is_canonical:
        if _has_bare_cr_or_lf(content):
            return _blocked_outcome("5.6.0", "a bare CR or LF in the message")
        content = _dot_stuffed(content)
    mail = f"FROM:<{sender}>"
    rcpt = f"TO:<{recipient}>"
    if extensions.size:
        mail += f" SIZE={len(message.content)}"
    if not plain:
        mail += " BODY=8BITMIME"
    if utf8:
        mail += " SMTPUTF8"
    if extensions.dsn:
        mail += f" RET=HDRS ENVID={encode_xtext(message.envid)}" if message.envid else " RET=HDRS"
        rcpt += " NOTIFY=FAILURE,DELAY"
        if not utf8:  # the address type rfc822 is ASCII (RFC 3461 4.2)
            rcpt += f" ORCPT=rfc822;{encode_xtext(recipient)}"
    return SmtpTransaction(index, mail.encode(), rcpt.encode(), content)


def _header_block(content: bytes) -> bytes:
    """Returns the header of a message. If it contains UTF-8, the message needs SMTPUTF8 (RFC 6531 3.4)."""
    return (b"\r\n" + content).partition(b"\r\n\r\n")[0]


def encode_xtext(text: str) -> str:
    """Encodes ASCII text as xtext (RFC 3461 4): `+`, `=` and unprintable characters become `+` and two hex digits."""
    return text if _XTEXT.fullmatch(text) else _NOT_XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", text)


def _has_bare_cr_or_lf(content: bytes) -> bool:
    """Tells whether a CR or LF stands alone. Servers differ in whether it ends a line."""
    lines = content.replace(b"\r\n", b"")
    return b"\r" in lines or b"\n" in lines


def _dot_stuffed(content: bytes) -> bytes:
    """Returns the content with each dot at the start of a line doubled (RFC 5321 4.5.2), ending in CRLF."""
    # If there is nothing to replace, `in` takes a quarter of the time of `replace`.
    stuffed = content.replace(b"\r\n.", b"\r\n..") if b"\r\n." in content else content
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"


def _invalid_address_outcome(sender: str, recipient: str) -> Outcome | None:
    """Returns the outcome BLOCKED if an address would break the SMTP command, or None if both are valid."""
    addresses = f"{sender}{recipient}"
    # The space is the only white space that `isprintable` accepts.
    if not addresses.isprintable() or " " in addresses or "<" in addresses or ">" in addresses:
        return _blocked_outcome("5.5.4", "an envelope address would break the command")
    return None


def _missing_extension_outcome(extensions: SmtpExtensions, utf8: bool, plain: bool, size: int) -> Outcome | None:
    """Returns the outcome BLOCKED if this server lacks an extension or the size, or None if it can take the message."""
    if utf8 and not extensions.utf8:
        return _blocked_outcome("5.6.7", "the relay does not offer SMTPUTF8", lacking=True)
    if not plain and not extensions.eight_bits:
        return _blocked_outcome("5.6.3", "the relay does not offer 8BITMIME", lacking=True)
    if extensions.most is not None and size > extensions.most:
        return _blocked_outcome(
            "5.3.4", f"{size:,} octets, and the relay takes {extensions.most:,} at most", lacking=True
        )
    return None


def _blocked_outcome(status: str, reason: str, *, lacking: bool = False) -> Outcome:
    return Outcome(OutcomeKind.BLOCKED, status=status, text=f"not sent: {reason}", lacking=lacking)
