"""SPF records of mail.example with their results by RFC 7208, for `bo-lp@mail.example` at `HERE`."""

import ipaddress
from collections.abc import Mapping, Sequence

from mailer.policy.spf_record import SpfResult
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


def spf_zone(record: str | Sequence[str], **more: Mapping[str, Sequence[str]]) -> WrittenZone:
    """The records of this file, with those of mail.example."""
    own = [record] if isinstance(record, str) else record
    txt = {**RECORDS, "mail.example": [*own, "something else"], **more.get("txt", {})}
    ptr = {HERE: ["liar.mail.example", "host.mail.example"], SIX: ["six.example"]}
    return WrittenZone(txt=txt, hosts=HOSTS, mx={**MX, **more.get("mx", {})}, ptr=ptr, down=SILENT)


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
    ("v=spf1 ptr:HOST.Mail.example -all", PASS),
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
    ("v=spf1 exists:%{d9999}.example -all", FAIL),
    ("v=spf1 exists:%{d}.%.example -all", PERMERROR),
    ("v=spf1 exists:%{d -all", PERMERROR),
    ("v=spf1 exists:%(d}.example -all", PERMERROR),
    ("v=spf1 exists:foo} -all", PERMERROR),
    ("v=spf1 redirect=%{d}.none", PERMERROR),
]
