"""Optional mail gets in by no other door: tried as somebody in marketing would who wants to reach people who left."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.account_event_types import validate_account
from mailer.actions.account_events import apply_account_event
from mailer.events import EventRefused
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.link_tokens import PreferencesToken
from tests.factories import World, policies
from tests.integration.web_world import browse
from tests.letters import ADA, LINKS, consents, event_of, known, publish, stands, told
from tests.processes import Stack
from tests.promises.test_consents import SAID, WORDS, imports, reasons, tell, why_not
from tests.publishers import issue_key

NEW = "paltalk-2006"
SHOP = Identity.parse_identity("key:shop")
NO_WORDING = "lacks words|words: nobody says by them"


async def says(world: World, account: str, **values: Any) -> None:
    """Publishes an application's words about Ada on the queue."""
    event = {"v": 1, "id": uuid7().hex, "brand": NEW, "ref": "ada", "account": account, **values}
    await apply_account_event(world.desks, policies(), validate_account(event), SHOP)


async def asked(world: World) -> int:
    """Counts the mails that ask for a confirmation."""
    found: int = await world.pool.fetchval("SELECT count(*) FROM outbox WHERE body LIKE '%confirm-subscription%'")
    return found


@pytest.mark.promise("paltalk06-02", "paltalk06-12", "interpals-07")
@pytest.mark.parametrize("left", ["promotional", "*", "objection", "complaint"])
async def test_a_lift_brings_no_old_consent_back(world: World, operator: Stack, left: str) -> None:
    """A consent from before an opt-out counts for nothing once an operator lifts it, though it is said again."""
    await known(world, NEW, ADA)
    before = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    await tell(world, NEW, "consents", scope="promotional", at=before, **SAID)
    assert len(await told(world, event_of(NEW, "spring-offer"))) == 1
    if left == "objection":
        await says(world, "object")
    elif left == "complaint":
        options = ("--ref", "ada", "--reason", "complaint", "--source", "phone", "--by", "Dana")
        await operator.done("suppressions", "add", "--brand", NEW, *options)
    else:
        await says(world, "opt_out", scope=left)
    for id_ in [row["id"] for row in await world.pool.fetch("SELECT id FROM suppressions")]:
        why = ("--by", "recipient", "--reason", "they miss us")
        lifted = await operator.done("suppressions", "lift", str(id_), "--brand", NEW, *why)
        assert "a new consent is needed" in lifted.out
    for again in (None, before):
        if again:
            await tell(world, NEW, "consents", scope="promotional", at=again, **{**SAID, "version": "form 2"})
        assert await told(world, event_of(NEW, "spring-offer")) == []
        assert await why_not(world) == ("no_opt_in", "promo-basis")
    await tell(world, NEW, "consents", scope="promotional", **SAID)
    assert len(await told(world, event_of(NEW, "spring-offer"))) == 1


@pytest.mark.promise("paltalk06-02", "paltalk06-03", "peerstream-06")
async def test_who_left_is_not_asked_to_come_back(world: World) -> None:
    """No application makes a mail that asks who left, objected or closed the account; their own page still does."""
    await known(world, NEW, ADA)
    for change in (
        "opted_out = '{newsletter}'",
        "opted_out = '{*}'",
        "opted_out = '{}', objected_at = now()",
        "objected_at = NULL, deactivated_at = now()",
        "deactivated_at = NULL, restricted_at = now()",
    ):
        await stands(world, change, NEW)
        status, answer = await tell(world, NEW, "consents", scope="newsletter", **SAID)
        assert (status, answer["state"]) == (200, "withdrawn")
        await says(world, "consent", scope="newsletter/chat-rooms", at=datetime.now(UTC).isoformat(), **SAID)
        assert await asked(world) == 0
    await stands(world, "restricted_at = NULL, opted_out = '{newsletter}'", NEW)
    standing = await world.standings.get_standing(NEW, await world.id_of("ada", NEW))
    assert standing is not None
    link = LINKS.preferences_link(PreferencesToken(NEW, standing.recipient_id, standing.generation))
    async with browse(world) as client:
        page = await client.post(f"/preferences/{link.rpartition('/')[2]}", data={"want": "newsletter", "save": "1"})
    assert page.status_code == 200
    assert await asked(world) == 1


@pytest.mark.promise("interpals-06", "paltalk06-03")
@pytest.mark.parametrize("words", ["-", "\u2026", " . ", "n/a", "none", "xx xx", "\u00ad\u200b", "42"])
async def test_a_dash_is_no_consent_by_any_door(world: World, operator: Stack, words: str) -> None:
    """Words that nobody can have been shown are refused by the API, an event, a file of people and one of consents."""
    await known(world, NEW, ADA)
    now = datetime.now(UTC).isoformat()
    status, answer = await tell(world, NEW, "consents", scope="promotional", version="form 1", words=words)
    assert (status, bool(re.search(NO_WORDING, answer["problems"][0]))) == (422, True)
    with pytest.raises(EventRefused, match=NO_WORDING):
        await says(world, "consent", scope="promotional", version="form 1", words=words, at=now)
    header = "ref,email,consents,consent_source,consent_version,consent_at,consent_words\n"
    line = f"ada,ada@people.example,promotional,page,form 1,2026-01-01T00:00:00Z,{words}\n"
    assert (await imports(operator, header + line, brand=NEW))["rejected"] == 1
    said = {
        "ref": "ada",
        "scope": "promotional",
        "given": True,
        "source": "page",
        "version": "1",
        "words": words,
        "at": now,
    }
    (operator.folder / "said.jsonl").write_text(json.dumps(said) + "\n")
    done = await operator.done("consents", "import", "said.jsonl", "--brand", NEW, "--json")
    assert (done.json["rejected"], re.search(NO_WORDING, reasons(operator, "said.rejected.jsonl")) is not None) == (
        1,
        True,
    )
    assert await world.pool.fetchval("SELECT count(*) FROM consents") == 0


@pytest.mark.promise("paltalk06-03", "interpals-06")
async def test_confirmed_in_a_file_is_proven_or_nothing(world: World, operator: Stack) -> None:
    """The word `confirmed` confirms nothing: a file shows the confirmation, or its line is rejected."""
    await known(world, NEW, ADA)
    header = "ref,email,consents,consent_source,consent_version,consent_at,consent_words,consent_proof\n"
    said = {"ref": "ada", "scope": "newsletter", "given": True, "version": "form 1", "words": WORDS}
    for source, proof, taken in (
        ("confirmed", "", 0),
        ("confirmed", "-", 0),
        ("Confirmed ", "yes", 0),
        ("confirmed", "message-id:<8121@old.example>", 1),
    ):
        line = f'ada,ada@people.example,newsletter,{source},form 1,2026-01-01T00:00:00Z,"{WORDS}",{proof}\n'
        assert (await imports(operator, header + line, brand=NEW))["taken"] == taken
        one = {**said, "source": source, "proof": proof or None, "at": "2026-01-02T00:00:00Z"}
        (operator.folder / "said.jsonl").write_text(json.dumps(one) + "\n")
        done = await operator.done("consents", "import", "said.jsonl", "--brand", NEW, "--json")
        assert done.json["taken"] == taken
        assert len(await told(world, event_of(NEW, "weekly"))) == taken


@pytest.mark.promise("interpals-27")
async def test_no_member_sees_anothers_address(world: World) -> None:
    """A member's address in Reply-To, a value, an inviter or a file reaches nobody, by the queue as by the API."""
    bob = {**ADA, "ref": "bob", "email": "bob@mail.example", "name": "Bob"}
    await known(world, "interpals", ADA, bob)
    page = {"url": "https://interpals.example/letters"}
    key = await issue_key(world.pool, "app", "interpals")
    for name, values in (
        ("activity", {"reply_to": bob["email"]}),
        ("activity", {"context": {"sender_name": f"Bob <{bob['email']}>", **page}}),
        ("activity", {"context": {"sender_name": "Bob", "url": f"{page['url']}?to=bob%40mail.example"}}),
        ("invitation", {"inviter": bob["email"]}),
        ("maintenance", {"reason": f"{bob['email']} reported your letter"}),
    ):
        event = event_of("interpals", name, **values)
        world.processor.sent.clear()
        arrived = await publish(world, event)
        assert (arrived.settled or "").startswith("rejected"), values
        async with browse(world, authorization=f"Bearer {key}") as client:
            assert (await client.post("/api/v1/events", json=event)).status_code == 422
        assert world.processor.sent == []
    [letter] = await told(world, event_of("interpals", "activity", reply_to="help@interpals.example"))
    assert "bob@" not in str(letter)


@pytest.mark.promise("interpals-05", "interpals-04")
async def test_a_partner_in_a_letter_reaches_who_asked(world: World) -> None:
    """Mail that names a partner says so, and goes only to people who asked for that partner's mail."""
    bob = {**ADA, "ref": "bob", "email": "bob@mail.example", "name": "Bob"}
    await known(world, "interpals", ADA, bob)
    await consents(world, "interpals", "partner/penpal-shop")
    items = [
        {"title": "Penpal Shop has a phrase book", "text": "Twelve languages.", "url": "https://interpals.example/a"}
    ]
    letter = event_of("interpals", "weekly", to={"refs": ["ada", "bob"]})
    letter["context"] = {**letter["context"], "items": items}
    assert "names Penpal Shop" in ((await publish(world, letter)).settled or "")
    assert "no partner" in ((await publish(world, {**letter, "id": "2", "partner": "acme"})).settled or "")
    [mail] = await told(world, {**letter, "id": "3", "partner": "penpal-shop"})
    assert mail["To"].addresses[0].addr_spec == "ada@people.example"
    assert await why_not(world, "bob") == ("not_requested", "partner-request")
    hidden = event_of("interpals", "maintenance", reason="Penpal Shop works on its servers")
    assert "leave it out" in ((await publish(world, hidden)).settled or "")


@pytest.mark.promise("paltalk06-05", "paltalk06-10")
async def test_service_mail_carries_no_offer_in_any_field(world: World) -> None:
    """Mail that nobody can leave has no promotion in reason, values, names or files, from any publisher."""
    await known(world, NEW, ADA)
    picture = {"filename": "a.png", "content_type": "image/png", "content": "iVBORw0KGgo="}
    note = {"filename": "50% off.pdf", "content_type": "application/pdf", "content": "JVBERi0="}
    for values in (
        {"reason": "Save 50% until Sunday"},
        {"attachments": [picture]},
        {"attachments": [note]},
        {"to": {"people": [{**ADA, "name": "Ada, discount inside!"}]}},
    ):
        arrived = await publish(world, event_of(NEW, "maintenance", **values))
        assert (arrived.settled or "").startswith("rejected"), values
    answer = event_of(NEW, "rights-answer", context={"done": "erased", "message": "Half price if you come back."})
    assert "which promotes" in ((await publish(world, answer)).settled or "")
