"""Keyed hashes of addresses. They remain after the address itself is erased."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from mailer.event_digests import EventDigester
from mailer.keyed_hash import KeyedHash
from mailer.rendering.mailbox_spellings import (
    canonical_mailbox,
    mailbox_in_legacy_canonical_form,
    mailboxes_perhaps_of_same_owner,
    other_mailboxes_alike_in_capitals,
)

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_HIDDEN: Final = "erased:"


class HashByFormerSpellingRule(NamedTuple):
    """The hash of an address under mailer's former rule for spelling.

    Attributes:
        alone: True if only this mailbox had the hash; else other mailboxes may have had the same one.
    """

    hash: bytes
    alone: bool


class AddressHasher:
    """Hashes addresses by HMAC-SHA-256 under `ADDRESS_KEY`. This key is not rotated with the keys of links.

    Args:
        key: `ADDRESS_KEY`.
        partners: the partners of each brand. Each partner gets hashes under its own key.

    Attributes:
        contents: makes digests of the content of events, under a key derived from `ADDRESS_KEY`.
    """

    def __init__(self, key: str, partners: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        self.partners = partners
        self._key = key.encode()
        self._mac = KeyedHash(self._key)
        self.contents = EventDigester(key)
        self.key_id = hashlib.sha256(b"address-key-id" + self._key).hexdigest()[:8]

    def hash_address(self, address: str) -> bytes:
        """Returns the hash of an address, 32 bytes. All spellings of one mailbox have the same hash."""
        return self._mac(canonical_mailbox(address).encode())

    def hash_by_former_spelling_rule(self, address: str) -> HashByFormerSpellingRule | None:
        """Returns the hash under the former rule, or None if that is the same as the current one."""
        before = mailbox_in_legacy_canonical_form(address)
        if before == canonical_mailbox(address):
            return None
        local = address.strip().rpartition("@")[0]
        return HashByFormerSpellingRule(self._mac(before.encode()), local.casefold() == local.lower())

    def hashes_of_mailboxes_alike_in_capitals(self, address: str) -> list[bytes]:
        """Returns the hashes of mailboxes that people could mistake for this one. An opt-out holds for all of them."""
        return [self._mac(form.encode()) for form in sorted(other_mailboxes_alike_in_capitals(address))]

    def hashes_of_owners_other_mailboxes(self, address: str) -> list[bytes]:
        """Returns the hashes of the owner's other mailboxes. How the address was collected holds for them, too."""
        if "+" not in address and address.isascii():
            return []
        return [self._mac(form.encode()) for form in sorted(mailboxes_perhaps_of_same_owner(address))]

    def hash_client_network(self, network: str, day: date) -> bytes:
        """Returns the hash of a client's network, 32 bytes. It differs by day, so that nobody is followed over days."""
        return self._mac(f"network:{day.isoformat()}:{network}".encode())

    def hash_for_request_count(self, address_hash: bytes, wanted: str) -> bytes:
        """Returns the hash under which one kind of request is counted for an address, 32 bytes."""
        return self._mac(f"wish:{wanted}:{address_hash.hex()}".encode())

    def partner_key(self, brand: str, partner: str) -> bytes:
        """Returns the key of a partner, 32 bytes. The partner gets it once."""
        return self._mac(json.dumps(["partner", brand, partner]).encode())

    def partner_hash(self, brand: str, partner: str, address: str) -> bytes:
        """Returns the hash that the partner computes from the same address with its key: 32 bytes. Ignores quotes."""
        return hmac.digest(
            self.partner_key(brand, partner),
            mailbox_in_legacy_canonical_form(address).replace('"', "").encode(),
            "sha256",
        )

    def hash_replacing_event_id(self, brand: str, event_id: str) -> str | None:
        """Returns the hash that replaces an event id at an erasure. None: the id is a UUID or such a hash already."""
        if _UUID.fullmatch(event_id) or event_id.startswith(_HIDDEN):
            return None
        return f"{_HIDDEN}{self._mac(f'event:{brand}:{event_id}'.encode()).hex()}"

    def ref_of_address(self, brand: str, address: str) -> str:
        """Returns the ref of a person whom a file names by their address alone. All spellings have the same one."""
        message = f"import-ref:{brand}:{canonical_mailbox(address)}"
        return f"email:{self._mac(message.encode()).hex()[:32]}"

    def ref_in_breach_case(self, case_id: UUID, identity: str) -> str:
        """Returns the ref of a person whom only a file of a breach case names. Another case has another one."""
        return f"breach:{self._mac(f'breach-ref:{case_id}:{identity}'.encode('utf-8', 'surrogatepass')).hex()[:32]}"

    def hash_replacing_ref(self, brand: str, ref: str) -> str:
        """Returns the keyed hash that replaces the ref of an erased person. Without the key it leads to nobody."""
        return f"erased:{self._mac(f'ref:{brand}:{ref}'.encode()).hex()}"
