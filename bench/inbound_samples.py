"""Received mail for the benchmark, and a DNS that answers from memory."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.ports.dns_lookup import Address

DOMAIN = b"people.example"
SELECTOR = b"k1"
_QUOTED = b"Received: from mta.mailer.example by mx.people.example; Mon, 30 Nov 2026 07:00:00 +0000\r\n" * 5


@dataclass(frozen=True)
class Zone:
    """A `DnsLookup` over TXT records in memory."""

    txt: Mapping[str, str]

    @classmethod
    def of_key(cls, key: RSAPrivateKey) -> "Zone":
        """A domain that signs with this key, and refuses mail that it did not sign."""
        raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        name = DOMAIN.decode()
        return cls(
            {
                f"{SELECTOR.decode()}._domainkey.{name}": f"v=DKIM1; k=rsa; p={base64.b64encode(raw).decode()}",
                f"_dmarc.{name}": "v=DMARC1; p=reject",
            }
        )

    def text(self, name: str) -> str:
        """The record of a name, or an empty text."""
        return self.txt.get(name, "")

    async def txt_records(self, name: str) -> Sequence[str]:
        """TXT."""
        found = self.text(name)
        return [found] if found else []

    async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
        """None."""
        return []

    async def mx_hosts(self, name: str) -> Sequence[str]:
        """None."""
        return []

    async def ptr_names(self, address: Address) -> Sequence[str]:
        """None."""
        return []

    async def is_nonexistent(self, name: str) -> bool:
        """Only the domain exists."""
        return not name.endswith(DOMAIN.decode())


def report(number: int, address: str, return_path: str) -> bytes:
    """A complaint (2 of 10), a hard bounce (1 of 10) or a soft bounce about an address."""
    match number % 10:
        case 0 | 1:
            return _complaint(return_path)
        case 2:
            return _bounce(address, return_path, "5.1.1", "550 5.1.1 no such user here")
        case _:
            return _bounce(address, return_path, "4.2.2", "452 4.2.2 the mailbox is full")


def letter(address: str, return_path: str) -> bytes:
    """An opt-out in words, which answers a mail of ours."""
    return (
        f"From: A person <{address}>\r\nTo: {return_path}\r\nSubject: Re: New rooms this week\r\n"
        "Date: Mon, 30 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@people.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\nPlease unsubscribe me from this newsletter.\r\n\r\n"
        "> Hello,\r\n> here are the new rooms of this week.\r\n> To unsubscribe, follow this link.\r\n"
    ).encode()


def _bounce(address: str, return_path: str, status: str, reply: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.people.example\r\nTo: {return_path}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system at host mx.people.example.\r\n\r\n"
        f"I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n<{address}>: {reply}\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.people.example\r\n\r\n"
        f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {reply}\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    ).encode() + b"%bFrom: news@interpals.example\r\nTo: %b\r\nSubject: News\r\n\r\n--b--\r\n" % (
        _QUOTED,
        address.encode(),
    )


def _complaint(return_path: str) -> bytes:
    return (
        b"From: feedback@people.example\r\nSubject: FW: News\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: bench/1\r\n"
        b"Version: 1\r\nOriginal-Mail-From: <%b>\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        b"%bReturn-Path: <%b>\r\nSubject: News\r\n\r\n--b--\r\n"
    ) % (return_path.encode(), _QUOTED, return_path.encode())
