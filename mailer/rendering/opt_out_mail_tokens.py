"""Signed tokens for opt-outs by mail: the mailto of List-Unsubscribe (RFC 2369 3.2) has one in its address and subject.

A token names the same person, category and mailing as the unsubscribe link of the mail. It is in base32, since programs
change the case of an address. In the subject it stands between two zeros, which base32 lacks: so it is found whatever
stands before or after it. It never expires, and is valid as long as the key that signed it is listed.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote
from uuid import UUID

from mailer.keyed_hash import KeyedHash
from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.rendering.base32 import encode_base32
from mailer.rendering.headers import HeaderRefused, check_and_encode_addr_spec
from mailer.rendering.link_tokens import UnsubscribeToken

MAX_LOCAL_PART: Final = 64
"""The most octets before the @ (RFC 5321 4.5.3.1.1)."""
_MAILING: Final = 16
_CATEGORY: Final = 3
_MAC: Final = 9
"""Octets of the code: a guess costs a mail, and is right once in 2^72."""
_LEAST, _MOST = _MAILING + 1 + _CATEGORY + _MAC, _MAILING + 8 + _CATEGORY + _MAC
_LENGTHS: Final = f"{{{-(-8 * _LEAST // 5)},{-(-8 * _MOST // 5)}}}"
_IN_SUBJECT: Final = re.compile(rf"0([a-z2-7]{_LENGTHS})0")
_IN_ADDRESS: Final = re.compile(rf"\+([a-z2-7]{_LENGTHS})@")
_UNQUOTED: Final = "+!$'*-._~"
"""Characters of a local part that a mailto has as they are (RFC 6068 2)."""
_LONGEST: Final = 1000
"""The most characters of a subject or an address that are searched."""


class OptOutMailTokens:
    """Makes and reads the tokens.

    Args:
        keys: signs with the first; all of them are accepted.
    """

    def __init__(self, keys: Sequence[KeyedHash]) -> None:
        self._keys = keys

    def mailto(self, policy: Policy, category: Category, mailing_id: UUID, recipient_id: int) -> str | None:
        """Returns the URI that leaves the category of a mail by writing to the brand's opt-out mailbox (RFC 6068).

        If the token makes the address too long, it is in the subject only.

        Args:
            policy: the policy of the brand. Its `opt_out_mailbox` is one that somebody reads.
            category: the category of the mail for this person.
            mailing_id: the mailing.
            recipient_id: the person.

        Returns:
            None for mandatory mail, and for a brand without a mailbox that can be written in ASCII.
        """
        if not category.is_optional or policy.opt_out_mailbox is None:
            return None
        local, domain = _quote_mailbox(policy.opt_out_mailbox)
        if not domain:
            return None
        text = self._sign_token(policy.brand, recipient_id, category.name, mailing_id)
        named = f"{local}+{text}" if len(local) + 1 + len(text) <= MAX_LOCAL_PART else local
        return f"mailto:{named}@{domain}?subject=unsubscribe%200{text}0"

    def find_token(
        self, addresses: Sequence[str], subject: str, policies: Mapping[str, Policy]
    ) -> UnsubscribeToken | None:
        """Returns the first token that we signed in the addresses or the subject of a mail; None if there is none.

        The category is empty if no policy has it any more. Then the opt-out is from all optional mail, as by the link.

        Args:
            addresses: the recipients of the mail, of its envelope and its header.
            subject: decoded. Programs may have wrapped it, changed its case, and put words before and after.
            policies: the policies by brand. A token is valid for one brand.
        """
        for text in (
            *(found for address in addresses for found in _IN_ADDRESS.findall(address[:_LONGEST].lower())),
            *_IN_SUBJECT.findall(_letters_and_digits(subject)),
        ):
            if (token := self._read_token(text, policies)) is not None:
                return token
        return None

    def _sign_token(self, brand: str, recipient_id: int, category: str, mailing_id: UUID) -> str:
        octets = recipient_id.to_bytes(max(1, (recipient_id.bit_length() + 7) // 8))
        payload = mailing_id.bytes + octets + _category_tag(category)
        return encode_base32(payload + self._keys[0](_signed_octets(payload, brand))[:_MAC])

    def _read_token(self, text: str, policies: Mapping[str, Policy]) -> UnsubscribeToken | None:
        try:
            raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
        except (binascii.Error, ValueError):
            return None
        payload, mac = raw[:-_MAC], raw[-_MAC:]
        for brand, policy in policies.items():
            if any(hmac.compare_digest(mac, key(_signed_octets(payload, brand))[:_MAC]) for key in self._keys):
                recipient_id = int.from_bytes(payload[_MAILING:-_CATEGORY])
                category = next(_categories_with_tag(policy, payload[-_CATEGORY:]), "")
                return UnsubscribeToken(brand, recipient_id, category, UUID(bytes=payload[:_MAILING]))
        return None


def _signed_octets(payload: bytes, brand: str) -> bytes:
    return bytes([len(payload)]) + payload + brand.encode()


def _letters_and_digits(subject: str) -> str:
    """Returns the ASCII letters and digits of a subject in lower case. In Turkish, a small I has no dot."""
    lower = subject[:_LONGEST].lower().replace("\u0131", "i")
    return "".join(char for char in lower if char.isascii() and char.isalnum())


def subject_without_token(subject: str) -> str:
    """Returns the words that somebody wrote into the subject; empty if it only has the word and token of the mailto."""
    end = re.search(r"0[\sa-z2-7]{40,200}0", subject[:_LONGEST], re.IGNORECASE)
    return "" if end is None else subject[end.end() :].strip()


@lru_cache(maxsize=1000)
def _category_tag(category: str) -> bytes:
    return sha256(category.encode()).digest()[:_CATEGORY]


def _categories_with_tag(policy: Policy, tag: bytes) -> Iterator[str]:
    return (name for name in policy.categories if _category_tag(name) == tag)


@lru_cache(maxsize=100)
def _quote_mailbox(mailbox: str) -> tuple[str, str]:
    """Returns the local part and the domain for a mailto; empty texts if not every program can write to the mailbox."""
    try:
        spec = check_and_encode_addr_spec(mailbox, "List-Unsubscribe")
    except HeaderRefused:
        return "", ""
    local, _, domain = spec.rpartition("@")
    return (quote(local, safe=_UNQUOTED), domain) if spec.isascii() and '"' not in spec else ("", "")
