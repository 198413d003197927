"""An id means one thing (S22): the same id with other content is refused at every door, and is never swallowed."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.event_digests import names_of_fields_with_differing_digests
from mailer.events import validate_event
from mailer.pipeline.consumers import relay_outbox_until_stopped
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, make_event, new_mailing, person, plain_event, received, until
from tests.integration.test_account_events import VALUES, event, standing, taken
from tests.integration.web_world import browse
from tests.publishers import issue_key

DIFFERS = "id: it stands for another event already, from which this one differs in "


def refused(arrived: FakeReceived, *fields: str) -> bool:
    """Tells whether a message is a dead letter for its id, and names these fields and no value."""
    reason = (
        f"rejected: {DIFFERS}{', '.join(fields)}; say it under an id of its own, or publish the first one as it was"
    )
    return (arrived.settled, arrived.kind) == (reason, "refused")


def news(**values: Any) -> dict[str, Any]:
    """An event under the id that all of these have."""
    return {**plain_event([person(1)]), "id": "one", **values}


async def settle(world: World, *events: dict[str, Any]) -> list[FakeReceived]:
    """Has events arrive together. Returns them as they were settled."""
    arrived = [received(body) for body in events]
    await world.intake().accept_event_messages("newsletter", arrived)
    return arrived


async def test_another_event_under_the_same_id_is_a_dead_letter(world: World) -> None:
    """A second event under the id is a dead letter that names the differences. The first is mailed once."""
    breach = {**plain_event([person(1)], "breach"), "id": "one"}
    first, again, moved = await settle(world, news(), news(), news(send_at="2030-01-01T00:00:00Z"))
    [other], [later] = await settle(world, breach), await settle(world, news(to={"people": [person(2)]}))
    assert (first.settled, again.settled) == ("ack", "ack")
    assert refused(moved, "send_at")
    assert refused(other, "category", "context", "template")
    assert refused(later, "to")
    assert world.processor.recipients == ["user-1@people.example"]
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM recipients") == 1


async def test_the_same_event_in_other_words_of_json_is_known(world: World) -> None:
    """A publisher that writes its JSON in another way the second time is answered with the first mailing."""
    again = {**dict(reversed(news().items())), "topic": None, "send_at": "2030-01-01T01:00:00+01:00"}
    arrived = await settle(world, news(send_at="2030-01-01T00:00Z"), again)
    assert [item.settled for item in arrived] == ["ack", "ack"]


async def test_of_two_takers_with_different_events_one_is_refused(world: World) -> None:
    """The first of ten simultaneous events under one id wins. All events that differ from it are dead letters."""
    takers = [settle(world, news(campaign=f"campaign-{number % 2}")) for number in range(10)]
    arrived = [item for [item] in await asyncio.gather(*takers)]
    campaign = await world.pool.fetchval("SELECT campaign FROM mailings")
    for item in arrived:
        assert (item.settled == "ack") is (json.loads(item.message.body)["campaign"] == campaign)
    assert sum(refused(item, "campaign") for item in arrived) == 5
    assert len(world.processor.sent) == 1


async def test_rows_from_before_are_answered_as_they_were(world: World) -> None:
    """Nobody can tell what was said under their ids; so it is for account events."""
    await settle(world, news())
    await taken(world, event("restrict", id="said"))
    for table in ("events", "account_events"):
        await world.pool.execute(f"UPDATE {table} SET content = NULL")  # noqa: S608 - one of two
    [other] = await settle(world, news(campaign="spring"))
    assert (other.settled, (await taken(world, event("erase", id="said"))).settled) == ("ack", "ack")


@pytest.mark.parametrize("first", ["restrict", "consent", "opt_out", "erase", "rectify", "channel"])
@pytest.mark.parametrize("again", ["opt_out", "erase", "object", "withdraw", "deactivate", "under_13"])
async def test_nothing_that_is_said_under_a_used_id_is_swallowed(world: World, first: str, again: str) -> None:
    """An event under a used id is a dead letter, unless it is the same event again."""
    await world.known(1, 2)
    assert (await taken(world, event(first, id="said"))).settled == "ack"
    entries = await world.entries(kind="action")
    same = await taken(world, event(again, id="said"))
    other = await taken(world, event(again, id="said", ref="user-2"))
    assert (same.settled == "ack") is (first == again)
    assert all(str(item.settled).startswith(f"rejected: {DIFFERS}") for item in (same, other) if item.settled != "ack")
    assert "ref" in str(other.settled)
    assert await world.entries(kind="action") == entries
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.parametrize("account", VALUES)
async def test_of_two_workers_with_different_words_one_is_refused(world: World, account: str) -> None:
    """One of two events at once over two people is applied. The other is not answered as if it had been."""
    await world.known(1, 2)
    answers = await asyncio.gather(*(taken(world, event(account, ref=f"user-{1 + n % 2}")) for n in range(6)))
    assert sorted(answer.settled == "ack" for answer in answers) == [False] * 3 + [True] * 3
    assert {"ref" in str(answer.settled) for answer in answers if answer.settled != "ack"} == {True}
    assert len({entry["recipient"] for entry in await world.entries(kind="action")}) == 1


async def test_a_consent_that_waits_for_its_confirmation_has_its_id(world: World) -> None:
    """The same event again is known, and no other one under its id is: nothing of it is asked."""
    brand = "paltalk-2006"
    await world.accept([person(1)], brand=brand, controller=world.policies[brand].controller.id)
    said = event("consent", brand=brand)
    other = {**said, "words": "Yes, send me that please."}
    settled = [(await taken(world, body, f"{brand}.account")).settled for body in (said, said, other)]
    assert settled[:2] == ["ack", "ack"]
    assert str(settled[2]).startswith(f"rejected: {DIFFERS}words;")
    bodies = {row["body"] for row in await world.pool.fetch("SELECT body FROM outbox")}
    assert len(bodies) == 1


async def post(world: World, path: str, *bodies: dict[str, Any]) -> list[httpx.Response]:
    """The answers of the API to some requests of a shop."""
    bearer = f"Bearer {await issue_key(world.pool, 'shop', BRAND)}"
    async with browse(world, authorization=bearer) as client:
        return [await client.post(path, json=body) for body in bodies]


async def test_the_api_answers_another_event_with_409(world: World) -> None:
    """The answer names the differences, and no event is parked. The same event again gets 200."""
    await settle(world, news())
    same, other = await post(world, "/api/v1/events", news(), news(context={"headline": "Buy!"}, reason="now"))
    assert (same.status_code, other.status_code) == (200, 409)
    [problem] = other.json()["problems"]
    assert problem.startswith(f"{DIFFERS}context, reason;")
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_two_events_that_the_api_has_accepted_are_still_one(world: World) -> None:
    """The API cannot know of a second one that comes before the first was taken in: it is a dead letter then."""
    answers = await post(world, "/api/v1/events", news(), news(campaign="spring"))
    assert [answer.status_code for answer in answers] == [202, 202]
    parked = await world.outbox.lease_rows("worker", 10, 30)
    first, other = [FakeReceived(replace(item.message, user_id="shop")) for item in parked]
    await world.intake().accept_event_messages("newsletter", [first, other])
    assert first.settled == "ack"
    assert refused(other, "campaign")


async def test_the_api_is_done_only_with_what_holds(world: World) -> None:
    """The same again is 200 as long as it is so; something else under its id, or what is over, is 409."""
    [ada] = await world.known(1)
    path = f"/api/v1/recipients/{BRAND}/user-1"
    [done, same] = await post(world, f"{path}/deactivate", {"id": "one"}, {"id": "one"})
    bearer = f"Bearer {await issue_key(world.pool, 'desk', BRAND)}"
    async with browse(world, authorization=bearer) as client:
        other = await client.post(f"{path}/opt_out", json={"id": "one", "scope": "*"})
        opened = await client.post(f"{path}/reactivate", json={"id": "two"})
        over = await client.post(f"{path}/deactivate", json={"id": "one"})
    assert [answer.status_code for answer in (done, same, other, opened, over)] == [200, 200, 409, 200, 409]
    assert other.json()["problems"][0].startswith(f"{DIFFERS}account, scope;")
    assert over.json()["problems"] == [
        "id: this was said before, and is not so any more; say it again under an id of its own"
    ]
    row = await standing(world, ada)
    assert (row["opted_out"], row["deactivated_at"]) == ([], None)


async def test_the_answer_to_a_consent_says_what_stands(world: World) -> None:
    """A mail asks first (202, `asked`), also said again; once confirmed it is `given`, withdrawn since it is over."""
    brand = "paltalk-2006"
    policy = world.policies[brand]
    await world.accept([person(1)], brand=brand, controller=policy.controller.id)
    ada = await world.id_of("user-1", brand)
    path = f"/api/v1/recipients/{brand}/user-1"
    said = {
        "id": "one",
        "scope": "newsletter",
        "version": "1",
        "words": "Yes, write to me.",
        "at": datetime.now(UTC).isoformat(),
    }
    late = {key: value for key, value in said.items() if key != "id"}
    bearer = f"Bearer {await issue_key(world.pool, 'desk', brand)}"
    async with browse(world, authorization=bearer) as client:
        asked = [await client.post(f"{path}/consent", json=said) for _ in range(2)]
        body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
        link = json.loads(body)["context"]["confirm_url"].removeprefix("https://mail.example")
        await client.post(link, data={"wish": "newsletter"})
        given = await client.post(f"{path}/consent", json=said)
        withdrawn = await client.post(f"{path}/withdraw", json={"scope": "newsletter"})
        over = await client.post(f"{path}/consent", json=said)
        after = [await client.post(f"{path}/{name}", json=late) for name in ("consent", "consents")]
    assert "newsletter" not in (await world.standings.get_standing(brand, ada)).consents  # type: ignore[union-attr]
    assert [(answer.status_code, answer.json()["state"]) for answer in asked] == [(202, "asked")] * 2
    assert (given.status_code, given.json()["state"], given.json()["still_left"]) == (200, "given", [])
    assert (withdrawn.status_code, over.status_code) == (200, 409)
    assert "state" not in withdrawn.json()
    assert [answer.json()["state"] for answer in after] == ["withdrawn"] * 2


@pytest.mark.parametrize("route", ["consent", "consents"])
async def test_a_consent_from_before_its_withdrawal_is_not_given(world: World, route: str) -> None:
    """The consent is recorded, and the answer says that it was withdrawn since."""
    await world.known(1)
    path = f"/api/v1/recipients/{BRAND}/user-1"
    said = {"scope": "newsletter", "version": "1", "words": "Yes, write to me.", "at": "2026-01-01T00:00:00Z"}
    [_, before] = await post(world, f"{path}/{route}", said, said)
    bearer = f"Bearer {await issue_key(world.pool, 'desk', BRAND)}"
    async with browse(world, authorization=bearer) as client:
        await client.post(f"{path}/withdraw", json={"scope": "newsletter"})
        after = await client.post(f"{path}/{route}", json=said)
    assert (before.status_code, before.json()["state"]) == (200, "given")
    assert (after.status_code, after.json()["state"]) == (200, "withdrawn")


async def test_a_withdrawal_from_before_a_consent_is_answered_by_what_stands(world: World) -> None:
    """Somebody who was counted one by one since is told so, and never that it has ended."""
    await world.known(1)
    path = f"/api/v1/recipients/{BRAND}/user-1/consents"
    said = {"scope": "tracking", "version": "1", "words": "Yes, write to me.", "at": "2026-02-01T00:00:00Z"}
    earlier = {"scope": "tracking", "given": False, "at": "2026-01-01T00:00:00Z"}
    answers = await post(world, path, said, earlier, {**earlier, "at": "2026-03-01T00:00:00Z"})
    assert [answer.json()["state"] for answer in answers] == ["given", "given", "withdrawn"]


async def test_an_erasure_takes_the_digests_of_what_was_said_to_the_person(world: World) -> None:
    """The rest tells another campaign, and nobody's address or values; a mailing to many keeps its own."""
    await settle(world, news(campaign="spring"), news(id="many", to={"people": [person(1), person(2)]}))
    before = await contents(world)
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("user-1"), "test")
    after = await contents(world)
    assert before["one"] is not None
    hidden = world.hasher.hash_replacing_event_id(BRAND, "one")
    assert after == {"many": before["many"], hidden: before["one"][: 5 + before["one"][4]]}
    [to_another] = await settle(world, news(campaign="spring", to={"people": [person(3)]}))
    [other] = await settle(world, news(campaign="autumn"))
    assert to_another.settled == "ack"
    assert refused(other, "campaign")


async def test_what_is_kept_of_an_event_holds_none_of_its_words(world: World) -> None:
    """The stored digest holds none of the event's words. Digests of equal values under two ids cannot be compared."""
    mailings = [new_mailing(make_event([person(1)], id=name, context={"headline": "Hello"})) for name in ("a", "b")]
    await world.mailings.accept_mailings(mailings)
    kept = await contents(world)
    start = 5 + kept["a"][4]
    assert kept["a"][:start] == kept["b"][:start]
    assert len(names_of_fields_with_differing_digests(kept["a"], kept["b"])) == 2
    digests = [{kept[name][at + 2 : at + 8] for at in range(start, len(kept[name]), 8)} for name in ("a", "b")]
    assert digests[0].isdisjoint(digests[1])
    assert b"Hello" not in kept["a"] + kept["b"]


async def contents(world: World) -> dict[str, bytes]:
    """The digests that are kept, by the ids of their events."""
    return {row["event_id"]: row["content"] for row in await world.pool.fetch("SELECT event_id, content FROM events")}


async def test_the_outbox_makes_no_difference(world: World) -> None:
    """Rows that an application wrote itself, under one id, travel both; the second is refused where it is taken in."""
    for headline in ("Hello", "Buy!"):
        body = json.dumps(news(context={"headline": headline}))
        await world.pool.execute(
            "INSERT INTO outbox (routing_key, message_id, body) VALUES ($1, $2, $3)", f"{BRAND}.newsletter", "one", body
        )
    stop = asyncio.Event()
    relaying = asyncio.create_task(
        relay_outbox_until_stopped(world.outbox, world.broker, world.letters, "worker", stop)
    )
    await until(lambda: gone(world))
    stop.set()
    await relaying
    first, other = [FakeReceived(replace(message, user_id="shop")) for message in world.broker.take()]
    await world.intake().accept_event_messages("newsletter", [first, other])
    assert first.settled == "ack"
    assert refused(other, "context")


async def gone(world: World) -> bool:
    """Tells whether the outbox is empty."""
    return bool(await world.pool.fetchval("SELECT count(*) = 0 FROM outbox"))


async def test_whatever_was_refused_before_leaves_its_id_free(world: World) -> None:
    """A refused event leaves its id free: it can be corrected and published again under its own id."""
    [bad] = await settle(world, news(template="weakly"))
    [mended] = await settle(world, news())
    assert str(bad.settled).startswith("rejected: ")
    assert mended.settled == "ack"
    assert await world.mailings.fields_differing_from_known_event(validate_event(news())) == ()
