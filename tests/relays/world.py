"""What all real servers have in common: how they are set up, and what they have delivered."""

import email
import email.policy
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Manner(StrEnum):
    """A configuration that operators meet."""

    PLAIN = "plain"
    """It takes everything for example.org but mail to nobody@."""
    STARTTLS = "starttls"
    """It wants STARTTLS before MAIL."""
    AUTH = "auth"
    """It wants STARTTLS and AUTH."""
    FQDN = "fqdn"
    """It wants a fully qualified name or an address literal in EHLO."""
    BAD_HELO = "bad-helo"
    """It refuses our EHLO."""
    DENIED = "denied"
    """It relays for nobody."""
    GREY = "grey"
    """It defers each recipient once."""
    SMALL = "small"
    """It takes messages of a few octets only."""
    RATE = "rate"
    """It takes few messages a minute."""
    SLOW = "slow"
    """It takes seconds to answer a final dot."""


USER, PASSWORD = "mailer", "p@ss/word:1"


@dataclass(frozen=True)
class Certificate:
    """A certificate for loopback, its key, and both in one file."""

    certificate: Path
    key: Path


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
    recipient_fields: tuple[str, ...] = field(default=("X-Original-To", "Envelope-To", "Delivered-To"))

    def delivered(self) -> list[str]:
        """The recipients of what it has delivered, one for each copy, sorted."""
        return sorted(self._recipient(file) for file in (self.mail / "new").glob("*"))

    def _recipient(self, file: Path) -> str:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.compat32)
        found = (message[name] for name in self.recipient_fields)
        return next(str(value).strip().strip("<>") for value in found if value)
