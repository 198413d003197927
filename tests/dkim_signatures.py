"""DKIM signatures of any kind, made with dkimpy's canonical forms and not with ours."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]  # dkimpy has no types

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
MESSAGE = (
    b"From: Zoe <zoe@mail.example>\r\nTo: out@brand.example\r\nSubject:  Leave \r\n\tplease\r\n\r\nHello  you \r\n\r\n"
)
NAMES = ("from", "from", "to", "subject", "subject")


@cache
def private_key(kind: str = "rsa", bits: int = 2048) -> PrivateKey:
    """A key that the tests of a process share."""
    return Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, bits)


def key_record(key: PrivateKey, **tags: str) -> str:
    """The TXT record of a key; a tag replaces or adds one, an empty one takes `v` or `k` away."""
    if isinstance(key, RSAPrivateKey):
        kind, raw = "rsa", key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, raw = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    all_tags = {"v": "DKIM1", "k": kind, "p": base64.b64encode(raw).decode()} | tags
    return "; ".join(f"{name}={value}" for name, value in all_tags.items() if value or name == "p")


def sign(
    message: bytes = MESSAGE,
    key: PrivateKey | None = None,
    names: Sequence[str] = NAMES,
    form: str = "relaxed/relaxed",
    tags: Mapping[str, str | None] | None = None,
) -> bytes:
    """The message with a signature above it.

    Args:
        message: to be signed.
        key: the private key.
        names: the `h=`.
        form: the `c=`.
        tags: that replace those of the signature, before it is made; None takes one away.
    """
    key = key or private_key()
    head, _, body = message.partition(b"\r\n\r\n")
    canonical = CanonicalizationPolicy.from_c_value(form.encode())
    digest = hashlib.sha256(canonical.canonicalize_body(body)).digest()
    kind = "rsa" if isinstance(key, RSAPrivateKey) else "ed25519"
    stated: dict[str, str | None] = {"v": "1", "a": f"{kind}-sha256", "c": form, "d": "mail.example", "s": "k1"}
    stated |= {"t": "1700000000", "h": ":".join(names), "bh": base64.b64encode(digest).decode()} | dict(tags or {})
    value = " " + ";\r\n\t".join(f"{name}={text}" for name, text in stated.items() if text is not None) + "; b="
    fields = _fields(head)
    covered = [fields[name].pop() for name in names if fields.get(name)]
    covered.append((b"DKIM-Signature", value.encode()))
    data = b"".join(b"%b:%b" % one for one in canonical.canonicalize_headers(covered)).removesuffix(b"\r\n")
    text = base64.b64encode(_signature(key, data, "sha1" in (stated["a"] or "")))
    folded = b"\r\n ".join(text[at : at + 70] for at in range(0, len(text), 70))
    return b"DKIM-Signature:%b%b\r\n%b" % (value.encode(), folded, message)


def _fields(head: bytes) -> dict[str, list[tuple[bytes, bytes]]]:
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for line in head.replace(b"\r\n\t", b"\0").split(b"\r\n"):
        name, _, value = line.replace(b"\0", b"\r\n\t").partition(b":")
        found.setdefault(name.lower().decode(), []).append((name, value + b"\r\n"))
    return found


def _signature(key: PrivateKey, data: bytes, is_sha1: bool) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA1() if is_sha1 else SHA256())  # noqa: S303 - to be refused
    return key.sign(hashlib.sha256(data).digest())
