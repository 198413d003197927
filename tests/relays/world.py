"""Common ground of all real servers: how they are set up, and what they have delivered."""

import email
import email.policy
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Manner(StrEnum):
    """A configuration that operators meet."""

    PLAIN = "plain"
    """The server takes everything for example.org but mail to nobody@."""
    STARTTLS = "starttls"
    """The server wants STARTTLS before MAIL."""
    AUTH = "auth"
    """The server wants STARTTLS and AUTH."""
    FQDN = "fqdn"
    """The server wants a fully qualified name or an address literal in EHLO."""
    BAD_HELO = "bad-helo"
    """The server refuses our EHLO."""
    DENIED = "denied"
    """The server relays for nobody."""
    GREY = "grey"
    """The server defers each recipient once."""
    SMALL = "small"
    """The server takes messages of a few octets only."""
    RATE = "rate"
    """The server takes few messages a minute."""
    SLOW = "slow"
    """The server takes seconds to answer a final dot."""


USER, PASSWORD, TOKEN = "mailer", "p@ss/word:1", "ya29.token-1"


@dataclass(frozen=True)
class Certificate:
    """The file of a certificate for loopback, and that of its key."""

    certificate: Path
    key: Path


def certified(folder: Path) -> Certificate:
    """A certificate that is signed by itself."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example.net")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "relay.crt", folder / "relay.key")
    found.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


_RECIPIENT = ("X-Original-To", "Envelope-To", "Delivered-To")
"""The fields in which servers note the envelope's recipient."""


@dataclass
class Server:
    """A server that listens on loopback.

    Attributes:
        name: of the software.
        port: where it listens.
        mail: its Maildir.
    """

    name: str
    port: int
    mail: Path

    def delivered(self, *, optional: bool | None = None) -> list[str]:
        """The recipients of what it has delivered, one for each copy, sorted; of all mail, or of one kind."""
        found = []
        for file in (self.mail / "new").glob("*"):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.compat32)
            if optional in (None, "List-Unsubscribe-Post" in message):
                found.append(next(str(message[name]).strip("<> ") for name in _RECIPIENT if message[name]))
        return sorted(found)
