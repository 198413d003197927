"""The addresses at which mail is received, as the setting `MAILER_INBOUND` lists them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_SCHEMES: Final = ("smtp", "lmtp")
_KEYS: Final = frozenset({"certificate", "key", "name"})
_EXAMPLE: Final = "lmtp://127.0.0.1:2424, or smtp://0.0.0.0:25?name=mx.example.org&certificate=FILE&key=FILE"


@dataclass(frozen=True, slots=True)
class ListenerUrl:
    """An address at which mail is received.

    Attributes:
        is_lmtp: the protocol is LMTP (RFC 2033), which another mail server of ours speaks; else SMTP.
        host, port: the address to listen on.
        name: the name in the greeting; None: the machine's.
        certificate, key: the files of the certificate chain and its key for STARTTLS; None: no TLS.
    """

    is_lmtp: bool
    host: str
    port: int
    name: str | None = None
    certificate: Path | None = None
    key: Path | None = None


def parse_listener_url(text: str) -> ListenerUrl:
    """Reads an address at which mail is received.

    Raises:
        ValueError: it cannot be read; the message says what is wrong.
    """
    parts = urlsplit(text)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in _SCHEMES or not host or port is None or parts.username or parts.path.strip("/"):
        raise ValueError(f"takes {_EXAMPLE}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - _KEYS:
        raise ValueError(f"{sorted(unknown)[0]} is no option; the options are {', '.join(sorted(_KEYS))}")
    certificate, key = (Path(options[name]) if name in options else None for name in ("certificate", "key"))
    if (certificate is None) != (key is None):
        raise ValueError("certificate and key belong together: name both files, or none")
    return ListenerUrl(parts.scheme == "lmtp", host, port, options.get("name"), certificate, key)
