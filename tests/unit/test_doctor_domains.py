"""The records in the DNS by which receivers believe a brand's mail."""

import ipaddress
from collections.abc import Mapping, Sequence

import pytest

from mailer.doctor.domains import SenderDomain, examine_domain, examine_reverse_dns
from mailer.doctor.finding import Finding, FindingLevel
from tests.dns_zone import WrittenZone

HERE = ipaddress.ip_address("192.0.2.7")
SIX = ipaddress.ip_address("2001:db8::7")
KEY = "k1._domainkey.mail.example"
RECORD = "v=DKIM1; k=rsa; p=TUlJQg=="


GOOD = {
    "mail.example": ["v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 -all"],
    KEY: ["v=DKIM1; p=TUlJ Qg=="],
    "_dmarc.mail.example": ["v=DMARC1; p=reject"],
}
DOMAIN = SenderDomain("mail.example", ["mail.example", "news.mail.example"], {KEY: RECORD})
RELAYS = {"relay-us": [HERE, SIX]}


async def examined(
    changed: Mapping[str, Sequence[str]], domain: SenderDomain = DOMAIN, down: frozenset[str] = frozenset()
) -> list[Finding]:
    """The findings over a good zone with some other records."""
    return await examine_domain(WrittenZone(txt={**GOOD, **changed}, down=down), domain, RELAYS)


async def test_a_domain_as_it_should_be() -> None:
    """SPF names both addresses of the relay, the key is ours, and both From domains are aligned."""
    findings = await examined({})
    assert [found.check for found in findings] == [
        "SPF mail.example",
        f"DKIM {KEY}",
        "DMARC mail.example",
        "DMARC news.mail.example",
    ]
    assert {found.level for found in findings} == {FindingLevel.OK}


@pytest.mark.parametrize(
    ("changed", "check", "level", "said"),
    [
        ({"mail.example": []}, "SPF mail.example", FindingLevel.PROBLEM, "no SPF record"),
        ({"mail.example": ["v=spf1 ip4:192.0.2.7 -all"]}, "SPF mail.example", FindingLevel.WARNING, "2001:db8::7"),
        ({"mail.example": ["v=spf1 what -all"]}, "SPF mail.example", FindingLevel.PROBLEM, "broken"),
        (
            {"mail.example": ["v=spf1 exists:%{i}.x.example -all"]},
            "SPF mail.example",
            FindingLevel.WARNING,
            "192.0.2.7",
        ),
        (
            {"mail.example": ["v=spf1 exists:%{l}.x.example -all"]},
            "SPF mail.example",
            FindingLevel.OK,
            "to the message",
        ),
        ({KEY: []}, f"DKIM {KEY}", FindingLevel.PROBLEM, f"publish {RECORD}"),
        ({KEY: ["v=DKIM1; p=QQ=="]}, f"DKIM {KEY}", FindingLevel.PROBLEM, "not that of our private key"),
        ({KEY: ["v=DKIM1; p="]}, f"DKIM {KEY}", FindingLevel.PROBLEM, "revoked"),
        ({KEY: ["v=DKIM1; t=y; p=TUlJQg=="]}, f"DKIM {KEY}", FindingLevel.WARNING, "t=y"),
        ({KEY: ["v=DKIM1; k=ed25519; p=TUlJQg=="]}, f"DKIM {KEY}", FindingLevel.PROBLEM, "k=ed25519"),
        ({"_dmarc.mail.example": []}, "DMARC mail.example", FindingLevel.PROBLEM, "no DMARC record"),
        ({"_dmarc.mail.example": ["v=DMARC1; p=none"]}, "DMARC mail.example", FindingLevel.WARNING, "p=none"),
        ({"_dmarc.mail.example": ["v=DMARC1; p=rejekt"]}, "DMARC mail.example", FindingLevel.PROBLEM, "no policy"),
        ({"_dmarc.mail.example": ["v=DMARC1; p=none"] * 2}, "DMARC mail.example", FindingLevel.PROBLEM, "several"),
        (
            {"_dmarc.mail.example": ["v=DMARC1; p=reject; adkim=s; aspf=s"]},
            "DMARC news.mail.example",
            FindingLevel.PROBLEM,
            "neither DKIM nor SPF",
        ),
        (
            {"_dmarc.mail.example": ["v=DMARC1; p=reject; aspf=s"]},
            "DMARC news.mail.example",
            FindingLevel.OK,
            "and DKIM aligned",
        ),
        (
            {"_dmarc.news.mail.example": ["v=DMARC1; p=reject; psd=n"]},
            "DMARC news.mail.example",
            FindingLevel.PROBLEM,
            "neither DKIM nor SPF",
        ),
    ],
)
async def test_a_domain_with_a_fault(
    changed: Mapping[str, Sequence[str]], check: str, level: FindingLevel, said: str
) -> None:
    """The finding says what to publish."""
    [found] = [found for found in await examined(changed) if found.check == check]
    assert (found.level, said in found.text) == (level, True), found.text


async def test_a_domain_without_a_key() -> None:
    """The operator is told that mail of the domain is not signed."""
    findings = await examined({}, SenderDomain("mail.example", ["mail.example"], {}))
    [found] = [found for found in findings if found.check.startswith("DKIM")]
    assert found.level is FindingLevel.WARNING
    assert "MAILER_DKIM" in found.text


async def test_a_dns_that_does_not_answer_is_no_fault_of_the_domain() -> None:
    """The silence of the DNS is reported, and the other checks are made."""
    findings = await examined({}, down=frozenset({KEY}))
    assert [found.level for found in findings] == [
        FindingLevel.OK,
        FindingLevel.WARNING,
        FindingLevel.OK,
        FindingLevel.OK,
    ]
    assert "did not answer" in findings[1].text
    [spf, *_] = await examined({}, down=frozenset({"mail.example"}))
    assert (spf.level, "did not answer" in spf.text) == (FindingLevel.WARNING, True)


@pytest.mark.parametrize(
    ("names", "back", "level"),
    [
        (["relay.example"], ["192.0.2.7"], FindingLevel.OK),
        (["other.example", "relay.example"], ["192.0.2.7"], FindingLevel.OK),
        (["relay.example"], ["192.0.2.8"], FindingLevel.WARNING),
        ([], [], FindingLevel.WARNING),
    ],
)
async def test_reverse_dns(names: Sequence[str], back: Sequence[str], level: FindingLevel) -> None:
    """An address has a name that leads back to it."""
    zone = WrittenZone(ptr={HERE: names}, hosts={"relay.example": back})
    assert (await examine_reverse_dns(zone, "relay-us", HERE)).level is level
