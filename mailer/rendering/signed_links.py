"""Signed links and ids, such as unsubscribe links, pixels, Message-IDs and return paths.

A salt binds a token to its purpose, so that a pixel's token opens nothing else. A token never expires and can be used
again. It is valid as long as the key that signed it is listed.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from mailer.keyed_hash import KeyedHash
from mailer.rendering.base32 import encode_base32
from mailer.rendering.link_tokens import (
    BounceToken,
    ClickToken,
    ConfirmToken,
    DataRequestToken,
    MailReportToken,
    OpenToken,
    PreferencesToken,
    TokenPurpose,
    UndoToken,
    UnsubscribeToken,
    WebCopyToken,
)
from mailer.rendering.opt_out_mail_tokens import OptOutMailTokens

MAX_TOKEN = 4000
"""The longest token that is read, in characters. Ours have about 150; the token of a tracked link also has its URL."""
MAX_URL = 2000
"""The longest URL that a link of ours leads to, in octets."""

SERVICE = "service"
"""The category in an unsubscribe token that leaves the service itself: the account is closed."""

BOUNCE_PREFIX = "b+"
RETURN_PATH_METADATA = "mailer_return_path"
"""The custom field in which an e-mail service that drops our headers carries the local part of the return path.

Postmark takes names of 20 characters and values of 80 at most.
"""
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_json = lru_cache(maxsize=1000)(_compact)
"""Returns a brand or a category as JSON."""
_FOR_URLS = bytes.maketrans(b"+/", b"-_")
_MAC_OCTETS = 12
_IDS_OCTETS = 24
_TOKEN = re.compile(r"\.?[\w-]+\.[\w-]{43}", re.ASCII)
"""A token: a payload and the 43 characters of its signature. Mail programs may have added the text after it."""
_NO_URL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\"<>\\^`{|}]")
"""Characters that no URL may have (RFC 3986 2)."""


class SignedLinks:
    """Makes and reads signed links, Message-IDs and return paths.

    Attributes:
        opt_out_mail: makes and reads the tokens of opt-outs by mail.
    """

    def __init__(self, public_url: str, keys: Sequence[str]) -> None:
        """Prepares a signer for each purpose.

        Args:
            public_url: the URL of the public pages, such as `https://mail.example.org`.
            keys: the secrets, newest first. All of them are accepted in links; the newest signs new links.

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
            for purpose in TokenPurpose
        }
        self._signing_keys = {purpose: _derive_key(keys[0], purpose) for purpose in TokenPurpose}
        self._bounce_keys = [_derive_key(key, "bounce") for key in keys]
        self.opt_out_mail = OptOutMailTokens([_derive_key(key, "opt-out-mail") for key in keys])
        # The oldest key: the Message-ID of a delivery must not change when a newer key is put in front.
        self._message_key = _derive_key(keys[-1], "message-id")

    def unsubscribe_link(self, token: UnsubscribeToken) -> str:
        """Returns the link that leaves a category: a page by GET, an opt-out by POST (RFC 8058)."""
        mailing = f'"{token.mailing_id.hex}"' if token.mailing_id else "null"
        of = _address_generation_suffix(token.generation)
        payload = f"[{_json(token.brand)},{token.recipient_id},{_json(token.category)},{mailing}{of}]"
        return f"{self._url}/u/{self._sign_payload(TokenPurpose.UNSUBSCRIBE, payload)}"

    def read_unsubscribe_token(self, text: str) -> UnsubscribeToken | None:
        """Returns the contents of an unsubscribe token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.UNSUBSCRIBE, text):
            case [str(brand), int(recipient_id), str(category), str() | None as mailing, *of]:
                return UnsubscribeToken(brand, recipient_id, category, UUID(mailing) if mailing else None, *of)
            case _:
                return None

    def pixel_url(self, token: OpenToken) -> str:
        """Returns the URL of a transparent GIF.

        At level `mailing` it is the same for all recipients of a mailing.
        """
        return f"{self._url}/o/{self._sign_payload(TokenPurpose.OPEN, _compact(_open_or_click_fields(token)))}.gif"

    def read_open_token(self, text: str) -> OpenToken | None:
        """Returns the contents of a pixel's token, with or without `.gif`, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.OPEN, text):
            case str(mailing):
                return OpenToken(UUID(mailing))
            case [str(mailing), nonce, recipient_id, *of]:
                return OpenToken(UUID(mailing), nonce, recipient_id, *of)
            case _:
                return None

    def click_url(self, token: ClickToken) -> str:
        """Returns the URL that counts a click and redirects to the token's URL.

        Raises:
            ValueError: the token's URL is not one of the web, or too long; the message does not repeat it.
        """
        if not is_web_url(token.url):
            raise ValueError(f"a tracked link leads to an https or http URL of at most {MAX_URL} octets")
        payload = _compact([_open_or_click_fields(token), token.url])
        return f"{self._url}/c/{self._sign_payload(TokenPurpose.CLICK, payload)}"

    def read_click_token(self, text: str) -> ClickToken | None:
        """Returns the contents of a tracked link's token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.CLICK, text):
            case [str(mailing), str(url)]:
                return ClickToken(UUID(mailing), url)
            case [[str(mailing), nonce, recipient_id, *of], str(url)]:
                return ClickToken(UUID(mailing), url, nonce, recipient_id, *of)
            case _:
                return None

    def confirmation_link(self, token: ConfirmToken) -> str:
        """Returns the link that confirms a request: a page by GET, the confirmation by POST."""
        payload = [token.brand, token.recipient_id, token.confirmation.hex, token.generation]
        return f"{self._url}/confirm/{self._sign_payload(TokenPurpose.CONFIRM, _compact(payload))}"

    def read_confirm_token(self, text: str) -> ConfirmToken | None:
        """Returns the contents of a confirmation's token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.CONFIRM, text):
            case [str(brand), int(recipient_id), str(confirmation), int(generation)]:
                return ConfirmToken(brand, recipient_id, UUID(confirmation), generation)
            case _:
                return None

    def data_request_link(self, token: DataRequestToken) -> str:
        """Returns the link to a request for a person's data: a page by GET, its confirmation by POST."""
        payload = [token.brand, token.recipient_id, token.request.hex, token.generation]
        return f"{self._url}/data-request/{self._sign_payload(TokenPurpose.DATA_REQUEST, _compact(payload))}"

    def read_data_request_token(self, text: str) -> DataRequestToken | None:
        """Returns the contents of a data request's token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.DATA_REQUEST, text):
            case [str(brand), int(recipient_id), str(request), int(generation)]:
                return DataRequestToken(brand, recipient_id, UUID(request), generation)
            case _:
                return None

    def preferences_link(self, token: PreferencesToken) -> str:
        """Returns the link to a person's preferences at a brand."""
        payload = f"[{_json(token.brand)},{token.recipient_id}{_address_generation_suffix(token.generation)}]"
        return f"{self._url}/preferences/{self._sign_payload(TokenPurpose.PREFERENCES, payload)}"

    def read_preferences_token(self, text: str) -> PreferencesToken | None:
        """Returns the contents of a preferences token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.PREFERENCES, text):
            case [str(brand), int(recipient_id), *of]:
                return PreferencesToken(brand, recipient_id, *of)
            case _:
                return None

    def link_to_report_mail(self, token: MailReportToken) -> str:
        """Returns the link for "why do I get this" and "this is not my account".

        In an invitation it also stops the inviter.
        """
        of = _address_generation_suffix(token.generation)
        payload = f'[{_json(token.brand)},{token.recipient_id},"{token.mailing_id.hex}"{of}]'
        return f"{self._url}/report/{self._sign_payload(TokenPurpose.REPORT, payload)}"

    def read_mail_report_token(self, text: str) -> MailReportToken | None:
        """Returns the contents of a report's token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.REPORT, text):
            case [str(brand), int(recipient_id), str(mailing), *of]:
                return MailReportToken(brand, recipient_id, UUID(mailing), *of)
            case _:
                return None

    def web_copy_link(self, token: WebCopyToken) -> str:
        """Returns the link to the web copy of a mail."""
        payload = f'[{_json(token.brand)},{token.recipient_id},"{token.mailing_id.hex}",{token.generation}]'
        return f"{self._url}/view/{self._sign_payload(TokenPurpose.VIEW, payload)}"

    def read_web_copy_token(self, text: str) -> WebCopyToken | None:
        """Returns the contents of a web copy's token, or None if it is not ours."""
        match self._read_signed_payload(TokenPurpose.VIEW, text):
            case [str(brand), int(recipient_id), str(mailing), int(generation)]:
                return WebCopyToken(brand, recipient_id, UUID(mailing), generation)
            case _:
                return None

    def sign_undo_token(self, token: UndoToken) -> str:
        """Returns the signed value of the undo button. It is never part of a link."""
        payload = [token.brand, token.recipient_id, token.suppression, token.at.isoformat()]
        return self._sign_payload(TokenPurpose.UNDO, _compact(payload))

    def read_undo_token(self, text: str) -> UndoToken | None:
        """Returns the opt-out that a button's value undoes, or None if the value is not ours."""
        match self._read_signed_payload(TokenPurpose.UNDO, text):
            case [str(brand), int(recipient_id), int(suppression), str(at)]:
                return UndoToken(brand, recipient_id, suppression, datetime.fromisoformat(at))
            case _:
                return None

    def stable_message_id(self, mailing_id: UUID, recipient_id: int, domain: str) -> str:
        """Returns the Message-ID of a delivery, with its angle brackets (RFC 5322 3.6.4).

        It is always the same for one delivery, so that receivers recognise mandatory mail that is sent again after a
        crash. It changes only if the oldest key is removed. It reveals nothing about the recipient.
        """
        return f"<{self._message_key(_pack_ids(mailing_id, recipient_id))[:20].hex()}@{domain}>"

    def check_links_read_back(self) -> None:
        """Makes a link for each purpose that has one, and reads it back.

        Raises:
            ValueError: a link is no plain web URL, or its token does not read back as it was made.
        """
        mailing = UUID(int=1)
        unsubscribe, report = (
            UnsubscribeToken("brand", 1, "category", mailing, 1),
            MailReportToken("brand", 1, mailing, 1),
        )
        preferences, confirm = PreferencesToken("brand", 1, 1), ConfirmToken("brand", 1, mailing, 1)
        data_request, view = DataRequestToken("brand", 1, mailing, 1), WebCopyToken("brand", 1, mailing, 1)
        pixel, click = OpenToken(mailing, "nonce"), ClickToken(mailing, "https://example.org/", "nonce")
        for link, read, made in (
            (self.unsubscribe_link(unsubscribe), self.read_unsubscribe_token, unsubscribe),
            (self.link_to_report_mail(report), self.read_mail_report_token, report),
            (self.preferences_link(preferences), self.read_preferences_token, preferences),
            (self.confirmation_link(confirm), self.read_confirm_token, confirm),
            (self.data_request_link(data_request), self.read_data_request_token, data_request),
            (self.web_copy_link(view), self.read_web_copy_token, view),
            (self.pixel_url(pixel).removesuffix(".gif"), self.read_open_token, pixel),
            (self.click_url(click), self.read_click_token, click),
        ):
            parts = urlsplit(link)
            token = parts.path.rpartition("/")[2]
            if not is_web_url(link) or not link.isascii() or parts.query or parts.fragment or read(token) != made:
                raise ValueError("links that begin with it cannot be followed; it takes https://mail.example.org")

    def bounce_address(self, mailing_id: UUID, recipient_id: int, domain: str) -> str:
        """Returns the return path of a delivery. Its local part has 60 characters, and its case does not matter."""
        ids = _pack_ids(mailing_id, recipient_id)
        return f"{BOUNCE_PREFIX}{encode_base32(ids + self._bounce_keys[0](ids)[:_MAC_OCTETS])}@{domain}"

    def read_return_path(self, address: str) -> BounceToken | None:
        """Returns the delivery to which a return path belongs, or None if it is not ours."""
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
        if not any(hmac.compare_digest(mac, key(ids)[:_MAC_OCTETS]) for key in self._bounce_keys):
            return None
        return BounceToken(UUID(bytes=ids[:16]), int.from_bytes(ids[16:], signed=True))

    def _sign_payload(self, purpose: TokenPurpose, payload: str) -> str:
        """Signs a payload in the format of itsdangerous, which reads it.

        Four times as fast as itsdangerous itself, which derives a key each time, and compresses.
        """
        data = _encode_unpadded(payload.encode())
        return (b"%b.%b" % (data, _encode_unpadded(self._signing_keys[purpose](data)))).decode()

    def _read_signed_payload(self, purpose: TokenPurpose, text: str) -> Any:
        """Returns a payload that we signed, or None. The values of a signed payload need no further check.

        Mail programs may take the text after a link as a part of it: a full stop, a bracket, the next word. A signature
        has a fixed length, which shows the end of the token.
        """
        found = _TOKEN.match(text)
        if found is None or found.end() > MAX_TOKEN:
            return None
        data, _, signature = found[0].encode().rpartition(b".")
        if hmac.compare_digest(_encode_unpadded(self._signing_keys[purpose](data)), signature):
            return json.loads(base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)))
        try:  # an older key
            return self._serializers[purpose].loads(found[0])
        except BadData:
            return None


@lru_cache(maxsize=1000)
def is_web_url(url: str) -> bool:
    """Tells whether a text is an https or http URL (RFC 3986) of at most `MAX_URL` octets."""
    if _NO_URL.search(url) or len(url.encode()) > MAX_URL:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)


def _address_generation_suffix(generation: int | None) -> str:
    """Returns the end of a payload, with the generation of the address if there is one."""
    return "" if generation is None else f",{generation}"


def _open_or_click_fields(token: OpenToken | ClickToken) -> Any:
    """Returns the counted fields of a payload: the mailing alone, or with nonce, recipient and generation."""
    mailing = token.mailing_id.hex
    if token.nonce is None and token.recipient_id is None:
        return mailing
    of = [] if token.generation is None else [token.generation]
    return [mailing, token.nonce, token.recipient_id, *of]


def _encode_unpadded(data: bytes) -> bytes:
    """Returns URL-safe base64 without padding (RFC 4648 5), in half of the time of `base64.urlsafe_b64encode`."""
    return binascii.b2a_base64(data, newline=False).translate(_FOR_URLS).rstrip(b"=")


def _derive_key(key: str, purpose: str) -> KeyedHash:
    return KeyedHash(hmac.digest(key.encode(), f"mailer.{purpose}".encode(), "sha256"))


def _pack_ids(mailing_id: UUID, recipient_id: int) -> bytes:
    return mailing_id.bytes + recipient_id.to_bytes(8, signed=True)
