"""The DMARC policy of a domain: the walk, the record that holds, and the treatment that it asks for."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.dmarc_records import dmarc_names_to_query, parse_dkim_or_dmarc_tags, tags_if_dmarc_record
from mailer.ports.dns_lookup import LookupFailed
from mailer.runtime.dmarc_tree_walk import fetch_effective_dmarc_policy
from tests.dns_zone import WrittenZone


def zone(records: Mapping[str, str]) -> WrittenZone:
    """A zone with DMARC records, by their domain. Below example.com, only here.example.com exists."""
    texts = {f"_dmarc.{name}": [text] for name, text in records.items()}
    return WrittenZone(txt=texts, hosts={"www.here.example.com": ["192.0.2.1"]})


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


@pytest.mark.parametrize("labels", range(1, 130))
def test_no_name_takes_more_than_eight_queries(labels: int) -> None:
    """The walk ends at the top-level domain for a name of any length, and asks no name twice."""
    names = list(dmarc_names_to_query(".".join(["x"] * labels)))
    assert len(names) == len(set(names)) <= 8
    assert names[-1] == "x"


WALKS = [
    # records, From's domain, where the record is, organizational domain, policy
    ({"example.com": "v=DMARC1; p=reject"}, "example.com", "example.com", "example.com", "reject"),
    ({"example.com": "v=DMARC1; p=reject"}, "EXAMPLE.com.", "example.com", "example.com", "reject"),
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
    ({"bank": "v=DMARC1; p=reject; psd=Y"}, "a.mega.bank", "bank", "mega.bank", "reject"),
    (
        {"co.uk": "v=DMARC1; p=none; psd=y", "uk": "v=DMARC1; p=reject"},
        "co.uk",
        "co.uk",
        "co.uk",
        "none",
    ),
    (
        {"x.mega.bank": "v=DMARC1; p=none", "bank": "v=DMARC1; p=reject; psd=y"},
        "a.x.mega.bank",
        "bank",
        "mega.bank",
        "reject",
    ),
    ({}, "a.example.com", "", "a.example.com", "none"),
    ({"example.com": "v=spf1 -all"}, "example.com", "", "example.com", "none"),
    ({"example.com": "v=DMARC1"}, "example.com", "example.com", "example.com", "none"),
    ({"example.com": "p=reject; v=DMARC1"}, "example.com", "", "example.com", "none"),
    ({"example.com": "v=dmarc1; p=reject"}, "example.com", "", "example.com", "none"),
    ({"example.com": "v = DMARC1 ;p = Reject"}, "example.com", "example.com", "example.com", "reject"),
    ({"example.com": "v=DMARC1; p=reject;" + " " * 5000}, "example.com", "", "example.com", "none"),
    ({"example.com": "v=DMARC1; p=none; p=reject; pct=0"}, "example.com", "example.com", "example.com", "none"),
    # the policy for names that do not exist
    (
        {"example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"},
        "no.example.com",
        "example.com",
        "example.com",
        "reject",
    ),
    (
        {"example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"},
        "here.example.com",
        "example.com",
        "example.com",
        "quarantine",
    ),
    (
        {"example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"},
        "example.com",
        "example.com",
        "example.com",
        "none",
    ),
    ({"example.com": "v=DMARC1; p=none; sp=reject"}, "no.example.com", "example.com", "example.com", "reject"),
]


@pytest.mark.parametrize(("records", "sender", "where", "organization", "policy"), WALKS)
async def test_dmarc(records: Mapping[str, str], sender: str, where: str, organization: str, policy: str) -> None:
    """The record that holds and the organizational domain are those of RFC 9989's tree walk."""
    found = await fetch_effective_dmarc_policy(zone(records), sender)
    assert (found.domain, found.organization, found.policy) == (where, organization, policy)


async def test_two_records_count_as_none() -> None:
    """RFC 9989 4.10: several records of a name are discarded, and the walk goes on."""
    asked = WrittenZone(txt={"_dmarc.a.example": ["v=DMARC1; p=none"] * 2, "_dmarc.example": ["v=DMARC1; p=reject"]})
    found = await fetch_effective_dmarc_policy(asked, "a.example")
    assert (found.domain, found.policy, found.doubled) == ("example", "reject", ("a.example",))


async def test_existence_is_asked_only_for_np() -> None:
    """A record without `np`, or of the domain itself, costs no further query."""
    asked = zone({"example.com": "v=DMARC1; p=reject; sp=none"})
    await fetch_effective_dmarc_policy(asked, "a.example.com")
    assert asked.asked == ["_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com"]


async def test_a_silent_dns_is_no_missing_record() -> None:
    """A query without an answer anywhere on the walk ends it."""
    asked = zone({"example.com": "v=DMARC1; p=none"})
    asked.down = frozenset({"_dmarc.a.example.com"})
    with pytest.raises(LookupFailed):
        await fetch_effective_dmarc_policy(asked, "a.example.com")


@pytest.mark.parametrize(
    ("record", "applied"),
    [
        ("v=DMARC1; p=reject", "reject"),
        ("v=DMARC1; p=reject; t=y", "quarantine"),
        ("v=DMARC1; p=quarantine; t=Y", "none"),
        ("v=DMARC1; p=none; t=y", "none"),
        ("v=DMARC1; p=quarantine; t=n", "quarantine"),
        ("v=DMARC1; p=reject; pct=0", "reject"),
        ("v=DMARC1", None),
        ("v=DMARC1; sp=reject", None),
        ("v=DMARC1; rua=mailto:a@example.com", "none"),
        ("v=DMARC1; p=rejekt", None),
        ("v=DMARC1; p=rejekt; rua=mailto:a@example.com", "none"),
        ("v=DMARC1; p=reject; sp=never", None),
        ("v=DMARC1; p=reject; np=never; rua=https://a.example", "none"),
        ("v=spf1 -all", None),
    ],
)
async def test_the_treatment_that_a_receiver_applies(record: str, applied: str | None) -> None:
    """RFC 9989 4.7 and 4.10.1: `t=` is a step back, `pct` is nothing, a wrong policy needs `rua`."""
    found = await fetch_effective_dmarc_policy(zone({"example.com": record}), "example.com")
    assert found.applied_policy == applied


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """No text of a TXT record raises."""
    tags_if_dmarc_record(text)
    tags_if_dmarc_record(f"v=DMARC1;{text}")
    parse_dkim_or_dmarc_tags(text)


@pytest.mark.parametrize("text", ["p=" + " " * 65_000 + "x", ";" * 65_000, "a=b;" * 16_000, "=" * 65_000])
def test_a_long_text_is_read_in_linear_time(text: str) -> None:
    """A TXT record of 64 KiB takes no time that somebody would notice."""
    begun = time.process_time()
    parse_dkim_or_dmarc_tags(text)
    assert time.process_time() - begun < 0.5
