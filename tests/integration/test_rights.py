"""Rights in detail: the data that an erasure deletes and keeps, corrections, holds, purges, and the API."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.actions.account_flags import UnknownRecipient, set_account_flag
from mailer.actions.consent import electronic_notice_basis_in_words
from mailer.actions.disclosure_records import DisclosureRefused, record_disclosure_to_authority
from mailer.actions.legal_hold import LegalHoldRefused, lift_legal_hold, set_legal_hold
from mailer.actions.privacy_rights import erase_recipient, mark_under_13, read_personal_data, rectify_recipient
from mailer.events import Person
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.ports import privacy_rights as rights
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.standings import StandingFlag
from mailer.postgres.mailing_coverage import read_mailing_coverage
from mailer.postgres.privacy_rights import PostgresPrivacyRights
from mailer.web.personal_data_html import personal_data_as_html
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, controllers, person, policies
from tests.integration.web_world import browse
from tests.publishers import issue_key

ADA = "user-1@people.example"
POLICY: Policy = policies()[BRAND]


async def erased(world: World, number: int = 1) -> int:
    """Erases a person. Returns the person's id."""
    recipient_id = await world.id_of(f"user-{number}")
    await erase_recipient(world.rights, POLICY, recipient_id, "test")
    return recipient_id


async def row(world: World, table: str, recipient_id: int, key: str = "recipient_id") -> Mapping[str, Any]:
    """A row about the person, in this table."""
    found = await world.pool.fetchrow(f"SELECT * FROM {table} WHERE {key} = $1", recipient_id)  # noqa: S608 - our own
    assert found is not None
    return dict(found)


async def test_an_erased_row_leads_to_nobody(world: World) -> None:
    """Nothing but the brand, the controller and a keyed ref is left of the row, and its standing says erased."""
    [ada] = await world.known(1, name="Ada", locale="en", country="GB", source="sign-up", policy_version="2024")
    await erased(world)
    left = {name: value for name, value in (await row(world, "recipients", ada, "id")).items() if value is not None}
    assert left.keys() == {"id", "brand", "ref", "controller", "observed_at", "created_at"}
    assert left["ref"] == world.hasher.hash_replacing_ref(BRAND, "user-1")
    standing = await row(world, "standings", ada)
    assert standing["erased_at"] is not None
    assert (standing["address_hash"], standing["source"], standing["country"]) == (None, None, None)


async def test_an_erasure_empties_what_hangs_on_the_person(world: World) -> None:
    """Notes, values, files, consents' proofs, opens, clicks, audiences and dead letters go; others' stay."""
    ada, bob = await world.known(1, 2)
    alone = await world.accept([person(1, context={"a": "Ada"})], attachments=[FILE])
    both = await world.accept([person(1, context={"a": "Ada"}), person(2, context={"a": "Bob"})])
    await world.handover().hand_over_batches((*alone.batches, *both.batches))
    for table, values in HANGING.items():
        for recipient_id in (ada, bob):
            await world.pool.execute(f"INSERT INTO {table} VALUES {values}", recipient_id, both.mailing_id)  # noqa: S608
    for address in (ADA, "user-2@people.example"):
        letter = BrokerMessage(f'{{"email": "{address}"}}'.encode(), "interpals.x")
        await world.letters.add_dead_letter(letter, "mailer.events", "x", "bad", "shop", DeadLetterCauseKind.REFUSED)
    await erased(world)
    for table in (*(name.split()[0] for name in HANGING), "ledger_notes"):
        found = await world.pool.fetch(f"SELECT DISTINCT recipient_id FROM {table}")  # noqa: S608 - our own
        assert {int(found[0]) for found in found} == {bob}, table
    contexts = await world.pool.fetch("SELECT recipient_id, context FROM deliveries ORDER BY 1, 2")
    assert [(found["recipient_id"], found["context"]) for found in contexts] == [
        (ada, None),
        (ada, None),
        (bob, {"a": "Bob"}),
    ]
    assert await world.pool.fetchval("SELECT context FROM mailings WHERE id = $1", alone.mailing_id) == {}
    assert await world.pool.fetchval("SELECT context FROM mailings WHERE id = $1", both.mailing_id) != {}
    assert await world.pool.fetchval("SELECT count(*) FROM attachments") == 0
    bodies = [bytes(found["body"]) for found in await world.pool.fetch("SELECT body FROM dead_letters ORDER BY id")]
    assert bodies == [b"", b'{"email": "user-2@people.example"}']
    assert (await world.ledger.verify_ledger()).faults == ()


FILE = {"filename": "bill.txt", "content_type": "text/plain", "content": "aGk="}
HANGING = {
    "individual_opens (recipient_id, mailing_id, day)": "($1, $2, current_date)",
    "individual_clicks (recipient_id, mailing_id, link, day)": "($1, $2, 'https://a.example/', current_date)",
    "sends (recipient_id, mailing_id, category)": "($1, $2, 'newsletter')",
    "audience_members (recipient_id, brand, audience)": f"($1, '{BRAND}', 'vip' || left($2::uuid::text, 0))",
}


async def test_an_inviter_is_forgotten_too(world: World) -> None:
    """A member who invited others is named in no mailing any more, and stays paused."""
    await world.known(1)
    accepted = await world.accept([person(2, source="invitation")], "invitation", inviter="user-1")
    await world.pool.execute("INSERT INTO inviters VALUES ($1, 'user-1', now(), 'reported')", BRAND)
    await erased(world)
    hidden = world.hasher.hash_replacing_ref(BRAND, "user-1")
    assert await world.pool.fetchval("SELECT inviter FROM mailings WHERE id = $1", accepted.mailing_id) == hidden
    assert await world.pool.fetchval("SELECT inviter FROM inviters WHERE paused_at IS NOT NULL") == hidden


async def test_who_held_data_is_listed_and_confirms(world: World) -> None:
    """Each processor that was handed something is to erase it within a month; when it did stands in the ledger."""
    [ada] = await world.known(1)
    await world.handover().hand_over_batches((await world.accept({"refs": ["user-1"]})).batches)
    done = await erase_recipient(world.rights, POLICY, ada, "test")
    [keeper] = done.keepers
    assert (keeper.processor, keeper.country, keeper.contract) == ("fake", "ZZ", "none")
    assert timedelta(days=29) < keeper.due_at - datetime.now(UTC) < timedelta(days=31)
    assert await world.processors.confirm_erasure_by_processor(ada, "fake", "Dana")
    assert not await world.processors.confirm_erasure_by_processor(ada, "fake", "Dana")
    [kept] = await world.processors.list_all_erasure_duties()
    assert (kept.confirmed_at is not None, kept.confirmed_by) == (True, "Dana")
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "erasure_confirmed"]
    assert (entry["recipient"], entry["processor"], entry["rule"]) == (ada, "fake", "action:Dana")


async def test_erasing_again_is_harmless(world: World) -> None:
    """The second time there is nothing left to do, and the list of processors stays as it was."""
    [ada] = await world.known(1)
    first = await erase_recipient(world.rights, POLICY, ada, "test")
    again = await erase_recipient(world.rights, POLICY, ada, "test")
    assert (again.recipient_id, again.cancelled, again.keepers) == (ada, 0, first.keepers)
    assert abs(again.expires_at - first.expires_at) < timedelta(seconds=1)
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions") == 1


async def test_a_name_may_be_taken_and_erased_again(world: World) -> None:
    """Somebody new with the same ref is somebody else, and can be erased as well."""
    [first] = await world.known(1)
    await erased(world)
    later = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await world.pool.execute("UPDATE suppressions SET at = at - interval '1 hour'")
    await world.pool.execute("UPDATE recipients SET observed_at = observed_at - interval '1 hour'")
    await world.known(1, collected_at=later)
    second = await erased(world)
    assert first != second
    refs = {found["id"]: found["ref"] for found in await world.pool.fetch("SELECT id, ref FROM recipients")}
    assert refs == {first: f"erased:{first}", second: world.hasher.hash_replacing_ref(BRAND, "user-1")}


@pytest.mark.parametrize("way", ["event", "import"])
async def test_data_from_before_change_nobody(world: World, way: str) -> None:
    """Old data of the erased ref reach the erased row; old data of the address leave another account as it was."""
    before = datetime.now(UTC)
    ada, _ = await world.known(1, 2)
    await erased(world)
    for ref in ("user-1", "user-2", "user-3"):
        if way == "event":
            await world.accept([{"ref": ref, "email": ADA, "collected_at": before.isoformat()}])
        else:
            known = RecipientImportRow(Person(ref=ref, email=ADA, collected_at=before), audiences=("all",))
            await world.importer().import_rows_in_one_transaction([known])
    emails = {found["ref"]: found["email"] for found in await world.pool.fetch("SELECT ref, email FROM recipients")}
    hidden = world.hasher.hash_replacing_ref(BRAND, "user-1")
    assert emails == {hidden: None, "user-2": "user-2@people.example", "user-3": None}
    assert (await row(world, "recipients", ada, "id"))["ref"] == hidden


async def test_a_mailing_that_names_the_erased_ref_says_so(world: World) -> None:
    """A mailing that still lists the erased ref has a delivery suppressed as erased, without the values for it."""
    ada, _ = await world.known(1, 2)
    await erased(world)
    accepted = await world.accept({"refs": ["user-1", "user-2"]})
    await world.handover().hand_over_batches(accepted.batches)
    hidden = world.hasher.hash_replacing_ref(BRAND, "user-1")
    assert await world.states(accepted.mailing_id) == {hidden: ("suppressed", "erased"), "user-2": ("handed_over", "")}
    old = await world.accept([person(1, context={"a": "Ada"}, collected_at="2020-01-01T00:00:00Z")])
    context = await world.pool.fetchrow(
        "SELECT recipient_id, context FROM deliveries WHERE mailing_id = $1", old.mailing_id
    )
    assert context is not None
    assert tuple(context) == (ada, None)


@pytest.mark.parametrize("state", ["queued", "deferred", "held"])
async def test_what_waits_is_cancelled(world: World, state: str) -> None:
    """A waiting delivery in any state is cancelled, with its entry and right counts. The outcome is published."""
    ada, _ = await world.known(1, 2)
    accepted = await world.accept({"refs": ["user-1"]})
    if state != "queued":
        await world.pool.execute("UPDATE deliveries SET state = $1, reason = 'later', due_at = now()", state)
        await world.pool.execute("UPDATE counters SET state = $1, reason = 'later'", state)
    telling = PostgresPrivacyRights(world.pool, world.hasher, world.standings, controllers(), tell=True)
    done = await erase_recipient(telling, POLICY, ada, "test")
    assert done.cancelled == 1
    assert await world.counted(accepted.mailing_id) == {("cancelled", "erased"): 1}
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    [entry] = await world.entries(accepted.mailing_id, "decision")
    assert (entry["recipient"], entry["reason"], entry["rule"]) == (ada, "cancelled erased", "erasure")
    told = await world.pool.fetchrow("SELECT routing_key, body FROM outbox WHERE exchange = 'mailer.outcomes'")
    assert told is not None
    assert told["routing_key"] == f"{BRAND}.newsletter.cancelled"
    [mailing] = json.loads(told["body"])["mailings"]
    assert mailing["deliveries"] == [{"ref": "user-1", "reason": "erased", "attempt": 0}]
    await world.handover().hand_over_batches(accepted.batches)
    await world.upkeep.finish_completed_mailings()
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert status.state == "finished"
    assert world.processor.sent == []


async def test_a_correction_carries_what_was_left(world: World) -> None:
    """A new address is corrected as of now, over data that claim to be newer, and opt-outs go along."""
    [ada] = await world.known(1, name="Ada")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "test")
    moved = rights.DataCorrection(email="ada@new.example", country="DE")
    await rectify_recipient(world.rights, POLICY, ada, moved, "test")
    found = await row(world, "recipients", ada, "id")
    assert (found["email"], found["name"], found["country"]) == ("ada@new.example", "Ada", "DE")
    assert (await row(world, "standings", ada))["opted_out"] == ["newsletter"]
    await world.known(2, email="ada@new.example")
    assert (await row(world, "standings", await world.id_of("user-2")))["opted_out"] == ["newsletter"]


async def test_what_cannot_be_corrected(world: World) -> None:
    """Nothing at all, a person without an address, somebody erased, and somebody who is not there."""
    await world.accept({"refs": ["user-5"]})
    nameless, [ada] = await world.id_of("user-5"), await world.known(1)
    with pytest.raises(ValueError, match="nothing is corrected"):
        await rectify_recipient(world.rights, POLICY, ada, rights.DataCorrection(), "test")
    with pytest.raises(ValueError, match="the correction needs an email"):
        await rectify_recipient(world.rights, POLICY, nameless, rights.DataCorrection(name="Ada"), "test")
    with pytest.raises(UnknownRecipient):
        await rectify_recipient(world.rights, POLICY, 99, rights.DataCorrection(name="Ada"), "test")
    await erased(world)
    with pytest.raises(rights.RecipientErased):
        await rectify_recipient(world.rights, POLICY, ada, rights.DataCorrection(email="ada@new.example"), "test")
    assert (await row(world, "recipients", ada, "id"))["email"] is None


async def test_holds_are_set_and_lifted_by_name(world: World) -> None:
    """Two holds forbid erasure until both are lifted; a refused erasure changes nothing, not even what is queued."""
    [ada] = await world.known(1)
    queued = await world.accept({"refs": ["user-1"]})
    for reference in ("A", "B"):
        await set_legal_hold(world.rights, BRAND, ada, reference, "Dana", named=reference == "B")
    with pytest.raises(rights.ForbiddenByLegalHold, match="A, B"):
        await erase_recipient(world.rights, POLICY, ada, "test")
    assert await world.states(queued.mailing_id) == {"user-1": ("queued", "")}
    assert (await row(world, "standings", ada))["legal_hold_at"] is not None
    copy = await read_personal_data(world.rights, POLICY, ada, datetime.now(UTC))
    assert [named["reference"] for named in copy["holds"]] == ["B"]
    assert copy["basis"]["electronic_notices"] == electronic_notice_basis_in_words(
        POLICY, copy["data"]["policy_version"]
    )
    await lift_legal_hold(world.rights, BRAND, ada, "A", "Dana")
    with pytest.raises(rights.NoLegalHold, match="'A'"):
        await lift_legal_hold(world.rights, BRAND, ada, "A", "Dana")
    with pytest.raises(rights.ForbiddenByLegalHold, match="B"):
        await erase_recipient(world.rights, POLICY, ada, "test")
    await lift_legal_hold(world.rights, BRAND, ada, "B", "Dana")
    assert (await row(world, "standings", ada))["legal_hold_at"] is None
    assert (await erase_recipient(world.rights, POLICY, ada, "test")).cancelled == 1


async def test_law_needs_names(world: World) -> None:
    """A hold without a reference, a disclosure without fields, and either of nobody are refused, and leave no entry."""
    [ada] = await world.known(1)
    with pytest.raises(LegalHoldRefused):
        await set_legal_hold(world.rights, BRAND, ada, " ", "Dana", named=False)
    with pytest.raises(DisclosureRefused):
        await record_disclosure_to_authority(world.rights, BRAND, ada, rights.LegalDisclosure("Court", "A", ()), "Dana")
    for act in (
        set_legal_hold(world.rights, BRAND, 99, "A", "D", named=False),
        lift_legal_hold(world.rights, BRAND, 99, "A", "D"),
    ):
        with pytest.raises(UnknownRecipient):
            await act
    with pytest.raises(UnknownRecipient):
        await record_disclosure_to_authority(
            world.rights, BRAND, 99, rights.LegalDisclosure("Court", "A", ("email",)), "Dana"
        )
    assert await world.entries(kind="action") == []


async def test_nobody_has_no_rights(world: World) -> None:
    """A person who does not exist at the brand has no copy, cannot be erased, and cannot be marked as a child."""
    [ada] = await world.known(1)
    for policy, recipient_id in ((POLICY, 99), (policies()["peerstream"], ada)):
        with pytest.raises(UnknownRecipient):
            await read_personal_data(world.rights, policy, recipient_id, datetime.now(UTC))
        with pytest.raises(UnknownRecipient):
            await erase_recipient(world.rights, policy, recipient_id, "test")
        with pytest.raises(UnknownRecipient):
            await mark_under_13(world.rights, policy, recipient_id, "test")
    assert await world.entries(kind="action") == []


async def test_a_copy_of_who_got_nothing(world: World) -> None:
    """A person who was only made known has a copy too: empty lists, and nothing of anybody else."""
    ada, bob = await world.known(1, 2)
    await set_account_flag(world.standings, BRAND, bob, StandingFlag.RESTRICTED, True, "test")
    copy = await read_personal_data(world.rights, POLICY, ada, datetime.now(UTC))
    assert (copy["ref"], copy["data"]["email"]) == ("user-1", ADA)
    for name in (
        "consents",
        "suppressions",
        "audiences",
        "entries",
        "opens",
        "clicks",
        "holds",
        "disclosures",
        "inbound",
    ):
        assert copy[name] == [], name
    assert "user-2" not in json.dumps(copy)


async def test_purges_are_due_where_it_was_promised(world: World) -> None:
    """A finished mailing of a brand that promised nothing about retention is nobody's to purge."""
    await world.handover().hand_over_batches((await world.accept([person(1)])).batches)
    assert await world.upkeep.finish_completed_mailings() == 1
    assert await world.processors.list_all_mailing_purge_duties() == []
    assert [(h.brand, h.processor, h.handovers) for h in await world.processors.list_all_processors_handed_data()] == [
        (BRAND, "fake", 1)
    ]


async def test_only_what_was_handed_counts_as_handed_data(world: World) -> None:
    """A relay has no data of mail that was not offered or was refused. Of mail in doubt, it may. Folding keeps this."""
    outcomes = {
        "user-1": Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE),
        "user-2": Outcome(OutcomeKind.DEFERRED, 451, "4.7.1", "come back later"),
        "user-3": Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot"),
    }
    fake = FakeProcessor(lambda outgoing: outcomes.get(outgoing.recipient.partition("@")[0], ACCEPTED))
    for _ in range(120):
        accepted = await world.accept([person(number) for number in range(1, 6)])
        await world.handover(fake).hand_over_batches(accepted.batches)
    [before] = await world.processors.list_all_processors_handed_data()
    assert (before.brand, before.processor, before.country, before.contract) == (BRAND, "fake", "ZZ", "none")
    assert before.handovers == 120 * 3
    await world.upkeep.fold_older_counter_deltas()
    assert await world.processors.list_all_processors_handed_data() == [before]
    assert await world.pool.fetchval("SELECT count(*) FROM handed") == 1


async def test_coverage_of_a_mailing_to_some(world: World) -> None:
    """The report names people outside the audience too."""
    await world.known(1, 2, 3)
    accepted = await world.accept({"refs": ["user-1", "user-2"]})
    await world.standings.record_opt_out(BRAND, await world.id_of("user-2"), "newsletter", "test")
    await world.handover().hand_over_batches(accepted.batches)
    found = await read_mailing_coverage(world.pool, accepted.mailing_id)
    assert (found.accounts, found.counts[("handed_over", "")]) == (3, 1)
    assert list(found.unreached) == [("user-2", "suppressed", "opted_out"), ("user-3", "not_addressed", "")]


async def test_the_api_does_what_events_do(world: World) -> None:
    """Each kind by its own path; the answer to an erasure lists the processors; the same id again changes nothing."""
    [ada] = await world.known(1)
    await world.handover().hand_over_batches((await world.accept({"refs": ["user-1"]})).batches)
    path = f"/api/v1/recipients/{BRAND}/user-1"
    bearer = f"Bearer {await issue_key(world.pool, 'shop', BRAND)}"
    async with browse(world, authorization=bearer) as client:
        assert (await client.post(f"{path}/restrict")).json() == {
            "brand": BRAND,
            "ref": "user-1",
            "account": "restrict",
        }
        assert (await row(world, "standings", ada))["restricted_at"] is not None
        assert (await client.post(f"{path}/unrestrict", json={"id": "one"})).status_code == 200
        assert (await client.post(f"{path}/unrestrict", json={"id": "one"})).status_code == 200
        assert (await client.post(f"{path}/restrict", json={"id": "one"})).status_code == 409
        assert (await row(world, "standings", ada))["restricted_at"] is None
        assert (await client.post(f"{path}/rectify", json={"name": "Ada"})).status_code == 200
        refused = await client.post(f"{path}/rectify", json={"email": "x"})
        assert (refused.status_code, refused.json()["problems"][0][:27]) == (422, "email: not an e-mail addres")
        assert (await client.post(f"{path}/opt_out", json={"scope": "service"})).status_code == 422
        assert (await client.post(f"{path}/dance")).status_code == 404
        assert (await client.post(f"/api/v1/recipients/{BRAND}/nobody/erase")).status_code == 404
        assert (await client.post("/api/v1/recipients/peerstream/user-1/erase")).status_code == 403
        answer = (await client.post(f"{path}/erase")).json()
        assert [keeper["processor"] for keeper in answer["processors"]] == ["fake"]
        assert (await client.get(path)).status_code == 404
    async with browse(world) as client:
        assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "2026-99-99T99:99:99", "0001-01-01T00:00:00+14:00"])
async def test_a_text_that_looks_like_a_time_is_shown_as_it_is(world: World, text: str) -> None:
    """The page of a person's data can be made for any values. Real times are written in words."""
    [ada] = await world.known(1, collected_at="2026-01-01T00:00:00Z")
    await world.accept([person(1, context={"headline": text})])
    page = personal_data_as_html(await read_personal_data(world.rights, POLICY, ada, datetime.now(UTC)), POLICY.name)
    assert text in page
    assert "January 1, 2026, 12:00\u202fAM UTC" in page
