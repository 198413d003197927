"""Links and ids that only we can make: unsubscribe, pixel, Message-ID, return path.

A token is bound to its purpose by a salt, so that one made for the pixel opens nothing else. It never expires and can
be used again; it lives as long as the key that signed it is listed.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

MAX_TOKEN = 1000
"""The longest token that is looked at, in characters; ours have about 150."""

BOUNCE_PREFIX = "b+"
_MAC_OCTETS = 12
_IDS_OCTETS = 24


class Purpose(StrEnum):
    """What a token may be used for; the salt of its signature."""

    UNSUBSCRIBE = "unsubscribe"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class UnsubscribeToken:
    """Whom an unsubscribe link speaks for.

    Attributes:
        brand: whose mail. recipient_id: whose choice. category: what is left.
        mailing_id: for statistics only; the mailing may be long gone.
    """

    brand: str
    recipient_id: int
    category: str
    mailing_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OpenToken:
    """What a pixel counts: a mailing's opens, nobody's in particular (invariant 6)."""

    mailing_id: UUID


@dataclass(frozen=True, slots=True)
class BounceToken:
    """The delivery that a return path names."""

    mailing_id: UUID
    recipient_id: int


class Links:
    """Makes and reads what we sign."""

    def __init__(self, public_url: str, keys: Sequence[str]) -> None:
        """Prepares a signer a purpose.

        Args:
            public_url: where the public pages are, such as `https://mail.example.org`.
            keys: the secrets, newest first; all of them are good for reading, the newest for making links.

        Raises:
            ValueError: there is no key.
        """
        if not keys or not all(keys):
            raise ValueError("links need at least one secret key, and none of them empty")
        self._url = public_url.rstrip("/")
        self._serializers = {
            purpose: URLSafeSerializer(
                list(reversed(keys)),
                salt=f"mailer.{purpose}",
                signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
            )
            for purpose in Purpose
        }
        self._bounce_keys = [_derive(key, "bounce") for key in keys]
        # The oldest key: the Message-ID of a delivery must not change when a newer key is put in front.
        self._message_key = _derive(keys[-1], "message-id")

    def unsubscribe(self, token: UnsubscribeToken) -> str:
        """The link that leaves a category: a page by GET, an opt-out by POST (RFC 8058)."""
        mailing = token.mailing_id.hex if token.mailing_id else None
        payload = [token.brand, token.recipient_id, token.category, mailing]
        return f"{self._url}/u/{self._sign(Purpose.UNSUBSCRIBE, payload)}"

    def read_unsubscribe(self, text: str) -> UnsubscribeToken | None:
        """What an unsubscribe token says; None for anything that is not ours."""
        match self._read(Purpose.UNSUBSCRIBE, text):
            case [str(brand), int(recipient_id), str(category), None]:
                return UnsubscribeToken(brand, recipient_id, category)
            case [str(brand), int(recipient_id), str(category), str(mailing)]:
                return UnsubscribeToken(brand, recipient_id, category, UUID(mailing))
            case _:
                return None

    def pixel(self, mailing_id: UUID) -> str:
        """The address of a mailing's clear GIF, the same for all its recipients."""
        return f"{self._url}/o/{self._sign(Purpose.OPEN, mailing_id.hex)}.gif"

    def read_open(self, text: str) -> OpenToken | None:
        """What a pixel's token says, with or without `.gif`; None for anything that is not ours."""
        payload = self._read(Purpose.OPEN, text.removesuffix(".gif"))
        return OpenToken(UUID(payload)) if isinstance(payload, str) else None

    def message_id(self, mailing_id: UUID, recipient_id: int, domain: str) -> str:
        """The Message-ID of a delivery, with its angle brackets (RFC 5322 3.6.4).

        Always the same for one delivery, so that mandatory mail sent again after a crash is recognised as the same; it
        changes only when the oldest key is taken away. It tells nothing about the recipient.
        """
        digest = hmac.digest(self._message_key, _ids(mailing_id, recipient_id), "sha256")
        return f"<{digest[:20].hex()}@{domain}>"

    def bounce_address(self, mailing_id: UUID, recipient_id: int, domain: str) -> str:
        """The return path of a delivery: a local part of 60 characters that survives being lower-cased."""
        ids = _ids(mailing_id, recipient_id)
        token = base64.b32encode(ids + _mac(self._bounce_keys[0], ids)).decode().rstrip("=").lower()
        return f"{BOUNCE_PREFIX}{token}@{domain}"

    def read_bounce(self, address: str) -> BounceToken | None:
        """The delivery that a return path belongs to; None for anything that is not ours."""
        if len(address) > MAX_TOKEN:
            return None
        local = address.rpartition("@")[0].lower()
        token = local.removeprefix(BOUNCE_PREFIX).upper()
        try:
            raw = base64.b32decode(token + "=" * (-len(token) % 8))
        except (binascii.Error, ValueError):
            return None
        ids, mac = raw[:_IDS_OCTETS], raw[_IDS_OCTETS:]
        if not local.startswith(BOUNCE_PREFIX) or len(mac) != _MAC_OCTETS:
            return None
        if not any(hmac.compare_digest(mac, _mac(key, ids)) for key in self._bounce_keys):
            return None
        return BounceToken(UUID(bytes=ids[:16]), int.from_bytes(ids[16:], signed=True))

    def _sign(self, purpose: Purpose, payload: Any) -> str:
        token: str = self._serializers[purpose].dumps(payload)
        return token

    def _read(self, purpose: Purpose, text: str) -> Any:
        """A payload as we signed it, so that its values need no second look; None if we did not."""
        if len(text) > MAX_TOKEN or not text.isascii():
            return None
        try:
            return self._serializers[purpose].loads(text)
        except BadData:
            return None


def _derive(key: str, purpose: str) -> bytes:
    return hmac.digest(key.encode(), f"mailer.{purpose}".encode(), "sha256")


def _mac(key: bytes, ids: bytes) -> bytes:
    return hmac.digest(key, ids, "sha256")[:_MAC_OCTETS]


def _ids(mailing_id: UUID, recipient_id: int) -> bytes:
    return mailing_id.bytes + recipient_id.to_bytes(8, signed=True)
