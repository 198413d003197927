"""Erasure everywhere: a mark goes through every door, its owner is erased, and it is looked for in all that is kept."""

import base64
import json
import quopri
from datetime import UTC, datetime
from email.header import Header as Encoded
from typing import Any
from urllib.parse import quote

import pytest

from mailer.actions.legal_hold import lift_legal_hold, set_legal_hold
from mailer.actions.privacy_rights import erase_recipient, read_personal_data, rectify_recipient
from mailer.actions.suppression import lift_suppression, suppress_recipient
from mailer.events import validate_event
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.halts import Halt, HaltScope
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.privacy_rights import DataCorrection, ForbiddenByLegalHold, LegalDisclosure
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.outbox import PostgresOutbox
from mailer.web.personal_data_html import personal_data_as_html
from tests.accounts import mailed, said
from tests.factories import BRAND, World, new_mailing, person, received
from tests.inbound import receive_letter
from tests.letters import event_of
from tests.personal_data_tables import NOT_OF_PEOPLE, TOLD
from tests.webhooks import receive_soft_bounce

REF, NAME, EMAIL = "zqx-4711", "Quillon Xarbash", "q.xarbash.οδος@bücher-zqx.example"
MARKS = ("zqx-4711", "xarbash", "quillon", "bücher-zqx", "xn--bcher", "555017")
HERS: dict[str, Any] = {"ref": REF, "email": EMAIL, "name": NAME, "locale": "en", "country": "US", "source": "sign-up"}
SPELLINGS = {
    "capitals": EMAIL.upper(),
    "A-labels": "q.xarbash.οδος@xn--bcher-zqx-q9a.example",
    "percent": quote(EMAIL, safe=""),
    "JSON": json.dumps({"to": EMAIL}),
    "JSON in JSON": json.dumps({"raw": json.dumps({"to": EMAIL})}),
    "encoded word": Encoded(f"Quillon <{EMAIL}>", "utf-8").encode(),
    "quoted-printable": quopri.encodestring(f"to {EMAIL}".encode()).decode().replace("@", "=40"),
    "base64": base64.b64encode(f"To: {EMAIL}".encode()).decode(),
    "base64 in JSON": json.dumps({"content": base64.urlsafe_b64encode(f"x {EMAIL} y".encode()).decode()}),
    "wide letters": EMAIL.replace("@", "\uff20"),
    "HTML": EMAIL.replace("@", "&#64;").encode("ascii", "xmlcharrefreplace").decode(),
    "of kin": EMAIL.replace("ς", "\u03c3"),
}


async def everything(world: World) -> dict[str, str]:
    """All rows of all tables as text, octets also as the text that they may be."""
    tables = await world.pool.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r'"
    )
    found = {}
    for (name,) in (tuple(row) for row in tables):
        rows = await world.pool.fetch(f'SELECT * FROM "{name}"')  # noqa: S608 - the catalogue's own names
        found[name] = "\n".join(_text(value) for row in rows for value in row.values())
    return found


def _text(value: Any) -> str:
    """A value as somebody who looks for a name would read it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


async def left(world: World, words: tuple[str, ...] = MARKS) -> list[tuple[str, str]]:
    """The tables that have one of some words, with the word."""
    tables = await everything(world)
    return [(name, word) for name, text in tables.items() for word in words if word in text.lower()]


_DESCRIBED = "INSERT INTO recipient_attributes (recipient_id, brand, attributes) VALUES ($1, $2, $3)"


async def mark(world: World) -> int:
    """Puts the mark through every door that takes a text."""
    named = {"context": {"more": f"{NAME} likes chess, {REF}, call 555017"}}
    await mailed(world, [HERS | named], id=f"welcome-{REF}", reason=f"{NAME} asked", campaign=f"for-{REF}")
    await mailed(world, [HERS | named, person(2)], id="both")
    world.processor.answer = lambda outgoing: Outcome(OutcomeKind.BLOCKED, 550, "5.7.1", f"<{EMAIL}> is no friend")
    await mailed(world, [HERS], id=f"Re: {EMAIL}")
    world.processor.answer = type(world.processor).answer
    her = await world.id_of(REF)
    policy = world.policies[BRAND]
    now = datetime.now(UTC)
    consent = Consent(
        "promotional", True, f"form of {NAME}", "2024", f"Yes, {NAME}", f"{NAME}", now, f"mail of {EMAIL}"
    )
    await world.consents.record_consent_or_withdrawal(BRAND, her, consent)
    left_by_call = NewSuppression("newsletter", "opt_out", f"call by {NAME}", NAME)
    await suppress_recipient(world.suppressions, policy, her, left_by_call)
    known = await world.suppressions.all_suppressions_of_recipient(BRAND, her)
    [stop] = [one for one in known if one.reason == "opt_out"]
    await lift_suppression(world.suppressions, policy, stop.id, stop.at, NAME, f"{EMAIL} said so")
    await set_legal_hold(world.rights, BRAND, her, f"State v. {NAME}", "Dana", named=True)
    await lift_legal_hold(world.rights, BRAND, her, f"State v. {NAME}", "Dana")
    await world.rights.record_legal_disclosure(
        BRAND, her, LegalDisclosure("County Court", f"{NAME} 7/26", ("email",)), "Dana"
    )
    await said(world, "personalisation", REF, allowed=False, id=f"about-{REF}")
    await said(world, "rectify", REF, email="old.xarbash@elsewhere.example")
    await said(world, "rectify", REF, email=EMAIL)
    halts = PostgresHalts(world.pool, world.writers)
    await halts.add_halt(Halt(HaltScope.BRAND, "peerstream", "Dana", f"{NAME} <{EMAIL}> complained"))
    await receive_letter(world, EMAIL, f"From: {NAME} <{EMAIL}>\r\n\r\nCall {EMAIL}.\r\n".encode(), her)
    await receive_soft_bounce(world, her, EMAIL)
    await world.pool.execute(_DESCRIBED, her, BRAND, {"first_name": NAME})
    for number, spelled in enumerate(SPELLINGS.values()):
        await world.letters.add_dead_letter(
            BrokerMessage(spelled.encode(), f"{BRAND}.service", f"letter-{number}"),
            "mailer.events",
            f"{BRAND}.service",
            "no JSON",
            "key:shop",
            DeadLetterCauseKind.REFUSED,
        )
    waiting = [
        {
            "v": 1,
            "id": "w1",
            "brand": BRAND,
            "category": "service",
            "template": "x",
            "to": {"people": [HERS, person(2)]},
        },
        {"v": 1, "id": "w2", "brand": BRAND, "category": "service", "template": "x", "to": {"refs": [REF]}},
    ]
    messages = [BrokerMessage(json.dumps(event).encode(), f"{BRAND}.service", str(event["id"])) for event in waiting]
    await PostgresOutbox(world.pool).add_messages("mailer.events", messages)
    return her


@pytest.mark.promise("peerstream-07")
async def test_a_copy_has_what_every_table_knows(world: World) -> None:
    """A new table that knows people has its part of the copy, and what went through the doors is in it."""
    her = await mark(world)
    columns = await world.pool.fetch(
        "SELECT c.relname, array_agg(a.attname::text) AS names"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.relname"
    )
    knowing = {"recipient_id", "address_hash", "inviter", "members", "hash", "named", "content_type"}
    known = {row["relname"] for row in columns if knowing & set(row["names"])} - {
        "seals",
        "turn_inviters",
        *NOT_OF_PEOPLE,
    }
    assert known - {"recipients"} == set(TOLD) - {"recipients"}
    copy = await read_personal_data(world.rights, world.policies[BRAND], her, datetime.now(UTC))
    for place in TOLD.values():
        part: Any = copy
        for name in place:
            part = part[name]
    said = json.dumps(copy, ensure_ascii=False)
    there = [EMAIL, NAME, "likes chess", f"welcome-{REF}", f"for-{REF}", f"Yes, {NAME}", f"mail of {EMAIL}", "555017"]
    there += [f"{NAME} 7/26", f"State v. {NAME}", f"call by {NAME}", "is no friend", "keyed_hash"]
    assert [text for text in there if text not in said] == []
    assert f"{EMAIL} said so" not in said  # typed by staff
    standing = await world.pool.fetchrow("SELECT * FROM standings WHERE recipient_id = $1", her)
    assert standing is not None
    assert set(standing.keys()) - {"recipient_id", "address_hash", "legal_hold_at", "paid"} == set(copy["standing"])
    assert len(copy["also"]["dead_letters"]) == len(SPELLINGS) - 1  # that of kin is somebody else's mailbox
    assert personal_data_as_html(copy, "InterPals")


@pytest.mark.promise("interpals-20", "peerstream-09", "paltalk06-21")
async def test_a_mark_is_nowhere_after_an_erasure(world: World) -> None:
    """Every trace of a mark that went through every door is gone after an erasure, in any code."""
    her = await mark(world)
    assert {"recipients", "outbox", "dead_letters"} <= {table for table, _ in await left(world)}
    await erase_recipient(world.rights, world.policies[BRAND], her, "operator")
    assert await left(world) == []
    letters = await world.pool.fetch("SELECT body FROM dead_letters")
    assert [bytes(row["body"]) for row in letters] == [b""] * len(SPELLINGS)
    parked = [json.loads(row["body"]) for row in await world.pool.fetch("SELECT body FROM outbox")]
    assert [one["to"] for one in parked if "to" in one] == [{"people": [person(2)]}]
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.promise("interpals-20", "interpals-28")
async def test_mail_to_others_says_nothing_more_of_who_is_erased(world: World) -> None:
    """Ref and address go from texts, URLs, campaigns and reasons of mail to others; the rest arrives."""
    await mailed(world, [HERS])
    texts = {
        "headline": f"{REF.upper()} writes, and Summer",
        "items": [{"title": REF, "text": f"quillon\n{REF.upper()}", "url": f"https://interpals.example/m/{REF}?a=1"}],
        "wide": "\uff5a\uff51\uff58-4711 waves",
        "coded": f"https://interpals.example/{quote(REF).replace('q', '%71')}",
        "deep": {"of": {"member": REF}, "by": [REF]},
        "mail": f"write to {EMAIL}",
        "chess": "Summer likes chess",
    }
    named: dict[str, Any] = {
        "campaign": f"{REF}-wins",
        "topic": f"about-{REF}",
        "reason": f"{REF} asked",
        "context": texts,
    }
    done = await mailed(world, [person(2, context={"more": f"{REF} says hi", "less": "chess"})], **named)
    waits = await world.accept([person(2), person(3)], **named)
    parked = event_of(BRAND, "weekly", person(2), context={"headline": f"{REF} writes"})
    await PostgresOutbox(world.pool).add_messages(
        "mailer.events", [BrokerMessage(json.dumps(parked).encode(), f"{BRAND}.x", "w")]
    )
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    assert await left(world, tuple(word for word in MARKS if word != "quillon")) == []
    kept = await world.pool.fetchval("SELECT context FROM mailings WHERE id = $1", done.mailing_id)
    assert (kept["headline"], kept["chess"]) == ("erased writes, and Summer", "Summer likes chess")
    assert kept["items"] == [
        {"title": "erased", "text": "quillon\nerased", "url": "https://interpals.example/m/erased?a=1"}
    ]
    own = await world.pool.fetchval("SELECT context FROM deliveries WHERE mailing_id = $1", done.mailing_id)
    assert own == {"more": "erased says hi", "less": "chess"}
    world.processor.sent.clear()
    await world.handover().hand_over_batches(waits.batches)
    assert sorted(sent.recipient for sent in world.processor.sent) == ["user-2@people.example", "user-3@people.example"]
    assert all(b"erased writes, and Summer" in sent.content for sent in world.processor.sent)


async def test_nobody_elses_ref_or_address_is_rewritten(world: World) -> None:
    """A parked event still goes to a person whose ref contains the erased one's. Its words do not change."""
    await world.accept([HERS])
    other = {"ref": f"{REF}-b", "email": f"{REF}.smith@people.example", "context": {"more": f"{REF} says hi"}}
    parked = event_of(BRAND, "weekly", other, context={"headline": f"{REF} writes"})
    await PostgresOutbox(world.pool).add_messages(
        "mailer.events", [BrokerMessage(json.dumps(parked).encode(), f"{BRAND}.x", "w")]
    )
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    waits = json.loads(await world.pool.fetchval("SELECT body FROM outbox"))
    assert waits["to"]["people"] == [{**other, "context": {"more": "erased says hi"}}]
    assert waits["context"] == {"headline": "erased writes"}


async def test_forms_of_earlier_mailboxes_go(world: World) -> None:
    """The other forms of an address go with its owner, also those of one that they had before."""
    await world.accept([HERS | {"email": "her+a@people.example"}])
    await world.accept([HERS | {"email": "her+b@people.example"}])
    assert await world.pool.fetchval("SELECT count(DISTINCT address_hash) FROM mailboxes") == 2
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    assert await world.pool.fetchval("SELECT count(*) FROM mailboxes") == 0


async def answering(world: World) -> AcceptedMailing:
    """An answer to the person's request that has not gone out yet."""
    event = validate_event(event_of(BRAND, "rights-answer", HERS, id=f"answer-{REF}", reason=f"{NAME} asked"))
    [accepted] = await world.mailings.accept_mailings([new_mailing(event, str(ITSELF), BRAND)])
    return accepted


@pytest.mark.promise("interpals-20")
async def test_an_answer_on_its_way_goes_out_first(world: World) -> None:
    """Mail that tells the person of the erasure is handed over first. Other mail is cancelled. All is deleted then."""
    await mailed(world, [HERS])
    her, answer = await world.id_of(REF), await answering(world)
    other = await world.accept([HERS], "service", id=f"service-{REF}")
    await erase_recipient(world.rights, world.policies[BRAND], her, "operator")
    assert [word for table, word in await left(world) if table not in ("recipients", "mailings", "deliveries")] == []
    world.processor.sent.clear()
    for accepted in (other, answer):
        await world.handover().hand_over_batches(accepted.batches)
    assert [set((await world.states(one.mailing_id)).values()) for one in (other, answer)] == [
        {("cancelled", "erased")},
        {("handed_over", "")},
    ]
    assert len(world.processor.sent) == 1
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 1
    assert await left(world) == []


@pytest.mark.promise("interpals-20")
async def test_what_waits_in_the_broker_brings_nobody_back(world: World) -> None:
    """An event that was queued before an erasure and is taken after it mails and names nobody; a later one does."""
    about = {"sender_name": {"member": REF}, "url": "https://interpals.example/letters"}
    queued = [
        *(event_of(BRAND, name, HERS) for name in ("weekly", "spring-offer", "maintenance", "welcome")),
        event_of(BRAND, "weekly", HERS | {"ref": "another-account"}),
        event_of(BRAND, "weekly", to={"refs": [REF]}),
        event_of(BRAND, "activity", person(2), context=about),
    ]
    await mailed(world, [HERS, person(2)])
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    world.processor.sent.clear()
    for event in queued:
        await world.intake().accept_event_messages("service", [item := received(event)])
        assert item.settled == "ack"
    [mail] = world.processor.sent
    assert (mail.recipient, b"A member wrote you a letter" in mail.content) == ("user-2@people.example", True)
    assert await left(world) == []
    await world.intake().accept_event_messages("service", [received(event_of(BRAND, "welcome", HERS))])
    assert world.processor.sent[-1].recipient == SPELLINGS["A-labels"]
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.promise("interpals-20")
async def test_an_answer_that_cannot_arrive_keeps_nothing_for_ever(world: World) -> None:
    """An answer that still waits after five days is cancelled, and the address goes."""
    await mailed(world, [HERS])
    her, answer = await world.id_of(REF), await answering(world)
    await erase_recipient(world.rights, world.policies[BRAND], her, "operator")
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 0
    await world.pool.execute("UPDATE farewells SET until = now()")
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 1
    assert set((await world.states(answer.mailing_id)).values()) == {("cancelled", "erased")}
    assert await left(world) == []


@pytest.mark.promise("interpals-20")
async def test_the_hash_ends_on_its_day(world: World) -> None:
    """Hash, stub and row are deleted on the day that the stub names. A returned address keeps its own opt-outs."""
    await mailed(world, [HERS, person(2)])
    policy = world.policies[BRAND]
    for ref in (REF, "user-2"):
        await erase_recipient(world.rights, policy, await world.id_of(ref), "operator")
    await mailed(world, [person(3, email="user-2@people.example")], "service")
    await world.standings.record_opt_out(BRAND, await world.id_of("user-3"), "newsletter", "page")
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 0
    await world.pool.execute("UPDATE stubs SET expires_at = now()")
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 2
    assert await world.pool.fetchval("SELECT count(*) FROM stubs") == 0
    hers = world.hasher.hash_address(EMAIL)
    kept = await world.pool.fetch(
        "SELECT reason, address_hash FROM suppressions WHERE reason <> 'collected' OR address_hash = $1", hers
    )
    assert [row["reason"] for row in kept] == ["opt_out"]
    assert [row["ref"] for row in await world.pool.fetch("SELECT ref FROM recipients")] == ["user-3"]
    standing = await world.standings.get_standing(BRAND, await world.id_of("user-3"))
    assert standing is not None
    assert (standing.erased_before, standing.opted_out) == (False, frozenset({"newsletter"}))
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_an_id_that_named_somebody_is_known_still(world: World) -> None:
    """An event that comes again after an erasure is the one that it was, though its id is kept as a hash."""
    first = await mailed(world, [HERS], id=f"welcome-{REF}")
    assert (await said(world, "personalisation", REF, allowed=False, id=f"about-{REF}")).settled == "ack"
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    again = await world.accept([HERS], id=f"welcome-{REF}")
    assert (again.known, again.mailing_id) == (True, first.mailing_id)
    assert [found.id for found in await world.mailings.statuses_of_mailings_of_event(f"welcome-{REF}")] == [
        first.mailing_id
    ]
    assert await world.mailings.find_mailing_status_of_event(BRAND, f"welcome-{REF}") is not None
    entries = len(await world.entries())
    assert (await said(world, "personalisation", REF, allowed=False, id=f"about-{REF}")).settled == "ack"
    assert len(await world.entries()) == entries


@pytest.mark.promise("interpals-12")
async def test_a_hold_preserves(world: World) -> None:
    """Data under a legal hold cannot be corrected. Dead letters with the person stay, and a copy is kept as it was."""
    await mailed(world, [HERS])
    her, policy = await world.id_of(REF), world.policies[BRAND]
    letter = BrokerMessage(json.dumps({"people": [HERS, person(2)]}).encode(), f"{BRAND}.service", "letter")
    await world.letters.add_dead_letter(
        letter, "mailer.events", f"{BRAND}.service", "bad", "key:shop", DeadLetterCauseKind.REFUSED
    )
    await world.known(2)
    await set_legal_hold(world.rights, BRAND, her, "Case 7/26", "Dana", named=False)
    with pytest.raises(ForbiddenByLegalHold, match="a legal hold preserves these data: Case 7/26"):
        await rectify_recipient(world.rights, policy, her, DataCorrection(name="Nobody"), "operator")
    assert "Case 7/26" in str((await said(world, "rectify", REF, name="Nobody")).settled)
    await erase_recipient(world.rights, policy, await world.id_of("user-2"), "operator")
    await world.pool.execute("UPDATE dead_letters SET at = now() - interval '9 years'")
    await world.upkeep.delete_old_dead_letters(30)
    [kept] = await world.pool.fetch("SELECT body FROM dead_letters")
    assert NAME in kept["body"].decode()
    await mailed(world, [HERS | {"name": "Somebody Else"}])
    preserved = await world.pool.fetchval("SELECT preserved FROM holds")
    assert preserved["data"]["name"] == NAME
    await lift_legal_hold(world.rights, BRAND, her, "Case 7/26", "Dana")
    assert await world.pool.fetchval("SELECT preserved FROM holds") is None
    await world.upkeep.delete_old_dead_letters(30)
    assert await world.pool.fetch("SELECT FROM dead_letters") == []
