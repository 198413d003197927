"""Makes mailings, deliveries and batches from events."""

import asyncio
import base64
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.events import MessageEvent
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.standings import StandingFlag
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.mailings import BATCH_SIZE
from tests.factories import BRAND, World, make_event, new_mailing, person, until, waiting


async def test_an_event_becomes_a_mailing(world: World) -> None:
    """An event's mailing has its facts, its deliveries, its batch, its counters and its entry in the ledger."""
    event = make_event(
        [person(n) for n in range(3)],
        campaign="spring",
        reply_to="desk@people.example",
        attachments=[{"filename": "a.bin", "content_type": "application/x", "content": "AAECAw=="}],
    )
    [accepted] = await world.mailings.accept_mailings([new_mailing(event)])
    assert (accepted.known, accepted.size, len(accepted.batches)) == (False, 3, 1)
    facts = (await world.mailings.read_facts_of_mailings([accepted.mailing_id]))[accepted.mailing_id]
    assert (facts.event_id, facts.brand, facts.category, facts.lane) == (event.id, BRAND, "newsletter", "newsletter")
    assert (facts.campaign, facts.reply_to, facts.context) == ("spring", "desk@people.example", event.context)
    assert (facts.audience_size, facts.attachments) == (3, event.attachments)
    assert abs(facts.released_at - datetime.now(UTC)) < timedelta(minutes=1)
    status = await world.mailings.find_mailing_status_of_event(BRAND, event.id)
    assert status is not None
    assert (status.state, status.publisher, status.counts) == ("running", "key:shop", {("queued", ""): 3})
    [entry] = await world.entries(accepted.mailing_id)
    assert (entry["kind"], entry["reason"], entry["policy"]) == ("mailing", "accepted", "2024")


async def test_a_new_mailing_brings_its_facts_along(world: World) -> None:
    """The facts of a new mailing are those of the database, even if an audience is counted or a file is kept."""
    context = {"at": "2026-11-22T07:00:00+01:00", "n": 2**62, "x": 1.5, "none": None, "deep": [{"a": "ü\U0001f600"}]}
    attached = {"filename": "a.bin", "content_type": "application/x", "content": "AAECAw=="}
    events = [
        make_event([person(1)], context=context, send_at=datetime.now(UTC) + timedelta(hours=1), reason="as it is"),
        make_event([person(n) for n in range(2, 5)], campaign="spring", topic=None),
        make_event([person(1)], attachments=[attached]),
        make_event({"audience": "everyone"}),
    ]
    accepted = await world.mailings.accept_mailings([new_mailing(event) for event in events])
    told = await world.mailings.read_facts_of_mailings([one.mailing_id for one in accepted])
    assert [one.facts for one in accepted] == [*(told[one.mailing_id] for one in accepted[:2]), None, None]
    again = await world.mailings.accept_mailings([new_mailing(event) for event in events])
    assert [one.facts for one in again] == [None] * 4


async def test_a_large_attachment_comes_back_as_it_was(world: World) -> None:
    """An attachment of many lines of base64 is the same bytes when it is handed over."""
    content = random.Random(1).randbytes(100_000)
    file = {"filename": "a.bin", "content_type": "application/x", "content": base64.b64encode(content).decode()}
    accepted = await world.accept([person(1)], attachments=[file])
    facts = await world.mailings.read_facts_of_mailings([accepted.mailing_id])
    assert facts[accepted.mailing_id].attachments[0].content == content


async def test_the_template_is_kept_with_the_mailing(world: World) -> None:
    """The template of each version is stored as it was, once, after any later deployment."""
    first, second = (new_mailing(make_event([person(n)])) for n in (1, 2))
    await world.mailings.accept_mailings([first, second])
    assert await world.mailings.read_template_source_by_version(first.template_version) == first.template_source
    assert await world.mailings.read_template_source_by_version("never was") is None
    assert await world.pool.fetchval("SELECT count(*) FROM template_versions") == 1


async def test_the_same_event_twice_is_one_mailing(world: World) -> None:
    """The same id again, together or later, is answered with the first mailing; another brand's is its own."""
    event = make_event([person(1)])
    other = make_event([person(1)], brand="paltalk-2006", id=event.id)
    first, second, third = await world.mailings.accept_mailings(
        [new_mailing(event), new_mailing(event), new_mailing(other, controller="paltalk")]
    )
    [again] = await world.mailings.accept_mailings([new_mailing(event)])
    assert (first.known, second.known, third.known, again.known) == (False, True, False, True)
    assert first.mailing_id == second.mailing_id == again.mailing_id != third.mailing_id
    assert (second.batches, again.batches, again.size) == ((), (), 0)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 2
    assert await world.pool.fetchval("SELECT count(*) FROM deliveries") == 2
    assert len(await world.mailings.statuses_of_mailings_of_event(event.id)) == 2


async def test_the_same_event_from_two_connections_is_one_mailing(world: World) -> None:
    """One of two connections with the same event waits for the other, and is answered with its mailing."""
    event = make_event([person(1)])
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        first = uuid7()
        await other.execute("INSERT INTO events VALUES ($1, $2, $3, 'shop')", BRAND, event.id, first)
        accepting = asyncio.create_task(world.mailings.accept_mailings([new_mailing(event)]))
        await until(lambda: waiting(world.pool))
        await transaction.commit()
    [accepted] = await accepting
    assert (accepted.mailing_id, accepted.known) == (first, True)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 0


async def test_events_are_taken_in_one_order(world: World) -> None:
    """Two that take the same events in, in different orders, wait for one another at the first and do not deadlock."""
    ids = sorted(uuid7().hex for _ in range(2))
    insert = "INSERT INTO events VALUES ($1, $2, $3, 'shop')"
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(insert, BRAND, ids[0], uuid7())
        backwards = [new_mailing(make_event([person(1)], id=event_id)) for event_id in reversed(ids)]
        accepting = asyncio.create_task(world.mailings.accept_mailings(backwards))
        await until(lambda: waiting(world.pool))
        await asyncio.wait_for(other.execute(insert, BRAND, ids[1], uuid7()), 5)
        await transaction.commit()
    assert [accepted.known for accepted in await accepting] == [True, True]


async def test_many_takers_of_the_same_events_do_not_deadlock(world: World) -> None:
    """Takers of the same events in any order make one mailing of each."""
    events = [make_event([person(n % 7), person(50 + n % 5)]) for n in range(40)]
    rounds = [random.Random(n).sample(events, len(events)) for n in range(8)]
    answers = await asyncio.gather(
        *(world.mailings.accept_mailings([new_mailing(event) for event in some]) for some in rounds)
    )
    of_event: dict[str, set[Any]] = {}
    for some, accepted in zip(rounds, answers, strict=True):
        for event, result in zip(some, accepted, strict=True):
            of_event.setdefault(event.id, set()).add(result.mailing_id)
    assert all(len(ids) == 1 for ids in of_event.values())
    assert sum(not result.known for accepted in answers for result in accepted) == 40
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 40
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.rule("one-copy")
async def test_two_refs_with_one_address_are_one_copy(world: World) -> None:
    """One of several refs with one address gets the mail, in any spelling. Each other ref says whose copy counts."""
    accepted = await world.accept(
        [
            person(1, email="ada@people.example"),
            person(2, email="Ada@People.EXAMPLE"),
            person(3),
            person(4, email="ADA@people.example"),
        ]
    )
    await world.handover().hand_over_batches(accepted.batches)
    states = await world.states(accepted.mailing_id)
    assert list(states.values()).count(("suppressed", "duplicate_address")) == 2
    assert list(states.values()).count(("handed_over", "")) == 2
    assert [name.lower() for name in world.processor.recipients] == ["ada@people.example", "user-3@people.example"]


async def test_the_active_account_gets_the_copy(world: World) -> None:
    """The open account gets the copy if the other one is closed, whichever came first."""
    await world.known(1, 2, email="ada@people.example")
    await world.standings.set_standing_flag(BRAND, await world.id_of("user-1"), StandingFlag.DEACTIVATED, True, "test")
    accepted = await world.accept({"refs": ["user-1", "user-2"]})
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {
        "user-1": ("suppressed", "deactivated"),
        "user-2": ("handed_over", ""),
    }


async def test_two_closed_accounts_get_one_copy_of_legal_mail(world: World) -> None:
    """Mail that outlives the account goes once to an address, also where all of its accounts are closed."""
    for recipient_id in await world.known(1, 2, email="ada@people.example"):
        await world.standings.set_standing_flag(BRAND, recipient_id, StandingFlag.DEACTIVATED, True, "test")
    accepted = await world.accept({"refs": ["user-1", "user-2"]}, "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {
        "user-1": ("handed_over", ""),
        "user-2": ("suppressed", "duplicate_address"),
    }


async def test_a_copy_counts_only_while_its_recipient_can_get_it(world: World) -> None:
    """The other recipient gets the mail if the first one was closed, or has moved, before the claim."""
    closed = await world.accept([person(1, email="ada@people.example"), person(2, email="ada@people.example")])
    moved = await world.accept([person(3, email="eve@people.example"), person(4, email="eve@people.example")])
    await world.standings.set_standing_flag(BRAND, await world.id_of("user-1"), StandingFlag.DEACTIVATED, True, "test")
    await world.known(3, email="new@people.example")
    await world.handover().hand_over_batches([*closed.batches, *moved.batches])
    assert await world.states(closed.mailing_id) == {
        "user-1": ("suppressed", "deactivated"),
        "user-2": ("handed_over", ""),
    }
    assert set((await world.states(moved.mailing_id)).values()) == {("handed_over", "")}
    assert world.processor.recipients == ["ada@people.example", "eve@people.example", "new@people.example"]


@pytest.mark.rule("no-address")
async def test_unknown_refs_say_so(world: World) -> None:
    """A ref that nobody made known is a delivery too, with the reason that it has no address, or told in writing."""
    [known] = await world.known(1)
    accepted = await world.accept({"refs": ["user-1", "ghost", "ghost"]}, "service")
    assert accepted.size == 2
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {
        "user-1": ("handed_over", ""),
        "ghost": ("suppressed", "no_address"),
    }
    breach = await world.accept({"refs": ["ghost"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(breach.mailing_id) == {"ghost": ("diverted", "written_notice")}
    assert known != await world.id_of("ghost")


async def test_a_ghost_that_becomes_known_gets_mail(world: World) -> None:
    """Mail goes out to a ref once it is known, however old its data are."""
    await world.accept({"refs": ["user-1"]})
    await world.accept([person(1, collected_at="2001-01-01T00:00:00Z")])
    accepted = await world.accept({"refs": ["user-1"]})
    await world.handover().hand_over_batches(accepted.batches)
    assert world.processor.recipients == ["user-1@people.example"]


async def audience(world: World, name: str, *numbers: int) -> None:
    """Fills a named audience."""
    rows = [RecipientImportRow(make_person(number), audiences=(name,)) for number in numbers]
    await world.importer().import_rows_in_one_transaction(rows)


def make_person(number: int) -> Any:
    """Somebody of a file."""
    event = make_event([person(number)])
    return event.to.people[0]  # type: ignore[union-attr]  # made with people


async def test_a_named_audience(world: World) -> None:
    """A named audience is its members, of this brand; others of the brand and other brands' are not in it."""
    await audience(world, "vip", *range(5))
    await world.known(7)
    await world.importer("paltalk-2006", "paltalk").import_rows_in_one_transaction(
        [RecipientImportRow(make_person(9), audiences=("vip",))]
    )
    assert await world.mailings.find_audience_fault(BRAND, "vip") is None
    assert await world.mailings.find_audience_fault(BRAND, "nobody") == (
        f"{BRAND} has no audience 'nobody'; import it first"
    )
    accepted = await world.accept({"audience": "vip"})
    assert accepted.size == 5
    assert set(await world.states(accepted.mailing_id)) == {f"user-{n}" for n in range(5)}
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 5}


async def test_everyone(world: World) -> None:
    """The audience `everyone` is each address of the brand once, even if another audience has that name."""
    await audience(world, "everyone", 1, 2)
    await world.known(3, 4, email="ada@people.example")
    await world.accept({"refs": ["ghost"]})
    await world.accept([person(9)], brand="paltalk-2006", controller="paltalk")
    assert await world.mailings.find_audience_fault(BRAND, "everyone") is None
    accepted = await world.accept({"audience": "everyone"})
    assert accepted.size == 4
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {
        ("handed_over", ""): 3,
        ("suppressed", "duplicate_address"): 1,
    }


async def test_nobody_is_in_the_audience(world: World) -> None:
    """A mailing to nobody is finished as soon as the timekeeper looks."""
    accepted = await world.accept({"audience": "everyone"})
    assert (accepted.size, accepted.batches) == (0, ())
    await world.timekeeper().run_all_steps_once()
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert (status.state, status.audience_size, status.counts) == ("finished", 0, {})


@pytest.mark.parametrize("named", [True, False], ids=["people", "audience"])
async def test_batches_are_bounded(world: World, named: bool) -> None:
    """A large audience is cut into batches of 500, each delivery in one of them."""
    people = [person(n) for n in range(2 * BATCH_SIZE + 1)]
    accepted = await world.accept(people)
    if not named:
        accepted = await world.accept({"audience": "everyone"})
    assert (accepted.size, len(accepted.batches)) == (2 * BATCH_SIZE + 1, 3)
    sizes = await world.pool.fetch(
        "SELECT count(*) AS n FROM deliveries WHERE mailing_id = $1 GROUP BY batch ORDER BY n", accepted.mailing_id
    )
    assert [row["n"] for row in sizes] == [1, BATCH_SIZE, BATCH_SIZE]


async def test_a_later_time(world: World) -> None:
    """An event for later waits as scheduled, has no batch that is due, and is published when its time has come."""
    later = datetime.now(UTC) + timedelta(days=1)
    accepted = await world.accept([person(1)], send_at=later.isoformat())
    assert accepted.batches == ()
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert status.state == "scheduled"
    await world.pool.execute("UPDATE mailings SET send_at = now()")
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert world.processor.recipients == ["user-1@people.example"]


async def test_a_breach_waits_for_a_second_person(world: World) -> None:
    """Nothing of a breach mailing leaves before somebody other than its publisher has released it, once."""
    accepted = await world.accept([person(1)], "breach", publisher="person:Dana")
    assert accepted.batches == ()
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    for nobody, why in (
        ("dana", "person:dana published this mailing; a second person"),
        (" DANA ", "published this mailing; a second person"),
        ("person:\uff24\uff21\uff2e\uff21", "published this mailing; a second person"),
        ("  ", "a person has to release it"),
        ("key:shop", "'key:shop' is no person"),
        ("broker:guest", "'broker:guest' is no person"),
        ("mailer:pipeline", "'mailer:pipeline' is no person"),
    ):
        with pytest.raises(ReleaseRefused, match=why):
            await world.mailings.release_mailing(accepted.mailing_id, nobody)
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    with pytest.raises(ReleaseRefused, match="does not wait for a release; it is running"):
        await world.mailings.release_mailing(accepted.mailing_id, "Eve")
    with pytest.raises(ReleaseRefused, match="there is no mailing"):
        await world.mailings.release_mailing(uuid7(), "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert (status.released_by, status.counts) == ("person:Grace", {("handed_over", ""): 1})
    assert [entry["reply"] for entry in await world.entries(kind="mailing") if entry["reason"] == "released"] == [
        "person:Grace"
    ]


async def test_a_name_of_another_kind_is_somebody_else(world: World) -> None:
    """The person Shop is not the key of that name; and what nobody is known to have published, nobody releases."""
    accepted = await world.accept([person(1)], "breach", publisher="key:shop")
    await world.mailings.release_mailing(accepted.mailing_id, "shop")
    nobodys = await world.accept([person(2)], "breach")
    await world.pool.execute("UPDATE mailings SET publisher = '' WHERE id = $1", nobodys.mailing_id)
    with pytest.raises(ReleaseRefused, match="nobody knows who published this mailing; cancel it"):
        await world.mailings.release_mailing(nobodys.mailing_id, "Grace")


async def test_of_two_that_release_at_once_one_does(world: World) -> None:
    """Two persons who release at the same moment do it once."""
    accepted = await world.accept([person(1)], "breach")
    done = await asyncio.gather(
        *(world.mailings.release_mailing(accepted.mailing_id, name) for name in ("Grace", "Eve")),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "ReleaseRefused"]


async def test_a_released_mailing_keeps_its_time(world: World) -> None:
    """A breach mailing for later, once released, still waits for its time."""
    later = datetime.now(UTC) + timedelta(days=1)
    accepted = await world.accept([person(1)], "breach", send_at=later.isoformat())
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    assert await world.pool.fetchval("SELECT due_at FROM batches") == later


async def test_a_value_that_the_database_cannot_hold(world: World) -> None:
    """An event with such a value is refused as a value error, leaves nothing behind, and the next one is taken."""
    good = make_event([person(1)])
    bad = good.model_copy(update={"id": "bad", "context": {"a": "\0"}})
    with pytest.raises(ValueError, match="Unicode"):
        await world.mailings.accept_mailings([new_mailing(MessageEvent.model_construct(**dict(bad)))])
    assert await world.pool.fetchval("SELECT count(*) FROM events") == 0
    [accepted] = await world.mailings.accept_mailings([new_mailing(good)])
    assert not accepted.known
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_the_newest_are_listed_first(world: World) -> None:
    """The list is bounded, and begins with the newest."""
    ids = [(await world.accept([person(n)])).mailing_id for n in range(3)]
    assert [status.id for status in await world.mailings.statuses_of_newest_mailings(2)] == [ids[2], ids[1]]
