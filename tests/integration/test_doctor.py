"""`mailer doctor`: a line for each thing that mail depends on, and status 1 if one of them is a problem."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer import bundled_files
from mailer.doctor.disk_space import judge_disk
from mailer.doctor.finding import FindingLevel
from mailer.doctor.relays import RelayTarget, examine_api, examine_relay
from mailer.policy.policy_library import parse_policies_in_force
from mailer.ports.dns_lookup import LookupFailed
from mailer.rendering.dkim import DkimKey, DkimSigner
from mailer.runtime.system_resolver import SystemResolver
from tests.integration.api_world import api_double
from tests.integration.smtp_world import Keep, real
from tests.integration.test_condition import age_collation
from tests.integration.test_smtp_tls import certificate  # noqa: F401 - a fixture
from tests.names import Zone, name_server
from tests.processes import Done, Stack, free_port

NOW = datetime.now(UTC)
POLICIES = {file.name: file.read_text("utf-8") for file in bundled_files.bundled_folder("policies").glob("*.toml")}
DOMAINS = sorted({policy.domain for policy in parse_policies_in_force(POLICIES, NOW.date()).values()})
CERTIFICATE = tuple[ssl.SSLContext, ssl.SSLContext]


def zone() -> dict[tuple[str, str], list[str]]:
    """Records that the DNS should have of our domains."""
    made = {(name, "TXT"): ['"v=spf1 ip4:192.0.2.7 -all"'] for name in DOMAINS}
    made |= {(f"_dmarc.{name}", "TXT"): ['"v=DMARC1; p=reject"'] for name in DOMAINS}
    return made


def levels(done: Done) -> dict[str, str]:
    """The level of each check, from the output as JSON."""
    return {finding["check"]: finding["level"] for finding in done.json}


def problems(done: Done) -> set[str]:
    """The checks that are a problem. The tests' own PostgreSQL does not wait for its disk."""
    found = {check for check, level in levels(done).items() if level == "problem"}
    assert done.status == bool(found)
    return found - {"durability"}


async def doctor(stack: Stack, records: Zone) -> Done:
    """Runs the command with a name server of the test's own."""
    async with name_server(records) as server:
        return await stack.run("doctor", "--json", "--resolver", server)


async def test_a_sound_system(stack: Stack, tmp_path: Path) -> None:
    """Services, versions, clocks, keys, templates, policies and the DNS are looked at, and nothing is a problem."""
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    [(name, record)] = DkimSigner(DOMAINS[0], DkimKey("k1", pem)).dns_records().items()
    records = zone() | {(name, "TXT"): [" ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))]}
    signing = stack.having(DKIM=f"{DOMAINS[0]}:k1:{tmp_path / 'key.pem'}")
    done = await doctor(signing, records)
    found = levels(done)
    assert problems(done) == set(), done.out
    expected = {"secrets", "links", "templates", "clock", "PostgreSQL", "migrations", "triggers", "collation"}
    expected |= {"partitions", "seals", "RabbitMQ", f"DKIM {name}"}
    expected |= {f"SPF {name}" for name in DOMAINS} | {check for check in found if check.startswith("DMARC")}
    assert len([check for check in found if check.startswith("DMARC")]) >= len(DOMAINS)
    assert {check for check, level in found.items() if level == "ok"} >= expected
    assert any(check.startswith("relay ") for check in found)


async def test_each_line_says_how_bad_it_is(small_stack: Stack) -> None:
    """A line has the level, the thing that was checked and the finding, if there is no `--json`."""
    async with name_server({}) as server:
        done = await small_stack.run("doctor", "--resolver", server)
    assert done.status == 1
    assert f"problem  SPF {DOMAINS[0]}: {DOMAINS[0]} has no SPF record" in done.out
    assert "ok       RabbitMQ: the broker is within the process (memory://)" in done.out


async def test_a_stale_collation_is_a_problem(small_stack: Stack) -> None:
    """The indexes may be wrong, which nothing else tells."""
    await age_collation(small_stack.database_url)
    done = await doctor(small_stack, zone())
    assert done.status == 1
    assert problems(done) == {"collation"}


async def test_services_that_are_away(small_stack: Stack, tmp_path: Path) -> None:
    """Each service that is away is named with its reason, and the other checks are made."""
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    away = small_stack.having(
        DKIM=f"{DOMAINS[0]}:k1:{tmp_path / 'key.pem'}",
        DATABASE_URL=f"postgresql://somebody:hunter2@127.0.0.1:{free_port()}/mailer",
        BROKER_URL=f"amqp://somebody:hunter2@127.0.0.1:{free_port()}/",
        INBOUND=f"imaps://box:hunter2@127.0.0.1:{free_port()}/INBOX?to=opt-out@interpals.example",
        WEBHOOKS="ses://main",
        PROCESSORS=f"smtp://127.0.0.1:{free_port()}?name=r&country=ZZ&contract=none&tls=none,postmark://:hunter2@127.0.0.1:1?name=p",
    )
    done = await doctor(away, zone())
    found = levels(done)
    assert done.status == 1
    assert {found[check] for check in ("database", "RabbitMQ", "relay r")} == {"problem"}
    assert found["relay p"] == "ok"  # a double on this machine
    assert [level for check, level in found.items() if check.startswith("mailbox ")] == ["problem"]
    assert (found["webhooks"], found.get("webhook of p")) == ("problem", None)
    assert found["DKIM by p"] == "warning"  # it takes no MIME
    assert found["templates"] == "ok"
    assert "hunter2" not in done.out


async def test_a_relays_certificate(certificate: CERTIFICATE) -> None:  # noqa: F811
    """One that ends tomorrow is to be renewed; one that nobody vouches for is a problem."""
    server, trusting = certificate
    async with real(lambda: SMTP(Keep(), hostname="test", tls_context=server)) as port:
        target = RelayTarget("relay", "127.0.0.1", port, implicit=False, starttls=True, helo="test.example")
        soon = await examine_relay(target, NOW, lambda: trusting)
        late = await examine_relay(target, NOW - timedelta(days=60), lambda: trusting)
        unknown = await examine_relay(target, NOW, ssl.create_default_context)
    assert (soon.level, late.level, unknown.level) == (FindingLevel.WARNING, FindingLevel.OK, FindingLevel.PROBLEM)
    assert "renew" in soon.text
    assert "certificate" in unknown.text


async def test_the_certificate_of_an_api(certificate: CERTIFICATE) -> None:  # noqa: F811
    """The API of a service is connected to and asked nothing: its certificate is judged as a relay's."""
    server, trusting = certificate
    async with api_double("postmark", tls=server) as double:
        soon = await examine_api("postmark", "127.0.0.1", double.port, NOW, lambda: trusting)
        late = await examine_api("postmark", "127.0.0.1", double.port, NOW - timedelta(days=60), lambda: trusting)
        unknown = await examine_api("postmark", "127.0.0.1", double.port, NOW, ssl.create_default_context)
    away = await examine_api("postmark", "127.0.0.1", free_port(), NOW, lambda: trusting)
    assert (soon.level, late.level, unknown.level) == (FindingLevel.WARNING, FindingLevel.OK, FindingLevel.PROBLEM)
    assert (away.level, away.check, "cannot be used" in away.text) == (FindingLevel.PROBLEM, "relay postmark", True)
    assert double.calls == []


async def test_the_resolver() -> None:
    """Records arrive as they are, a name without any has none, and a server that does not answer is said."""
    records = {
        ("mail.example", "TXT"): ['"v=spf1 " "-all"', '"another"'],
        ("mail.example", "MX"): ["10 mx.mail.example."],
        ("mx.mail.example", "A"): ["192.0.2.7"],
        ("mx.mail.example", "AAAA"): ["2001:db8::7"],
        ("7.2.0.192.in-addr.arpa", "PTR"): ["MX.mail.example."],
    }
    async with name_server(records) as server:
        resolver = SystemResolver(server)
        assert sorted(await resolver.txt_records("mail.example")) == ["another", "v=spf1 -all"]
        assert await resolver.mx_hosts("mail.example") == ["mx.mail.example"]
        here, six = await resolver.host_addresses("mx.mail.example")
        assert (here, six) == (ipaddress.ip_address("192.0.2.7"), ipaddress.ip_address("2001:db8::7"))
        assert await resolver.ptr_names(here) == ["mx.mail.example"]
        assert await resolver.txt_records("nothing.example") == []
        assert [
            await resolver.host_addresses("mx.mail.example", 4),
            await resolver.host_addresses("mx.mail.example", 6),
        ] == [
            [here],
            [six],
        ]
        assert await resolver.is_nonexistent("nothing.example")
        for name in ("a..example", f"{'x' * 64}.example", ".".join(["x" * 60] * 5), "a\\9.example", "\udcff.example"):
            assert (await resolver.txt_records(name), await resolver.is_nonexistent(name)) == ([], True)
        assert not await resolver.is_nonexistent("mail.example")
        assert await resolver.host_addresses("192.0.2.9") == [ipaddress.ip_address("192.0.2.9")]
    with pytest.raises(LookupFailed, match=r"TXT mail\.example"):
        await SystemResolver(f"127.0.0.1:{free_port()}", seconds=0.5).txt_records("mail.example")


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (50, FindingLevel.OK),
        (10, FindingLevel.OK),
        (9, FindingLevel.WARNING),
        (1, FindingLevel.PROBLEM),
        (0, FindingLevel.PROBLEM),
    ],
)
def test_a_disk(free: int, level: FindingLevel) -> None:
    """A full disk stops everything; one that fills is said before."""
    assert judge_disk("disk", "/data", free << 30, 100 << 30).level is level
