"""A message without an envelope, as a file or a mailbox has it, becomes a message as a session receives it. Pure."""

from collections.abc import Iterator
from typing import Final

from mailer.inbound.mailboxes import LONGEST_ADDRESS, KnownMailbox, MailboxDirectory
from mailer.inbound.reports.header_fields import HeaderFields
from mailer.inbound.reports.mime_parts import parse_message
from mailer.ports.received_mail import MAX_OCTETS, NewReceivedMail

_RECIPIENT_FIELDS: Final = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
"""Fields that may name the recipient, the more certain ones first. None of them is proof of anything."""


class UnknownMailbox(ValueError):
    """An address is not one for which mail is accepted. The message says what to do."""


class MessageRefused(ValueError):
    """A message that is not stored. The message gives the reason, and quotes nothing of it."""


class MessageCollector:
    """Makes received messages of octets.

    Args:
        mailboxes: finds the mailbox of an address.
        address: the address of ours for which a message counts that names no other one of ours.

    Raises:
        UnknownMailbox: mail for this address is not accepted.
    """

    def __init__(self, mailboxes: MailboxDirectory, address: str) -> None:
        known = mailboxes.find_mailbox(address)
        if known is None:
            raise UnknownMailbox(
                "is no mailbox of a brand; take the policy's opt_out_mailbox, or postmaster@ or abuse@ of its domain"
            )
        self._mailboxes = mailboxes
        self._fallback = (address, known)

    def collect_message(self, octets: bytes) -> NewReceivedMail:
        """Returns a message, with CRLF line ends, as a mail server in front would hand it over (LMTP).

        Raises:
            MessageRefused: it is empty or too long.
        """
        content = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if not content.strip():
            raise MessageRefused("it is empty")
        if len(content) > MAX_OCTETS:
            raise MessageRefused(f"it is longer than {MAX_OCTETS} octets")
        message = parse_message(content)
        header = message.header if message else HeaderFields()
        address, known = next(self._mailboxes_named(header), self._fallback)
        return NewReceivedMail(known.brand, known.mailbox, _sender_of_header(header), address, "", "", content)

    def _mailboxes_named(self, header: HeaderFields) -> Iterator[tuple[str, KnownMailbox]]:
        for name in _RECIPIENT_FIELDS:
            for _, address in header.addresses(name):
                if (known := self._mailboxes.find_mailbox(address)) is not None:
                    yield address, known


def _sender_of_header(header: HeaderFields) -> str:
    """Returns the envelope sender, empty if there is none. Anybody may write the field: no address is so long."""
    sender = next((found for _, found in header.addresses("return-path")), "")
    return sender if len(sender.encode("utf-8", "replace")) <= LONGEST_ADDRESS else ""
