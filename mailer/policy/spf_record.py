"""SPF records (RFC 7208 4.5, 4.6, 5 and 6): pure."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailer.policy.spf_macros import OWN_DOMAIN, DomainSpec, SpfRecordError, check_macro_string, parse_domain_spec

MOST_RECORD_CHARACTERS = 4096
"""The longest record that is read. RFC 7208 3.4 recommends that an answer fits into 512 octets."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TERM = re.compile(r"([-+~?]?)([A-Za-z][A-Za-z0-9_.-]*)([:/]?.*)", re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_LENGTHS = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_IP4 = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/(0|[1-9][0-9]?))?")
_IP6 = re.compile(r"([0-9A-Fa-f:.]{2,45})(?:/(0|[1-9][0-9]{0,2}))?")


class SpfResult(StrEnum):
    """The results of RFC 7208 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIERS = {"+": SpfResult.PASS, "-": SpfResult.FAIL, "~": SpfResult.SOFTFAIL, "?": SpfResult.NEUTRAL}


class MechanismKind(StrEnum):
    """The mechanisms of RFC 7208 5."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


_NEEDS_DOMAIN = (MechanismKind.INCLUDE, MechanismKind.EXISTS)
_HAS_LENGTHS = (MechanismKind.A, MechanismKind.MX)


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One mechanism.

    Attributes:
        kind: its name.
        result: the result if it matches.
        target: the domain it names.
        network: of `ip4` and `ip6`.
        lengths: of the prefixes of IPv4 and IPv6 networks, in bits; of `a` and `mx`.
    """

    kind: MechanismKind
    result: SpfResult
    target: DomainSpec = OWN_DOMAIN
    network: Network | None = None
    lengths: tuple[int, int] = (32, 128)


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """A record.

    Attributes:
        mechanisms: in their order.
        redirect: the domain whose record counts if no mechanism matches.
    """

    mechanisms: tuple[Mechanism, ...]
    redirect: DomainSpec | None


def choose_spf_record(texts: Sequence[str]) -> str | None:
    """Returns the SPF record among the TXT records of a domain, or None (RFC 7208 4.5).

    Raises:
        SpfRecordError: there are several.
    """
    records = [text for text in texts if text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")]
    if len(records) > 1:
        raise SpfRecordError(f"it has {len(records)} SPF records; there may be one")
    return records[0] if records else None


def parse_spf_record(text: str) -> SpfRecord:
    """Reads a record. Takes time linear to its length.

    Raises:
        SpfRecordError: it breaks the grammar, anywhere (RFC 7208 4.6), or is too long.
    """
    if len(text) > MOST_RECORD_CHARACTERS:
        raise SpfRecordError(f"it has {len(text)} characters; {MOST_RECORD_CHARACTERS} are read")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, DomainSpec] = {}
    for term in text[6:].split(" "):
        if found := _MODIFIER.fullmatch(term):
            _add_modifier(modifiers, found[1].lower(), found[2])
        elif term:
            mechanisms.append(_parse_mechanism(term))
    return SpfRecord(tuple(mechanisms), modifiers.get("redirect"))


def _add_modifier(modifiers: dict[str, DomainSpec], name: str, value: str) -> None:
    if name not in ("redirect", "exp"):
        check_macro_string(value)
        return
    if name in modifiers:
        raise SpfRecordError(f"it has {name}= twice")
    modifiers[name] = parse_domain_spec(value)


def _parse_mechanism(term: str) -> Mechanism:
    found = _TERM.fullmatch(term)
    name = found[2].lower() if found else ""
    if found is None or name not in set(MechanismKind):
        raise SpfRecordError(f"it has an unknown term {term[:80]!r}")
    kind, result, rest = MechanismKind(name), _QUALIFIERS[found[1] or "+"], found[3]
    match kind:
        case MechanismKind.ALL:
            _require(not rest, term)
            return Mechanism(kind, result)
        case MechanismKind.IP4:
            return Mechanism(kind, result, network=_parse_network(_IP4, rest, term, ipaddress.IPv4Network))
        case MechanismKind.IP6:
            return Mechanism(kind, result, network=_parse_network(_IP6, rest, term, ipaddress.IPv6Network))
        case _:
            return _parse_domain_mechanism(kind, result, rest, term)


def _parse_domain_mechanism(kind: MechanismKind, result: SpfResult, rest: str, term: str) -> Mechanism:
    lengths = (32, 128)
    if kind in _HAS_LENGTHS and (found := _LENGTHS.search(rest)):
        rest = rest[: found.start()]
        lengths = (int(found[1] or 32), int(found[2] or 128))
        _require(lengths[0] <= 32 and lengths[1] <= 128, term)
    if rest:
        _require(rest.startswith(":"), term)
        return Mechanism(kind, result, target=parse_domain_spec(rest[1:]), lengths=lengths)
    _require(kind not in _NEEDS_DOMAIN, term)
    return Mechanism(kind, result, lengths=lengths)


def _parse_network(
    form: re.Pattern[str], rest: str, term: str, network: type[ipaddress.IPv4Network] | type[ipaddress.IPv6Network]
) -> Network:
    found = form.fullmatch(rest[1:]) if rest.startswith(":") else None
    try:
        if found is not None:
            return network(rest[1:], strict=False)
    except ValueError:
        pass
    raise SpfRecordError(f"{term[:80]!r} names no network")


def _require(holds: bool, term: str) -> None:
    if not holds:
        raise SpfRecordError(f"it has a wrong term {term[:80]!r}")
