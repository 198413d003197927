"""DMARC for one message (RFC 9989): the policy of the From, and its alignment with SPF and DKIM."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome, DkimResult
from mailer.policy.dmarc_records import DmarcPolicy
from mailer.policy.spf_record import SpfResult
from mailer.ports.dns_lookup import DnsLookup, LookupFailed
from mailer.runtime.dmarc_tree_walk import fetch_effective_dmarc_policy
from mailer.runtime.spf_evaluation import SpfVerdict

SECONDS = 20.0
"""The longest time of all walks of a message."""


class DmarcResultCode(StrEnum):
    """The results of RFC 8601 2.7 for DMARC. `permerror`: the From names no single author."""

    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DmarcEvaluation:
    """The result of DMARC.

    Attributes:
        result: `pass` if SPF or DKIM prove a domain that is aligned with the From.
        policy: the treatment that the domain asks for mail that fails, with `t=` applied: none, quarantine, reject;
            empty if there is no record.
        organization: the organizational domain of the From; empty if it is not known.
    """

    result: DmarcResultCode
    policy: str = ""
    organization: str = ""


@dataclass(frozen=True, slots=True)
class _Identifier:
    """A domain that SPF or DKIM checked: its tag of alignment, and whether it was proven or the DNS was silent."""

    domain: str
    tag: str
    is_proven: bool


async def evaluate_dmarc(
    lookup: DnsLookup, from_domain: str, spf: SpfVerdict, dkim: Sequence[DkimResult]
) -> DmarcEvaluation:
    """Returns the result for the domain of a From.

    A silent DNS gives `temperror`, unless another aligned domain passes already (RFC 9989 5.3.6).

    Args:
        lookup: queries the DNS.
        from_domain: in lower case.
        spf: the result for MAIL FROM.
        dkim: the result of each signature.
    """
    try:
        async with asyncio.timeout(SECONDS):
            policy = await fetch_effective_dmarc_policy(lookup, from_domain)
            applied = policy.applied_policy
            if applied is None:
                return DmarcEvaluation(DmarcResultCode.NONE, "", policy.organization)
            result = await _align(lookup, from_domain, policy, _identifiers(spf, dkim))
    except (LookupFailed, TimeoutError):
        return DmarcEvaluation(DmarcResultCode.TEMPERROR)
    return DmarcEvaluation(result, applied, policy.organization)


def _identifiers(spf: SpfVerdict, dkim: Sequence[DkimResult]) -> list[_Identifier]:
    """Returns the domains that were proven, or may be at another time."""
    found = [
        _Identifier(one.domain, "adkim", one.outcome is DkimOutcome.PASS)
        for one in dkim
        if one.outcome in (DkimOutcome.PASS, DkimOutcome.TEMPERROR)
    ]
    if spf.result in (SpfResult.PASS, SpfResult.TEMPERROR):
        found.append(_Identifier(spf.domain, "aspf", spf.result is SpfResult.PASS))
    return found


async def _align(
    lookup: DnsLookup, from_domain: str, policy: DmarcPolicy, identifiers: Sequence[_Identifier]
) -> DmarcResultCode:
    silent = False
    for one in identifiers:
        try:
            if await _is_aligned(lookup, from_domain, policy, one):
                if one.is_proven:
                    return DmarcResultCode.PASS
                silent = True
        except LookupFailed:
            silent = True
    return DmarcResultCode.TEMPERROR if silent else DmarcResultCode.FAIL


async def _is_aligned(lookup: DnsLookup, from_domain: str, policy: DmarcPolicy, one: _Identifier) -> bool:
    """Tells whether a domain is aligned. Only one within the organization costs a walk."""
    if one.domain == from_domain:
        return True
    organization = policy.organization
    is_within = one.domain == organization or one.domain.endswith(f".{organization}")
    if not (is_within and policy.is_relaxed_for(one.tag)):
        return False
    other = await fetch_effective_dmarc_policy(lookup, one.domain)
    return policy.is_aligned(other, from_domain, one.domain, one.tag)
