"""Spellings of addresses: those that are the same mailbox, and those that a person would confuse."""

# ruff: noqa: RUF001, RUF002 - it is about letters that look like others

import unicodedata

from mailer.policy.text_folding_for_comparison import normalized
from mailer.rendering.headers import HeaderRefused, domain_as_a_labels

_DOTTED_I = "i\u0307"
"""The lower case of İ by Unicode's full mapping. By the simple mapping, which many programs use, it is i."""

_MOST = 254
"""The most characters of an address. A field of an unchecked outbox message may have more."""


def canonical_mailbox(address: str) -> str:
    """Returns the canonical form of an address, which is the same for all spellings of one mailbox.

    RFC 5321 2.4 allows case-sensitive local parts, but no large mail system has them, and a capital letter must not get
    around an opt-out. Apart from case and canonical equivalence (NFC, RFC 6532 3.1), only the host can say that two
    local parts are one mailbox (RFC 5321 2.3.11): straße and strasse are two. Domains become A-labels (RFC 5890
    2.3.2.1).
    """
    address = address.strip()
    if address.isascii():
        return address.lower()
    local, _, domain = address.rpartition("@")
    return f"{_local_part_in_lower_case(local)}@{_domain_in_lower_case_a_labels(domain)}"


def other_mailboxes_alike_in_capitals(address: str) -> frozenset[str]:
    """Returns the canonical forms of other mailboxes that look the same in capital letters.

    Unicode has two lower-case forms for two letters: Σ becomes σ, or ς at the end of a word; İ becomes i with a dot
    above, or i. Programs differ in the form that they write, so a person who left as ΟΔΟΣ may come back as either. The
    host may still have both mailboxes. Therefore only stops of optional mail also hold for similar mailboxes.
    """
    form = canonical_mailbox(address)
    if form.isascii():
        return frozenset()
    local, _, domain = form.rpartition("@")
    plain = local.replace("ς", "σ")
    forms = {local, plain, _local_part_in_lower_case(plain.replace("σ", "Σ"))}
    forms |= {_normalize_text_to_nfc(one.replace(_DOTTED_I, "i")) for one in forms}
    return frozenset(f"{one}@{domain}" for one in forms) - {form}


def mailboxes_perhaps_of_same_owner(address: str) -> frozenset[str]:
    """Returns other forms of an address that may have the same owner: similar mailboxes, and itself without its tag.

    Most hosts deliver `bob+x@` to `bob@` (RFC 5233 1 calls `x` the detail). The host may still have two mailboxes, so
    only the record of how an address was collected applies to both.
    """
    local, _, domain = canonical_mailbox(address).rpartition("@")
    user, tag, _ = local.partition("+")
    untagged = frozenset({f"{user}@{domain}"} if tag and user and not local.startswith('"') else ())
    return other_mailboxes_alike_in_capitals(address).union(untagged, *map(other_mailboxes_alike_in_capitals, untagged))


def mailbox_in_legacy_canonical_form(address: str) -> str:
    """Returns the older canonical form, in which straße and strasse are the same.

    Partners get addresses in this form.
    """
    local, _, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{domain.lower()}"


def _local_part_in_lower_case(local: str) -> str:
    return _normalize_text_to_nfc(_normalize_text_to_nfc(local).lower())


def _domain_in_lower_case_a_labels(domain: str) -> str:
    try:
        return domain_as_a_labels(domain.lower()).lower()
    except HeaderRefused:
        return _normalize_text_to_nfc(domain).lower()


def _normalize_text_to_nfc(text: str) -> str:
    if len(text) > _MOST:
        return normalized("NFC", text)
    return unicodedata.normalize("NFC", text)  # noqa: TID251 - it is short, and the form of an address stays
