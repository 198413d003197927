"""The address of a mailbox that is read by IMAP, as the setting `MAILER_INBOUND` lists it."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_EXAMPLE: Final = "imaps://user:password@imap.example.org/INBOX?to=opt-out@example.org"
_PORT: Final = 993
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]{1,253}")
"""A name with A-labels, or an address."""
_ADVICE: Final = "percent-encode special characters in user name and password"


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """A mailbox that is read by IMAP with TLS (RFC 8314).

    Attributes:
        host, port: of the server. Its certificate has to name the host.
        user, password: the login.
        folder: the folder that is read.
        to: the address of ours for which a message counts that names no other one of ours.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    to: str

    @property
    def place(self) -> str:
        """The server and the folder for a log line, without the user."""
        return f"{self.host}:{self.port}/{self.folder}"


def is_imap_url(text: str) -> bool:
    """Tells whether an address of `MAILER_INBOUND` is one of a mailbox."""
    return text.lower().startswith(("imap:", "imaps:"))


def parse_imap_url(text: str) -> ImapUrl:
    """Reads the address of a mailbox.

    Raises:
        ValueError: it cannot be read. The message says what is wrong, and quotes nothing, since it has a password.
    """
    try:
        parts = urlsplit(text)
        host, port, query = parts.hostname, parts.port or _PORT, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(f"a mailbox takes {_EXAMPLE}; {_ADVICE}") from None
    if parts.scheme != "imaps":
        raise ValueError("a mailbox is read with TLS only: it takes imaps://")
    folder = unquote(parts.path.removeprefix("/"))
    # A password with an @ or a / that is not encoded would end up in the host or the folder.
    if (
        not (_HOST.fullmatch(host or "") and parts.username and parts.password and folder)
        or "@" in folder
        or parts.netloc.count("@") != 1
    ):
        raise ValueError(f"a mailbox takes {_EXAMPLE}; {_ADVICE}")
    if query.keys() != {"to"} or len(query["to"]) != 1 or parts.fragment:
        raise ValueError(f"a mailbox has one option, to: the address of ours that it is, as in {_EXAMPLE}")
    user, password = unquote(parts.username), unquote(parts.password)
    if not all(text.isprintable() for text in (user, password, folder)):
        raise ValueError("a mailbox has a control character in its user name, password or folder")
    return ImapUrl(host or "", port, user, password, folder, query["to"][0])
