"""People as events and files make them known: newer data win, and no opt-out is ever lost."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.events import Person
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.recipient_import import RecipientImportRow
from mailer.postgres.people import DatedPersonData, upsert_people
from tests.factories import BRAND, World, make_event, new_mailing, person, until, waiting

EARLY, LATE = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


async def data(world: World, ref: str = "user-1") -> dict[str, Any]:
    """A recipient's row."""
    row = await world.pool.fetchrow("SELECT * FROM recipients WHERE brand = $1 AND ref = $2", BRAND, ref)
    assert row is not None
    return dict(row)


async def opted_out(world: World, ref: str, brand: str = BRAND) -> frozenset[str]:
    """The scopes that somebody has left."""
    standing = await world.standings.get_standing(brand, await world.id_of(ref, brand))
    assert standing is not None
    return standing.opted_out


async def test_newer_data_win_field_by_field(world: World) -> None:
    """Newer data replace older ones. Countries are added instead. Fields that are left out stay."""
    await world.known(1, name="Ada", locale="en-GB", collected_at=EARLY)
    await world.known(1, email="new@people.example", country="GB", collected_at=LATE)
    row = await data(world)
    assert (row["email"], row["name"], row["locale"], row["country"]) == (
        "new@people.example",
        "Ada",
        "en-GB",
        "GB\nUS",
    )
    assert row["collected_at"] == datetime.fromisoformat(LATE)


async def test_older_data_never_win(world: World) -> None:
    """Data that were collected before those that are known change nothing, neither by event nor by file."""
    await world.known(1, name="Ada", collected_at=LATE)
    before = await data(world)
    await world.known(1, name="Old", email="old@people.example", collected_at=EARLY)
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="user-1", email="old@people.example", collected_at=EARLY))]
    )
    assert await data(world) == before


async def test_of_one_event_batch_the_newest_wins(world: World) -> None:
    """One person in two events that are taken in together ends with the newer data."""
    events = [
        make_event([person(1, name="New", collected_at=LATE)]),
        make_event([person(1, name="Old", collected_at=EARLY)]),
    ]
    await world.mailings.accept_mailings([new_mailing(event) for event in events])
    assert (await data(world))["name"] == "New"


def said(seconds: int, ref: str = "user-1", email: str = "a@people.example", **values: Any) -> DatedPersonData:
    """The data of a person in an event, this many seconds after the others."""
    observed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return DatedPersonData(BRAND, BRAND, Person.model_validate({"ref": ref, "email": email, **values}), observed)


async def take_in(world: World, one: DatedPersonData) -> None:
    """Stores the data in a transaction of its own."""
    async with world.pool.acquire() as connection, connection.transaction():
        await upsert_people(connection, world.hasher, [one])


async def in_line(world: World) -> bool:
    """True if all standings agree with the data."""
    return not await world.pool.fetchval(
        "SELECT count(*) FROM recipients r JOIN standings s ON s.recipient_id = r.id"
        " WHERE (r.address_hash, r.country) IS DISTINCT FROM (s.address_hash, s.country)"
    )


@pytest.mark.parametrize("change", [{"country": "DE"}, {"email": "left@people.example"}])
async def test_who_changes_back_while_somebody_is_changing_them_is_not_settled(
    world: World, change: dict[str, str]
) -> None:
    """Two events of one person are taken in at once; the second says what was known before the first."""
    await take_in(world, said(0, country="US"))
    await take_in(world, said(0, "other", "left@people.example"))
    await world.standings.record_opt_out(BRAND, await world.id_of("other"), "newsletter", "test")
    async with world.pool.acquire() as connection:
        first = connection.transaction()
        await first.start()
        await upsert_people(connection, world.hasher, [said(1, **{"country": "US"} | change)])
        second = asyncio.create_task(take_in(world, said(2, country="US")))
        await until(lambda: waiting(world.pool))
        await first.commit()
    await second
    assert await in_line(world)
    assert await opted_out(world, "user-1") == (frozenset({"newsletter"}) if "email" in change else frozenset())


async def test_who_became_known_as_somebody_brought_an_opt_out_along_has_it_at_the_next_event(world: World) -> None:
    """Neither of two people who come to one address at once sees the other. They get the opt-out at the next event."""
    await take_in(world, said(0, "one"))
    await world.standings.record_opt_out(BRAND, await world.id_of("one"), "newsletter", "test")
    async with world.pool.acquire() as one, world.pool.acquire() as other, one.transaction(), other.transaction():
        await upsert_people(one, world.hasher, [said(1, "one", "x@people.example")])
        await upsert_people(other, world.hasher, [said(1, "other", "x@people.example")])
    await take_in(world, said(2, "other", "x@people.example"))
    assert await opted_out(world, "other") == frozenset({"newsletter"})


async def test_a_date_in_the_future_does_not_outrank(world: World) -> None:
    """Data of a clock that is ahead of ours count as of now, so that what follows can correct them."""
    await world.known(1, name="Wrong", collected_at=(datetime.now(UTC) + timedelta(minutes=4)).isoformat())
    await world.known(1, name="Right")
    assert (await data(world))["name"] == "Right"
    assert (await data(world))["observed_at"] <= datetime.now(UTC)


async def test_data_without_a_date_are_of_now(world: World) -> None:
    """An event that does not say when its data were collected speaks of now."""
    await world.known(1, name="Ada")
    assert datetime.now(UTC) - (await data(world))["observed_at"] < timedelta(minutes=1)


@pytest.mark.parametrize("scope", ["newsletter", EVERYTHING_OPTIONAL])
async def test_an_opt_out_survives_everything(world: World, scope: str) -> None:
    """An opt-out holds through a new event, a file, a new address, the old address again and another spelling."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, scope, "test")
    for email in ("user-1@people.example", "new@people.example", "User-1@PEOPLE.example"):
        await world.known(1, email=email)
        await world.importer().import_rows_in_one_transaction([RecipientImportRow(Person(ref="user-1", email=email))])
        assert await opted_out(world, "user-1") == {scope}
        accepted = await world.accept([person(1, email=email)])
        await world.handover().hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == {"user-1": ("suppressed", "opted_out")}
    assert world.processor.sent == []


async def test_an_opt_out_holds_for_the_address(world: World) -> None:
    """Another ref of the brand with the address has left too, whether known already or only later, in any spelling."""
    ada, _ = await world.known(1, 2, email="ada@people.example")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "test")
    await world.known(3, email="ADA@People.Example")
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="user-4", email="Ada@people.example"))]
    )
    for ref in ("user-1", "user-2", "user-3", "user-4"):
        assert await opted_out(world, ref) == {"newsletter"}
    await world.known(5)
    assert await opted_out(world, "user-5") == frozenset()


async def test_an_opt_out_moves_with_the_person(world: World) -> None:
    """An opt-out goes along to a new address. It holds for everybody who has that address, now or later."""
    ada, _ = await world.known(1, 2)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "test")
    await world.known(1, email="user-2@people.example")
    await world.known(3, email="user-2@people.example")
    assert await opted_out(world, "user-2") == await opted_out(world, "user-3") == {"newsletter"}


async def test_another_brand_is_not_touched(world: World) -> None:
    """Leaving one brand leaves no other of the same controller, while a dead address is dead for both."""
    [ada] = await world.known(1)
    await world.accept([person(1)], brand="paltalk-2006", controller=BRAND)
    sister = await world.id_of("user-1", "paltalk-2006")
    await world.standings.record_opt_out(BRAND, ada, EVERYTHING_OPTIONAL, "test")
    assert await opted_out(world, "user-1", "paltalk-2006") == frozenset()
    standing = await world.standings.get_standing("paltalk-2006", sister)
    assert standing is not None
    assert (standing.version, standing.address_dead) == (1, False)
    await world.standings.mark_address_dead(BRAND, ada, "user-1@people.example", "test")
    standing = await world.standings.get_standing("paltalk-2006", sister)
    assert standing is not None
    assert standing.address_dead


async def test_a_new_address_is_not_dead(world: World) -> None:
    """A person with a new address can be reached again. A person who takes over the dead one cannot."""
    [ada] = await world.known(1)
    await world.standings.mark_address_dead(BRAND, ada, "user-1@people.example", "test")
    await world.known(1, email="new@people.example")
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert (standing.address, standing.address_dead) == ("new@people.example", False)
    await world.known(2, email="user-1@people.example")
    taken_over = await world.standings.get_standing(BRAND, await world.id_of("user-2"))
    assert taken_over is not None
    assert taken_over.address_dead


async def test_an_address_that_was_left_is_no_longer_about_its_owner(world: World) -> None:
    """A refusal that comes after the person has a new address marks neither, and says so."""
    [ada] = await world.known(1)
    await world.known(1, email="new@people.example")
    assert not await world.standings.mark_address_dead(BRAND, ada, "user-1@people.example", "test")
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert not standing.address_dead
    assert await world.entries(kind="action") == []


IMPORTED = (("opt_out", "newsletter"), ("opt_out", "promotional"), ("deactivated", None))


async def test_a_file_brings_opt_outs_closures_and_audiences(world: World) -> None:
    """An import can add opt-outs and closures, and a second import without them takes none back."""
    full = RecipientImportRow(
        Person(ref="user-1", email="ada@people.example"), ("newsletter", "promotional"), True, ("vip",)
    )
    plain = RecipientImportRow(Person(ref="user-1", email="ada@people.example"))
    for row in (full, plain, full):
        await world.importer().import_rows_in_one_transaction([row])
    standing = await world.standings.get_standing(BRAND, await world.id_of("user-1"))
    assert standing is not None
    assert standing.opted_out == {"newsletter", "promotional"}
    assert standing.deactivated
    assert await world.mailings.find_audience_fault(BRAND, "vip") is None
    said = [(entry["reason"], entry["category"], entry["rule"]) for entry in await world.entries(kind="action")]
    once = [(reason, category, "action:import") for reason, category in IMPORTED]
    assert said == once * 2, "each import of it is on record, and the one without them says nothing"
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_the_version_grows_only_with_a_change(world: World) -> None:
    """Data that say nothing new leave the version as it is, so that hand-overs in flight go on."""
    [ada] = await world.known(1, name="Ada")
    await world.known(1, name="Ada", locale="en")
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="user-1", email="user-1@people.example"))]
    )
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert standing.version == 1
    await world.known(1, email="new@people.example")
    changed = await world.standings.get_standing(BRAND, ada)
    assert changed is not None
    assert changed.version == 2


async def test_nobody_becomes_known_behind_an_opt_out(world: World) -> None:
    """A ref that becomes known while its address is being suppressed is suppressed too, in either order of commits."""
    [ada] = await world.known(1, email="ada@people.example")
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT FROM standings WHERE recipient_id = $1 FOR UPDATE", ada)
        leaving = asyncio.create_task(world.standings.record_opt_out(BRAND, ada, "newsletter", "test"))
        await until(lambda: waiting(world.pool))
        arriving = asyncio.create_task(world.known(2, email="ada@people.example"))

        async def both() -> bool:
            return await waiting(world.pool) == 2

        await until(both)
        await transaction.commit()
    await asyncio.gather(leaving, arriving)
    assert await opted_out(world, "user-2") == {"newsletter"}


@pytest.mark.parametrize("by_file", [True, False], ids=["file", "event"])
async def test_standings_are_locked_in_the_order_of_hand_overs(world: World, by_file: bool) -> None:
    """A change of several standings locks them in the order of a hand-over: the first before the second."""
    # Refs in another order than ids, and what changes about the first comes later than what changes about the second.
    [first] = await world.known(2)
    [second] = await world.known(1)
    moved = [
        person(1, email="new@people.example"),
        person(2, email="user-2@people.example" if by_file else "b@x.example"),
    ]
    rows = [RecipientImportRow(Person(**moved[0])), RecipientImportRow(Person(**moved[1]), ("newsletter",))]
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        lock = "SELECT FROM standings WHERE recipient_id = $1 FOR SHARE"
        await other.execute(lock, first)
        changing = asyncio.ensure_future(
            world.importer().import_rows_in_one_transaction(rows) if by_file else world.accept(moved)
        )
        await until(lambda: waiting(world.pool))
        await asyncio.wait_for(other.execute(lock, second), 5)
        await transaction.commit()
    await changing
    assert (await data(world))["email"] == "new@people.example"


async def test_people_and_hand_overs_do_not_deadlock(world: World) -> None:
    """Files that change addresses, events and hand-overs over the same people at once all come to their end."""
    numbers = list(range(60))
    # Refs in another order than ids, which is where an order of locks shows.
    await world.known(*reversed(numbers))

    async def change(turn: int) -> None:
        for n in range(4):
            moved = [person(number, email=f"{number}-{turn}-{n}@people.example") for number in numbers]
            if turn % 2:
                await world.importer().import_rows_in_one_transaction(
                    [RecipientImportRow(Person(**one), ("promotional",)) for one in moved]
                )
            else:
                await world.accept(moved)

    async def send() -> None:
        for _ in range(4):
            accepted = await world.accept({"audience": "everyone"})
            await world.handover().hand_over_batches(accepted.batches)

    await asyncio.wait_for(asyncio.gather(*(change(turn) for turn in range(3)), send(), send()), 60)
    assert (await world.ledger.verify_ledger()).faults == ()
