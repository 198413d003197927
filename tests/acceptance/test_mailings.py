"""All four categories for two brands: from applications by way of RabbitMQ and two workers to a real SMTP server."""

import asyncio
import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailer.processors.capture.folder import CapturedMessage
from tests.acceptance.samples import BRANDS, CATEGORIES, event
from tests.conftest import Rabbit, Server
from tests.processes import PUBLIC_URL, Stack, field, open_stack

SIZE = 30
"""People a brand, so that there are pixels."""
OPTIONAL = ("newsletter", "promotional")
WAYS = ("publish", "blocking", "transaction", "http")
SENDERS = {
    ("interpals", False): "InterPals <service@notice.interpals.example>",
    ("interpals", True): "InterPals Letters <letters@mail.interpals.example>",
    ("paltalk-2006", False): "Paltalk <service@notice.paltalk.example>",
    ("paltalk-2006", True): "Paltalk News <news@mail.paltalk.example>",
}
DOMAINS = {"interpals": "interpals.example", "paltalk-2006": "paltalk.example"}
MAILINGS = [(brand, category) for brand in BRANDS for category in CATEGORIES]


def person(number: int, brand: str) -> dict[str, str]:
    """A line of a brand's file. The first few have left something, and number 4 has the address of number 3."""
    return {
        "ref": f"p{number}",
        "email": f"p{3 if number == 4 else number}.{brand}@example.org",
        "name": f"Person {number}",
        "locale": ("en", "de", "ar")[number % 3],
        "country": "GB",
        "source": "sign-up",
        "collected_at": "2025-03-01T12:00:00Z",
        "consents": "newsletter;promotional",
        "consent_source": "confirmed",
        "consent_version": "form 1",
        "consent_at": "2025-03-01T12:05:00Z",
        "consent_words": "Yes, write to me.",
        "consent_proof": "message-id:<8121@old.example>",
        "paid": "yes",
        "opted_out": {0: "newsletter", 1: "*"}.get(number, ""),
        "deactivated": "yes" if number == 2 else "no",
        "audiences": "readers",
    }


def expected(category: str) -> dict[str, tuple[str, str]]:
    """The state that each person has to have after a mailing of a category."""
    states = {f"p{number}": ("handed_over", "") for number in range(SIZE)}
    if category in OPTIONAL:
        # In mandatory mail, number 4 is told in another language than number 3, and by another name.
        states["p4"] = ("suppressed", "duplicate_address")
        states["p1"] = ("suppressed", "opted_out")
    if category == "newsletter":
        states["p0"] = ("suppressed", "opted_out")
    if category != "breach":
        states["p2"] = ("suppressed", "deactivated")
    return states


@dataclass(frozen=True)
class World:
    """The mails, states and ledger entries after all eight mailings were finished; by brand and category."""

    mails: Mapping[tuple[str, str], list[CapturedMessage]]
    states: Mapping[tuple[str, str], dict[str, tuple[str, str]]]
    status: Mapping[tuple[str, str], dict[str, Any]]
    ledger: Mapping[str, list[dict[str, Any]]]
    keys: Mapping[bytes, bytes]

    def all_mails(self, *categories: str) -> list[CapturedMessage]:
        """The messages of some categories, of both brands."""
        return [mail for (_, category), mails in self.mails.items() if category in categories for mail in mails]


@pytest.fixture(scope="module")
def world(postgres_server: Server, rabbit_server: Rabbit, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Publishes all eight, each way for two of them; the breach notices are released by somebody else."""
    folder = tmp_path_factory.mktemp("mailings")
    with postgres_server.database() as url, rabbit_server.alone() as rabbit_url:
        return asyncio.run(deliver(folder, url, rabbit_url))


async def deliver(folder: Path, database_url: str, rabbit_url: str) -> World:
    """Imports the people, publishes all eight mailings, and waits for their ends."""
    keys, setting = signing_keys(folder)
    async with open_stack(folder, database_url, rabbit_url) as plain:
        stack = plain.having(DKIM=setting)
        async with stack.running("web", "worker", "worker", "timekeeper"):
            files = {brand: str(people_file(folder, brand)) for brand in BRANDS}
            async with stack.client():
                await asyncio.gather(
                    *(stack.done("recipients", "import", file, "--brand", brand) for brand, file in files.items())
                )
            await publish(stack, await stack.api_key("shop", *BRANDS))
            await stack.finished(*(event_id(*key) for key in MAILINGS))
        shown = {status["event"]: status for status in (await stack.done("mailing", "list", "--json")).json}
        return World(
            {key: stack.mails(Feedback_ID=f"spring:{key[1]}:{key[0]}:") for key in MAILINGS},
            {key: await stack.states(event_id(*key)) for key in MAILINGS},
            {key: shown[event_id(*key)] for key in MAILINGS},
            by_mailing((await stack.done("ledger", "export", "--jsonl")).lines),
            keys,
        )


def by_mailing(entries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Ledger entries, apart for each mailing."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        found.setdefault(entry["mailing"], []).append(entry)
    return found


async def publish(stack: Stack, key: str) -> None:
    """Four applications, each with a category of one brand and another one of the other."""
    events = {
        (brand, category): event(event_id(brand, category), brand, category, {"audience": "readers"}, campaign="spring")
        for brand, category in MAILINGS
    }
    applications = [
        stack.application(way, *(events[mailing] for mailing in taking(number)), key=key)
        for number, way in enumerate(WAYS)
    ]
    await asyncio.gather(*applications)
    for brand in BRANDS:
        await stack.taken_in(event_id(brand, "breach"))
        await stack.done("mailing", "approve", event_id(brand, "breach"), "--by", "Dana Duty")


def taking(way: int) -> list[tuple[str, str]]:
    """The mailings that are published in one of the ways."""
    return [(brand, CATEGORIES[(way + shift) % len(CATEGORIES)]) for shift, brand in enumerate(BRANDS)]


def event_id(brand: str, category: str) -> str:
    """The id of an event."""
    return f"spring/{brand}/{category}"


def people_file(folder: Path, brand: str) -> Path:
    """A brand's people as CSV."""
    path = folder / f"{brand}.csv"
    rows = [person(number, brand) for number in range(SIZE)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def signing_keys(folder: Path) -> tuple[dict[bytes, bytes], str]:
    """Makes a key for each domain. Returns the DNS records, and the setting that names all keys."""
    records, entries = {}, []
    for domain in DOMAINS.values():
        key = rsa.generate_private_key(65537, 2048)
        path = folder / f"{domain}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        text = b"".join(public.splitlines()[1:-1])
        records[f"s1._domainkey.{domain}.".encode()] = b"v=DKIM1; k=rsa; p=" + text
        entries.append(f"{domain}:s1:{path}")
    return records, ",".join(entries)


@pytest.mark.parametrize(("brand", "category"), MAILINGS)
def test_everybody_is_accounted_for(world: World, brand: str, category: str) -> None:
    """Every recipient ends in one state with its reason, and the mailing's counts say the same."""
    states = world.states[brand, category]
    assert states == expected(category)
    shown = world.status[brand, category]
    counts = {(count["state"], count["reason"]): count["n"] for count in shown["counts"]}
    assert counts == Counter(states.values())
    assert shown["audience"] == SIZE
    assert shown["state"] == "finished"


@pytest.mark.parametrize(("brand", "category"), MAILINGS)
def test_exactly_one_copy_each(world: World, brand: str, category: str) -> None:
    """Each gets a mailing once, and nobody else does; two with texts of their own share an address."""
    sent = {ref for ref, (state, _) in expected(category).items() if state == "handed_over"}
    addresses = Counter(person(number, brand)["email"] for number in range(SIZE) if f"p{number}" in sent)
    assert Counter(address for mail in world.mails[brand, category] for address in mail.recipients) == addresses


@pytest.mark.parametrize(("brand", "category"), MAILINGS)
def test_each_category_has_its_sender(world: World, brand: str, category: str) -> None:
    """Optional mail has a From apart from that of mandatory mail, and returns go to a signed address."""
    for mail in world.mails[brand, category]:
        assert field(mail, "From") == SENDERS[brand, category in OPTIONAL]
        assert re.fullmatch(rf"b\+[\w.+=-]{{20,}}@{DOMAINS[brand]}", mail.sender)


def test_every_message_is_well_formed(world: World) -> None:
    """One Date, From and so on each, an id of its own, CRLF only, short lines, two parts, no copy for others."""
    mails = world.all_mails(*CATEGORIES)
    once = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted")
    for mail in mails:
        for name in (*once, "Feedback-ID"):
            assert field(mail, name), name
        assert field(mail, "Auto-Submitted") == "auto-generated"
        assert not any(field(mail, name) for name in ("Cc", "Bcc", "Reply-To", "Precedence"))
        assert mail.raw.count(b"\r\n") == mail.raw.count(b"\n") == mail.raw.count(b"\r")
        assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
        assert mail.text
        assert mail.html
    assert len({field(mail, "Message-ID") for mail in mails}) == len(mails)


@pytest.mark.parametrize("brand", BRANDS)
def test_a_newsletter_has_the_headers_of_lists(world: World, brand: str) -> None:
    """One-click by one https URI before a mailto, a stable List-Id, a Feedback-ID without anything of the recipient."""
    mails = world.mails[brand, "newsletter"]
    for mail in mails:
        uris = rf"<({re.escape(PUBLIC_URL)}/u/[\w.=-]+)>,\s+<mailto:[^<>@\s]+@[^<>@\s]+>"
        link = re.fullmatch(uris, field(mail, "List-Unsubscribe"))
        assert link is not None
        assert field(mail, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
        assert re.fullmatch(
            rf"Newsletter of [\w ]+ <newsletter\.{brand}\.{re.escape(DOMAINS[brand])}>", field(mail, "List-Id")
        )
        assert field(mail, "Feedback-ID") == f"spring:newsletter:{brand}:mailer"
        assert link[1] in (mail.text or "")
        assert link[1] in (mail.html or "")
    assert len({field(mail, "List-Unsubscribe") for mail in mails}) == len(mails)


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("category", OPTIONAL)
def test_the_pixel_is_the_mailings(world: World, brand: str, category: str) -> None:
    """All recipients of an optional mailing get the same pixel; another mailing has another one."""
    pixels = {url for mail in world.mails[brand, category] for url in pixels_of(mail)}
    others = {url for mail in world.all_mails(*OPTIONAL) for url in pixels_of(mail)} - pixels
    assert (len(pixels), len(others)) == (1, 3)


def pixels_of(mail: CapturedMessage) -> list[str]:
    """The pixels of a message."""
    return re.findall(rf'src="({re.escape(PUBLIC_URL)}/o/[^"]+\.gif)"', mail.html or "")


@pytest.mark.parametrize("category", ["service", "breach"])
def test_mandatory_mail_cannot_be_left_and_is_not_watched(world: World, category: str) -> None:
    """Mandatory mail has no list header, no way to unsubscribe, no pixel and no counted link."""
    mails = world.all_mails(category)
    assert len(mails) > SIZE
    for mail in mails:
        assert not [name for name, _ in mail.headers if name.lower().startswith("list-")]
        links = re.findall(rf"{re.escape(PUBLIC_URL)}(/\w+)/", f"{mail.text}{mail.html}")
        assert set(links) == {"/report"}
        assert "<img" not in (mail.html or "")


@pytest.mark.parametrize("brand", BRANDS)
def test_dkim_verifies_and_covers_what_matters(world: World, brand: str) -> None:
    """Dkimpy verifies each newsletter; d= is aligned with From; both List-Unsubscribe fields are covered."""
    for mail in world.mails[brand, "newsletter"]:
        assert dkim.DKIM(mail.raw, minkey=2048).verify(dnsfunc=lambda name, timeout=5: world.keys.get(name))
        signature = dict(part.strip().split("=", 1) for part in field(mail, "DKIM-Signature").split(";"))
        names = re.sub(r"\s", "", signature["h"]).split(":")
        assert {"list-unsubscribe", "list-unsubscribe-post", "feedback-id", "list-id", "subject", "to"} <= set(names)
        assert names.count("from") == 2
        assert (signature["a"], signature["c"], signature["d"]) == ("rsa-sha256", "relaxed/relaxed", DOMAINS[brand])
        assert "l" not in signature
        changed = mail.raw.replace(b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Last")
        assert not dkim.DKIM(changed, minkey=2048).verify(dnsfunc=lambda name, timeout=5: world.keys.get(name))


def test_each_reads_it_in_their_language(world: World) -> None:
    """Locale by person, with the text's direction."""
    subjects = {field(mail, "Subject") for mail in world.mails["interpals", "newsletter"]}
    assert subjects == {
        f"{start}: From Lisbon to Lahore" for start in ("Letters of the week", "Briefe der Woche", "رسائل الأسبوع")
    }
    arabic = [mail for mail in world.mails["interpals", "newsletter"] if "رسائل" in field(mail, "Subject")]
    assert all('lang="ar" dir="rtl"' in (mail.html or "") for mail in arabic)


@pytest.mark.parametrize(("brand", "category"), MAILINGS)
def test_the_ledger_tells_it_all(world: World, brand: str, category: str) -> None:
    """The ledger has, for each recipient, the decision with its rule; for each copy, the processor and its terms."""
    entries = world.ledger[world.status[brand, category]["id"]]
    kinds = Counter(entry["kind"] for entry in entries)
    copies = len(world.mails[brand, category])
    assert kinds["decision"] == SIZE
    assert kinds["hand_over"] == kinds["outcome"] == copies
    assert all(entry["rule"] and entry["policy"] for entry in entries if entry["kind"] == "decision")
    for entry in (entry for entry in entries if entry["kind"] == "hand_over"):
        assert (entry["processor"], entry["country"], entry["contract"]) == ("relay", "DE", "DPA-7")
        assert entry["purpose"]
        assert "email" in entry["fields"]
    ids = {entry["message_id"] for entry in entries if entry["kind"] == "outcome"}
    assert ids == {field(mail, "Message-ID").strip("<>") for mail in world.mails[brand, category]}


def test_who_published_is_on_record(world: World) -> None:
    """The ledger names RabbitMQ's validated user, the database's user, or the API key, by the way that was taken."""
    publishers = {
        way: {world.status[mailing]["publisher"] for mailing in taking(number)} for number, way in enumerate(WAYS)
    }
    assert publishers == {
        "publish": {"broker:guest"},
        "blocking": {"broker:guest"},
        "transaction": {"role:postgres"},
        "http": {"key:shop"},
    }


def test_a_breach_notice_names_who_released_it(world: World) -> None:
    """A breach notice names the person who released it. Other mailings needed nobody."""
    released = {key: status["released_by"] for key, status in world.status.items()}
    assert released == {(brand, c): "person:Dana Duty" if c == "breach" else None for brand, c in MAILINGS}
