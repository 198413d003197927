"""Clocks, duties and reminders of breach cases: once each, whatever restarts, changes or fails."""

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as default_rules
from typing import Any
from uuid import UUID

import pytest

from mailer.actions.breach_clocks import kept_clocks_of_case
from mailer.doctor.breaches import judge_breach_deadlines
from mailer.doctor.finding import FindingLevel
from mailer.pipeline import breach_clock_keeper
from mailer.pipeline.breach_clock_keeper import BreachClockKeeper
from mailer.pipeline.breach_reminder_sender import BreachReminderSender
from mailer.pipeline.staff_mail_hand_over import StaffMailHandOver
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_cases import BreachCase, BreachChangedMeanwhile, BreachChangeRefused
from mailer.ports.breach_desk import DutyToMark, KeptClock, SentReminder
from mailer.ports.flow_metrics import FIGURES
from mailer.ports.processor import OutgoingMessage
from mailer.postgres.breach_clocks import count_overdue_clocks
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from tests.breaches import ANN, breach_stores_over, facts_found, new_breach
from tests.doubles import ACCEPTED
from tests.factories import BRAND, World
from tests.staff import add_person

AUTHORITY = "gdpr-authority"


async def reader(world: World, name: str = "Eve", role: StaffRole = StaffRole.OPS, brand: str = BRAND) -> int:
    """Somebody with a role."""
    member, _ = await add_person(world.staff, name, role, brand)
    return member.id


async def keep(world: World, now: datetime | None = None) -> int:
    """One round of a timekeeper that has just started."""
    return await BreachClockKeeper(breach_stores_over(world).clocks, world.policies).keep_clocks(now)


async def send(world: World) -> None:
    """One round of a worker that has just started."""
    staff_mail = StaffMailHandOver(world.handover(), world.suppressions)
    queue = breach_stores_over(world).clocks
    sender = BreachReminderSender(queue, world.policies, world.links, staff_mail, "https://mail.example.org/", "worker")
    await sender.send_waiting_reminders()


async def reminders(world: World, case: BreachCase) -> list[SentReminder]:
    """The reminders of a case."""
    return list(await breach_stores_over(world).duties.list_reminders(case.id, 99))


def text_of(sent: OutgoingMessage) -> str:
    """The words of a message."""
    message: Any = message_from_bytes(sent.content, policy=default_rules)
    return str(message.get_body(("plain",)).get_content())


async def figure(world: World, name: str) -> float:
    """A figure of the brand; 0 if it is left out."""
    values = await PostgresFlowMetrics(world.pool).read_metrics()
    return sum(value for labels, value in values[name] if labels == (BRAND,))


async def clock_names(world: World) -> list[str]:
    """The names of the clocks that are kept."""
    rows = await world.pool.fetch("SELECT clock FROM breach_clocks ORDER BY due_at, clock")
    return [row["clock"] for row in rows]


async def test_a_new_case_tells_each_reader_once(world: World) -> None:
    """Each reader with the right gets one mail for all clocks; others get none; a second round sends none."""
    case = await new_breach(world)
    eve = await reader(world)
    await reader(world, "Paul", StaffRole.PRIVACY_OFFICER)
    await reader(world, "Mary", StaffRole.MARKETER)
    await reader(world, "Otto", StaffRole.OPS, "peerstream")
    gone = await reader(world, "Gus")
    await world.pool.execute("UPDATE staff SET disabled_at = now() WHERE id = $1", gone)
    await world.pool.execute("INSERT INTO staff_time_zones VALUES ($1, 'Europe/Berlin')", eve)
    assert await keep(world) == 2
    assert await keep(world) == 0
    await send(world)
    await send(world)
    assert len(world.processor.sent) == 2
    assert sorted(one.reader for one in await reminders(world, case)) == ["Eve", "Paul"]
    assert {one.state for one in await reminders(world, case)} == {"sent"}
    texts = []
    for sent in world.processor.sent:
        message: Any = message_from_bytes(sent.content, policy=default_rules)
        assert message["subject"].startswith("[Breach] Laptop: a clock has begun: ")
        texts.append(text_of(sent))
        assert f"https://mail.example.org/console/breaches/{case.id}" in texts[-1]
        assert "A laptop was stolen" not in texts[-1], "facts stay at the desk"
    assert sum("(Europe/Berlin, UTC+0" in text for text in texts) == 1, "each reads the deadline in their own zone"
    rows = await world.pool.fetch("SELECT reason FROM ledger WHERE rule = $1 ORDER BY at, n", f"breach:{case.id}")
    assert [row["reason"] for row in rows] == ["breach_case_created", *["breach_reminder_sent"] * 2]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_two_timekeepers_at_once_remind_once(world: World) -> None:
    """The key of what is due lets one of them through; two workers hand each mail over once."""
    case = await new_breach(world)
    await reader(world)
    assert sum(await asyncio.gather(*(keep(world) for _ in range(4)))) == 1
    await asyncio.gather(*(send(world) for _ in range(3)))
    assert len(world.processor.sent) == 1
    assert len(await reminders(world, case)) == 1


async def test_each_moment_is_told_once_and_an_outage_skips(world: World) -> None:
    """A clock of 72 hours tells at each of its five moments; after an outage over three of them, one mail."""
    case = await new_breach(world)
    await reader(world)
    start = case.facts.found_at
    assert start is not None
    await keep(world, start)
    await world.pool.execute("DELETE FROM breach_reminders")
    told = []
    for hours in (35, 36, 40, 48, 70, 71, 71.9, 72, 90):
        await keep(world, start + timedelta(hours=hours))
        rows = await world.pool.fetch("DELETE FROM breach_reminders RETURNING clocks")
        told += [(hours, moment) for row in rows for name, moment in row["clocks"] if name == AUTHORITY]
    assert told == [(36, "half"), (48, "one_day"), (71, "one_hour"), (72, "missed")]
    other = await new_breach(world)
    await keep(world, start + timedelta(hours=80))
    rows = await world.pool.fetch("SELECT clocks FROM breach_reminders WHERE case_id = $1", other.id)
    assert [moment for row in rows for name, moment in row["clocks"] if name == AUTHORITY] == ["missed"]


async def test_the_first_reader_is_told_late_rather_than_never(world: World) -> None:
    """While nobody has a role that sees cases, nothing counts as told."""
    await new_breach(world)
    assert await keep(world) == 0
    assert await clock_names(world) != []
    await reader(world)
    assert await keep(world) == 1


async def test_a_moved_deadline_is_another_one(world: World) -> None:
    """A breach that was found earlier than was thought: staff are told where the clock stands now, and not again."""
    case = await new_breach(world)
    await reader(world)
    await keep(world)
    await world.pool.execute("DELETE FROM breach_reminders")
    found = case.facts.found_at
    assert found is not None
    earlier = case.facts.model_copy(update={"found_at": found - timedelta(hours=50)})
    await breach_stores_over(world).cases.save_facts(case.id, 1, earlier, ANN)
    assert await keep(world) == 1
    assert await keep(world) == 0
    [row] = await world.pool.fetch("SELECT clocks FROM breach_reminders")
    assert [AUTHORITY, "one_day"] in row["clocks"]


async def test_clocks_of_old_facts_are_not_stored(world: World) -> None:
    """A timekeeper that has read the case before somebody saved does not bring old clocks back."""
    case = await new_breach(world)
    await reader(world)
    store = breach_stores_over(world)
    [old] = await store.clocks.list_open_cases()
    await store.cases.save_facts(case.id, 1, facts_found(people_by_place={"US-CA": 700}), ANN)
    clocks = kept_clocks_of_case(old.facts, world.policies[BRAND], None)
    assert clocks != []
    assert await store.clocks.keep_clocks(old, clocks, datetime.now(UTC)) == 0
    assert await clock_names(world) == []
    await keep(world)
    assert AUTHORITY not in await clock_names(world)


async def test_a_done_duty_is_quiet_and_can_be_taken_back(world: World) -> None:
    """No mail, no overdue figure; taken back, both come again. Each change is an entry, with who and why."""
    case = await new_breach(world, facts_found(timedelta(hours=80)))
    await reader(world)
    store = breach_stores_over(world).duties
    await keep(world)
    overdue = await figure(world, "breach_clocks_overdue")
    assert overdue >= 1
    assert await figure(world, "breach_clock_due") < -7 * 3600
    assert await count_overdue_clocks(world.pool) == {BRAND: overdue}
    told = DutyToMark(AUTHORITY, "Data Protection Authority", datetime.now(UTC), "IN-26/7")
    await store.mark_duty_done(case.id, told, ANN)
    await store.mark_duty_done(case.id, told._replace(reference="IN-26/8"), ANN)
    assert await figure(world, "breach_clocks_overdue") == overdue - 1
    await send(world)
    assert AUTHORITY not in "".join(text_of(one) for one in world.processor.sent), (
        "what was done meanwhile is left out of the mail"
    )
    await world.pool.execute("DELETE FROM breach_reminders_due")
    await world.pool.execute("DELETE FROM breach_reminders")
    await keep(world)
    [row] = await world.pool.fetch("SELECT clocks FROM breach_reminders")
    assert AUTHORITY not in dict(row["clocks"])
    with pytest.raises(BreachChangeRefused, match="reason: say why"):
        await store.unmark_duty(case.id, AUTHORITY, " ", ANN)
    await store.unmark_duty(case.id, AUTHORITY, "It was another case", ANN)
    with pytest.raises(BreachChangeRefused, match="is not marked as done"):
        await store.unmark_duty(case.id, AUTHORITY, "again", ANN)
    assert await keep(world) == 1
    assert await figure(world, "breach_clocks_overdue") == overdue
    rows = await world.pool.fetch(
        "SELECT reason, actor, fields FROM ledger WHERE rule = $1 AND reason LIKE 'breach_duty%' ORDER BY at, n",
        f"breach:{case.id}",
    )
    assert [row["reason"] for row in rows] == ["breach_duty_done", "breach_duty_done", "breach_duty_not_done"]
    assert all(row["actor"] == ANN and f"clock:{AUTHORITY}" in row["fields"] for row in rows)


async def test_a_duty_needs_who_and_when(world: World) -> None:
    """Nobody, a time to come, two lines, and a case that is not there are refused with what to do."""
    case = await new_breach(world)
    store, now = breach_stores_over(world).duties, datetime.now(UTC)
    good = DutyToMark(AUTHORITY, "The authority", now)
    for wrong, says in (
        (good._replace(told="  "), "told: say who"),
        (good._replace(told="a\nb"), "told: it is one line"),
        (good._replace(told="x" * 301), "told: it is one line"),
        (good._replace(reference="a\x1b[0m"), "reference: it is one line"),
        (good._replace(told_at=now + timedelta(hours=1)), "told_at: it is ahead"),
        (good._replace(clock=""), "clock: there is no such"),
        (good._replace(clock="x" * 201), "clock: there is no such"),
    ):
        with pytest.raises(BreachChangeRefused, match=says):
            await store.mark_duty_done(case.id, wrong, ANN)
    with pytest.raises(BreachChangeRefused, match="no such case"):
        await store.mark_duty_done(UUID(int=7), good, ANN)
    assert (await store.list_duties_done([case.id])).get(case.id, {}) == {}


async def test_a_decided_case_is_silent(world: World) -> None:
    """Queued mail is not sent any more; no figure is left; opened again, the clock goes on where it would be."""
    case = await new_breach(world, facts_found(timedelta(hours=80)))
    await reader(world)
    await keep(world)
    cases = breach_stores_over(world).cases
    await cases.decide_state(case.id, "not_notified", "The disk was encrypted.", ANN)
    await send(world)
    assert world.processor.sent == []
    [one] = await reminders(world, case)
    assert (one.state, "not needed any more" in one.problem) == ("refused", True)
    assert await keep(world) == 0
    for name in ("breach_clocks_overdue", "breach_clock_due", "breach_reminders_unsent"):
        assert await figure(world, name) == 0, name
    await cases.decide_state(case.id, "open", "It was not.", ANN)
    await keep(world)
    assert await figure(world, "breach_clocks_overdue") >= 1


@pytest.mark.parametrize(
    "change", ["UPDATE staff SET disabled_at = now() WHERE id = $1", "DELETE FROM staff_roles WHERE staff_id = $1"]
)
async def test_who_has_left_gets_nothing(world: World, change: str) -> None:
    """An account that was closed, or lost its role, after the mail was queued."""
    case = await new_breach(world)
    eve = await reader(world)
    await keep(world)
    await world.pool.execute(change, eve)
    await send(world)
    assert world.processor.sent == []
    [one] = await reminders(world, case)
    assert (one.state, one.problem) == ("refused", f"the reader may not see breach cases of {BRAND} any more")


async def test_mail_that_stands_still_is_tried_again(world: World) -> None:
    """A reminder that cannot go now waits, the page says why, and a figure calls; then it goes out once."""
    case = await new_breach(world)
    await reader(world)
    await keep(world)
    world.processor.answer = lambda _: Outcome(OutcomeKind.DEFERRED, 451, text="try later")
    await send(world)
    world.processor.answer = lambda _: ACCEPTED
    [one] = await reminders(world, case)
    assert (one.state, "try later" in one.problem) == ("queued", True)
    await send(world)
    assert len(world.processor.sent) == 1, "it is tried again after some minutes only"
    await world.pool.execute("UPDATE breach_reminders SET queued_at = now() - interval '11 minutes'")
    assert await figure(world, "breach_reminders_unsent") == 1
    await world.pool.execute("UPDATE breach_reminders SET next_at = now()")
    await send(world)
    [one] = await reminders(world, case)
    assert (one.state, one.problem) == ("sent", "")
    assert await figure(world, "breach_reminders_unsent") == 0


async def test_a_worker_that_ends_amid_a_hand_over_sends_no_second_one(world: World) -> None:
    """It stays in doubt; the page says so, and the figure calls."""
    case = await new_breach(world)
    await reader(world)
    await keep(world)
    assert await breach_stores_over(world).clocks.claim_reminder("worker that dies") is not None
    await send(world)
    assert world.processor.sent == []
    await world.pool.execute(
        "UPDATE breach_reminders SET begun_at = now() - interval '11 minutes',"
        " queued_at = now() - interval '12 minutes'"
    )
    assert [one.state for one in await reminders(world, case)] == ["in_doubt"]
    assert await figure(world, "breach_reminders_unsent") == 1


async def test_a_brand_without_breach_mail_says_so(world: World) -> None:
    """The reminder is refused with the reason, and nothing else breaks."""
    case = await new_breach(world)
    await reader(world)
    await keep(world)
    policy = world.policies[BRAND]
    terms = {name: term for name, term in policy.terms.items() if name != "breach"}
    bare = {**world.policies, BRAND: policy.model_copy(update={"terms": terms})}
    staff_mail = StaffMailHandOver(world.handover(), world.suppressions)
    queue = breach_stores_over(world).clocks
    await BreachReminderSender(queue, bare, world.links, staff_mail, "https://x.example", "w").send_waiting_reminders()
    [one] = await reminders(world, case)
    assert (one.state, one.problem) == ("refused", f"the policy of {BRAND} has no breach mail here")


async def test_a_case_of_a_brand_without_a_policy_stops_nobody(world: World) -> None:
    """Its clocks cannot be known; those of others are kept."""
    await new_breach(world, brand="gone")
    await new_breach(world)
    await reader(world)
    assert await keep(world) == 1


async def test_a_case_that_meets_a_bug_stops_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clocks of the other cases are kept, and their readers are told."""
    broken, sound = await new_breach(world), await new_breach(world)
    await reader(world)

    def fail_for_one(facts: BreachFacts, policy: Policy, people_told_at: datetime | None) -> list[KeptClock]:
        if facts == broken.facts:
            raise ZeroDivisionError
        return kept_clocks_of_case(facts, policy, people_told_at)

    await breach_stores_over(world).cases.save_facts(sound.id, 1, facts_found(summary="sound"), ANN)
    monkeypatch.setattr(breach_clock_keeper, "kept_clocks_of_case", fail_for_one)
    assert await keep(world) == 1


async def test_a_late_worker_does_not_tell_what_is_no_longer_true(world: World) -> None:
    """A reminder of half of the time that could not go for a day is replaced by the one of one day before."""
    case = await new_breach(world, facts_found(timedelta(hours=40)))
    await reader(world)
    found = case.facts.found_at
    assert found is not None
    await keep(world)
    await world.pool.execute(
        "UPDATE breach_clocks SET starts_at = starts_at - interval '10 hours', due_at = due_at - interval '10 hours'"
    )
    await send(world)
    texts = [text_of(one) for one in world.processor.sent]
    assert not any("Half of the time" in text and "supervisory" in text for text in texts)


async def test_two_writers_of_one_revision(world: World) -> None:
    """The first saving holds; the second one is told who was faster, and loses nothing of theirs."""
    case = await new_breach(world)
    results = await asyncio.gather(
        *(
            breach_stores_over(world, by).cases.save_facts(case.id, 1, facts_found(summary=by), by)
            for by in ("person:Ann", "person:Ben")
        ),
        return_exceptions=True,
    )
    [saved] = [one for one in results if isinstance(one, BreachCase)]
    [refused] = [one for one in results if isinstance(one, BreachChangedMeanwhile)]
    assert f"{saved.updated_by} has saved the facts since" in str(refused)
    history = await breach_stores_over(world).duties.list_facts(case.id, 9)
    assert [(one.revision, one.facts.summary) for one in history] == [
        (2, saved.facts.summary),
        (1, "A laptop was stolen"),
    ]


def test_the_doctor_names_brands_whose_deadlines_are_over() -> None:
    """It is a problem, which ends the command with status 1; without any, one line says so."""
    [found] = judge_breach_deadlines({BRAND: 2})
    assert (found.level, BRAND in found.check, "2 deadlines are over" in found.text) == (
        FindingLevel.PROBLEM,
        True,
        True,
    )
    assert [one.level for one in judge_breach_deadlines({})] == [FindingLevel.OK]


def test_figures_are_known() -> None:
    """Each of the three has an alert that names it."""
    for name in ("breach_clocks_overdue", "breach_clock_due", "breach_reminders_unsent"):
        assert FIGURES[name].labels == ("brand",)
