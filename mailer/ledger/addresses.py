"""Addresses as keyed hashes, which outlive the address itself."""

import hashlib
import hmac


def normalise(address: str) -> str:
    """The form under which two spellings of an address are one: both parts in lower case.

    RFC 5321 2.4 lets a local part be case-sensitive; no large mail system is, and an opt-out must not be got around by
    a capital letter.
    """
    local, _, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{domain.lower()}"


class AddressHasher:
    """HMAC-SHA-256 under `ADDRESS_KEY`, which rotates apart from the keys of links."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.key_id = hashlib.sha256(b"address-key-id" + self._key).hexdigest()[:8]

    def hash(self, address: str) -> bytes:
        """32 bytes."""
        return hmac.digest(self._key, normalise(address).encode(), "sha256")
