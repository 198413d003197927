"""Keys to sign mail with, made for one run."""

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.setting import BRAND, read_policies
from bench.speed.room import Room

Dkim = Literal["none", "rsa", "rsa+ed25519"]
"""The keys that sign. No mail has an Ed25519 signature alone, since not every receiver knows it (RFC 8463 4)."""


def keys_for(room: Room, dkim: Dkim) -> list[str]:
    """The entries of MAILER_DKIM, whose files are made if they are not there: RSA has 2048 bits."""
    kinds = [] if dkim == "none" else dkim.split("+")
    return [_entry(room, kind) for kind in kinds]


def _entry(room: Room, kind: str) -> str:
    file = room.folder / f"{kind}.pem"
    if not file.exists():
        key: RSAPrivateKey | Ed25519PrivateKey
        key = generate_private_key(65_537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return f"{read_policies()[BRAND].domain}:{kind}:{file}"
