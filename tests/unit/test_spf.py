"""SPF as RFC 7208 defines it, and records of people who want it to fail."""

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.policy.spf_macros import SpfRecordError
from mailer.policy.spf_record import MOST_RECORD_CHARACTERS, SpfResult, parse_spf_record
from mailer.ports.dns_lookup import Address
from mailer.runtime import spf_evaluation
from mailer.runtime.spf_evaluation import SpfIdentity, SpfVerdict, evaluate_spf
from tests.dns_zone import WrittenZone
from tests.spf_cases import FAIL, HERE, HOSTS, LONG, NEUTRAL, NONE, PASS, PERMERROR, SIX, TEMPERROR, TERMS, spf_zone


async def checked(
    record: str | Sequence[str], address: Address = HERE, local_part: str = "bo-lp", domain: str = "mail.example"
) -> SpfVerdict:
    """The verdict of a record of mail.example."""
    return await evaluate_spf(spf_zone(record), SpfIdentity(address, domain, local_part, "helo.example"))


@pytest.mark.parametrize(("record", "result"), TERMS)
async def test_spf(record: str, result: SpfResult) -> None:
    """The result is that of RFC 7208."""
    found = await checked(record)
    assert found.result is result, found.fault
    assert bool(found.fault) == (result in (PERMERROR, TEMPERROR))


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip6:2001:db8::/32 -all", PASS),
        ("v=spf1 ip6:2001:db8::1234:0:0/96 -all", FAIL),
        ("v=spf1 ip4:0.0.0.0/0 -all", FAIL),
        ("v=spf1 a:relay.example -all", PASS),
        ("v=spf1 a:other.example/0//64 -all", PASS),
        ("v=spf1 a:other.example/0 -all", FAIL),
        ("v=spf1 ptr:six.example -all", PASS),
        ("v=spf1 exists:%{ir}.%{v}.arpa -all", FAIL),
    ],
)
async def test_spf_of_ipv6(record: str, result: SpfResult) -> None:
    """An IPv6 client is compared with IPv6 networks and addresses only."""
    assert (await checked(record, SIX)).result is result


async def test_ipv6_macros_have_a_dot_after_each_digit() -> None:
    """RFC 7208 7.3."""
    asked = spf_zone("v=spf1 exists:%{i}.%{v}.example -all")
    await evaluate_spf(asked, SpfIdentity(SIX, "mail.example"))
    nibbles = "2.0.0.1.0.d.b.8" + ".0" * 20 + ".c.b.0.1"
    assert asked.asked[-1] == f"{nibbles}.ip6.example"


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["host.other.example", "host.mail.example", "mail.example"], "mail.example"),
        (["host.other.example", "host.mail.example"], "host.mail.example"),
        (["host.other.example"], "host.other.example"),
        (["liar.mail.example"], "unknown"),
    ],
)
async def test_the_best_name_of_a_client(names: Sequence[str], best: str) -> None:
    """RFC 7208 7.3: `%{p}` is the domain itself, else a name below it, else any that leads back."""
    asked = spf_zone("v=spf1 exists:%{p}.list.example -all")
    asked.ptr, asked.hosts = {HERE: names}, {**HOSTS, "host.other.example": ["192.0.2.7"]}
    await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))
    assert asked.asked[-1] == f"{best}.list.example"


async def test_a_capital_macro_is_escaped() -> None:
    """RFC 7208 7.3: characters that a URL does not allow are escaped."""
    asked = spf_zone("v=spf1 exists:%{L}.example exists:%{l}.example -all")
    await evaluate_spf(asked, SpfIdentity(HERE, "mail.example", "a b/c~d"))
    assert asked.asked[-2:] == ["a%20b%2fc~d.example", "a b/c~d.example"]


async def test_a_mapped_address_is_an_ipv4_address() -> None:
    """A socket of both families shows IPv4 clients as `::ffff:192.0.2.7`."""
    assert (await checked("v=spf1 ip4:192.0.2.7 -all", ipaddress.ip_address("::ffff:192.0.2.7"))).result is PASS


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "[192.0.2.7]",
        "192.0.2.7",
        "a..example",
        f"{LONG}x.example",
        ".".join([LONG] * 5),
        "b\u00fccher.example",
        "a\\.example",
    ],
)
async def test_no_domain_has_no_result(domain: str) -> None:
    """RFC 7208 4.3: a malformed name, an address or a single label is not asked for."""
    asked = spf_zone("v=spf1 +all")
    assert (await evaluate_spf(asked, SpfIdentity(HERE, domain))).result is NONE
    assert asked.asked == []


async def test_the_domain_is_compared_without_case_and_final_dot() -> None:
    """The verdict names the domain in lower case."""
    assert await checked("v=spf1 ip4:192.0.2.7 -all", domain="Mail.EXAMPLE.") == SpfVerdict(PASS, "mail.example")


@pytest.mark.parametrize(("terms", "result"), [(10, NEUTRAL), (11, PERMERROR)])
async def test_ten_terms_ask_the_dns(terms: int, result: SpfResult) -> None:
    """RFC 7208 4.6.4: the eleventh term that asks is an error."""
    record = "v=spf1 " + " ".join(["a:other.example"] * terms)
    assert (await checked(record)).result is result


@pytest.mark.parametrize(("terms", "result"), [(2, FAIL), (3, PERMERROR)])
@pytest.mark.parametrize("term", ["a:none.example", "exists:none.example", "mx:none.example"])
async def test_two_terms_ask_in_vain(term: str, terms: int, result: SpfResult) -> None:
    """RFC 7208 4.6.4: the third void look-up is an error."""
    assert (await checked(f"v=spf1 {' '.join([term] * terms)} -all")).result is result


@pytest.mark.parametrize(("hosts", "result"), [(10, FAIL), (11, PERMERROR)])
async def test_ten_mail_exchangers(hosts: int, result: SpfResult) -> None:
    """RFC 7208 4.6.4: the eleventh mail exchanger is an error."""
    asked = spf_zone("v=spf1 mx -all", mx={"mail.example": [f"h{n}.example" for n in range(hosts)]})
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is result


async def test_only_ten_names_of_a_client_are_asked_for() -> None:
    """RFC 7208 5.5: the rest of the PTR records is ignored."""
    asked = spf_zone("v=spf1 ptr -all")
    asked.ptr = {HERE: [f"h{n}.example" for n in range(50)] + ["host.mail.example"]}
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is FAIL
    assert len(asked.asked) == 12


async def test_a_silent_ptr_matches_nothing() -> None:
    """RFC 7208 5.5: an error of the DNS is no match."""
    asked = spf_zone("v=spf1 ptr -all")
    asked.down = frozenset({str(HERE)})
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is FAIL


async def test_an_evaluation_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS that never answers gives `temperror` after the limit."""

    class Endless(WrittenZone):
        async def txt_records(self, name: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr(spf_evaluation, "SECONDS", 0.01)
    found = await evaluate_spf(Endless(), SpfIdentity(HERE, "mail.example"))
    assert (found.result, "0.01 seconds" in found.fault) == (TEMPERROR, True)


async def test_the_queries_of_hostile_records_are_bounded() -> None:
    """Records that branch into ten each ask 121 names at most: ten terms, ten hosts each, and the texts."""
    asked = spf_zone(
        "v=spf1 " + " ".join(["include:big.example"] * 10),
        txt={"big.example": ["v=spf1 " + " ".join(["mx:big.example"] * 10)]},
        mx={"big.example": [f"h{n}.example" for n in range(10)]},
    )
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is PERMERROR
    assert len(asked.asked) <= 121


async def test_macros_do_not_explode() -> None:
    """A record full of macros over a long sender asks for one name of 253 characters at most, at once."""
    asked = spf_zone("v=spf1 exists:" + "%{s}." * 800 + "example -all")
    begun = time.process_time()
    found = await evaluate_spf(asked, SpfIdentity(HERE, "mail.example", "a." * 5000, "h" * 5000))
    assert time.process_time() - begun < 0.5
    assert (found.result, found.depends_on_message) == (FAIL, True)
    assert max(map(len, asked.asked)) <= 253


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 " + "a" * 4000,
        "v=spf1 a:" + "1" * 4000 + "!",
        "v=spf1 a:" + "a." * 1900 + "!",
        "v=spf1 a" + "/" * 4000,
        "v=spf1 exists:" + "%{d}" * 900 + "%",
        "v=spf1 " + "a/0 " * 1000,
        "v=spf1 " + "ip4:1.2.3.4 " * 330,
        "v=spf1 " + "x=" * 2000,
        "v=spf1 " + "x" * 60_000,
    ],
)
def test_a_hostile_record_is_read_in_linear_time(text: str) -> None:
    """No record keeps the process busy."""
    begun = time.process_time()
    with suppress(SpfRecordError):
        parse_spf_record(text)
    assert time.process_time() - begun < 0.1


def test_a_long_record_is_refused() -> None:
    """The limit is told."""
    with pytest.raises(SpfRecordError, match="4096 are read"):
        parse_spf_record("v=spf1 " + "a " * MOST_RECORD_CHARACTERS)


WORDS = (
    "a|mx|all|include|exists|ptr|ip4|ip6|redirect|exp|:|=|/|//|%{|}|%{d}|%{s2r-}|%{p}|.|example|mail.example|8|0|-|~"
)
MORE_WORDS = "?|+| |%|%%|::1|192.0.2.7"


@settings(max_examples=300, deadline=500)
@given(
    st.one_of(
        st.text(max_size=200), st.lists(st.sampled_from(f"{WORDS}|{MORE_WORDS}".split("|")), max_size=40).map("".join)
    ),
    st.text(max_size=80),
    st.text(max_size=80),
)
def test_any_record_and_sender_has_a_result(record: str, local_part: str, helo: str) -> None:
    """No record, sender or name of a client raises, and the names asked for are names."""
    asked = spf_zone(f"v=spf1 {record}")
    found = asyncio.run(evaluate_spf(asked, SpfIdentity(HERE, "mail.example", local_part, helo)))
    assert found.result is not TEMPERROR
    assert all(len(name) <= 253 and name.isascii() and ".." not in name for name in asked.asked)
