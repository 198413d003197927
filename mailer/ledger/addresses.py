"""Addresses as keyed hashes, which outlive the address itself."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mailer.macs import Mac


def normalise(address: str) -> str:
    """The form under which two spellings of an address are one: both parts in lower case.

    RFC 5321 2.4 lets a local part be case-sensitive; no large mail system is, and an opt-out must not be got around by
    a capital letter.
    """
    local, _, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{domain.lower()}"


class AddressHasher:
    """HMAC-SHA-256 under `ADDRESS_KEY`, which rotates apart from the keys of links.

    Args:
        key: `ADDRESS_KEY`.
        partners: those of each brand, who are told addresses as hashes under a key of their own.
    """

    def __init__(self, key: str, partners: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        self.partners = partners
        self._key = key.encode()
        self._mac = Mac(self._key)
        self.key_id = hashlib.sha256(b"address-key-id" + self._key).hexdigest()[:8]

    def hash(self, address: str) -> bytes:
        """32 bytes."""
        return self._mac(normalise(address).encode())

    def partner_key(self, brand: str, partner: str) -> bytes:
        """32 bytes, which the partner is told once."""
        return self._mac(json.dumps(["partner", brand, partner]).encode())

    def hash_for(self, brand: str, partner: str, address: str) -> bytes:
        """32 bytes: what a partner computes of the same address, with its key."""
        return hmac.digest(self.partner_key(brand, partner), normalise(address).encode(), "sha256")

    def erased_ref(self, brand: str, ref: str) -> str:
        """What stands for the ref of somebody who was erased: without the key, it leads to nobody."""
        return f"erased:{self._mac(f'ref:{brand}:{ref}'.encode()).hex()}"
