"""Spellings of an address: which are one mailbox, and which a person would take for one."""

# ruff: noqa: RUF001, RUF002 - it is about letters that look like others

import unicodedata

from mailer.policy.text_folding import normalized
from mailer.rendering.headers import HeaderRefused, a_labels

_DOTTED_I = "i\u0307"
"""The lower case of İ by Unicode's full mapping; by its simple one, as in many programs, it is i."""

_MOST = 254
"""Characters of an address. What stands in its place in a message of the outbox, not read by anybody, may have more."""


def canonical_mailbox(address: str) -> str:
    """The form under which two spellings of an address are one mailbox.

    RFC 5321 2.4 lets a local part be case-sensitive; no large mail system is, and an opt-out must not be got around by
    a capital letter. Beyond case and canonical equivalence (NFC, RFC 6532 3.1), only the host may say that two local
    parts are one (RFC 5321 2.3.11): straße and strasse are two. A domain is the same as A-labels (RFC 5890 2.3.2.1).
    """
    address = address.strip()
    if address.isascii():
        return address.lower()
    local, _, domain = address.rpartition("@")
    return f"{_lower_local(local)}@{_canonical_domain(domain)}"


def similar_mailboxes(address: str) -> frozenset[str]:
    """Returns the forms of other mailboxes that a person would take for this one, as its capitals are the same.

    Unicode has two lower cases of two letters: Σ is σ, and ς at the end of a word; İ is i with a dot above, and i.
    Programs differ in which they write, so that who left as ΟΔΟΣ may come back as either. A host may have both
    mailboxes all the same: what stops optional mail to one holds for its kin, and nothing else does.
    """
    form = canonical_mailbox(address)
    if form.isascii():
        return frozenset()
    local, _, domain = form.rpartition("@")
    plain = local.replace("ς", "σ")
    forms = {local, plain, _lower_local(plain.replace("σ", "Σ"))}
    forms |= {_compose_text(one.replace(_DOTTED_I, "i")) for one in forms}
    return frozenset(f"{one}@{domain}" for one in forms) - {form}


def owner_mailboxes(address: str) -> frozenset[str]:
    """Returns the forms under which the owner of an address may also be known: its kin, and itself without its tag.

    Most hosts deliver `bob+x@` to `bob@` (RFC 5233 1 calls `x` the detail). Only how an address was collected is said
    of both: a host may still have two mailboxes.
    """
    local, _, domain = canonical_mailbox(address).rpartition("@")
    user, tag, _ = local.partition("+")
    untagged = frozenset({f"{user}@{domain}"} if tag and user and not local.startswith('"') else ())
    return similar_mailboxes(address).union(untagged, *map(similar_mailboxes, untagged))


def legacy_mailbox(address: str) -> str:
    """The form of the rule before, under which straße and strasse were one; partners are told addresses in it."""
    local, _, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{domain.lower()}"


def _lower_local(local: str) -> str:
    return _compose_text(_compose_text(local).lower())


def _canonical_domain(domain: str) -> str:
    try:
        return a_labels(domain.lower()).lower()
    except HeaderRefused:
        return _compose_text(domain).lower()


def _compose_text(text: str) -> str:
    if len(text) > _MOST:
        return normalized("NFC", text)
    return unicodedata.normalize("NFC", text)  # noqa: TID251 - it is short, and the form of an address stays
