"""Consents on record, the standing that follows from them, and what they end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.actions.confirmation_requests import ConfirmationAsked, ConfirmationRequestDependencies
from mailer.actions.consent import ConsentNotRecordable, record_consent_or_ask_to_confirm, withdraw_consent
from mailer.actions.opt_out import record_opt_out
from mailer.actions.suppression import object_to_marketing
from mailer.actions.suppression_and_consent_import import import_consents_from_json_lines
from mailer.events import Person
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.consents import Consent, ConsentResult
from mailer.ports.recipient_import import RecipientImportRow
from mailer.rendering.signed_links import SignedLinks
from tests.factories import BRAND, KEY, World, person, policies
from tests.integration.web_world import browse
from tests.publishers import issue_key

LINKS = SignedLinks("https://mail.example", [KEY])
WORDS = "Yes, write to me."
EARLY = datetime(2024, 2, 1, tzinfo=UTC)
CONFIRMED = "paltalk-2006"


def said(scope: str, given: bool = True, **values: Any) -> Consent:
    """A consent as an application reports it, now."""
    stated: dict[str, Any] = {"source": "application", "version": "form 1", "words": WORDS, "actor": "recipient"}
    return Consent(scope, given, **{"at": datetime.now(UTC)} | stated | values)


async def give(
    world: World, recipient_id: int, scope: str, brand: str = BRAND, **values: Any
) -> ConsentResult | ConfirmationAsked:
    """Records a consent by the action."""
    mail = ConfirmationRequestDependencies(LINKS, world.wishes)
    return await record_consent_or_ask_to_confirm(
        world.consents, mail, policies()[brand], recipient_id, said(scope, **values), "US"
    )


async def leave(world: World, recipient_id: int, scope: str) -> None:
    """Leaves by the action."""
    await record_opt_out(world.standings, policies()[BRAND], recipient_id, scope, "test")


async def standing(world: World, recipient_id: int, brand: str = BRAND) -> Standing:
    """The standing of a person."""
    found = await world.standings.get_standing(brand, recipient_id)
    assert found is not None
    return found


async def test_a_consent_its_standing_and_its_entry(world: World) -> None:
    """A record has all its proof, the standing follows at once, and the ledger says under which version."""
    [ada] = await world.known(1)
    done = await give(world, ada, "newsletter", proof="form 17")
    assert done == ConsentResult("user-1", (), frozenset(), given=True)
    assert (await standing(world, ada)).consents == {"newsletter"}
    [record] = await world.consents.consent_history_of_recipient(BRAND, ada)
    assert (record.controller, record.consent.version, record.consent.words) == ("interpals", "form 1", WORDS)
    assert (record.consent.proof, record.counts) == ("form 17", True)
    [entry] = await world.entries(kind="action")
    assert (entry["reason"], entry["category"], entry["policy"]) == ("consent_given", "newsletter", "form 1")
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_the_same_again_is_one_record(world: World) -> None:
    """The same consent sent twice is kept once, so that an application may repeat what got lost."""
    [ada] = await world.known(1)
    at = datetime.now(UTC)
    for _ in range(2):
        await give(world, ada, "newsletter", at=at)
    assert len(await world.consents.consent_history_of_recipient(BRAND, ada)) == 1
    assert (await standing(world, ada)).version == 2


async def test_a_withdrawal_needs_no_words_and_leaves_the_mail(world: World) -> None:
    """Withdrawing takes one press, ends the consent, and opts out of its scope."""
    [ada] = await world.known(1)
    await give(world, ada, "newsletter")
    done = await withdraw_consent(world.consents, policies()[BRAND], ada, said("newsletter", given=False, words=None))
    assert done.left == {"newsletter"}
    stands = await standing(world, ada)
    assert (set(stands.consents), set(stands.opted_out)) == (set(), {"newsletter"})
    assert [entry["reason"] for entry in await world.entries(kind="action")][-2:] == ["consent_withdrawn", "opt_out"]


async def test_tracking_is_withdrawn_and_no_mail_is_left(world: World) -> None:
    """A consent to being counted is no mail; withdrawing it leaves none."""
    [ada] = await world.known(1)
    await give(world, ada, "tracking")
    done = await withdraw_consent(world.consents, policies()[BRAND], ada, said("tracking", given=False))
    assert done.left == frozenset()
    assert (await standing(world, ada)).consents == frozenset()


@pytest.mark.parametrize("source", ["application", "confirmed"])
async def test_ones_own_later_consent_ends_the_opt_out_of_its_scope(world: World, source: str) -> None:
    """The consent ends that opt-out and no other, for all people with the address, and on record."""
    ada, grace = await world.known(1, 2, email="ada@people.example")
    for scope in ("newsletter", "promotional", "newsletter/chat-rooms"):
        await leave(world, ada, scope)
    done = await give(world, ada, "newsletter", source=source, proof="message-id:<8121@mail.example>")
    assert isinstance(done, ConsentResult)
    assert done.lifted == ("newsletter",)
    for recipient_id in (ada, grace):
        assert (await standing(world, recipient_id)).opted_out == {"promotional", "newsletter/chat-rooms"}
    [lifted] = [one for one in await world.suppressions.all_suppressions_of_recipient(BRAND, ada) if one.lifted_at]
    assert (lifted.scope, lifted.lifted_by, lifted.lift_reason) == (
        "newsletter",
        "recipient",
        "a consent given since",
    )
    await leave(world, ada, "newsletter")
    assert "newsletter" in (await standing(world, grace)).opted_out


@pytest.mark.parametrize("source", ["page", "letter", "form"])
async def test_what_others_say_for_somebody_ends_no_opt_out(world: World, source: str) -> None:
    """A consent that a link's page, an operator or a file brings is kept. It ends no opt-out."""
    [ada] = await world.known(1)
    await leave(world, ada, "newsletter")
    assert await give(world, ada, "newsletter", source=source) == ConsentResult(
        "user-1", (), frozenset({"newsletter"}), given=True
    )


async def test_a_consent_from_before_the_opt_out_ends_nothing(world: World) -> None:
    """A consent given before an opt-out, but reported after it, ends nothing."""
    [ada] = await world.known(1)
    await give(world, ada, "newsletter", at=EARLY)
    await leave(world, ada, "newsletter")
    done = await give(world, ada, "newsletter", at=EARLY + timedelta(days=1))
    assert done == ConsentResult("user-1", (), frozenset({"newsletter"}), given=True)
    await leave(world, ada, "newsletter")
    between = datetime.now(UTC)
    await leave(world, ada, "newsletter")
    done = await give(world, ada, "newsletter", at=between)
    assert done == ConsentResult("user-1", (), frozenset({"newsletter"}), given=True), "the last opt-out counts"


async def test_who_left_all_and_asks_for_one_has_left_the_others(world: World) -> None:
    """An opt-out of everything gives way to opt-outs of the brand's other optional categories."""
    [ada] = await world.known(1)
    await leave(world, ada, EVERYTHING_OPTIONAL)
    await give(world, ada, "newsletter")
    others = {name for name, category in policies()[BRAND].categories.items() if category.is_optional} - {"newsletter"}
    assert (await standing(world, ada)).opted_out == others


async def test_who_left_a_category_and_asks_for_a_topic_gets_that_alone(world: World) -> None:
    """Coming back to one topic brings back neither the category nor other topics that were asked for before."""
    [ada] = await world.known(1)
    for scope in ("newsletter", "newsletter/dating"):
        await give(world, ada, scope)
    await leave(world, ada, "newsletter")
    await give(world, ada, "newsletter/chat-rooms")
    stands = await standing(world, ada)
    assert (set(stands.opted_out), set(stands.consents)) == (set(), {"newsletter/chat-rooms"})


async def test_who_leaves_the_last_topic_has_left_the_category(world: World) -> None:
    """A person who leaves the last topic leaves the category. Else other topics would begin to come."""
    [ada] = await world.known(1)
    for topic in ("chat-rooms", "dating"):
        await give(world, ada, f"newsletter/{topic}")
    for topic, left in (("dating", {"newsletter/dating"}), ("chat-rooms", {"newsletter"})):
        done = await withdraw_consent(world.consents, policies()[BRAND], ada, said(f"newsletter/{topic}", given=False))
        assert left <= done.left
    assert (await standing(world, ada)).opted_out == {"newsletter", "newsletter/chat-rooms", "newsletter/dating"}


async def test_a_withdrawal_that_no_consent_came_before_leaves_its_topic_only(world: World) -> None:
    """A person who never asked for topics and refuses one still gets the others."""
    [ada] = await world.known(1)
    await withdraw_consent(world.consents, policies()[BRAND], ada, said("newsletter/dating", given=False))
    assert (await standing(world, ada)).opted_out == {"newsletter/dating"}


async def test_an_objection_stays_whatever_is_consented_to(world: World) -> None:
    """A consent after an objection is on record, and ends nothing: only a lift with a reason does."""
    [ada] = await world.known(1)
    await object_to_marketing(world.suppressions, policies()[BRAND], ada, "letter", "Dana")
    await give(world, ada, "newsletter")
    stands = await standing(world, ada)
    assert stands.objected
    assert stands.consents == {"newsletter"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"words": None}, "lacks words"),
        ({"version": " "}, "lacks version"),
        ({"source": ""}, "lacks source"),
        ({"actor": "", "words": ""}, "lacks actor, words"),
        ({"source": "Terms of use"}, "is the policy's basis"),
        ({"at": datetime(2999, 1, 1, tzinfo=UTC)}, "is in the future"),
        ({"scope": "breach"}, "'breach' is no scope of interpals"),
        ({"scope": "*"}, "is no scope"),
        ({"scope": "newsletter/Chat Rooms"}, "is no scope"),
        ({"scope": "purpose/none"}, "is no scope"),
    ],
)
async def test_what_cannot_be_recorded(world: World, values: dict[str, Any], message: str) -> None:
    """A consent without proof, or to nothing that can be consented to, is refused with what is missing."""
    [ada] = await world.known(1)
    with pytest.raises(ConsentNotRecordable, match=message):
        await give(world, ada, values.pop("scope", "newsletter"), **values)
    assert await world.consents.consent_history_of_recipient(BRAND, ada) == []


async def test_nobody_there(world: World) -> None:
    """A consent of somebody whom the brand does not have is refused, and writes nothing."""
    with pytest.raises(ConsentNotRecordable, match="no such recipient"):
        await give(world, 99, "newsletter")
    with pytest.raises(ConsentNotRecordable, match="no such recipient"):
        await give(world, 99, "newsletter", CONFIRMED)
    with pytest.raises(ConsentNotRecordable, match="no such recipient"):
        await withdraw_consent(world.consents, policies()[BRAND], 99, said("newsletter", given=False))
    assert await world.entries() == []


async def test_an_imported_consent_counts_unless_something_was_left(world: World) -> None:
    """An imported consent is recorded. It counts only for a person who never left, withdrew, objected or was erased."""
    names = ("fresh", "left", "everything", "withdrew", "objected")
    fresh, left, everything, withdrew, objected = await world.known(*range(1, 6))
    await leave(world, left, "newsletter")
    await leave(world, everything, "*")
    await withdraw_consent(world.consents, policies()[BRAND], withdrew, said("tracking", given=False))
    await object_to_marketing(world.suppressions, policies()[BRAND], objected, "letter", "Dana")
    for number, _ in enumerate(names, 1):
        consents = (said("newsletter", actor="import"), said("tracking", actor="import"))
        row = RecipientImportRow(Person(ref=f"user-{number}", email=f"user-{number}@people.example"), consents=consents)
        await world.importer().import_rows_in_one_transaction([row])
    got = [(await standing(world, id_)).consents for id_ in (fresh, left, everything, withdrew, objected)]
    assert got == [{"newsletter", "tracking"}, {"tracking"}, frozenset(), {"newsletter"}, frozenset()]
    assert (await standing(world, left)).opted_out == {"newsletter"}
    assert {record.counts for record in await world.consents.consent_history_of_recipient(BRAND, objected)} == {False}


async def test_a_file_twice_is_one_record(world: World) -> None:
    """The same import again adds no record and no entry about consents."""
    row = RecipientImportRow(
        Person(ref="user-1", email="user-1@people.example"), consents=(said("newsletter", at=EARLY, actor="import"),)
    )
    for _ in range(2):
        await world.importer().import_rows_in_one_transaction([row])
    assert len(await world.consents.consent_history_of_recipient(BRAND, await world.id_of("user-1"))) == 1
    assert [entry["reason"] for entry in await world.entries(kind="action")] == ["consent_given"]


async def test_purpose_and_paid_come_with_a_file(world: World) -> None:
    """Purpose and paid products of a file are stored. A file without them leaves them as they were."""
    person = Person(ref="user-1", email="user-1@people.example", source="contest", collected_at=EARLY)
    stated = person.model_copy(update={"purpose": "sweepstakes"})
    await world.importer().import_rows_in_one_transaction([RecipientImportRow(stated, products=("voice",))])
    await world.importer().import_rows_in_one_transaction([RecipientImportRow(person)])
    assert await world.pool.fetchval("SELECT purpose FROM recipients") == "sweepstakes"
    assert (await standing(world, await world.id_of("user-1"))).products == {"voice"}


async def test_consents_come_and_go_as_lines(world: World) -> None:
    """Exported consents can be imported by another system. Unknown people and bad lines are reported."""
    [ada] = await world.known(1)
    rejected: list[tuple[int, str]] = []
    lines = [
        '{"ref": "user-1", "scope": "newsletter", "given": true, "source": "page", "version": "1",'
        ' "words": "Yes, write to me.", "at": "2024-02-01T00:00:00Z"}',
        '{"ref": "user-1", "scope": "promotional", "given": false, "source": "page", "version": "1",'
        ' "at": "2024-02-01T00:00:00Z"}',
        '{"ref": "nobody", "scope": "promotional", "given": false, "at": "2024-02-01T00:00:00Z"}',
        '{"ref": "user-1", "scope": "newsletter", "given": true, "at": "2024-02-01T00:00:00Z"}',
        '{"ref": "user-1", "scope": "newsletter", "given": true, "at": "yesterday"}',
        '{"ref": "user-1", "scope": "newsletter", "given": true, "at": "2024-02-01T00:00:00Z", "counts": false}',
        "no JSON",
    ]
    done = await import_consents_from_json_lines(
        world.consents, policies()[BRAND], lines, lambda number, _, reason: rejected.append((number, reason))
    )
    assert (done.taken, done.rejected) == (2, 5)
    stands = await standing(world, ada)
    assert (set(stands.consents), set(stands.opted_out)) == ({"newsletter"}, {"promotional"})
    assert sorted(number for number, _ in rejected) == [3, 4, 5, 6, 7]
    reasons = dict(rejected)
    assert "no recipient nobody" in reasons[3]
    assert "lacks source, words, version" in reasons[4]
    assert reasons[5].startswith("at: ")
    assert reasons[6].startswith("counts: ")
    kept = [record.consent.scope async for record in world.consents.iterate_consents_of_brand(BRAND)]
    assert sorted(kept) == ["newsletter", "promotional"]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (f"{BRAND}/user-1/consents", {}, 422, "scope: Field required"),
        (f"{BRAND}/user-1/consents", {"scope": "newsletter", "when": "now"}, 422, "when: Extra inputs"),
        (f"{BRAND}/user-1/consents", {"scope": "breach", "given": False}, 422, "'breach' is no scope"),
        (
            f"{BRAND}/user-1/consents",
            {"scope": "newsletter", "words": "Yes, write to me.", "at": "2026-01-01"},
            422,
            "at: ",
        ),
        (f"{BRAND}/user-1/opt-outs", {}, 422, "name at least one"),
        (f"{BRAND}/user-1/opt-outs", {"scopes": ["newsletter", "service"]}, 422, "service cannot be left"),
        (f"{BRAND}/nobody/consents", {"scope": "newsletter"}, 404, "has no recipient nobody"),
        (
            "peerstream/user-1/opt-outs",
            {"scopes": ["*"]},
            403,
            "key:shop may not say opt_out of an account at peerstream",
        ),
    ],
)
async def test_the_api_says_what_is_wrong(world: World, path: str, body: Any, status: int, says: str) -> None:
    """The API answers a consent that it refuses with a status and what to correct, and changes nothing."""
    [ada] = await world.known(1)
    key = await issue_key(world.pool, "shop", BRAND)
    async with browse(world, authorization=f"Bearer {key}") as client:
        answer = await client.post(f"/api/v1/recipients/{path}", json=body)
    assert (answer.status_code, says in answer.json()["problems"][0]) == (status, True), answer.text
    assert (await standing(world, ada)).version == 1


async def test_the_answer_to_a_consent_names_what_is_missing(world: World) -> None:
    """The answer to a consent names the missing source, without which no promotion is sent."""
    row = Person(ref="ada", email="ada@people.example", country="DE")
    await world.importer().import_rows_in_one_transaction([RecipientImportRow(row)])
    key = await issue_key(world.pool, "shop", BRAND)
    said = {"version": "1", "words": WORDS, "at": "2026-01-01T00:00:00Z"}
    answers = {}
    async with browse(world, authorization=f"Bearer {key}") as client:
        for scope in ("promotional", "newsletter"):
            kept = await client.post(f"/api/v1/recipients/{BRAND}/ada/consents", json=said | {"scope": scope})
            answers[scope] = kept.json()["missing"]
        await world.accept([person(0, ref="ada", email=row.email, source="sign-up", policy_version="2024")])
        kept = await client.post(
            f"/api/v1/recipients/{BRAND}/ada/consents", json=said | {"scope": "promotional", "version": "2"}
        )
    assert answers["promotional"][0] == "source"
    assert answers["newsletter"] == []
    assert kept.json()["missing"] == []


async def test_the_api_shows_how_somebody_stands(world: World) -> None:
    """The standing after a consent, its withdrawal, and an opt-out of a purpose; a ref may hold a slash."""
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="shop/17", email="ada@people.example", country="US"))]
    )
    key = await issue_key(world.pool, "shop", BRAND)
    async with browse(world, authorization=f"Bearer {key}") as client:
        path = f"/api/v1/recipients/{BRAND}/shop/17"
        given = await client.post(
            f"{path}/consents",
            json={"scope": "newsletter", "version": "1", "words": WORDS, "at": "2026-01-01T00:00:00Z"},
        )
        withdrawn = await client.post(f"{path}/consents", json={"scope": "newsletter", "given": False})
        await client.post(f"{path}/opt-outs", json={"purposes": ["offers"], "scopes": ["promotional"]})
        shown = (await client.get(f"{path}/standing")).json()
    assert given.json() == {"state": "given", "scope": "newsletter", "lifted": [], "still_left": [], "missing": []}
    assert withdrawn.json()["still_left"] == ["newsletter"]
    assert (shown["ref"], shown["consents"]) == ("shop/17", [])
    assert shown["opted_out"] == ["newsletter", "promotional", "purpose/offers"]
    assert shown["electronic_notices"].startswith("the policy of interpals, version 2024")


async def test_the_days_of_consents_stand_with_them(world: World) -> None:
    """A standing has the newest day of each consent, and of its confirmation since it was withdrawn last."""
    [ada] = await world.known(1)
    days = [datetime(2026, 1, day, 23, 30, tzinfo=UTC) for day in range(1, 7)]

    async def stands(at: datetime, *, given: bool = True, source: str = "application") -> str | None:
        consent = said("newsletter", given, at=at, source=source, proof="form 17")
        await world.consents.record_consent_or_withdrawal(BRAND, ada, consent)
        return (await standing(world, ada)).consent_days

    assert (await standing(world, ada)).consent_days is None
    assert await stands(days[0], source="confirmed") == "newsletter\t2026-01-01\t2026-01-01"
    assert await stands(days[1]) == "newsletter\t2026-01-02\t2026-01-01"
    assert await stands(days[2], given=False) is None
    assert await stands(days[3]) == "newsletter\t2026-01-04\t"
    assert await stands(days[4], source="confirmed") == "newsletter\t2026-01-05\t2026-01-05"
    assert await stands(days[2], given=False) == "newsletter\t2026-01-05\t2026-01-05"
