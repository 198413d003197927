"""Opens and clicks against a reader who counts, with the API, the reports, the metrics and the whole database."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.standing import TRACKING
from mailer.ports.mailings import MailingStatus
from mailer.ports.open_and_click_counts import PixelOrLinkFetchToCount
from mailer.ports.standings import StandingFlag
from mailer.postgres.campaign_reports import PostgresCampaignReports
from mailer.postgres.open_and_click_counts import PostgresOpenAndClickCounts
from mailer.rendering.link_tokens import ClickToken, OpenToken
from tests.campaigns import mailed, members
from tests.doubles import FakeProcessor
from tests.factories import BRAND, KEY, World, person
from tests.hours import an_hour_later, clock_of, opens_of
from tests.integration.web_world import browse
from tests.letters import LINKS, consents, parts, read

SHOP = "https://shop.example/spring"
TABLES = ("opens", "clicks", "unique_opens", "unique_clicks", "individual_opens", "individual_clicks", "parked_opens")
READ = TABLES[:-1]
"""The tables that tell something about opens, without the sealed one."""
COUNTS = re.compile(r"/[oc]/")
CROWD = {"refs": [f"user-{n}" for n in range(25)]}


async def status_of(world: World, mailing_id: UUID) -> MailingStatus:
    """The status of a mailing, as operators and the API see it."""
    found = await world.mailings.mailing_status(mailing_id)
    assert found is not None
    return found


def figures(status: MailingStatus) -> list[int | None]:
    """All figures of the mailing's opens and clicks."""
    return [
        *(status.opens, status.machine_opens, status.unique_opens),
        *(status.clicks, status.machine_clicks, status.unique_clicks),
    ]


async def stored(world: World) -> dict[str, int]:
    """The number of rows about opens or clicks in each table."""
    return {
        table: await world.pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name from here
        for table in READ
    }


async def fetch(world: World, mailing_id: UUID, times: int = 1, **token: Any) -> None:
    """Has somebody read a mailing, and click in it."""
    pixel = LINKS.pixel_url(OpenToken(mailing_id, **token))
    link = LINKS.click_url(ClickToken(mailing_id, SHOP, **token))
    async with browse(world) as client:
        for _ in range(times):
            await client.get(pixel)
            await client.get(link)


def individually(world: World) -> None:
    """Changes InterPals' policy so that it counts single people."""
    policy = world.policies[BRAND]
    switches = policy.switches.model_copy(update={"tracking": "individual"})
    world.policies[BRAND] = policy.model_copy(update={"switches": switches})


async def nobody_else_exists(world: World) -> Any:
    """Nineteen references that do not exist and one that does (S23)."""
    await world.known(0, country="US", source="sign-up")
    return {"refs": [f"user-{n}" for n in range(20)]}


async def hundreds_do_not_exist(world: World) -> Any:
    """A batch of references, of which one exists."""
    await world.known(0, country="US", source="sign-up")
    return {"refs": [f"user-{n}" for n in range(499)]}


async def all_others_left(world: World) -> Any:
    """Twenty-four have opted out."""
    await world.known(*range(25), country="US", source="sign-up")
    for n in range(1, 25):
        await world.standings.record_opt_out(BRAND, await world.id_of(f"user-{n}"), "newsletter", "test")
    return CROWD


async def all_others_refuse(world: World) -> Any:
    """Twenty-four get their mail without a pixel."""
    await world.known(*range(25), country="US", source="sign-up")
    for n in range(1, 25):
        await world.standings.set_standing_flag(
            BRAND, await world.id_of(f"user-{n}"), StandingFlag.TRACKING_REFUSED, True, "test"
        )
    return CROWD


async def all_others_are_dead(world: World) -> Any:
    """Twenty-four of the mailboxes are known not to exist."""
    await world.known(*range(25), country="US", source="sign-up")
    await world.pool.execute(
        "UPDATE standings SET address_dead_at = now() WHERE recipient_id IN"
        " (SELECT id FROM recipients WHERE ref <> 'user-0')"
    )
    return CROWD


async def all_are_one(world: World) -> Any:
    """Twenty-five accounts with one mailbox, each with a text of its own."""
    return [person(n, email="ada@people.example", country="US", context={"headline": f"No. {n}"}) for n in range(25)]


ALONE = [
    nobody_else_exists,
    hundreds_do_not_exist,
    all_others_left,
    all_others_refuse,
    all_others_are_dead,
    all_are_one,
]


@pytest.mark.parametrize("crowd", ALONE, ids=[crowd.__name__ for crowd in ALONE])
async def test_one_reader_among_many_addressed_is_not_counted(
    world: World, crowd: Callable[[World], Awaitable[Any]]
) -> None:
    """A mailing that one mailbox is handed has no pixel, and however often it is read no figure changes."""
    mailing = await mailed(world, await crowd(world), campaign="alone")
    assert world.processor.sent
    assert [COUNTS.findall("".join(parts(read(mail)))) for mail in world.processor.sent] == [[]] * len(
        world.processor.sent
    )
    await fetch(world, mailing, 30)
    await fetch(world, mailing, 30, nonce="n1")
    await an_hour_later(world)
    assert figures(await status_of(world, mailing)) == [None] * 6
    assert await stored(world) == dict.fromkeys(READ, 0)
    report = await PostgresCampaignReports(world.pool).get_or_issue_campaign_report(BRAND, "alone", 20)
    assert report is not None
    assert (report.opens, report.clicks) == (None, None)


async def test_who_bounces_fills_no_cell(world: World) -> None:
    """A relay took twenty-five, and refused twenty-four of them, or they turned out not to exist later."""
    refused = Outcome(OutcomeKind.BLOCKED, 550, "5.7.1", "no")
    picky = FakeProcessor(lambda mail: Outcome(OutcomeKind.ACCEPTED, 250) if "user-0@" in mail.recipient else refused)
    accepted = await world.accept(members(0, US=25))
    await world.handover(picky).hand_over_batches(accepted.batches)
    await world.upkeep.finish_completed_mailings()
    later = await mailed(world, members(100, US=25))
    await world.pool.execute(
        "UPDATE standings SET address_dead_at = now() WHERE recipient_id IN"
        " (SELECT id FROM recipients WHERE ref <> 'user-100')"
    )
    for mailing in (accepted.mailing_id, later):
        await fetch(world, mailing, 30)
        await an_hour_later(world)
        assert figures(await status_of(world, mailing)) == [None] * 6
    assert await stored(world) == dict.fromkeys(READ, 0)


async def test_a_count_stops_where_the_cell_is_gone(world: World) -> None:
    """Somebody fetches the pixel while the cell is full; once all mailboxes but hers are dead, hers adds nothing."""
    mailing = await mailed(world, members(0, US=25))
    await fetch(world, mailing, 25)
    await an_hour_later(world)
    await world.pool.execute(
        "UPDATE standings SET address_dead_at = now() WHERE recipient_id IN"
        " (SELECT id FROM recipients WHERE ref <> 'user-0')"
    )
    before = figures(await status_of(world, mailing)), await rows_in_place(world, "opens")
    await fetch(world, mailing, 3)
    await an_hour_later(world)
    assert (figures(await status_of(world, mailing)), await rows_in_place(world, "opens")) == before


async def test_a_count_waits_for_the_cell_and_is_then_one(world: World) -> None:
    """Opens from before enough were handed it are in no table; later they are in one row with what came after."""
    accepted = await world.accept(members(0, US=25))
    late = FakeProcessor(
        lambda mail: (
            Outcome(OutcomeKind.DEFERRED, 451, "4.7.1")
            if "user-1" in mail.recipient
            else Outcome(OutcomeKind.ACCEPTED, 250)
        )
    )
    await world.handover(late).hand_over_batches(accepted.batches)
    await fetch(world, accepted.mailing_id, 14)
    await an_hour_later(world)
    assert await stored(world) == dict.fromkeys(READ, 0)
    await world.pool.execute("UPDATE deliveries SET due_at = now() WHERE state = 'deferred'")
    await world.upkeep.put_due_deliveries_into_new_batches(1000)
    batches = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
    await world.handover().hand_over_batches(batches)
    await fetch(world, accepted.mailing_id, 11)
    await an_hour_later(world)
    assert [tuple(row) for row in await world.pool.fetch("SELECT machine, n FROM opens")] == [(False, 25)]
    assert (await status_of(world, accepted.mailing_id)).opens == 20
    await world.upkeep.finish_completed_mailings()
    assert (await status_of(world, accepted.mailing_id)).opens == 25


async def test_a_cancelled_mailing_forgets_what_was_read(world: World) -> None:
    """A large mailing that is stopped after one mail had a pixel; its fetches are dropped with its end."""
    accepted = await world.accept(members(0, US=501))
    await world.handover().hand_over_batches(accepted.batches[1:])
    assert COUNTS.search("".join(parts(read(world.processor.sent[0]))))
    await fetch(world, accepted.mailing_id, 30)
    await an_hour_later(world)
    await world.pool.execute("UPDATE deliveries SET state = 'cancelled' WHERE state = 'queued'")
    await world.pool.execute("UPDATE mailings SET finished_at = now(), state = 'cancelled'")
    await an_hour_later(world)
    await world.pool.execute("INSERT INTO counters VALUES ($1, 'handed_over', '', 500)", accepted.mailing_id)
    await an_hour_later(world)
    assert await stored(world) == dict.fromkeys(READ, 0)
    assert figures(await status_of(world, accepted.mailing_id)) == [None] * 6


async def test_a_reader_is_not_what_is_left_of_the_known_ones(world: World) -> None:
    """The count of the others is not kept where all but one have consented to be counted themselves: it is hers."""
    individually(world)
    people = members(0, US=25)
    await world.known(*range(25), country="US", source="sign-up")
    for each in people[1:]:
        await consents(world, BRAND, TRACKING, ref=each["ref"])
    mailing = await mailed(world, people)
    hers = next(read(mail) for mail in world.processor.sent if "user-0@" in mail.recipient)
    assert not COUNTS.search("".join(parts(hers)))
    for each in people[1:]:
        await fetch(world, mailing, recipient_id=await world.id_of(each["ref"]), generation=1)
    await fetch(world, mailing, 30, nonce="hers")
    await an_hour_later(world)
    rows = await stored(world)
    assert (rows["opens"], rows["unique_opens"], rows["individual_opens"]) == (0, 0, 24)
    assert (await status_of(world, mailing)).opens == 24


async def test_the_figures_of_a_campaign_are_not_those_of_its_mailings(world: World) -> None:
    """A report adds up the mailings whose figure is shown: less them, it would tell the figure of another one."""
    first = await mailed(world, members(0, US=25), campaign="spring")
    second = await mailed(world, members(100, US=25), campaign="spring")
    await fetch(world, first, 40)
    await fetch(world, second, 3)
    await an_hour_later(world)
    report = await PostgresCampaignReports(world.pool).get_or_issue_campaign_report(BRAND, "spring", 20)
    assert report is not None
    assert (report.opens, report.clicks) == (40, 40)
    assert figures(await status_of(world, second)) == [None] * 6


async def test_within_the_hour_nothing_is_to_be_seen(world: World) -> None:
    """Opens and clicks of an hour stand in no table, figure or metric before the hour is over."""
    mailing = await mailed(world, members(0, US=25))
    await fetch(world, mailing, 25, nonce="n1")
    await opens_of(world).write_counts_of_finished_hours()
    assert await stored(world) == dict.fromkeys(READ, 0)
    assert figures(await status_of(world, mailing)) == [None] * 6
    written = await an_hour_later(world)
    assert (written.opens, written.clicks) == ({False: 25}, {False: 25})
    status = await status_of(world, mailing)
    assert (status.opens, status.unique_opens, status.clicks) == (25, None, 25)


async def rows_in_place(world: World, table: str) -> list[tuple[int, tuple[Any, ...]]]:
    """Transaction and contents of each row, in the order in which the table has them."""
    query = f"SELECT xmin::text::bigint AS xmin, t.* FROM {table} t ORDER BY ctid"  # noqa: S608 - a name from here
    return [(row["xmin"], tuple(row)[1:]) for row in await world.pool.fetch(query)]


async def test_an_analyst_finds_neither_order_nor_time(world: World) -> None:
    """Laid beside rows that have a time, opens say nothing: one transaction an hour, in order of the keys."""
    mailings = [await mailed(world, members(100 * n, US=25)) for n in range(4)]
    individually(world)
    for n in range(25):
        await consents(world, BRAND, TRACKING, ref=f"user-{n}")
    ids = [await world.id_of(f"user-{n}") for n in range(25)]
    transactions, opens = set[int](), opens_of(world)
    for hour in range(2):
        for step in range(60):
            # Read in an order that is neither that of the ids nor of the nonces, with entries of the ledger between.
            mailing = mailings[(7 * step + hour) % 4]
            for trace in (
                PixelOrLinkFetchToCount(mailing, nonce=f"{(step * 37) % 60:02}"),
                PixelOrLinkFetchToCount(mailings[0], recipient_id=ids[step % 23]),
            ):
                opens.count_open(trace)
                opens.count_click(trace, SHOP)
            if step % 10 == 0:
                await world.standings.set_standing_flag(
                    BRAND, ids[0], StandingFlag.PERSONALISATION_REFUSED, step % 20 == 0, "test"
                )
        await an_hour_later(world)
        fresh = set[int]()
        for table in TABLES:
            rows = await rows_in_place(world, table)
            fresh |= {xmin for xmin, _ in rows} - transactions
        assert len(fresh) == 1, "one transaction an hour"
        transactions |= fresh
    ledger = {row["xmin"] for row in await world.pool.fetch("SELECT xmin::text::bigint AS xmin FROM ledger")}
    assert not ledger & transactions
    for table in TABLES:
        by_hour: dict[int, list[tuple[Any, ...]]] = {}
        for xmin, values in await rows_in_place(world, table):
            by_hour.setdefault(xmin, []).append(values)
        for written in by_hour.values():
            assert all(one < other for one, other in pairwise(written)), table
    named = await world.pool.fetch(
        "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns"
        " WHERE table_name = ANY ($1)",
        TABLES,
    )
    assert {row["data_type"] for row in named} <= {"uuid", "date", "boolean", "bigint", "bytea", "text"}
    assert {row["column_default"] for row in named} == {None}
    assert {row["column_name"] for row in named if row["data_type"] == "bigint"} == {"n", "recipient_id"}
    assert {row["column_name"] for row in named if row["data_type"] == "uuid"} == {"mailing_id"}


async def test_what_a_process_leaves_is_sealed(world: World) -> None:
    """A process that ends within the hour leaves a row that tells neither what nor how much; the next counts it."""
    mailing = await mailed(world, members(0, US=25))
    lengths, texts = set[int](), list[bytes]()
    for times in (1, 24):
        ending = PostgresOpenAndClickCounts(world.pool, world.policies, (KEY,), clock_of(world))
        for _ in range(times):
            ending.count_open(PixelOrLinkFetchToCount(mailing))
        await ending.save_counts_for_next_process()
        bodies = [row["body"] for row in await world.pool.fetch("SELECT body FROM parked_opens")]
        lengths |= {len(body) for body in bodies}
        texts += bodies
    assert len(lengths) == 1
    assert not any(mailing.hex.encode() in text for text in texts)
    assert len(set(texts)) == 2
    assert (await an_hour_later(world)).opens == {False: 25}
    assert await stored(world) == dict.fromkeys(READ, 0) | {"opens": 1}


async def test_a_lost_key_loses_counts_only(world: World) -> None:
    """Counts that were sealed with a secret that is not listed any more are dropped, and the rest is written."""
    mailing = await mailed(world, members(0, US=25))
    ending = PostgresOpenAndClickCounts(world.pool, world.policies, ("another secret",), clock_of(world))
    ending.count_open(PixelOrLinkFetchToCount(mailing))
    await ending.save_counts_for_next_process()
    await fetch(world, mailing, 2)
    assert (await an_hour_later(world)).opens == {False: 2}


async def test_nobodys_withdrawal_is_too_late(world: World) -> None:
    """A person who is erased, withdraws or refuses within the hour has no open of their own in the database then."""
    individually(world)
    people = members(0, US=25)
    await world.known(*range(25), country="US", source="sign-up")
    for each in people:
        await consents(world, BRAND, TRACKING, ref=each["ref"])
    mailing = await mailed(world, people)
    ids = [await world.id_of(f"user-{n}") for n in range(4)]
    for one in ids:
        await fetch(world, mailing, recipient_id=one, generation=1)
    await world.standings.set_standing_flag(BRAND, ids[1], StandingFlag.TRACKING_REFUSED, True, "page")
    await world.pool.execute("UPDATE standings SET consents = '{}' WHERE recipient_id = $1", ids[2])
    await world.pool.execute("UPDATE standings SET erased_at = now() WHERE recipient_id = $1", ids[3])
    await an_hour_later(world)
    for table in ("individual_opens", "individual_clicks"):
        found = await world.pool.fetch(f"SELECT recipient_id FROM {table}")  # noqa: S608 - a name from here
        assert [row["recipient_id"] for row in found] == [ids[0]]


async def test_an_outage_loses_no_hour(world: World) -> None:
    """An hour that cannot be written is kept, and written with its own day when the database is back."""
    mailing = await mailed(world, members(0, US=25))
    clock_of(world).passed = 23
    await fetch(world, mailing, 25)
    await world.pool.execute("ALTER TABLE opens RENAME TO away")
    with pytest.raises(Exception, match="opens"):
        await an_hour_later(world)
    await world.pool.execute("ALTER TABLE away RENAME TO opens")
    await fetch(world, mailing, 1)
    assert (await opens_of(world).write_counts_of_finished_hours()).opens == {False: 25}
    assert (await an_hour_later(world)).opens == {False: 1}
    assert (await status_of(world, mailing)).opens == 26
    [first, second] = await world.pool.fetch("SELECT day, n FROM opens ORDER BY day")
    assert (first["n"], second["n"], second["day"] - first["day"]) == (25, 1, timedelta(days=1))
