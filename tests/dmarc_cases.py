"""DMARC records with the results of messages by RFC 9989."""

from collections.abc import Mapping, Sequence

from mailer.inbound.sender_authentication.dmarc import DmarcResultCode
from tests.dns_zone import WrittenZone

PASS, FAIL = DmarcResultCode.PASS, DmarcResultCode.FAIL
NONE, TEMPERROR = DmarcResultCode.NONE, DmarcResultCode.TEMPERROR

REJECT = {"example.com": "v=DMARC1; p=reject"}
STRICT = {"example.com": "v=DMARC1; p=reject; adkim=s; aspf=s"}
BANK = {"bank": "v=DMARC1; p=reject; psd=y"}
SPLIT = REJECT | {"a.example.com": "v=DMARC1; p=none; psd=n"}
TOP = {"example": "v=DMARC1; p=reject"}

CASES: list[tuple[Mapping[str, str], str, Sequence[str], DmarcResultCode, str, str]] = [
    # records, From's domain, proven domains, result, policy, organization
    (REJECT, "example.com", ["dkim=example.com"], PASS, "reject", "example.com"),
    (REJECT, "example.com", ["spf=example.com"], PASS, "reject", "example.com"),
    (REJECT, "example.com", [], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=evil.example", "spf=evil.example"], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=evil.example", "spf=example.com"], PASS, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=evil.example", "dkim=example.com"], PASS, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=mail.example.com"], PASS, "reject", "example.com"),
    (REJECT, "mail.example.com", ["dkim=example.com"], PASS, "reject", "example.com"),
    (REJECT, "a.example.com", ["spf=b.c.example.com"], PASS, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=badexample.com"], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=com"], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=example.com.evil.example"], FAIL, "reject", "example.com"),
    (STRICT, "example.com", ["dkim=example.com"], PASS, "reject", "example.com"),
    (STRICT, "example.com", ["dkim=mail.example.com"], FAIL, "reject", "example.com"),
    (STRICT, "example.com", ["spf=mail.example.com"], FAIL, "reject", "example.com"),
    (STRICT, "a.example.com", ["dkim=example.com"], FAIL, "reject", "example.com"),
    ({"example.com": "v=DMARC1; p=none; adkim=s"}, "example.com", ["spf=a.example.com"], PASS, "none", "example.com"),
    ({"example.com": "v=DMARC1; p=none; adkim=s"}, "example.com", ["dkim=a.example.com"], FAIL, "none", "example.com"),
    ({"example.com": "v=DMARC1; p=none; aspf=S"}, "example.com", ["spf=a.example.com"], FAIL, "none", "example.com"),
    ({"example.com": "v=DMARC1; p=none; aspf=x"}, "example.com", ["spf=a.example.com"], PASS, "none", "example.com"),
    # the walk
    (SPLIT, "a.example.com", ["dkim=example.com"], FAIL, "none", "a.example.com"),
    (SPLIT, "example.com", ["dkim=a.example.com"], FAIL, "reject", "example.com"),
    (SPLIT, "x.a.example.com", ["dkim=y.a.example.com"], PASS, "none", "a.example.com"),
    (SPLIT, "b.example.com", ["dkim=example.com"], PASS, "reject", "example.com"),
    (BANK, "mega.bank", ["dkim=mega.bank"], PASS, "reject", "mega.bank"),
    (BANK, "mega.bank", ["dkim=mail.mega.bank"], PASS, "reject", "mega.bank"),
    (BANK, "mega.bank", ["dkim=evil.bank"], FAIL, "reject", "mega.bank"),
    (BANK, "mega.bank", ["dkim=bank"], FAIL, "reject", "mega.bank"),
    (BANK, "bank", ["dkim=bank"], PASS, "reject", "bank"),
    (BANK, "bank", ["dkim=mega.bank"], FAIL, "reject", "bank"),
    (TOP, "mega.example", ["dkim=evil.example"], FAIL, "reject", "example"),
    (TOP, "mega.example", ["dkim=mega.example"], PASS, "reject", "example"),
    # no record
    ({}, "example.com", ["dkim=example.com", "spf=example.com"], NONE, "", "example.com"),
    ({"example.com": "v=spf1 -all"}, "example.com", ["dkim=example.com"], NONE, "", "example.com"),
    ({"example.com": "v=DMARC1; p=bogus"}, "example.com", ["dkim=example.com"], NONE, "", "example.com"),
    ({"other.example.com": "v=DMARC1; p=none"}, "example.com", ["dkim=example.com"], NONE, "", "example.com"),
    # policies
    ({"example.com": "v=DMARC1"}, "example.com", ["dkim=example.com"], NONE, "", "example.com"),
    (
        {"example.com": "v=DMARC1; rua=mailto:a@b.example"},
        "example.com",
        ["dkim=example.com"],
        PASS,
        "none",
        "example.com",
    ),
    ({"example.com": "v=DMARC1; p=reject; t=y"}, "example.com", [], FAIL, "quarantine", "example.com"),
    ({"example.com": "v=DMARC1; p=reject; pct=0"}, "example.com", [], FAIL, "reject", "example.com"),
    (
        {"example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"},
        "no.example.com",
        [],
        FAIL,
        "reject",
        "example.com",
    ),
    ({"example.com": "v=DMARC1; p=none; sp=reject"}, "no.example.com", [], FAIL, "reject", "example.com"),
    # a silent DNS
    (REJECT, "example.com", ["dkim?example.com"], TEMPERROR, "reject", "example.com"),
    (REJECT, "example.com", ["spf?mail.example.com"], TEMPERROR, "reject", "example.com"),
    (REJECT, "example.com", ["dkim?evil.example", "spf?evil.example"], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim?example.com", "spf=example.com"], PASS, "reject", "example.com"),
    (STRICT, "example.com", ["dkim?mail.example.com"], FAIL, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=silent.example.com"], TEMPERROR, "reject", "example.com"),
    (REJECT, "example.com", ["dkim=silent.example.com", "spf=example.com"], PASS, "reject", "example.com"),
    (REJECT, "silent.example.com", ["dkim=silent.example.com"], TEMPERROR, "", ""),
]


def dmarc_zone(records: Mapping[str, str]) -> WrittenZone:
    """A zone with DMARC records, by their domain. That of silent.example.com does not answer."""
    texts = {f"_dmarc.{name}": [text] for name, text in records.items()}
    return WrittenZone(txt=texts, down=frozenset({"_dmarc.silent.example.com"}))
