"""DKIM signatures and key records as they are written (RFC 6376 3.5, 3.6.1; RFC 8301; RFC 8463): pure."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

FEWEST_RSA_BITS = 1024
MOST_RSA_BITS = 4096
"""The lengths of RSA keys that are believed (RFC 8301 3.2)."""
MOST_SIGNATURE_BYTES = 16 * 1024
MOST_KEY_CHARACTERS = 8192
MOST_SIGNED_NAMES = 256

_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_SELECTOR = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_FIELD_NAME = re.compile(r"[!-9<-~]+")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MOST_NAME_CHARACTERS = 253
_CANONICAL_FORMS = ("simple", "relaxed")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}

DkimPublicKey = RSAPublicKey | Ed25519PublicKey


class DkimOutcome(StrEnum):
    """The results of RFC 8601 2.7.1. `policy` is a signature that may be right, and is not accepted."""

    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DkimResult:
    """The result for one signature.

    Attributes:
        outcome: only `pass` proves anything.
        domain: its `d=`, in lower case; empty if it cannot be read.
        selector: its `s=`; empty if it cannot be read.
        reason: why it is no pass, else empty.
    """

    outcome: DkimOutcome
    domain: str = ""
    selector: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """A signature that can be verified.

    Attributes:
        domain: its `d=`, in lower case.
        selector: its `s=`.
        key_type: `rsa` or `ed25519`.
        header_form: the canonical form of the header, `simple` or `relaxed`.
        body_form: that of the body.
        signed_names: its `h=`, in lower case.
        body_hash: its `bh=`.
        signature: its `b=`.
        identity_domain: the domain of its `i=`.
    """

    domain: str
    selector: str
    key_type: str
    header_form: str
    body_form: str
    signed_names: tuple[bytes, ...]
    body_hash: bytes
    signature: bytes
    identity_domain: str

    @property
    def key_name(self) -> str:
        """The name of its key record."""
        return f"{self.selector}._domainkey.{self.domain}"

    def as_result(self, outcome: DkimOutcome, reason: str = "") -> DkimResult:
        """Returns a result for this signature."""
        return DkimResult(outcome, self.domain, self.selector, reason)


class _Refused(Exception):
    """A signature or key is not accepted; carries the outcome and the reason."""

    def __init__(self, reason: str, outcome: DkimOutcome = DkimOutcome.PERMERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def parse_signature(value: bytes, now: int) -> DkimSignature | DkimResult:
    """Reads the value of a DKIM-Signature field, or returns the result if it is not accepted.

    Not accepted are sha1 (RFC 8301 3.1), `l=` (others can add to the body), expired ones, and those without From.

    Args:
        value: all after the colon.
        now: seconds since the epoch.
    """
    tags: dict[str, str] = {}
    try:
        _require(len(value) <= MOST_SIGNATURE_BYTES and value.isascii(), "it is too long or not in ASCII")
        tags = _parse_strict_tags(value.decode("ascii"))
        return _read_signature(tags, now)
    except _Refused as refused:
        domain, selector = tags.get("d", "").lower(), tags.get("s", "")
        if not (_DOMAIN.fullmatch(domain) and _SELECTOR.fullmatch(selector)):
            domain = selector = ""
        return DkimResult(refused.outcome, domain, selector, refused.reason)


def _read_signature(tags: dict[str, str], now: int) -> DkimSignature:
    missing = [name for name in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    _require(not missing, f"it lacks {', '.join(missing)}")
    _require(tags["v"] == "1", "its version is not 1")
    domain, selector = tags["d"].lower(), tags["s"]
    _require(_is_name(_DOMAIN, domain) and _is_name(_SELECTOR, selector), "its d= or s= is no name")
    identity_domain = tags.get("i", f"@{domain}").rpartition("@")[2].lower()
    _require(identity_domain == domain or identity_domain.endswith(f".{domain}"), "its i= is not of its d=")
    forms = tags.get("c", "simple").split("/")
    _require(len(forms) <= 2 and set(forms) <= set(_CANONICAL_FORMS), "its canonical form is unknown")
    _require("dns/txt" in [method.strip() for method in tags.get("q", "dns/txt").split(":")], "its q= is unknown")
    names = tuple(name.strip().lower() for name in tags["h"].split(":"))
    _require(len(names) <= MOST_SIGNED_NAMES and all(map(_FIELD_NAME.fullmatch, names)), "its h= is out of form")
    _require("from" in names, "it does not cover From")
    _require_period(tags, now)
    _require("l" not in tags, "its l= leaves room for others in the body", DkimOutcome.POLICY)
    _require(tags["a"] != "rsa-sha1", "it uses sha1", DkimOutcome.POLICY)
    _require(tags["a"] in _ALGORITHMS, "its algorithm is unknown")
    return DkimSignature(
        domain=domain,
        selector=selector,
        key_type=_ALGORITHMS[tags["a"]],
        header_form=forms[0],
        body_form=forms[1] if len(forms) == 2 else "simple",
        signed_names=tuple(name.encode() for name in names),
        body_hash=_decode_base64(tags["bh"]),
        signature=_decode_base64(tags["b"]),
        identity_domain=identity_domain,
    )


def _require_period(tags: dict[str, str], now: int) -> None:
    times = {name: tags[name] for name in ("t", "x") if name in tags}
    _require(all(map(_SECONDS.fullmatch, times.values())), "its t= or x= is no time")
    if "x" in times:
        _require(int(times["x"]) >= int(times.get("t", 0)), "it ends before it begins")
        _require(int(times["x"]) > now, "it has expired", DkimOutcome.FAIL)


def choose_key(texts: tuple[str, ...], signature: DkimSignature) -> DkimPublicKey | DkimResult:
    """Returns the public key from the TXT records at a key's name, or the result if there is no key to believe.

    Args:
        texts: the records.
        signature: that the key is for.
    """
    try:
        records = [tags for tags in map(_tags_if_key_record, texts) if tags is not None]
        _require(len(records) == 1, "there is no key" if not records else "there are several keys")
        return _read_key(records[0], signature)
    except _Refused as refused:
        return signature.as_result(refused.outcome, refused.reason)


def _tags_if_key_record(text: str) -> dict[str, str] | None:
    try:
        tags = _parse_strict_tags(text) if len(text) <= MOST_KEY_CHARACTERS else {}
    except _Refused:
        return None
    is_version_right = "v" not in tags or (tags["v"] == "DKIM1" and next(iter(tags)) == "v")
    return tags if "p" in tags and is_version_right else None


def _read_key(tags: dict[str, str], signature: DkimSignature) -> DkimPublicKey:
    listed = {name: [one.strip() for one in tags.get(name, "").split(":")] for name in ("h", "s", "t")}
    _require(bool(tags["p"]), "the key is revoked")
    _require(tags.get("k", "rsa") == signature.key_type, "the key is of another kind")
    _require("h" not in tags or "sha256" in listed["h"], "the key is not for sha256")
    _require("s" not in tags or bool({"*", "email"} & set(listed["s"])), "the key is not for mail")
    _require("s" not in listed["t"] or signature.identity_domain == signature.domain, "the key is not for subdomains")
    _require("y" not in listed["t"], "the key is on trial", DkimOutcome.POLICY)
    key = _load_key(tags["p"], signature.key_type)
    if key is None:
        raise _Refused("the key cannot be read")
    if isinstance(key, RSAPublicKey):
        fits = FEWEST_RSA_BITS <= key.key_size <= MOST_RSA_BITS
        _require(fits, f"the key has {key.key_size} bits", DkimOutcome.POLICY)
    return key


@lru_cache(maxsize=1000)
def _load_key(text: str, key_type: str) -> DkimPublicKey | None:
    try:
        raw = _decode_base64(text)
        key = Ed25519PublicKey.from_public_bytes(raw) if key_type == "ed25519" else load_der_public_key(raw)
    except (_Refused, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey | Ed25519PublicKey) else None


def _parse_strict_tags(text: str) -> dict[str, str]:
    """Returns the tags of a list. A tag that is out of form, or twice there, makes the whole list invalid (3.2)."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    for part in parts if parts[-1].strip() else parts[:-1]:
        name, equals, value = part.partition("=")
        name = name.strip()
        _require(bool(equals and _TAG_NAME.fullmatch(name)), "it is no list of tags")
        _require(name not in tags, f"it has {name}= twice")
        tags[name] = value.strip()
    return tags


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _Refused("it has wrong base64") from None


def _is_name(form: re.Pattern[str], text: str) -> bool:
    return len(text) <= _MOST_NAME_CHARACTERS and form.fullmatch(text) is not None


def _require(holds: bool, reason: str, outcome: DkimOutcome = DkimOutcome.PERMERROR) -> None:
    if not holds:
        raise _Refused(reason, outcome)
