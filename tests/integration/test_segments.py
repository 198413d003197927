"""Segments over a real database: whom they choose, their counts, their use by events, and lists that are frozen."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from mailer.policy.policy_file import Policy
from mailer.policy.segment_checks import condition_with_typed_values
from mailer.policy.segment_parsing import SegmentRefused, parse_condition
from mailer.ports.audience_lists import ListRefused
from mailer.ports.segments import SegmentChanged, SegmentSlow
from mailer.postgres.audience_lists import PostgresAudienceLists
from mailer.postgres.audiences import audience_query
from mailer.postgres.segment_queries import SegmentQuery
from mailer.postgres.segments import PostgresSegments
from tests.factories import BRAND, World, person, plain_event, received
from tests.segments import (
    HOSTILE,
    NOW,
    Somebody,
    condition,
    is_chosen,
    policy_with_attributes,
    random_condition,
    random_person,
)

PLUS = {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus"]}


class Segments:
    """The stores over a world whose policy has attributes."""

    def __init__(self, world: World, tracking: str = "off") -> None:
        self.world = world
        self.use_policy(policy_with_attributes(tracking))
        self.store = PostgresSegments(world.pool, world.writers)
        self.lists = PostgresAudienceLists(world.pool, world.writers)

    def use_policy(self, policy: Policy) -> None:
        """Lets a policy come into force."""
        self.policy = self.world.policies[BRAND] = policy

    async def save(self, segment: str, /, **plain: Any) -> None:
        """Saves a segment."""
        await self.store.save_segment(self.policy, segment, condition(**plain), "person:Ada")

    async def refs_of_audience(self, name: str) -> set[str]:
        """The people of an audience, by ref."""
        async with self.world.pool.acquire() as connection:
            query, parameters = await audience_query(connection, BRAND, name)
            return await refs_of_query(self.world, query, parameters)

    async def put_on_list(self, name: str, refs: Sequence[str]) -> None:
        """Puts people on a list, as an import does."""
        await self.world.pool.execute(
            "INSERT INTO audience_members SELECT brand, $2, id FROM recipients WHERE brand = $1 AND ref = ANY ($3)",
            *(BRAND, name, refs),
        )


async def refs_of_query(world: World, query: str, parameters: Sequence[object]) -> set[str]:
    """The people whom a query chooses, by ref; each may come once."""
    rows = await world.pool.fetch(
        f"SELECT r.ref FROM ({query}) q JOIN recipients r ON r.id = q.recipient_id",  # noqa: S608 - it has no values
        *parameters,
    )
    assert len({row["ref"] for row in rows}) == len(rows)
    return {row["ref"] for row in rows}


async def store_people(segments: Segments, people: Sequence[Somebody]) -> None:
    """Stores people as events, imports and actions leave them."""
    world = segments.world
    await world.known(*range(len(people)))
    for campaign in ("spring", "summer"):
        refs = [f"user-{n}" for n, one in enumerate(people) if campaign in one.got]
        accepted = await world.accept({"refs": refs}, campaign=campaign)
        await world.pool.execute(
            "UPDATE deliveries SET state = 'handed_over' WHERE mailing_id = $1", accepted.mailing_id
        )
    others = await world.accept({"refs": [f"user-{n}" for n in range(len(people))]}, campaign="spring")
    await world.pool.execute(
        "UPDATE deliveries SET state = 'suppressed', reason = 'opt_out' WHERE mailing_id = $1", others.mailing_id
    )
    for n, one in enumerate(people):
        person_id = await world.id_of(f"user-{n}")
        await world.pool.execute(
            "UPDATE recipients SET country = $2, locale = $3, source = $4, created_at = $5 WHERE id = $1",
            *(
                person_id,
                one.country and f"{one.country}\nFR",
                one.locale,
                "\n".join(one.sources) or None,
                one.known_at,
            ),
        )
        await world.pool.execute(
            "UPDATE standings SET consents = $2, opted_out = $3, personalisation_refused_at = $4"
            " WHERE recipient_id = $1",
            *(person_id, sorted(one.consents), sorted(one.opted_out), NOW if one.is_personalisation_refused else None),
        )
        if one.attributes or n % 2:
            await world.pool.execute(
                "INSERT INTO recipient_attributes VALUES ($1, $2, $3)", person_id, BRAND, one.attributes
            )
        for name in one.lists:
            await segments.put_on_list(name, [f"user-{n}"])


async def test_query_chooses_whom_the_condition_describes(world: World) -> None:
    """The SQL of random conditions chooses exactly the random people for whom a plain judgement says that they hold."""
    segments, chance = Segments(world), random.Random(18)
    people = [random_person(chance) for _ in range(150)]
    await store_people(segments, people)
    await world.accept([person(1)], brand="paltalk-2006", controller="paltalk")
    sizes = set()
    for _ in range(250):
        plain = random_condition(chance)
        typed = condition_with_typed_values(segments.policy, parse_condition(plain))
        query = SegmentQuery(BRAND, NOW)
        chosen = await refs_of_query(world, query.select(typed), query.parameters)
        assert chosen == {f"user-{n}" for n, one in enumerate(people) if is_chosen(typed, one, NOW)}, plain
        sizes.add(len(chosen))
    assert {0, len(people)} < sizes
    assert len(sizes) > 30


@pytest.mark.parametrize("value", [HOSTILE, "$1", "'; SELECT pg_sleep(60) --", "%", "\\", "İ ß \U0001d518", "a" * 500])
async def test_no_value_is_part_of_the_statement(world: World, value: str) -> None:
    """A value is a parameter, whatever it says: the text of the statement is the same for each."""
    texts = []
    for one in (value, "Plus"):
        for plain in (
            {"type": "attribute", "name": "plan", "operator": "is", "values": [one]},
            {"type": "attribute", "name": "plan", "operator": "begins_with", "values": [one]},
            {"type": "source", "values": [one]},
        ):
            query = SegmentQuery(BRAND, NOW)
            texts.append(query.select(condition(**plain)))
            assert await refs_of_query(world, texts[-1], query.parameters) == set()
    assert texts[:3] == texts[3:]


async def test_segment_has_the_people_of_everyone_only(world: World) -> None:
    """A negation chooses nobody of another brand, nobody without an address, and nobody who was erased."""
    segments = Segments(world)
    await world.known(1, 2)
    await world.accept({"refs": ["ghost"]})
    await world.accept([person(9)], brand="paltalk-2006", controller="paltalk")
    await segments.put_on_list("nobody-else", ["user-2", "ghost"])
    await segments.save("others", type="list", operator="is_not_on", name="nobody-else")
    await segments.save("those", type="list", name="nobody-else")
    assert await segments.refs_of_audience("segment:others") == {"user-1"}
    assert await segments.refs_of_audience("segment:those") == {"user-2"}
    assert await segments.refs_of_audience("everyone") == {"user-1", "user-2"}
    assert await segments.refs_of_audience("nobody-else") == {"user-2", "ghost"}


async def test_copy_to_a_shared_address_counts_as_got(world: World) -> None:
    """Two people who share an address have both got a campaign of which one copy went out."""
    segments = Segments(world)
    await world.known(1, 2, email="ada@people.example")
    await world.known(3)
    accepted = await world.accept({"refs": ["user-1", "user-2"]}, campaign="spring")
    await world.handover().hand_over_batches(accepted.batches)
    for name, campaign in (("by-name", "spring"), ("by-id", str(accepted.mailing_id))):
        await segments.save(name, type="mail", operator="did_not_get", campaign=campaign)
        assert await segments.refs_of_audience(f"segment:{name}") == {"user-3"}


async def test_opened_needs_a_consent_that_still_holds(world: World) -> None:
    """Opens and clicks count only of people who consent to it now; nobody else counts as having opened."""
    segments = Segments(world, "individual")
    ids = await world.known(1, 2, 3)
    accepted = await world.accept({"refs": ["user-1", "user-2", "user-3"]}, campaign="spring")
    for table, more in (("individual_opens", ""), ("individual_clicks", ", 'https://a.example/'")):
        for recipient_id in ids[:2]:
            await world.pool.execute(
                f"INSERT INTO {table} SELECT $1, $2{more}, current_date",
                accepted.mailing_id,
                recipient_id,
            )
    await world.pool.execute("UPDATE standings SET consents = '{tracking}' WHERE recipient_id = $1", ids[0])
    for done, negation in (("opened", "did_not_open"), ("clicked", "did_not_click")):
        await segments.save("did", type="mail", operator=done, campaign="spring")
        await segments.save("did-not", type="mail", operator=negation, campaign="spring")
        assert await segments.refs_of_audience("segment:did") == {"user-1"}
        assert await segments.refs_of_audience("segment:did-not") == {"user-2", "user-3"}
    segments.use_policy(policy_with_attributes("unlinkable"))
    fault = await world.mailings.find_audience_fault(BRAND, "segment:did")
    assert fault is not None
    assert 'has tracking = "unlinkable"' in fault


async def test_event_is_resolved_once(world: World) -> None:
    """An event to a segment reaches the people it chooses at intake. A segment that changes later changes nothing."""
    segments = Segments(world)
    ids = await world.known(1, 2, 3)
    for recipient_id in ids[:2]:
        await world.pool.execute(
            "INSERT INTO recipient_attributes VALUES ($1, $2, $3)", recipient_id, BRAND, {"plan": "Plus"}
        )
    await segments.save("plus", **PLUS)
    accepted = await world.accept({"audience": "segment:plus"})
    assert accepted.size == 2
    await segments.save("plus", type="not", condition=PLUS)
    await world.pool.execute("DELETE FROM recipient_attributes")
    await world.handover().hand_over_batches(accepted.batches)
    assert set(await world.states(accepted.mailing_id)) == {"user-1", "user-2"}
    assert (await world.accept({"audience": "segment:plus"})).size == 3


async def test_intake_refuses_unknown_and_unusable_segments(world: World) -> None:
    """An event to a segment that is not there, or that the policy forbids now, is refused with words; others go on."""
    segments = Segments(world)
    await world.known(1)
    await segments.save("plus", **PLUS)
    segments.use_policy(policy_with_attributes(attributes={}))
    gone, unusable = (received(plain_event({"audience": f"segment:{name}"})) for name in ("gone", "plus"))
    good = received(plain_event({"refs": ["user-1"]}))
    await world.intake().accept_event_messages("newsletter", [gone, unusable, good])
    assert str(gone.settled) == f"rejected: to.audience: {BRAND} has no segment 'gone'; save it first"
    assert "the segment plus cannot be used: attribute: plan is no attribute of the policy" in str(unusable.settled)
    assert good.settled == "ack"


async def test_segment_that_is_too_slow_is_one_dead_letter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that takes longer than the limit refuses its own event, and does not look like an outage."""
    segments = Segments(world)
    await world.known(1)
    await segments.save("all", type="country", operator="is_not", values=["DE"])
    monkeypatch.setattr("mailer.postgres.audience_expansion.EXPANSION_SECONDS", 0.2)
    slow = "SELECT r.id AS recipient_id FROM recipients r, pg_sleep(30) WHERE r.brand = $1"

    async def slow_query(*_: object) -> tuple[str, list[object]]:
        return slow, [BRAND]

    monkeypatch.setattr("mailer.postgres.audience_expansion.audience_query", slow_query)
    with pytest.raises(ValueError, match="segment:all took longer than"):
        await world.accept({"audience": "segment:all"})


async def test_save_refuses_what_is_not_there(world: World) -> None:
    """A list or campaign that the brand does not have is refused, also if another brand has it."""
    segments = Segments(world)
    await world.known(1)
    await world.accept([person(9)], brand="paltalk-2006", controller="paltalk", campaign="theirs")
    await world.pool.execute(
        "INSERT INTO audience_members SELECT brand, 'theirs', id FROM recipients WHERE brand = 'paltalk-2006'"
    )
    for plain, words in (
        ({"type": "list", "name": "theirs"}, "has no list 'theirs'"),
        ({"type": "mail", "operator": "did_not_get", "campaign": "theirs"}, "has no mail of the campaign 'theirs'"),
        ({"type": "attribute", "name": "nope", "operator": "is_known"}, "nope is no attribute"),
    ):
        with pytest.raises(SegmentRefused, match=words):
            await segments.save("wrong", **plain)
    assert await segments.store.find_segment(BRAND, "wrong") is None


async def test_list_that_is_gone_stops_its_segments(world: World) -> None:
    """A segment over a list that was deleted is refused; it does not silently choose nobody or everybody."""
    segments = Segments(world)
    await world.known(1, 2)
    await segments.put_on_list("vip", ["user-1"])
    await segments.save("others", type="list", operator="is_not_on", name="vip")
    assert await segments.lists.delete_list(BRAND, "vip")
    with pytest.raises(SegmentRefused, match="has no list 'vip'"):
        await segments.store.count_segment(segments.policy, "others")


async def test_two_people_save_one_segment(world: World) -> None:
    """A person who has read an older revision is told. The count goes only if the condition is another."""
    segments = Segments(world)
    await world.known(1, 2)
    store, policy = segments.store, segments.policy
    plus = condition(**PLUS)
    first = await store.save_segment(policy, "plus", plus, "person:Ada", 0)
    assert (first.revision, first.people, first.counted_at) == (1, None, None)
    counted = await store.count_segment(policy, "plus")
    assert (counted.people, counted.counted_at is not None) == (0, True)
    same = await store.save_segment(policy, "plus", plus, "person:Bob", 1)
    assert (same.revision, same.people, same.updated_by, same.created_by) == (2, 0, "person:Bob", "person:Ada")
    with pytest.raises(SegmentChanged):
        await store.save_segment(policy, "plus", condition(type="country", values=["DE"]), "person:Ada", 1)
    with pytest.raises(SegmentChanged):
        await store.save_segment(policy, "plus", plus, "person:Ada", 0)
    other = await store.save_segment(policy, "plus", condition(type="country", values=["US"]), "person:Ada", 2)
    assert (other.revision, other.people) == (3, None)
    assert (await store.count_segment(policy, "plus")).people == 2
    assert [one.name for one in await store.list_segments(BRAND, "", 10)] == ["plus"]
    assert await store.list_segments(BRAND, "plus", 10) == []
    assert await store.list_segments("paltalk-2006", "", 10) == []


async def test_slow_count_is_stopped(world: World) -> None:
    """A count that takes too long is stopped and says so; the figure from before stays. One counts at a time."""
    segments = Segments(world)
    await world.known(1)
    await segments.save("us", type="country", values=["US"])
    await segments.store.count_segment(segments.policy, "us")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM work_turns WHERE name = $1 FOR UPDATE", f"count {BRAND}")
        with pytest.raises(SegmentSlow, match="another count"):
            await segments.store.count_segment(segments.policy, "us")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE recipients IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SegmentSlow, match=r"took longer than 0\.2 seconds"):
            await segments.store.count_segment(segments.policy, "us", 0.2)
    kept = await segments.store.find_segment(BRAND, "us")
    assert kept is not None
    assert kept.people == 1


async def test_deleted_segment(world: World) -> None:
    """A deleted segment is refused wherever it was named; drafts that name it are listed before."""
    segments = Segments(world)
    await segments.save("us", type="country", values=["US"])
    for number, (state, draft) in enumerate(
        [
            ("draft", {"audience": "segment:us"}),
            ("checked", {"audience": "everyone", "exclude": ["segment:us"]}),
            ("released", {"audience": "segment:us"}),
            ("draft", {"audience": "us"}),
        ]
    ):
        await world.pool.execute(
            "INSERT INTO campaigns (id, brand, name, state, draft, created_by, updated_by)"
            " VALUES (gen_random_uuid(), $1, $2, $3, $4, 'Ada', 'Ada')",
            *(BRAND, f"C{number}", state, draft),
        )
    assert set(await segments.store.list_drafts_using_segment(BRAND, "us")) == {"C0", "C1"}
    assert not await segments.store.delete_segment("paltalk-2006", "us")
    assert await segments.store.delete_segment(BRAND, "us")
    assert not await segments.store.delete_segment(BRAND, "us")
    assert await world.mailings.find_audience_fault(BRAND, "segment:us")
    kept = [(one["reason"], one["rule"]) for one in await world.entries(kind="control")]
    assert kept == [("segment_saved", "segment:us"), ("segment_deleted", "segment:us")]


async def test_frozen_list(world: World) -> None:
    """A frozen segment is a list of those whom it chose then. It is never overwritten, and people can be taken off."""
    segments = Segments(world)
    ids = await world.known(1, 2, 3)
    await segments.save("us", type="country", values=["US"])
    await segments.save("nobody", type="country", values=["JP"])
    lists, policy = segments.lists, segments.policy
    frozen = await lists.freeze_segment(policy, "us", "summer-list", "person:Ada")
    assert (frozen.people, frozen.origin, frozen.created_by) == (3, "us", "person:Ada")
    await world.pool.execute("UPDATE recipients SET country = 'DE'")
    assert (await world.accept({"audience": "summer-list"})).size == 3
    for segment, name, words in (
        ("us", "summer-list", "has a list 'summer-list' already"),
        ("nobody", "other", "chooses nobody now"),
        ("us", "everyone", "no list is named everyone"),
    ):
        with pytest.raises(ListRefused, match=words):
            await lists.freeze_segment(policy, segment, name, "person:Ada")
    await segments.put_on_list("imported", ["user-1", "user-2"])
    found = await lists.list_lists(BRAND, "", 10)
    assert [(one.name, one.people, one.origin) for one in found] == [("imported", None, ""), ("summer-list", 3, "us")]
    assert [one.name for one in await lists.list_lists(BRAND, "imported", 10)] == ["summer-list"]
    assert (await lists.count_list(BRAND, "imported")).people == 2
    assert await lists.remove_people_from_list(BRAND, "summer-list", [ids[0], 10**9]) == 1
    assert [one.ref for one in await lists.read_people_of_list(BRAND, "summer-list", 0, 10)] == ["user-2", "user-3"]
    kept = await lists.find_list(BRAND, "summer-list")
    assert kept is not None
    assert kept.people == 2
    assert [one["recipient"] for one in await world.entries(kind="control") if one["reason"] == "list_left"] == [ids[0]]


async def test_preview_of_people(world: World) -> None:
    """A preview shows at most ten people whom the segment chooses."""
    segments = Segments(world)
    await world.known(*range(12))
    await world.pool.execute("UPDATE recipients SET country = 'DE' WHERE ref = 'user-3'")
    await segments.save("us", type="country", values=["US"])
    people = await segments.store.read_people_of_segment(segments.policy, "us")
    assert len(people) == 10
    assert "user-3" not in {one.ref for one in people}
