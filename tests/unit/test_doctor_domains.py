"""The records in the DNS by which receivers believe a brand's mail."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from mailer.doctor.dmarc import dmarc_names_to_query, fetch_effective_dmarc_policy
from mailer.doctor.dns_lookup import Address, LookupFailed
from mailer.doctor.domains import SenderDomain, examine_domain, examine_reverse_dns
from mailer.doctor.finding import Finding, FindingLevel
from mailer.doctor.spf import SpfResult, evaluate_spf

HERE = ipaddress.ip_address("192.0.2.7")
SIX = ipaddress.ip_address("2001:db8::7")
KEY = "k1._domainkey.mail.example"
RECORD = "v=DKIM1; k=rsa; p=TUlJQg=="


@dataclass
class Zone:
    """A `DnsLookup` over records that are written down; `down` names do not answer."""

    txt: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mx: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ptr: Mapping[Address, Sequence[str]] = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def txt_records(self, name: str) -> Sequence[str]:
        """TXT."""
        self.asked.append(name)
        if name in self.down:
            raise LookupFailed(f"the DNS did not answer for TXT {name}")
        return self.txt.get(name, ())

    async def host_addresses(self, name: str) -> Sequence[Address]:
        """A and AAAA."""
        return [ipaddress.ip_address(address) for address in self.hosts.get(name, ())]

    async def mx_hosts(self, name: str) -> Sequence[str]:
        """MX."""
        return self.mx.get(name, ())

    async def ptr_names(self, address: Address) -> Sequence[str]:
        """PTR."""
        return self.ptr.get(address, ())


SPF = [
    ("v=spf1 ip4:192.0.2.0/24 -all", SpfResult.PASS),
    ("v=spf1 ip4:192.0.2.7 -all", SpfResult.PASS),
    ("v=spf1 ip6:2001:db8::/32 -all", SpfResult.FAIL),
    ("v=spf1 ip4:198.51.100.0/24 ~all", SpfResult.SOFTFAIL),
    ("v=spf1 ip4:198.51.100.0/24", SpfResult.NEUTRAL),
    ("V=SPF1 A:relay.example -ALL", SpfResult.PASS),
    ("v=spf1 a:other.example/24 -all", SpfResult.PASS),
    ("v=spf1 a:other.example/24//64 -all", SpfResult.PASS),
    ("v=spf1 a:relay.example//64 -all", SpfResult.PASS),
    ("v=spf1 mx//64 -all", SpfResult.PASS),
    ("v=spf1 mx -all", SpfResult.PASS),
    ("v=spf1 include:relay.example -all", SpfResult.PASS),
    ("v=spf1 include:other.example -all", SpfResult.FAIL),
    ("v=spf1 redirect=relay.example", SpfResult.PASS),
    ("v=spf1 -ip4:192.0.2.7 +all", SpfResult.FAIL),
    ("v=spf1 exists:%{i}.list.example -all", SpfResult.UNKNOWN),
    ("v=spf1 include:nothing.example -all", SpfResult.PERMERROR),
    ("v=spf1 ipv4:192.0.2.7 -all", SpfResult.PERMERROR),
    ("v=spf1 ip4:192.0.2.999 -all", SpfResult.PERMERROR),
    ("v=spf1 include:loop.example -all", SpfResult.PERMERROR),
    ("v=spf2 -all", SpfResult.NONE),
]


@pytest.mark.parametrize(("record", "result"), SPF)
async def test_spf(record: str, result: SpfResult) -> None:
    """The result is that of RFC 7208."""
    zone = Zone(
        txt={
            "mail.example": [record, "something else"],
            "relay.example": ["v=spf1 ip4:192.0.2.7 -all"],
            "other.example": ["v=spf1 ip4:198.51.100.1 -all"],
            "loop.example": ["v=spf1 include:loop.example -all"],
        },
        hosts={"relay.example": ["192.0.2.7"], "other.example": ["192.0.2.200"]},
        mx={"mail.example": ["relay.example"]},
    )
    assert (await evaluate_spf(zone, "mail.example", HERE))[0] is result


async def test_more_than_ten_mail_exchangers_are_an_error() -> None:
    """RFC 7208 4.6.4."""
    zone = Zone(txt={"mail.example": ["v=spf1 mx -all"]}, mx={"mail.example": [f"mx{n}.example" for n in range(11)]})
    result, fault = await evaluate_spf(zone, "mail.example", HERE)
    assert (result, fault) == (SpfResult.PERMERROR, "mail.example has 11 mail exchangers; 10 are allowed")


async def test_two_spf_records_are_an_error() -> None:
    """RFC 7208 4.5."""
    zone = Zone(txt={"mail.example": ["v=spf1 -all", "v=spf1 +all"]})
    assert await evaluate_spf(zone, "mail.example", HERE) == (
        SpfResult.PERMERROR,
        "mail.example has 2 SPF records; there may be one",
    )


def test_the_walk_asks_at_most_eight_names() -> None:
    """RFC 9989 4.10: a long name is shortened to seven labels at once."""
    assert list(dmarc_names_to_query("a.mail.example.com")) == [
        "a.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    long = ".".join(["x"] * 20 + ["mail", "example", "com"])
    assert list(dmarc_names_to_query(long)) == [
        long,
        "x.x.x.x.mail.example.com",
        "x.x.x.mail.example.com",
        "x.x.mail.example.com",
        "x.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]


WALKS = [
    # records, From's domain, where the record is, organizational domain, policy
    ({"example.com": "v=DMARC1; p=reject"}, "example.com", "example.com", "example.com", "reject"),
    ({"example.com": "v=DMARC1; p=reject"}, "a.b.example.com", "example.com", "example.com", "reject"),
    ({"example.com": "v=DMARC1; p=reject; sp=none"}, "b.example.com", "example.com", "example.com", "none"),
    (
        {"b.example.com": "v=DMARC1; p=none", "example.com": "v=DMARC1; p=reject"},
        "b.example.com",
        "b.example.com",
        "example.com",
        "none",
    ),
    (
        {"b.example.com": "v=DMARC1; p=none; psd=n", "example.com": "v=DMARC1; p=reject"},
        "a.b.example.com",
        "b.example.com",
        "b.example.com",
        "none",
    ),
    (
        {"bank": "v=DMARC1; p=reject; psd=y", "mega.bank": "v=DMARC1; p=quarantine"},
        "a.mega.bank",
        "mega.bank",
        "mega.bank",
        "quarantine",
    ),
    ({"bank": "v=DMARC1; p=reject; psd=y"}, "a.mega.bank", "bank", "mega.bank", "reject"),
    ({}, "a.example.com", "", "a.example.com", "none"),
    ({"example.com": "v=spf1 -all"}, "example.com", "", "example.com", "none"),
]


@pytest.mark.parametrize(("records", "sender", "where", "organization", "policy"), WALKS)
async def test_dmarc(records: Mapping[str, str], sender: str, where: str, organization: str, policy: str) -> None:
    """The record that holds and the organizational domain are those of RFC 9989's tree walk."""
    found = await fetch_effective_dmarc_policy(
        Zone(txt={f"_dmarc.{name}": [text] for name, text in records.items()}), sender
    )
    assert (found.domain, found.organization, found.policy) == (where, organization, policy)


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
    return await examine_domain(Zone(txt={**GOOD, **changed}, down=down), domain, RELAYS)


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
    zone = Zone(ptr={HERE: names}, hosts={"relay.example": back})
    assert (await examine_reverse_dns(zone, "relay-us", HERE)).level is level
