"""Addresses as keyed hashes, which outlive the address itself."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from mailer.event_digests import EventDigests
from mailer.keyed_hash import KeyedHash
from mailer.rendering.mailboxes import canonical_mailbox, legacy_mailbox, owner_mailboxes, similar_mailboxes

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_HIDDEN: Final = "erased:"


class LegacyHash(NamedTuple):
    """The hash that an address had under the rule before.

    Attributes:
        alone: it was this mailbox's alone; otherwise others may have had the same.
    """

    hash: bytes
    alone: bool


class AddressHasher:
    """HMAC-SHA-256 under `ADDRESS_KEY`, which rotates apart from the keys of links.

    Args:
        key: `ADDRESS_KEY`.
        partners: those of each brand, who are told addresses as hashes under a key of their own.

    Attributes:
        contents: digests of what events say, under a key derived from it.
    """

    def __init__(self, key: str, partners: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        self.partners = partners
        self._key = key.encode()
        self._mac = KeyedHash(self._key)
        self.contents = EventDigests(key)
        self.key_id = hashlib.sha256(b"address-key-id" + self._key).hexdigest()[:8]

    def hash_address(self, address: str) -> bytes:
        """32 bytes."""
        return self._mac(canonical_mailbox(address).encode())

    def legacy_hash(self, address: str) -> LegacyHash | None:
        """The hash by the rule before, where it is another one."""
        before = legacy_mailbox(address)
        if before == canonical_mailbox(address):
            return None
        local = address.strip().rpartition("@")[0]
        return LegacyHash(self._mac(before.encode()), local.casefold() == local.lower())

    def similar_address_hashes(self, address: str) -> list[bytes]:
        """The hashes of mailboxes that a person would take for this one; what stops optional mail holds for all."""
        return [self._mac(form.encode()) for form in sorted(similar_mailboxes(address))]

    def owner_address_hashes(self, address: str) -> list[bytes]:
        """The hashes under which the owner of an address may also be known; how it was collected holds for all."""
        if "+" not in address and address.isascii():
            return []
        return [self._mac(form.encode()) for form in sorted(owner_mailboxes(address))]

    def partner_key(self, brand: str, partner: str) -> bytes:
        """32 bytes, which the partner is told once."""
        return self._mac(json.dumps(["partner", brand, partner]).encode())

    def partner_hash(self, brand: str, partner: str, address: str) -> bytes:
        """32 bytes: what a partner computes of the same address, without any quotes, with its key."""
        return hmac.digest(
            self.partner_key(brand, partner), legacy_mailbox(address).replace('"', "").encode(), "sha256"
        )

    def erased_event_id(self, brand: str, event_id: str) -> str | None:
        """The id of an event about somebody who was erased, as a hash; None: it is a UUID, and names nobody."""
        if _UUID.fullmatch(event_id) or event_id.startswith(_HIDDEN):
            return None
        return f"{_HIDDEN}{self._mac(f'event:{brand}:{event_id}'.encode()).hex()}"

    def erased_ref(self, brand: str, ref: str) -> str:
        """What stands for the ref of somebody who was erased: without the key, it leads to nobody."""
        return f"erased:{self._mac(f'ref:{brand}:{ref}'.encode()).hex()}"
