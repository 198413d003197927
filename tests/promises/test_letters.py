"""Letters to a brand, from outside: signed mail over real SMTP, a real name server, and the mails that follow."""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from mailer.mail_receiving import SenderProver
from mailer.runtime.system_resolver import SystemResolver
from tests.accounts import released
from tests.dkim_signatures import key_record, private_key, sign
from tests.factories import World
from tests.inbound import Reception, open_reception
from tests.integration.web_world import browse
from tests.letters import consents, event_of, known, parts, told
from tests.names import name_server

SIGNED = ("from", "from", "to", "to", "subject", "subject", "message-id", "message-id")


def person_of(name: str, **values: Any) -> dict[str, Any]:
    """A person with an address at a domain that signs its mail."""
    plain = {"ref": name, "email": f"{name}@mail.example", "name": name.title(), "locale": "en", "country": "US"}
    return plain | {"source": "sign-up", "collected_at": "2026-01-01T00:00:00Z"} | values


@asynccontextmanager
async def mailboxes(world: World) -> AsyncIterator[Reception]:
    """Reception that asks a name server for the keys and the policy of `mail.example`."""
    record = key_record(private_key())
    cut = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
    zone = {
        ("k1._domainkey.mail.example", "TXT"): [cut],
        ("_dmarc.mail.example", "TXT"): ['"v=DMARC1; p=reject"'],
        ("mail.example", "TXT"): ['"v=spf1 -all"'],
    }
    async with name_server(zone) as server, open_reception(world) as opened:
        yield replace(opened, prover=SenderProver(SystemResolver(server)))


async def write(
    reception: Reception, name: str, to: str, text: str, *more: str, subject: str = "Hello", signed: bool = True
) -> list[EmailMessage]:
    """Somebody writes a letter. Returns the mails that they get for it."""
    head = [f"From: {name.title()} <{name}@mail.example>", f"To: {to}", f"Subject: {subject}"]
    head += [f"Message-ID: <{time.monotonic_ns()}@mail.example>", *more]
    letter = "\r\n".join([*head, "Content-Type: text/plain; charset=utf-8", "", text, ""]).encode()
    octets = sign(letter, names=SIGNED, tags={"t": str(int(time.time()) - 5)}) if signed else letter
    assert (await reception.send(to, octets, f"{name}@mail.example")).startswith("250")
    await reception.handle_stored()
    query = "DELETE FROM outbox WHERE exchange = 'mailer.events' RETURNING body"
    published = [json.loads(row["body"]) for row in await reception.world.pool.fetch(query)]
    return [mail for event in published for mail in await told(reception.world, event)]


@pytest.mark.promise("paltalk06-26", "paltalk06-29")
async def test_an_inquiry_is_acknowledged_once_and_names_the_seal(world: World) -> None:
    """The answer to a signed question has the programme of the seal in both parts; a forgery gets none."""
    brand = "paltalk-2006"
    await known(world, brand, person_of("ada"), person_of("bob"))
    seal = world.policies[brand].seal
    assert seal is not None
    async with mailboxes(world) as reception:
        to = "support@paltalk.example"
        [mail] = await write(reception, "ada", to, "How old is Paltalk?")
        assert (mail["To"].addresses[0].addr_spec, mail["Auto-Submitted"]) == ("ada@mail.example", "auto-replied")
        for part in parts(mail):
            assert "A person reads your letter" in part
            assert seal.name in part
            assert seal.url in part
        again = f"References: {mail['In-Reply-To']} {mail['Message-ID']}"
        assert await write(reception, "ada", to, "And who owns it?", again) == []
        assert await write(reception, "bob", to, "How old is Paltalk?", signed=False) == []
        assert await write(reception, "stranger", to, "How old is Paltalk?") == []
        waiting = await reception.store.list_mail([brand], waiting=True, limit=10)
        assert [mail.mailbox for mail in waiting] == ["support"] * 4


@pytest.mark.promise("peerstream-10")
async def test_a_complaint_is_answered_with_the_regulator(world: World) -> None:
    """The authority of the writer's country is named, else the one of the policy; a question names none."""
    brand, to = "peerstream", "privacy@peerstream.example"
    people = [person_of("ada", country="GB"), person_of("bob"), person_of("cid", country="FR")]
    await known(world, brand, *people)
    complaint = "I unsubscribed, but you still send me mails. I complain."
    async with mailboxes(world) as reception:
        found = {name: parts(*await write(reception, name, to, complaint)) for name in ("ada", "bob", "cid")}
        [question] = await write(reception, "ada", to, "Which offers do you have?")
    for name, authority in (
        ("ada", "Information Commissioner's Office"),
        ("bob", str(world.policies[brand].controller.authority)),
        ("cid", "Commission nationale de l'informatique et des libertés"),
    ):
        for part in found[name]:
            words = re.sub(r"<[^>]*>|[\u2066-\u2069]", "", part)
            assert f"supervisory authority: {authority}" in " ".join(words.split()), name
    assert "authority" not in parts(question)[0]


@pytest.mark.promise("peerstream-06")
async def test_an_objection_among_support_mail_holds_for_the_whole_controller(world: World) -> None:
    """Whoever writes to the support that they object gets no marketing any more; a question to it changes nothing."""
    brand, to = "peerstream", "support@peerstream.example"
    await known(world, brand, person_of("ada"), person_of("bob"))
    for name in ("ada", "bob"):
        await consents(world, brand, "newsletter", "promotional", ref=name)
    async with mailboxes(world) as reception:
        [mail] = await write(reception, "ada", to, "I object to all direct marketing by your company.")
        await write(reception, "bob", to, "Do you object to smoking in your rooms?")
    assert "object to all marketing" in parts(mail)[0]
    for template in ("weekly", "spring-offer"):
        sent = await told(world, event_of(brand, template, to={"refs": ["ada", "bob"]}))
        assert [mail["To"].addresses[0].addr_spec for mail in sent] == ["bob@mail.example"]
    [entry] = [one for one in await world.entries(kind="action") if one["reason"] == "objection"]
    assert entry["rule"] == "action:mail"


@pytest.mark.promise("interpals-18")
@pytest.mark.parametrize("signed", [True, False])
async def test_consent_to_electronic_notices_is_withdrawn_by_mail(world: World, signed: bool) -> None:
    """The letter brings a mail to the address on record; after its confirmation a breach notice goes by post."""
    brand = "interpals"
    await known(world, brand, person_of("ada"), person_of("bob"))
    async with mailboxes(world) as reception:
        letter = "I withdraw my consent to electronic notices."
        [mail] = await write(reception, "ada", "support@interpals.example", letter, signed=signed)
        assert await write(reception, "stranger", "support@interpals.example", letter) == []
    assert mail["To"].addresses[0].addr_spec == "ada@mail.example"
    assert await world.pool.fetchval("SELECT count(*) FROM standings WHERE electronic_refused_at IS NOT NULL") == 0
    [link] = {word for word in parts(mail)[0].split() if "/confirm/" in word}
    async with browse(world) as client:
        answer = await client.post(link, data={"wish": "notices-in-writing"})
        assert answer.status_code == 200
    world.processor.sent.clear()
    breach = await released(world, {"refs": ["ada", "bob"]})
    states = await world.states(breach.mailing_id)
    assert states == {"ada": ("diverted", "written_notice"), "bob": ("handed_over", "")}
