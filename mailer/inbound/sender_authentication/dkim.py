"""Verification of the DKIM signatures of a message (RFC 6376 6), with limits."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from mailer.inbound.sender_authentication.dkim_signature import (
    DkimOutcome,
    DkimPublicKey,
    DkimResult,
    DkimSignature,
    choose_key,
    parse_signature,
)
from mailer.inbound.sender_authentication.message_head import HeaderField, ReceivedMessage
from mailer.ports.dns_lookup import DnsLookup, LookupFailed
from mailer.rendering.dkim import canonical_body, canonical_simple_body, canonical_value

MOST_SIGNATURES = 8
"""The signatures that are looked at, from the top. A message of good faith has one to four."""
MOST_BODY_BYTES = 16 * 1024 * 1024
_TO_BE_COVERED = (b"subject", b"to", b"cc")
SECONDS = 20.0
"""The longest wait for all keys together."""


async def verify_dkim(lookup: DnsLookup, message: ReceivedMessage, now: int) -> tuple[DkimResult, ...]:
    """Returns the result of each signature, from the top, of `MOST_SIGNATURES` at most.

    The keys are queried together; then a thread verifies, since hashing 16 MiB takes a while.

    Args:
        lookup: queries the DNS.
        message: in its parts.
        now: seconds since the epoch.
    """
    fields = [field for field in message.fields if field.name == b"dkim-signature"][:MOST_SIGNATURES]
    parsed = [(field, parse_signature(field.raw_value, now)) for field in fields]
    names = {one.key_name for _, one in parsed if isinstance(one, DkimSignature)}
    records = await _fetch_key_records(lookup, sorted(names))
    if not names:
        return tuple(one for _, one in parsed if isinstance(one, DkimResult))
    return await asyncio.to_thread(_verify_all, message, parsed, records)


async def _fetch_key_records(lookup: DnsLookup, names: Sequence[str]) -> Mapping[str, tuple[str, ...] | None]:
    """Returns the TXT records of each name; None if the DNS did not answer."""

    async def fetch(name: str) -> tuple[str, ...] | None:
        try:
            async with asyncio.timeout(SECONDS):
                return tuple(await lookup.txt_records(name))
        except (LookupFailed, TimeoutError):
            return None

    return dict(zip(names, await asyncio.gather(*map(fetch, names)), strict=True))


def _verify_all(
    message: ReceivedMessage,
    parsed: Sequence[tuple[HeaderField, DkimSignature | DkimResult]],
    records: Mapping[str, tuple[str, ...] | None],
) -> tuple[DkimResult, ...]:
    signed = _SignedMessage(message)
    return tuple(
        signed.verify_signature(field, one, records[one.key_name]) if isinstance(one, DkimSignature) else one
        for field, one in parsed
    )


class _SignedMessage:
    """A message whose body is hashed at most once in each canonical form."""

    def __init__(self, message: ReceivedMessage) -> None:
        self._message = message

    def verify_signature(
        self, field: HeaderField, signature: DkimSignature, records: tuple[str, ...] | None
    ) -> DkimResult:
        """Returns the result of one signature.

        Args:
            field: its header field.
            signature: the field as it was read.
            records: the TXT records at the name of its key; None if the DNS did not answer.
        """
        if len(self._message.body) > MOST_BODY_BYTES:
            return signature.as_result(DkimOutcome.POLICY, "the body is too long to be hashed")
        if records is None:
            return signature.as_result(DkimOutcome.TEMPERROR, "the DNS did not answer for the key")
        if uncovered := self._uncovered_names(signature):
            return signature.as_result(DkimOutcome.POLICY, f"it does not cover the {uncovered[0].decode()}")
        key = choose_key(records, signature)
        if isinstance(key, DkimResult):
            return key
        body_hash = self._relaxed_body_hash if signature.body_form == "relaxed" else self._simple_body_hash
        if body_hash != signature.body_hash:
            return signature.as_result(DkimOutcome.FAIL, "the body was changed")
        if not _is_signature_right(key, signature.signature, self._signed_data(field, signature)):
            return signature.as_result(DkimOutcome.FAIL, "the header was changed, or another key signed")
        return signature.as_result(DkimOutcome.PASS)

    def _uncovered_names(self, signature: DkimSignature) -> list[bytes]:
        """Returns the names of fields that others could have written.

        A request can stand in a subject alone, and whoever sends a signed message again could add us as its recipient.
        """
        present = Counter(field.name for field in self._message.fields)
        return [name for name in _TO_BE_COVERED if present[name] > signature.signed_names.count(name)]

    @cached_property
    def _relaxed_body_hash(self) -> bytes:
        return hashlib.sha256(canonical_body(self._message.body)).digest()

    @cached_property
    def _simple_body_hash(self) -> bytes:
        return hashlib.sha256(canonical_simple_body(self._message.body)).digest()

    def _signed_data(self, field: HeaderField, signature: DkimSignature) -> bytes:
        """Returns the signed fields, the lowest of a name first, and the signature's own without its value (3.7)."""
        places: defaultdict[bytes, list[HeaderField]] = defaultdict(list)
        for one in self._message.fields:
            places[one.name].append(one)
        covered = [places[name].pop() for name in signature.signed_names if places[name]]
        own = HeaderField(field.name, field.raw_name, _without_signature_value(field.raw_value))
        form = _relaxed_field if signature.header_form == "relaxed" else _simple_field
        return b"\r\n".join([form(one) for one in [*covered, own]])


def _is_signature_right(key: DkimPublicKey, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), SHA256())
        else:
            key.verify(signature, hashlib.sha256(data).digest())  # RFC 8463 3
    except InvalidSignature:
        return False
    return True


def _relaxed_field(field: HeaderField) -> bytes:
    return b"%b:%b" % (field.name, canonical_value(field.raw_value))


def _simple_field(field: HeaderField) -> bytes:
    return b"%b:%b" % (field.raw_name, field.raw_value)


def _without_signature_value(value: bytes) -> bytes:
    """Returns the value of a DKIM-Signature field with an empty `b=` (RFC 6376 3.5)."""
    parts = value.split(b";")
    return b";".join([part.partition(b"=")[0] + b"=" if _is_b_tag(part) else part for part in parts])


def _is_b_tag(part: bytes) -> bool:
    name, equals, _ = part.partition(b"=")
    return bool(equals) and name.strip() == b"b"
