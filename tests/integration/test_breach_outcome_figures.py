"""The figures of a breach case, recomputed by the test from the ledger alone, and the export of its people."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mailer.actions.non_email_notice_work import (
    finish_notices,
    mark_notices_taken,
    reopen_or_give_up_returned_notices,
)
from mailer.actions.privacy_rights import erase_recipient
from mailer.policy.breach.outcomes import BreachFigures, Outcome, count_outcomes
from mailer.ports.breach_cases import BreachCase
from mailer.postgres import breach_outcomes
from mailer.postgres.breach_outcomes import PostgresBreachFigureCounts, PostgresBreachOutcomes
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.non_email_notices import PostgresNonEmailNotices
from tests.accounts import said
from tests.breach_outcome_scenes import Line, draft_of, open_case, released_phase
from tests.factories import BRAND, World
from tests.inbound import bounce, open_reception, return_path

PEOPLE = 12
TODAY = date(2026, 11, 30)


async def count(world: World) -> None:
    """Counts what is due, as the timekeeper does."""
    counter = PostgresBreachFigureCounts(world.pool)
    await world.pool.execute("UPDATE breach_figures SET next_at = now()")
    while await counter.count_next_case() is not None:
        pass


async def figures_of(world: World, case: BreachCase) -> BreachFigures:
    """The figures of a case, counted now."""
    await count(world)
    return (await PostgresBreachOutcomes(world.pool, world.writers).case_figures(case.id)).figures


async def notice_ids(world: World, *numbers: int) -> list[int]:
    """The ids of the notices in writing of `user-N`."""
    people = [await world.id_of(f"user-{number}") for number in numbers]
    rows = await world.pool.fetch("SELECT id FROM notices WHERE recipient_id = ANY ($1::bigint[]) ORDER BY id", people)
    return [row["id"] for row in rows]


async def scene(world: World) -> tuple[BreachCase, dict[str, UUID]]:
    """A case in which everything has happened: mail, letters that are posted, returned and waiting, and a bounce.

    1, 2, 10, 11: mail. 3: the mail came back, and a letter was posted. 4: the mail came back, an address is looked
    for. 5: told on paper. 6: its letter came back for good. 7: its letter is taken. 8: under 13. 9: erased. 12: its
    letter came back, and waits for a newer address.
    """
    await world.known(*range(1, PEOPLE + 1))
    for number in (5, 6, 7, 12):
        await said(world, "electronic", f"user-{number}", allowed=False)
    await said(world, "under_13", "user-8")
    lines = {number: Line("US-CA" if number > 6 else "DE") for number in range(1, PEOPLE + 1)}
    lines |= {1: Line("US-CA", "us-ca"), 12: Line("US-CA", "us-ca")}
    case = await open_case(world)
    mailings = await released_phase(world, case, 1, lines, draft_of("US-CA"))
    async with open_reception(world) as reception:
        for number in (3, 4):
            path = return_path(world.links, mailings["elsewhere"], await world.id_of(f"user-{number}"))
            await reception.send(path, bounce(f"user-{number}@people.example", "5.2.2"))
        await reception.handle_stored()
    store = PostgresNonEmailNotices(world.pool, world.writers)
    for number in (3, 5, 6, 7, 12):
        await world.pool.execute(
            "INSERT INTO postal_addresses (recipient_id, lines, source) VALUES ($1, '{1 Mill Lane}', 'test')",
            await world.id_of(f"user-{number}"),
        )
    await finish_notices(store, await notice_ids(world, 3, 5, 6, 12), "Dana", "RR 1", TODAY, TODAY)
    await reopen_or_give_up_returned_notices(store, await notice_ids(world, 6), "Dana", "moved", is_final=True)
    await reopen_or_give_up_returned_notices(store, await notice_ids(world, 12), "Dana", "unknown", is_final=False)
    await mark_notices_taken(store, await notice_ids(world, 7), "Dana")
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("user-9"), "test")
    return case, mailings


EXPECTED = {
    1: Outcome.TOLD_BY_MAIL,
    2: Outcome.TOLD_BY_MAIL,
    3: Outcome.TOLD_BY_LETTER,
    4: Outcome.WAITING,
    5: Outcome.TOLD_BY_LETTER,
    6: Outcome.NOT_REACHABLE,
    7: Outcome.WAITING,
    8: Outcome.NOT_TO_BE_TOLD,
    9: Outcome.TOLD_BY_MAIL,
    10: Outcome.TOLD_BY_MAIL,
    11: Outcome.TOLD_BY_MAIL,
    12: Outcome.NOT_REACHABLE,
}


async def outcomes_by_ledger(world: World, mailings: dict[str, UUID]) -> dict[int, Outcome]:
    """The outcome of each person, from the entries of the ledger alone, in the order of their time."""
    told: dict[int, Outcome] = {}
    for mailing in mailings.values():
        for entry in await world.entries(mailing):
            if entry["recipient"] is not None:
                told |= {entry["recipient"]: _after(entry, told.get(entry["recipient"]))}
    return told


def _after(entry: dict[str, Any], before: Outcome | None) -> Outcome:
    match entry["kind"], str(entry["reason"]).split()[0]:
        case "outcome", "accepted":
            return Outcome.TOLD_BY_MAIL
        case "decision", "under_13":
            return Outcome.NOT_TO_BE_TOLD
        case ("decision", "no_electronic_consent") | ("action", "mail_came_back" | "notice_taken"):
            return Outcome.WAITING
        case "action", "notice_done":
            return Outcome.TOLD_BY_LETTER
        case "action", "notice_returned" | "notice_open":
            return Outcome.NOT_REACHABLE
        case _:
            return before or Outcome.WAITING


@pytest.mark.promise("interpals-16")
async def test_each_figure_is_that_of_the_ledger(world: World) -> None:
    """The counted row and the test's own count of ledger entries are the same, by outcome, place and variant."""
    case, mailings = await scene(world)
    by_ledger = await outcomes_by_ledger(world, mailings)
    refs = {await world.id_of(f"user-{n}"): n for n in range(1, PEOPLE + 1) if n != 9}
    assert {refs[who]: outcome for who, outcome in by_ledger.items() if who in refs} == {
        n: outcome for n, outcome in EXPECTED.items() if n != 9
    }
    figures = await figures_of(world, case)
    lines = await world.pool.fetch("SELECT recipient_id, place, variant FROM breach_manifest_people")
    for field in ("place", "variant"):
        expected: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
        for line in lines:
            expected[line[field]][by_ledger[line["recipient_id"]]] += 1
        shown = figures.people_by_place_and_outcome() if field == "place" else figures.people_by_variant_and_outcome()
        assert {name: +Counter(found) for name, found in shown.items()} == dict(expected)
    assert figures.people == PEOPLE
    assert figures.people_by("outcome") == dict(Counter(map(str, by_ledger.values())).most_common())
    assert figures.people_by("channel") == {"mail": PEOPLE}


async def test_reasons_say_what_is_next(world: World) -> None:
    """People who wait, wait for something; people out of reach need a substitute, and the law counts them by place."""
    case, _ = await scene(world)
    figures = await figures_of(world, case)
    assert figures.reasons_of(Outcome.WAITING) == [
        ("mail_came_back", "address_is_found", 1),
        ("no_electronic_consent", "letter_is_posted", 1),
    ]
    assert figures.reasons_of(Outcome.NOT_REACHABLE) == [("letter_returned", "substitute", 2)]
    assert figures.reasons_of(Outcome.NOT_TO_BE_TOLD) == [("under_13", "", 1)]
    assert figures.unreachable_by_place == {"DE": 2, "US-CA": 1}
    await set_address(world, 12)
    assert (await figures_of(world, case)).reasons_of(Outcome.WAITING)[-1] == (
        "no_electronic_consent",
        "letter_is_printed",
        1,
    )


async def set_address(world: World, number: int) -> None:
    """Stores a newer postal address of `user-N`."""
    await world.pool.execute(
        "UPDATE postal_addresses SET at = now() + interval '1 second' WHERE recipient_id = $1",
        await world.id_of(f"user-{number}"),
    )


async def test_a_public_notice_that_was_seen_tells_the_unreachable(world: World) -> None:
    """Not one that only stands in the database, and the unreachable of the law stay the same."""
    case, _ = await scene(world)
    before = await figures_of(world, case)
    await world.pool.execute(
        "INSERT INTO public_notices (id, brand, texts, digest, first_day, last_day, drafted_by, case_id, phase)"
        " VALUES (gen_random_uuid(), $1, '{}', 'x', now(), now() + interval '30 days', 'Ada', $2, 1)",
        *(BRAND, case.id),
    )
    assert await figures_of(world, case) == before
    await world.pool.execute("UPDATE public_notices SET seen_first_at = now()")
    after = await figures_of(world, case)
    assert (after.people_by("outcome")["told_publicly"], "not_reachable" in after.people_by("outcome")) == (2, False)
    assert after.unreachable_by_place == before.unreachable_by_place


async def test_two_phases_count_each_person_once(world: World) -> None:
    """A supplement goes to some; a mailing that was cancelled has told people wrongly, who were told rightly before."""
    case, _ = await scene(world)
    second = await released_phase(world, case, 2, {1: Line("US-CA"), 2: Line("DE"), 8: Line("US-CA")})
    figures = await figures_of(world, case)
    assert figures.phases == [1, 2]
    assert figures.people == PEOPLE
    assert (sum(figures.people_by("outcome", 1).values()), sum(figures.people_by("outcome", 2).values())) == (PEOPLE, 3)
    await world.pool.execute("UPDATE mailings SET state = 'cancelled' WHERE id = $1", second["elsewhere"])
    stopped = await figures_of(world, case)
    assert stopped.people_by("outcome", 2) == {"told_wrongly": 2, "not_to_be_told": 1}
    assert stopped.people_by("outcome") == figures.people_by("outcome")


@pytest.mark.parametrize(("ended", "outcome"), [("cancelled", "told_wrongly"), ("resumed", "told_by_mail")])
async def test_a_stop_after_the_last_mail_says_who_was_told_wrongly(world: World, ended: str, outcome: str) -> None:
    """A finished mailing is not cancelled any more: the end of the stop tells. One that went on says nothing."""
    await world.known(1, 2)
    case = await open_case(world)
    await released_phase(world, case, 1, {1: Line(), 2: Line()})
    stops = PostgresBreachStops(world.pool, world.writers)
    await stops.begin_stop(case.id, 1, "person:Ada", "The wrong list")
    assert (await figures_of(world, case)).people_by("outcome") == {"told_by_mail": 2}
    await stops.end_stop(case.id, 1, ended, "person:Ada")
    assert (await figures_of(world, case)).people_by("outcome") == {outcome: 2}


async def test_the_export_has_each_person_with_when_and_how(world: World) -> None:
    """Hand-over with the relay's reply, or the day and reference of the letter; the ledger says who took it."""
    case, _ = await scene(world)
    store = PostgresBreachOutcomes(world.pool, world.writers.writers_with_actor("person:Dana", ""))
    rows = [row async for page in store.export_people(case.id, BRAND) for row in page]
    by_ref = {row.ref: row for row in rows}
    assert len(rows) == PEOPLE
    for number, outcome in EXPECTED.items():
        if number != 9:
            assert by_ref[f"user-{number}"].outcome == outcome, number
    told, posted = by_ref["user-1"], by_ref["user-5"]
    assert datetime.fromisoformat(told.told_at) > datetime.now(UTC) - timedelta(hours=1)
    assert told.reply
    assert (posted.told_at, posted.reply) == (TODAY.isoformat(), "RR 1")
    [entry] = [e for e in await world.entries(kind="access") if e["reason"] == "people_exported"]
    assert (entry["actor"], entry["rule"]) == ("person:Dana", f"breach:{case.id}")


async def test_a_further_release_makes_old_figures_due(world: World) -> None:
    """Figures that nobody counts any more are counted again when another phase is released."""
    case, _ = await scene(world)
    await count(world)
    await world.pool.execute("UPDATE breach_figures SET next_at = 'infinity', is_final = true")
    counter = PostgresBreachFigureCounts(world.pool)
    assert await counter.count_next_case() is None
    await released_phase(world, case, 2, {1: Line("US-CA")})
    assert await counter.count_next_case() == case.id
    assert await counter.count_next_case() is None


async def test_a_case_that_cannot_be_counted_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put off, and the next one is counted."""
    await world.known(1)
    broken, sound = await open_case(world, "Broken"), await open_case(world, "Sound")
    for case in (broken, sound):
        await released_phase(world, case, 1, {1: Line()})
    faults = iter([ValueError("broken")])

    def count_or_fail(people: Any, *, is_public: bool) -> BreachFigures:
        for fault in faults:
            raise fault
        return count_outcomes(people, is_public=is_public)

    monkeypatch.setattr(breach_outcomes, "count_outcomes", count_or_fail)
    counter = PostgresBreachFigureCounts(world.pool)
    first, second = await counter.count_next_case(), await counter.count_next_case()
    assert {first, second} == {broken.id, sound.id}
    rows = await world.pool.fetch("SELECT case_id FROM breach_figures WHERE counted_at IS NOT NULL")
    assert [row["case_id"] for row in rows] == [second]
    assert await counter.count_next_case() is None
