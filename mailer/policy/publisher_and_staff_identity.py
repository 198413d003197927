"""The identities of publishers and staff. Names of different kinds stay apart: `key:shop` is not `broker:shop`."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

from mailer.policy.text_folding_for_comparison import normalized

MAX_NAME = 255
"""Octets in UTF-8: AMQP's short string (AMQP 0-9-1, 4.2.5.3), in which RabbitMQ validates a user."""


class IdentityKind(StrEnum):
    """The kind of a name: the part of the system that vouches for it."""

    KEY = "key"
    """The holder of an API key."""
    BROKER = "broker"
    """A user of RabbitMQ, validated by it."""
    ROLE = "role"
    """A role of the database, which wrote a row of the outbox."""
    PERSON = "person"
    """Somebody at a command, who gave this name."""
    MAILER = "mailer"
    """A part of mailer itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """One name of one kind. Names of persons are the same in upper and lower case, all others letter by letter.

    Raises:
        ValueError: the name is none: blank, too long, or not on one line.
    """

    kind: IdentityKind
    name: str
    form: tuple[IdentityKind, str] = field(init=False, repr=False)
    """The normal form, for comparison. Two spellings of the same identity have the same form."""

    def __post_init__(self) -> None:
        """Checks the name."""
        if not self.name.strip() or self.name != self.name.strip():
            raise ValueError(f"a {self.kind} has a name without blanks around it")
        if not self.name.isprintable():
            raise ValueError("a name stands on one line, without control characters")
        if len(self.name.encode()) > MAX_NAME:
            raise ValueError(f"a name has at most {MAX_NAME} octets in UTF-8")
        object.__setattr__(
            self,
            "form",
            (self.kind, _fold_name_for_comparison(self.name) if self.kind is IdentityKind.PERSON else self.name),
        )

    @classmethod
    def parse_identity(cls, text: str) -> Self:
        """Returns the identity for a text such as `key:shop`.

        Raises:
            ValueError: it names none; the message says how they are written.
        """
        kind, colon, name = text.partition(":")
        if not colon or kind not in _KINDS:
            raise ValueError(f"{text[:100]!r} is no identity; write {', '.join(f'{one}:NAME' for one in WRITTEN)}")
        return cls(IdentityKind(kind), name)

    def __eq__(self, other: object) -> bool:
        """Tells whether both are the same name of the same kind."""
        return isinstance(other, Identity) and self.form == other.form

    def __hash__(self) -> int:
        """Returns the hash of the kind and the name."""
        return hash(self.form)

    def __str__(self) -> str:
        """Returns the text form `kind:name` that mailings, dead letters and the ledger use."""
        return f"{self.kind}:{self.name}"


def _fold_name_for_comparison(name: str) -> str:
    return " ".join(normalized("NFKC", normalized("NFKC", name).casefold()).split())


_KINDS = frozenset(kind.value for kind in IdentityKind)
WRITTEN = tuple(kind for kind in IdentityKind if kind is not IdentityKind.MAILER)
"""The kinds of others than mailer itself."""
ITSELF = Identity(IdentityKind.MAILER, "pipeline")
"""The publisher of mailer's own mail."""


def parse_person_identity(text: str) -> Identity:
    """Returns the identity of a person for a name at a command: `dana` is `person:dana`.

    Raises:
        ValueError: it is no name, or names a publisher of another kind.
    """
    kind, _, name = text.strip().partition(":")
    if kind == IdentityKind.PERSON:
        return Identity(IdentityKind.PERSON, name.strip())
    if name and kind in _KINDS:
        raise ValueError(f"{text.strip()!r} is no person; name the person who does it")
    return Identity(IdentityKind.PERSON, text.strip())


@lru_cache(maxsize=4096)
def identity_or_none(text: str) -> Identity | None:
    """Returns the identity for a text, or None if it is no identity. Cached, since a publisher has many events."""
    try:
        return Identity.parse_identity(text)
    except ValueError:
        return None
