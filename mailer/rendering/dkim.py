"""DKIM signatures (RFC 6376, 8301, 8463): rsa-sha256, and optionally a second one with Ed25519; relaxed/relaxed."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

MIN_RSA_BITS = 2048
"""Shorter keys are refused (RFC 8301 3.2 recommends 2048 at least)."""

SIGNED = (
    b"from",
    b"sender",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"reply-to",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"auto-submitted",
    b"x-auto-response-suppress",
    b"in-reply-to",
    b"references",
    b"mail-followup-to",
    b"content-disposition",
    b"list-help",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"disposition-notification-to",
    b"return-receipt-to",
    b"organization",
    b"bimi-selector",
    b"autocrypt",
)
"""The signed header fields. Nobody can change or add one of them, even if it is absent; both of RFC 8058 are included.

Readers see these fields, or mail programs and providers rely on them: for the addresses of answers and receipts, for
the conversation of a mail, for the logo. Fields that relays add legitimately are left out: Received, Resent-*, and the
fields of providers and mail services (RFC 6376 5.4.1).
"""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*?)\r\n(?![ \t])", re.DOTALL)
_TAB_TO_SPACE = bytes.maketrans(b"\t", b" ")
_BLANK = re.compile(rb"[ \t\r\n]+")


class DkimKeyError(ValueError):
    """A private key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key, and the selector of its public key, which is published at `<selector>._domainkey.<domain>`."""

    selector: str
    private_pem: bytes


class DkimSigner:
    """Signs the messages of one domain."""

    def __init__(self, domain: str, rsa: DkimKey, ed25519: DkimKey | None = None) -> None:
        """Loads the keys.

        Args:
            domain: the `d=`, which must be aligned with the From (RFC 7489 3.1).
            rsa: the key of the first signature, PEM.
            ed25519: the key of an optional second signature; never used alone, since not every receiver supports it.

        Raises:
            DkimKeyError: a key is not readable, of the wrong kind or too short.
        """
        self._domain = domain
        self._keys: list[tuple[str, RSAPrivateKey | Ed25519PrivateKey]] = [(rsa.selector, _load_rsa(rsa))]
        if ed25519 is not None:
            self._keys.append((ed25519.selector, _load_ed25519(ed25519)))

    def sign_message(self, message: bytes, now: int) -> bytes:
        """Returns the message with its signatures before it.

        Args:
            message: headers and body, CRLF line ends.
            now: seconds since the epoch, for `t=`.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        fields = [(name.lower(), value) for name, value in _FIELD.findall(head + b"\r\n")]
        names, places = _signed_header_names_and_positions(tuple([name for name, _ in fields]))
        covered = _canonical_fields(fields, places)
        body_hash = base64.b64encode(hashlib.sha256(canonical_body(body)).digest())
        signatures = [self._signature_field(*key, names, covered, body_hash, now) for key in self._keys]
        return b"".join((*signatures, message))

    def dns_records(self) -> dict[str, str]:
        """Returns the TXT record to publish for each key, by its name in the DNS (RFC 6376 3.6.1, RFC 8463 4)."""
        return {f"{selector}._domainkey.{self._domain}": _dns_record(key) for selector, key in self._keys}

    def _signature_field(
        self,
        selector: str,
        key: RSAPrivateKey | Ed25519PrivateKey,
        names: bytes,
        covered: bytes,
        body_hash: bytes,
        now: int,
    ) -> bytes:
        algorithm = "rsa" if isinstance(key, RSAPrivateKey) else "ed25519"
        field = (
            f" v=1; a={algorithm}-sha256; c=relaxed/relaxed;\r\n d={self._domain}; s={selector}; t={now};\r\n h="
        ).encode() + b"%b;\r\n bh=%b;\r\n b=" % (names, body_hash)
        data = covered + b"dkim-signature:" + canonical_value(field)
        if isinstance(key, RSAPrivateKey):
            raw = key.sign(data, PKCS1v15(), SHA256())
        else:
            raw = key.sign(hashlib.sha256(data).digest())
        text = base64.b64encode(raw)
        folded = b"\r\n ".join(text[start : start + 72] for start in range(0, len(text), 72))
        return b"DKIM-Signature:%b%b\r\n" % (field, folded)


def canonical_body(body: bytes) -> bytes:
    """Returns a body in the relaxed canonical form (RFC 6376 3.4.4), in linear time; `body` has CRLF line ends."""
    body = body.translate(_TAB_TO_SPACE)
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = canonical_simple_body(body.replace(b" \r\n", b"\r\n").removesuffix(b" "))
    return b"" if body == b"\r\n" else body


def canonical_simple_body(body: bytes) -> bytes:
    """Returns a body in the simple canonical form (RFC 6376 3.4.3): with one line end after its last line."""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    text = body.rstrip(b"\r\n")
    bare = body.rfind(b"\r\r", len(text)) + 1  # a CR without LF is a part of the last line
    return body[: max(len(text), bare)] + b"\r\n"


@lru_cache(maxsize=1000)
def _signed_header_names_and_positions(present: tuple[bytes, ...]) -> tuple[bytes, tuple[int, ...]]:
    """Returns the `h=` names, folded, and the positions of the fields (RFC 6376 5.4.2: the last field of a name first).

    Each name is listed once more than it occurs, so that nobody can add another such field (RFC 6376 8.15). All
    messages of a form have the same names in the same order, so the result is cached.
    """
    count = Counter(present)
    names = [name for signed in SIGNED for name in [signed] * (count[signed] + 1)]
    places = [at for signed in SIGNED for at in range(len(present) - 1, -1, -1) if present[at] == signed]
    lines = [b":".join(names[start : start + 4]) for start in range(0, len(names), 4)]
    return b"\r\n :".join(lines), tuple(places)


def _canonical_fields(fields: Sequence[tuple[bytes, bytes]], places: Sequence[int]) -> bytes:
    return b"".join([b"%b:%b\r\n" % (fields[at][0], canonical_value(fields[at][1])) for at in places])


def canonical_value(value: bytes) -> bytes:
    """Returns a field's value in the relaxed canonical form (RFC 6376 3.4.2)."""
    return _BLANK.sub(b" ", value).strip(b" ")


def _load_private_key(key: DkimKey) -> object:
    try:
        return load_pem_private_key(key.private_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimKeyError(f"the key of {key.selector} is not an unencrypted PEM private key") from error


def _load_rsa(key: DkimKey) -> RSAPrivateKey:
    loaded = _load_private_key(key)
    if not isinstance(loaded, RSAPrivateKey):
        raise DkimKeyError(f"the key of {key.selector} is not RSA")
    if loaded.key_size < MIN_RSA_BITS:
        raise DkimKeyError(f"the key of {key.selector} has {loaded.key_size} bits; at least {MIN_RSA_BITS}")
    return loaded


def _load_ed25519(key: DkimKey) -> Ed25519PrivateKey:
    loaded = _load_private_key(key)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise DkimKeyError(f"the key of {key.selector} is not Ed25519")
    return loaded


def _dns_record(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        kind, raw = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, raw = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"
