"""SPF as RFC 7208 defines it, and records of people who want it to fail."""

import asyncio
import ipaddress
import time
from collections.abc import Mapping, Sequence
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

HERE = ipaddress.ip_address("192.0.2.7")
SIX = ipaddress.ip_address("2001:db8::cb01")
LONG = "x" * 63
RECORDS = {
    "relay.example": ["v=spf1 ip4:192.0.2.7 -all"],
    "other.example": ["v=spf1 ip4:198.51.100.1 -all"],
    "soft.example": ["v=spf1 ip4:198.51.100.1 ~all"],
    "neutral.example": ["v=spf1 ip4:198.51.100.1 ?all"],
    "wrong.example": ["v=spf1 what -all"],
    "loop.example": ["v=spf1 include:loop.example -all"],
    "ping.example": ["v=spf1 redirect=pong.example"],
    "pong.example": ["v=spf1 redirect=ping.example"],
    "two.example": ["v=spf1 -all", "v=spf1 +all"],
    "deep.example": ["v=spf1 include:relay.example include:loop.example -all"],
}
HOSTS = {
    "mail.example": ["192.0.2.7"],
    "relay.example": ["192.0.2.7", "2001:db8::cb01"],
    "other.example": ["192.0.2.200", "2001:db8::1"],
    "mx1.example": ["192.0.2.7"],
    "mx2.example": ["198.51.100.1"],
    "7.2.0.192.in-addr.mail.example": ["127.0.0.2"],
    "192.0.2.7.mail.example": ["127.0.0.2"],
    "bo.lp.mail.example": ["127.0.0.2"],
    "host.mail.example": ["192.0.2.7"],
    "liar.mail.example": ["198.51.100.9"],
    "a%percent b.mail.example": ["192.0.2.7"],
    f"{LONG}.{LONG}.{LONG}.mail.example": ["192.0.2.7"],
    "six.example": ["2001:db8::cb01"],
}
MX = {"mail.example": ["mx2.example", "mx1.example"], "null.example": ["."], "far.example": ["mx2.example"]}
SILENT = frozenset({"silent.example"})

PASS, FAIL, SOFTFAIL, NEUTRAL = SpfResult.PASS, SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL
NONE, PERMERROR, TEMPERROR = SpfResult.NONE, SpfResult.PERMERROR, SpfResult.TEMPERROR


def zone(record: str | Sequence[str], **more: Mapping[str, Sequence[str]]) -> WrittenZone:
    """The records of this file, with those of mail.example."""
    own = [record] if isinstance(record, str) else record
    txt = {**RECORDS, "mail.example": [*own, "something else"], **more.get("txt", {})}
    ptr = {HERE: ["liar.mail.example", "host.mail.example"], SIX: ["six.example"]}
    return WrittenZone(txt=txt, hosts=HOSTS, mx={**MX, **more.get("mx", {})}, ptr=ptr, down=SILENT)


async def checked(
    record: str | Sequence[str], address: Address = HERE, local_part: str = "bo-lp", domain: str = "mail.example"
) -> SpfVerdict:
    """The verdict of a record of mail.example."""
    return await evaluate_spf(zone(record), SpfIdentity(address, domain, local_part, "helo.example"))


TERMS = [
    # versions and results
    ("v=spf1 ip4:192.0.2.0/24 -all", PASS),
    ("v=spf1 ip6:2001:db8::/32 -all", FAIL),
    ("v=spf1 ip4:198.51.100.0/24 ~all", SOFTFAIL),
    ("v=spf1 ip4:198.51.100.0/24 ?all", NEUTRAL),
    ("v=spf1 ip4:198.51.100.0/24", NEUTRAL),
    ("v=spf1", NEUTRAL),
    ("v=spf1  ", NEUTRAL),
    ("v=spf1   -ip4:192.0.2.7   +all", FAIL),
    ("V=SPF1 A:relay.example -ALL", PASS),
    ("v=spf10 +all", NONE),
    ("v=spf2 -all", NONE),
    (" v=spf1 +all", NONE),
    # syntax errors anywhere
    ("v=spf1 ip4:192.0.2.7 -all moo", PERMERROR),
    ("v=spf1 all.", PERMERROR),
    ("v=spf1 all/8", PERMERROR),
    ("v=spf1 -all:mail.example", PERMERROR),
    ("v=spf1 ++all", PERMERROR),
    ("v=spf1 ipv4:192.0.2.7 -all", PERMERROR),
    ("v=spf1 \u00e9 -all", PERMERROR),
    ("v=spf1 a:\ufffdrelay.example -all", PERMERROR),
    ("v=spf1 a\r-all", PERMERROR),
    ("v=spf1 a\t-all", PERMERROR),
    # modifiers
    ("v=spf1 redirect=relay.example", PASS),
    ("v=spf1 redirect=relay.example -all", FAIL),
    ("v=spf1 redirect=mail.example ~all", SOFTFAIL),
    ("v=spf1 redirect=none.example", PERMERROR),
    ("v=spf1 redirect=silent.example", TEMPERROR),
    ("v=spf1 redirect=relay.example redirect=relay.example", PERMERROR),
    ("v=spf1 redirect:relay.example", PERMERROR),
    ("v=spf1 redirect=", PERMERROR),
    ("v=spf1 redirect=ping.example", PERMERROR),
    ("v=spf1 moo.cow-far_out=man:dog/cat ip4:192.0.2.7 -all", PASS),
    ("v=spf1 moo=%{x} -all", PERMERROR),
    ("v=spf1 moo=100% -all", PERMERROR),
    ("v=spf1 =moo -all", PERMERROR),
    ("v=spf1 -all exp=why.example", FAIL),
    ("v=spf1 -all exp=why.example exp=why.example", PERMERROR),
    ("v=spf1 -all exp=%{c}.example.1", PERMERROR),
    # networks
    ("v=spf1 ip4:192.0.2.7/32 -all", PASS),
    ("v=spf1 ip4:1.1.1.1/0 -all", PASS),
    ("v=spf1 ip4:192.0.2.7/33 -all", PERMERROR),
    ("v=spf1 ip4:192.0.2.7/032 -all", PERMERROR),
    ("v=spf1 ip4:192.0.2.7// -all", PERMERROR),
    ("v=spf1 ip4 -all", PERMERROR),
    ("v=spf1 ip4:192.0.2 -all", PERMERROR),
    ("v=spf1 ip4:192.0.2.999 -all", PERMERROR),
    ("v=spf1 ip6:2001:db8::/129 -all", PERMERROR),
    ("v=spf1 ip6:zz:: -all", PERMERROR),
    ("v=spf1 ip6:2001:db8::%eth0 -all", PERMERROR),
    # a
    ("v=spf1 a -all", PASS),
    ("v=spf1 a/24 -all", PASS),
    ("v=spf1 a:other.example -all", FAIL),
    ("v=spf1 a:other.example/24 -all", PASS),
    ("v=spf1 a:other.example/24//64 -all", PASS),
    ("v=spf1 a:relay.example//64 -all", PASS),
    ("v=spf1 a:other.example/0 -all", PASS),
    ("v=spf1 a:none.example/0 -all", FAIL),
    ("v=spf1 a:other.example/33 -all", PERMERROR),
    ("v=spf1 a:other.example//129 -all", PERMERROR),
    ("v=spf1 a:other.example:8080 -all", PERMERROR),
    ("v=spf1 a: -all", PERMERROR),
    ("v=spf1 a:/24 -all", PERMERROR),
    ("v=spf1 a:museum -all", PERMERROR),
    ("v=spf1 a:192.0.2.7 -all", PERMERROR),
    ("v=spf1 a:foo-bar -all", PERMERROR),
    ("v=spf1 a:relay.example. -all", PASS),
    ("v=spf1 a:mail...example -all", FAIL),
    (f"v=spf1 a:{LONG}x.example -all", FAIL),
    ("v=spf1 a:silent.example -all", TEMPERROR),
    ("v=spf1 a:silent.example/24 +all", TEMPERROR),
    # mx
    ("v=spf1 mx -all", PASS),
    ("v=spf1 mx//64 -all", PASS),
    ("v=spf1 mx:far.example -all", FAIL),
    ("v=spf1 mx:far.example/0 -all", PASS),
    ("v=spf1 mx:null.example -all", FAIL),
    ("v=spf1 mx:none.example -all", FAIL),
    # include
    ("v=spf1 include:relay.example -all", PASS),
    ("v=spf1 -include:relay.example +all", FAIL),
    ("v=spf1 include:other.example ~all", SOFTFAIL),
    ("v=spf1 include:soft.example -all", FAIL),
    ("v=spf1 include:neutral.example -all", FAIL),
    ("v=spf1 include:none.example -all", PERMERROR),
    ("v=spf1 include:wrong.example -all", PERMERROR),
    ("v=spf1 include:two.example -all", PERMERROR),
    ("v=spf1 include:silent.example -all", TEMPERROR),
    ("v=spf1 include -all", PERMERROR),
    ("v=spf1 include:relay.example/24 -all", PERMERROR),
    ("v=spf1 include:mail..example -all", PERMERROR),
    ("v=spf1 include:mail.example -all", PERMERROR),
    ("v=spf1 include:loop.example -all", PERMERROR),
    ("v=spf1 include:deep.example -all", PASS),
    # exists and ptr
    ("v=spf1 exists:mail.example -all", PASS),
    ("v=spf1 exists:six.example -all", FAIL),
    ("v=spf1 exists -all", PERMERROR),
    ("v=spf1 exists:mail.example/24 -all", PERMERROR),
    ("v=spf1 ptr -all", PASS),
    ("v=spf1 ptr:mail.example -all", PASS),
    ("v=spf1 ptr:host.mail.example -all", PASS),
    ("v=spf1 ptr:ail.example -all", FAIL),
    ("v=spf1 ptr:liar.mail.example -all", FAIL),
    ("v=spf1 ptr/24 -all", PERMERROR),
    # macros
    ("v=spf1 exists:%{ir}.%{v}.%{d} -all", PASS),
    ("v=spf1 exists:%{i}.%{o} -all", PASS),
    ("v=spf1 exists:%{lr-}.%{d} -all", FAIL),
    ("v=spf1 exists:%{l-}.%{d} -all", PASS),
    ("v=spf1 exists:%{l1r-}.lp.%{d} -all", PASS),
    ("v=spf1 exists:%{d1}.%{d} -all", FAIL),
    ("v=spf1 a:%{p} -all", PASS),
    ("v=spf1 a:%{d} -all", PASS),
    ("v=spf1 a:%{D2} -all", PASS),
    ("v=spf1 a:a%%percent%_b.%{d} -all", PASS),
    ("v=spf1 exists:%{h}.%{s} -all", FAIL),
    (f"v=spf1 a:{LONG}.{LONG}.{LONG}.{LONG}.{LONG}.{LONG}.{LONG}.mail.example -all", PASS),
    ("v=spf1 exists:%{x}.example -all", PERMERROR),
    ("v=spf1 exists:%{c}.example -all", PERMERROR),
    ("v=spf1 exists:%{d0}.example -all", PERMERROR),
    ("v=spf1 exists:%{d9999}.example -all", PERMERROR),
    ("v=spf1 exists:%{d}.%.example -all", PERMERROR),
    ("v=spf1 exists:%{d -all", PERMERROR),
    ("v=spf1 exists:%(d}.example -all", PERMERROR),
    ("v=spf1 exists:foo} -all", PERMERROR),
    ("v=spf1 redirect=%{d}.none", PERMERROR),
]


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
    asked = zone("v=spf1 exists:%{i}.%{v}.example -all")
    await evaluate_spf(asked, SpfIdentity(SIX, "mail.example"))
    nibbles = "2.0.0.1.0.d.b.8" + ".0" * 20 + ".c.b.0.1"
    assert asked.asked[-1] == f"{nibbles}.ip6.example"


async def test_a_mapped_address_is_an_ipv4_address() -> None:
    """A socket of both families shows IPv4 clients as `::ffff:192.0.2.7`."""
    assert (await checked("v=spf1 ip4:192.0.2.7 -all", ipaddress.ip_address("::ffff:192.0.2.7"))).result is PASS


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "[192.0.2.7]",
        "a..example",
        f"{LONG}x.example",
        ".".join([LONG] * 5),
        "b\u00fccher.example",
        "a\\.example",
    ],
)
async def test_no_domain_has_no_result(domain: str) -> None:
    """RFC 7208 4.3: a malformed name, an address or a single label is not asked for."""
    asked = zone("v=spf1 +all")
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
    asked = zone("v=spf1 mx -all", mx={"mail.example": [f"h{n}.example" for n in range(hosts)]})
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is result


async def test_only_ten_names_of_a_client_are_asked_for() -> None:
    """RFC 7208 5.5: the rest of the PTR records is ignored."""
    asked = zone("v=spf1 ptr -all")
    asked.ptr = {HERE: [f"h{n}.example" for n in range(50)] + ["host.mail.example"]}
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is FAIL
    assert len(asked.asked) == 12


async def test_a_silent_ptr_matches_nothing() -> None:
    """RFC 7208 5.5: an error of the DNS is no match."""
    asked = zone("v=spf1 ptr -all")
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
    asked = zone(
        "v=spf1 " + " ".join(["include:big.example"] * 10),
        txt={"big.example": ["v=spf1 " + " ".join(["mx:big.example"] * 10)]},
        mx={"big.example": [f"h{n}.example" for n in range(10)]},
    )
    assert (await evaluate_spf(asked, SpfIdentity(HERE, "mail.example"))).result is PERMERROR
    assert len(asked.asked) <= 121


async def test_macros_do_not_explode() -> None:
    """A record full of macros over a long sender asks for one name of 253 characters at most, at once."""
    asked = zone("v=spf1 exists:" + "%{s}." * 800 + "example -all")
    begun = time.perf_counter()
    found = await evaluate_spf(asked, SpfIdentity(HERE, "mail.example", "a." * 5000, "h" * 5000))
    assert time.perf_counter() - begun < 0.5
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
    begun = time.perf_counter()
    with suppress(SpfRecordError):
        parse_spf_record(text)
    assert time.perf_counter() - begun < 0.1


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
    asked = zone(f"v=spf1 {record}")
    found = asyncio.run(evaluate_spf(asked, SpfIdentity(HERE, "mail.example", local_part, helo)))
    assert found.result is not TEMPERROR
    assert all(len(name) <= 253 and name.isascii() and ".." not in name for name in asked.asked)
