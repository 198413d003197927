"""The rights of the person, seen in what was handed over, in the ledger, and in the answers of commands and API."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailer import bundled_files
from mailer.events import Person
from mailer.ports.recipient_import import RecipientImportRow
from tests.accounts import ADA, key, mailed, of_kind, released, said
from tests.factories import BRAND, World, person, templates
from tests.integration.web_world import browse
from tests.letters import event_of, publish, told
from tests.processes import Stack
from tests.promises.test_consents import imports, reasons


def letter(content: bytes) -> EmailMessage:
    """Parses a message that was handed over."""
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.promise("interpals-03")
async def test_nobody_under_13_is_mailed(world: World) -> None:
    """A child gets no mail, not even a breach notice. Queued mail is cancelled."""
    await world.paying(1)
    queued = await world.accept({"refs": ["user-1"]}, "service")
    assert (await said(world, "under_13")).settled == "ack"
    await world.handover().hand_over_batches(queued.batches)
    assert await world.states(queued.mailing_id) == {"user-1": ("cancelled", "under_13")}
    assert await world.counted(queued.mailing_id) == await world.real_counts(queued.mailing_id)
    later = [await mailed(world, {"refs": ["user-1"]}, category) for category in ("newsletter", "service")]
    for mailing in (*later, await released(world, {"refs": ["user-1"]})):
        assert await world.states(mailing.mailing_id) == {"user-1": ("suppressed", "under_13")}
    assert world.processor.sent == []


@pytest.mark.promise("interpals-12")
async def test_a_legal_hold_forbids_erasure_and_says_so(world: World, operator: Stack) -> None:
    """A legal hold makes command, queue and API refuse an erasure, and gives its reference. Later, it works."""
    await world.known(1)
    who = ("user-1", "--brand", BRAND)
    process = ("--reference", "Case 7/26", "--by", "Dana")
    await operator.done("recipients", "hold", *who, *process)
    refused = await operator.run("recipients", "erase", *who)
    assert (refused.status, "a legal hold forbids erasure: Case 7/26" in refused.err) == (1, True)
    assert "a legal hold forbids erasure: Case 7/26" in str((await said(world, "erase")).settled)
    async with browse(world, authorization=await key(world)) as client:
        answer = await client.post(f"/api/v1/recipients/{BRAND}/user-1/erase")
    assert (answer.status_code, "Case 7/26" in answer.text) == (409, True)
    assert await world.pool.fetchval("SELECT email FROM recipients WHERE ref = 'user-1'") == ADA
    await operator.done("recipients", "hold", *who, *process, "--lift")
    await operator.done("recipients", "erase", *who)
    assert await world.pool.fetchval("SELECT count(*) FROM recipients WHERE email = $1", ADA) == 0
    reasons = [entry["reason"] for entry in await of_kind(world, "action")]
    assert reasons[:2] == ["legal_hold", "legal_hold_lifted"]


@pytest.mark.promise("interpals-12")
async def test_a_disclosure_is_on_record(world: World, operator: Stack) -> None:
    """A disclosure stands in the ledger, with who did it, and in the copy of the person's data."""
    [ada] = await world.known(1)
    who = ("user-1", "--brand", BRAND)
    what = ("--authority", "County Court", "--reference", "Case 7/26", "--field", "email", "--field", "name")
    await operator.done("recipients", "disclose", *who, *what, "--by", "Dana")
    [entry] = await of_kind(world, "action")
    assert (entry["recipient"], entry["reason"], entry["fields"]) == (ada, "disclosed", ["email", "name"])
    assert (entry["rule"], entry["reply"]) == ("action:Dana", "County Court, Case 7/26")
    copy = (await operator.done("recipients", "export", *who)).json
    assert [told["authority"] for told in copy["disclosures"]] == ["County Court"]


@pytest.mark.promise("interpals-18")
async def test_who_wants_no_electronic_notice_gets_a_written_one(world: World) -> None:
    """A person who withdrew electronic notices gets a breach notice in writing, and still gets other mail."""
    await world.paying(1, 2)
    assert (await said(world, "electronic", allowed=False)).settled == "ack"
    breach = await released(world, {"refs": ["user-1", "user-2"]})
    assert await world.states(breach.mailing_id) == {
        "user-1": ("diverted", "written_notice"),
        "user-2": ("handed_over", ""),
    }
    assert world.processor.recipients == ["user-2@people.example"]
    await mailed(world, {"refs": ["user-1"]}, "service")
    assert ADA in world.processor.recipients


@pytest.mark.promise("interpals-19")
async def test_mail_goes_to_the_address_that_is_on_record_now(world: World) -> None:
    """An address that is corrected after a mailing was taken in is the one that its copy goes to."""
    await world.known(1)
    queued = await world.accept({"refs": ["user-1"]})
    assert (await said(world, "rectify", email="ada@new.example", name="Ada")).settled == "ack"
    await world.handover().hand_over_batches(queued.batches)
    assert world.processor.recipients == ["ada@new.example"]
    assert "Ada <ada@new.example>" in letter(world.processor.sent[0].content)["To"]


@pytest.mark.promise("interpals-20", "peerstream-09")
async def test_erasure_is_real(world: World) -> None:
    """An erasure leaves the address, the name and the ref in no table. A keyed hash and an intact ledger remain."""
    [ada] = await world.known(1, name="Ada Lovelace", locale="en-GB", country="GB", source="sign-up")
    await mailed(world, [person(1, name="Ada Lovelace", context={"more": "user-1 likes chess"})])
    queued = await world.accept([person(1, name="Ada Lovelace", context={"more": "Ada Lovelace"}), person(2)])
    assert (await said(world, "erase")).settled == "ack"
    await world.handover().hand_over_batches(queued.batches)
    states = await world.states(queued.mailing_id)
    assert ("cancelled", "erased") in states.values()
    assert states["user-2"] == ("handed_over", "")
    assert await world.counted(queued.mailing_id) == await world.real_counts(queued.mailing_id)
    dump = await everything(world)
    assert not [word for word in (ADA, "Lovelace", "user-1 ", '"user-1"', "likes chess") if word in dump]
    stub = await world.pool.fetchrow("SELECT * FROM stubs")
    assert stub is not None
    assert (stub["recipient_id"], "GDPR Art. 17(3)" in stub["basis"]) == (ada, True)
    days = timedelta(days=world.policies[BRAND].retention_days)
    assert abs(stub["expires_at"] - datetime.now(UTC) - days) < timedelta(minutes=1)
    hashes = await world.pool.fetch("SELECT address_hash, reason FROM suppressions")
    assert [tuple(row) for row in hashes] == [(world.hasher.hash_address(ADA), "erased")]
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.promise("interpals-20")
async def test_what_a_worker_holds_is_not_sent_after_an_erasure(world: World) -> None:
    """A delivery that was claimed before the erasure is decided anew, as of somebody erased, also for a breach."""
    await world.known(1)
    claims = world.deliveries.claim_queued_deliveries_of_batches

    async def late(batches: Any, owner: str, mailings: Any = ()) -> Any:
        claim = await claims(batches, owner, mailings)
        await said(world, "erase")
        return claim

    world.deliveries.claim_queued_deliveries_of_batches = late  # type: ignore[method-assign]  # the erasure comes between claim and intent
    breach = await released(world, {"refs": ["user-1"]})
    assert set((await world.states(breach.mailing_id)).values()) == {("suppressed", "erased")}
    assert world.processor.sent == []


@pytest.mark.promise("interpals-20", "peerstream-09")
async def test_who_comes_back_is_somebody_new(world: World) -> None:
    """An erased address that registers again gets its own service mail, and no offers without a new consent."""
    await world.paying(1, source="sign-up", country="US")
    assert (await said(world, "erase")).settled == "ack"
    now = datetime.now(UTC).isoformat()
    again = person(9, email=ADA, source="sign-up", country="US", collected_at=now)
    assert (await said(world, "paid", "user-9")).settled == "ack"
    service, offer = await mailed(world, [again], "service"), await mailed(world, [again], "promotional")
    assert await world.states(service.mailing_id) == {"user-9": ("handed_over", "")}
    assert await world.states(offer.mailing_id) == {"user-9": ("suppressed", "erased_before")}
    consent = {"scope": "promotional", "version": "2024", "words": "Yes, send me offers.", "at": now}
    assert (await said(world, "consent", "user-9", **consent)).settled == "ack"
    offer = await mailed(world, [again], "promotional")
    assert await world.states(offer.mailing_id) == {"user-9": ("handed_over", "")}


@pytest.mark.promise("interpals-20")
async def test_old_data_bring_nobody_back(world: World) -> None:
    """An event with data from before the erasure mails nobody, under the old ref or another, and keeps no address."""
    await world.known(1)
    before = datetime.now(UTC).isoformat()
    assert (await said(world, "erase")).settled == "ack"
    for number in (1, 7):
        await released(world, [person(number, email=ADA, collected_at=before)])
    assert world.processor.sent == []
    assert ADA not in await everything(world)


@pytest.mark.promise("interpals-20", "interpals-24")
async def test_nobody_was_collected_in_the_future(world: World, operator: Stack) -> None:
    """An event or a line that says so is refused and pins nothing; a clock a little ahead still brings nobody back."""
    now = datetime.now(UTC)
    for later in ("2150-01-01T00:00:00Z", (now + timedelta(minutes=6)).isoformat()):
        refused = await publish(world, event_of(BRAND, "welcome", {**person(1), "collected_at": later}))
        assert "to.people.0.collected_at" in str(refused.settled)
        assert "is in the future; say when it was" in str(refused.settled)
        line = f"ref,email,country,source,collected_at\nuser-1,{ADA},US,sign-up,{later}\n"
        assert (await imports(operator, line))["rejected"] == 1
        assert "collected_at: " in reasons(operator)
        assert "is in the future; say when it was" in reasons(operator)
    assert ADA not in json.dumps([row["email"] for row in await world.pool.fetch("SELECT email FROM recipients")])
    soon = {**person(1), "collected_at": (now + timedelta(minutes=3)).isoformat()}
    assert len(await told(world, event_of(BRAND, "welcome", soon))) == 1
    right = {**person(1, name="Ada"), "collected_at": datetime.now(UTC).isoformat()}
    assert len(await told(world, event_of(BRAND, "welcome", right))) == 1
    assert await world.pool.fetchval("SELECT name FROM recipients") == "Ada"
    assert (await said(world, "erase")).settled == "ack"
    for again in (soon, {**soon, "ref": "user-2"}):
        assert await told(world, event_of(BRAND, "welcome", again)) == []
    await world.importer().import_rows_in_one_transaction([RecipientImportRow(Person.model_validate(soon))])
    assert ADA not in await everything(world)


@pytest.mark.promise("interpals-20")
@pytest.mark.parametrize("address", [ADA, "first@people.example", "second@people.example"])
async def test_a_former_address_of_the_erased_gets_nothing(world: World, address: str) -> None:
    """Old data of any former address bring no erased person back. New data get own mail, but no offers."""
    old = datetime.now(UTC).isoformat()
    await world.known(1, email="first@people.example", source="sign-up")
    assert (await said(world, "rectify", email="second@people.example")).settled == "ack"
    assert (await said(world, "rectify", email=ADA)).settled == "ack"
    assert (await said(world, "erase")).settled == "ack"
    other = {**person(9, email=address.upper(), source="sign-up"), "collected_at": old}
    for template in ("welcome", "spring-offer"):
        assert await told(world, event_of(BRAND, template, other)) == []
    other["collected_at"] = datetime.now(UTC).isoformat()
    assert len(await told(world, event_of(BRAND, "welcome", other))) == 1
    assert await told(world, event_of(BRAND, "spring-offer", other)) == []


@pytest.mark.promise("paltalk06-06", "paltalk02-01", "paltalk02-08")
@pytest.mark.parametrize("brand", ["paltalk-2006", "paltalk-2002"])
async def test_who_closes_the_account_gets_no_service_mail(world: World, brand: str) -> None:
    """No queued or claimed mail goes out once an account is closed. A breach notice still does."""
    controller = world.policies[brand].controller.id
    told = {"controller": controller, "brand": brand, "reason": "Maintenance"}
    await world.accept([person(1)], "service", **told)
    queued = await world.accept({"refs": ["user-1"]}, "service", **told)
    assert (await said(world, "deactivate", brand=brand)).settled == "ack"
    await world.handover().hand_over_batches(queued.batches)
    assert await world.states(queued.mailing_id) == {"user-1": ("suppressed", "deactivated")}
    assert world.processor.sent == []
    [entry] = await of_kind(world, "decision", queued.mailing_id)
    done = [action for action in await of_kind(world, "action") if action["reason"] == "deactivated"]
    latency = datetime.fromisoformat(entry["at"]) - datetime.fromisoformat(done[0]["at"])
    assert timedelta(0) <= latency < timedelta(seconds=10)
    await released(world, {"refs": ["user-1"]}, controller=controller, brand=brand)
    assert world.processor.recipients == [ADA]


@pytest.mark.promise("paltalk06-08")
async def test_the_channel_is_the_recipients_wish(world: World, operator: Stack) -> None:
    """A wish to be telephoned keeps announcements from the mail, and stands on the queue of those who telephone."""
    told = {"controller": world.policies["paltalk-2006"].controller.id, "brand": "paltalk-2006"}
    service = {**told, "reason": "Maintenance"}
    await world.accept([person(1), person(2)], "service", **service)
    assert (await said(world, "channel", brand="paltalk-2006", channel="telephone")).settled == "ack"
    accepted = await world.accept({"refs": ["user-1", "user-2"]}, "service", **service)
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {
        "user-1": ("diverted", "telephone"),
        "user-2": ("handed_over", ""),
    }
    assert world.processor.recipients == ["user-2@people.example"]
    [waits] = (await operator.done("notices", "list", "--channel", "telephone", "--json")).json
    assert (waits["category"], waits["reason"]) == ("service", "channel_preference")
    letter = await mailed(world, {"refs": ["user-1"]}, **told)
    assert await world.states(letter.mailing_id) == {"user-1": ("suppressed", "not_subscribed")}
    await released(world, {"refs": ["user-1"]}, **told)
    assert ADA in world.processor.recipients, "the law's mail goes by mail"
    await operator.done("recipients", "channel", "user-2", "--brand", "paltalk-2006", "telephone")
    channels = await world.pool.fetch("SELECT channel FROM standings")
    assert [row["channel"] for row in channels] == ["telephone", "telephone"]


@pytest.mark.promise("paltalk06-32")
async def test_an_answer_comes_by_telephone_where_that_is_wished(world: World, operator: Stack) -> None:
    """The answer to an inquiry stands on the queue with its words; the receipt of the same person goes by mail."""
    brand = "paltalk-2006"
    told = {"controller": world.policies[brand].controller.id, "brand": brand}
    await world.accept([person(1), person(2)], "service", reason="Maintenance", **told)
    assert (await said(world, "channel", brand=brand, channel="telephone")).settled == "ack"
    both = {"refs": ["user-1", "user-2"]}
    for name in ("inquiry-answer", "order-confirmation"):
        template = templates().find_template(brand, name)
        assert template is not None
        await mailed(world, both, "account", template=name, context=dict(template.example), **told)
    subjects = Counter(letter(sent.content)["Subject"].split()[1] for sent in world.processor.sent)
    assert subjects == {"answer": 1, "order": 2}
    [waits] = (await operator.done("notices", "list", "--brand", brand, "--json")).json
    assert (waits["channel"], waits["category"], waits["state"]) == ("telephone", "account", "open")
    number = str(waits["id"])
    await operator.done("notices", "take", number, "--by", "Dana")
    everything = operator.having(TEMPLATES=str(bundled_files.bundled_folder("templates")))
    shown = (await everything.done("notices", "show", number, "--by", "Dana", "--json")).json
    assert (shown["ref"], "We answer: Yes. Open your settings" in shown["text"]) == ("user-1", True)
    await operator.done("notices", "done", number, "--reference", "call 17", "--by", "Dana")
    [done] = (await operator.done("notices", "list", "--state", "done", "--json")).json
    assert (done["reference"], done["changed_by"]) == ("call 17", "Dana")


@pytest.mark.promise("paltalk02-05")
async def test_a_brand_that_says_by_mail_has_no_other_channel(world: World, operator: Stack) -> None:
    """A wish for a telephone call is refused with words at each door; one that is stored from before moves nothing."""
    told = {"controller": world.policies["paltalk-2002"].controller.id, "brand": "paltalk-2002"}
    await world.accept([person(1)], "service", **told)
    refused = await said(world, "channel", brand="paltalk-2002", channel="telephone")
    assert "paltalk-2002 reaches nobody by telephone; its policy has email only" in str(refused.settled)
    by_hand = await operator.run("recipients", "channel", "user-1", "--brand", "paltalk-2002", "telephone")
    assert (by_hand.status, "reaches nobody by telephone" in by_hand.err) == (2, True)
    assert (await said(world, "channel", brand="paltalk-2002", channel="email")).settled == "ack"
    await world.pool.execute("UPDATE standings SET channel = 'telephone'")
    accepted = await mailed(world, {"refs": ["user-1"]}, "service", **told)
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
    asked = ("--brand", "paltalk-2002", "--mailing", str(accepted.mailing_id))
    everything = operator.having(TEMPLATES=str(bundled_files.bundled_folder("templates")))
    why = (await everything.done("policy", "explain", "--recipient", "user-1", *asked)).out
    assert ("wants to be reached by: telephone" in why, "channels of the brand beside mail" in why) == (True, True)


@pytest.mark.promise("paltalk06-21")
async def test_what_applications_say_of_accounts_is_done(world: World) -> None:
    """Correct, update, delete and deactivate are events: each is acknowledged once it holds, and does what it says."""
    brand = "paltalk-2006"
    told = {"controller": world.policies[brand].controller.id, "brand": brand, "reason": "Maintenance"}
    await world.accept([person(1), person(2), person(3)], "service", **told)
    answers = [
        await said(world, "rectify", "user-1", brand, email="ada@new.example"),
        await said(world, "deactivate", "user-2", brand),
        await said(world, "erase", "user-3", brand),
    ]
    assert [answer.settled for answer in answers] == ["ack"] * 3
    accepted = await world.accept({"refs": ["user-1", "user-2", "user-3"]}, "service", **told)
    await world.handover().hand_over_batches(accepted.batches)
    assert world.processor.recipients == ["ada@new.example"]
    states = sorted((await world.states(accepted.mailing_id)).values())
    assert states == [("handed_over", ""), ("suppressed", "deactivated"), ("suppressed", "erased")]
    reasons = {str(entry["reason"]).split()[0] for entry in await of_kind(world, "action")}
    assert {"rectified", "deactivated", "erased"} <= reasons


@pytest.mark.promise("peerstream-07")
async def test_the_copy_is_complete(world: World, operator: Stack, tmp_path: Path) -> None:
    """Data, consents, the ledger, the links that were issued, and inbound mail: by command, as a page, and by API."""
    brand = "peerstream"
    controller = world.policies[brand].controller.id
    await world.accept(
        [person(1, name="Ada Lovelace", country="US", source="sign-up")], brand=brand, controller=controller
    )
    consent = {
        "scope": "newsletter",
        "version": "2018",
        "words": "Yes, write to me.",
        "proof": "<form 17>",
        "at": datetime.now(UTC).isoformat(),
    }
    assert (await said(world, "consent", brand=brand, **consent)).settled == "ack"
    accepted = await world.accept({"refs": ["user-1"]}, brand=brand, controller=controller)
    await world.handover().hand_over_batches(accepted.batches)
    assert (await said(world, "opt_out", brand=brand, scope="promotional")).settled == "ack"
    copy = (await operator.done("recipients", "export", "user-1", "--brand", brand)).json
    async with browse(world, authorization=await key(world, brand)) as client:
        answer = await client.get(f"/api/v1/recipients/{brand}/user-1")
    assert answer.status_code == 200
    assert answer.json() | {"exported_at": copy["exported_at"]} == copy
    assert (copy["data"]["email"], copy["data"]["name"]) == (ADA, "Ada Lovelace")
    assert [(said["scope"], said["proof"]) for said in copy["consents"]] == [("newsletter", "<form 17>")]
    assert [(left["scope"], left["reason"]) for left in copy["suppressions"]] == [("promotional", "opt_out")]
    [sent] = [delivery for delivery in copy["deliveries"] if delivery["mailing"] == str(accepted.mailing_id)]
    assert [entry["kind"] for entry in sent["entries"]] == ["decision", "hand_over", "outcome"]
    assert {"unsubscribe", "preferences", "report"} <= set(sent["links"]) <= copy["links"].keys()
    assert [held["processor"] for held in copy["recipients_of_data"]] == ["fake"]
    assert {"consent_given", "opt_out"} <= {str(entry["reason"]).split()[0] for entry in copy["entries"]}
    assert copy["inbound"] == []
    page = tmp_path / "copy.html"
    await operator.done("recipients", "export", "user-1", "--brand", brand, "--html", str(page))
    html = page.read_text("utf-8")
    assert all(
        word in html for word in (ADA, "Ada Lovelace", "&lt;form 17&gt;", "was given the mail to deliver", "fake")
    )
    assert "<script" not in html


@pytest.mark.promise("peerstream-09")
async def test_who_is_restricted_gets_legal_and_security_mail_only(world: World) -> None:
    """A restricted person gets neither newsletters nor service mail, but gets a breach notice."""
    brand = "peerstream"
    told = {"controller": world.policies[brand].controller.id, "brand": brand}
    await world.accept([person(1, country="US")], "service", **told)
    assert (await said(world, "restrict", brand=brand)).settled == "ack"
    for category in ("newsletter", "service"):
        accepted = await world.accept({"refs": ["user-1"]}, category, **told)
        await world.handover().hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == {"user-1": ("suppressed", "restricted")}
    assert world.processor.sent == []
    breach = await released(world, {"refs": ["user-1"]}, **told)
    assert await world.states(breach.mailing_id) == {"user-1": ("handed_over", "")}


async def everything(world: World) -> str:
    """Every row of every table, as text."""
    names = await world.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for (name,) in names:
        found += [row[0] for row in await world.pool.fetch(f'SELECT to_jsonb(t)::text FROM "{name}" t')]  # noqa: S608 - our own
    return json.dumps(found, ensure_ascii=False).replace('\\"', '"')
