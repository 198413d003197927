"""Stops of released breach phases: nothing goes any more, letters are held, and who was told is named exactly."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailer.actions.breach_control import cancel_phase, resume_phase, stop_phase
from mailer.policy.breach.draft import BreachAudience
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.breach_release import BreachReleaseRefused
from tests.breach_world import WRITER, Breaches, Line
from tests.factories import BRAND, World

OPS = Identity(IdentityKind.PERSON, "Otto")
WHY = "The list was of another brand"


@pytest.fixture
def breaches(world: World) -> Breaches:
    """The breach cases of the test's world."""
    return Breaches(world, portion=2)


async def test_a_stopped_phase_mails_and_prints_nothing_until_it_goes_on(breaches: Breaches, world: World) -> None:
    """Mail that was told stays told; the rest, letters too, stands still, also for a keeper and a single resume."""
    await world.known(1, 2, 3, 4, 5)
    lines = [
        Line(1, due_in=timedelta()),
        Line(2, due_in=timedelta(hours=1)),
        *(Line(number, "letter", "no_address") for number in (3, 4, 5)),
    ]
    case_id = await breaches.write()
    made = await breaches.release(await breaches.asked(case_id, lines))
    mailing_id = made[0].mailing_id
    await breaches.keeper.divert_waiting_lines()
    await world.pool.execute("UPDATE notices SET state = 'done' WHERE recipient_id = $1", await world.id_of("user-3"))
    await breaches.send_all()
    stopped = await stop_phase(breaches, case_id, 1, OPS, WHY)
    assert (stopped.mailings, stopped.letters) == (1, 2)
    assert await stop_phase(breaches, case_id, 1, OPS, WHY) == (1, 0)
    await breaches.halts.resume_mailing(mailing_id, "somebody")
    await world.pool.execute("UPDATE notices SET state = 'open' WHERE recipient_id = $1", await world.id_of("user-5"))
    assert await breaches.stops.hold_stopped_phases() == 2
    await world.due_now()
    await breaches.send_all()
    assert await breaches.states(made) == {
        "user-1": ("handed_over", ""),
        "user-2": ("queued", ""),
        **{f"user-{number}": ("diverted", "written_notice") for number in (3, 4, 5)},
    }
    held = ("closed", "no_address", "breach_stopped")
    assert await breaches.notices() == {"user-3": ("done", "no_address", None), "user-4": held, "user-5": held}
    told = await breaches.stops.list_told(case_id, 1, 0, 10)
    assert [(one.ref, one.channel, one.state) for one in told] == [
        ("user-1", "mail", "handed_over"),
        ("user-3", "letter", "posted"),
    ]
    figures = await breaches.stops.count_told(case_id, 1)
    assert {(one.channel, one.state): (one.told, one.people) for one in figures} == {
        ("mail", "handed_over"): ("told", 1),
        ("mail", "queued"): ("not_told", 1),
        ("letter", "posted"): ("told", 1),
        ("letter", "not_posted"): ("not_told", 2),
    }
    await resume_phase(breaches, case_id, 1, OPS)
    await breaches.send_all()
    assert (await breaches.states(made))["user-2"] == ("handed_over", "")
    assert [state for state, *_ in (await breaches.notices()).values()].count("open") == 2
    reasons = [entry["reason"] for entry in await world.entries()]
    assert {"breach_stopped", "breach_resumed", "paused", "resumed"} <= set(reasons)
    with pytest.raises(BreachReleaseRefused, match="does not stand still"):
        await resume_phase(breaches, case_id, 1, OPS)


async def test_who_is_not_told_yet_never_is_after_a_cancellation(breaches: Breaches, world: World) -> None:
    """Also people whose letters were not noted when somebody stopped; each ends in one state with a reason."""
    await world.known(1, 2, 3)
    case_id = await breaches.write()
    lines = [Line(1), Line(2, "letter", "no_address"), Line(3, "none", "no_address")]
    made = await breaches.release(await breaches.asked(case_id, lines))
    await stop_phase(breaches, case_id, 1, OPS, WHY)
    await breaches.send_all()
    assert (await breaches.states(made)) == {"user-1": ("queued", "")}
    with pytest.raises(BreachReleaseRefused, match="told nobody"):
        await breaches.stops.keep_told_as_list(case_id, 1, WRITER)
    assert (await cancel_phase(breaches, case_id, 1, OPS, WHY)).mailings == 1
    await breaches.send_all()
    assert await breaches.states(made) == {
        "user-1": ("cancelled", "cancelled"),
        "user-2": ("diverted", "written_notice"),
        "user-3": ("diverted", "written_notice"),
    }
    assert {notice[::2] for notice in (await breaches.notices()).values()} == {("closed", "mailing_cancelled")}
    assert not world.processor.sent
    for one in made:
        status = await world.mailings.mailing_status(one.mailing_id)
        assert status is not None
        assert sum(status.counts.values()) == status.audience_size
    stop = await breaches.stops.find_stop(case_id, 1)
    assert stop is not None
    assert (stop.ended, stop.ended_by) == ("cancelled", str(OPS))


async def test_a_variant_that_was_cancelled_in_a_stop_stays_so(breaches: Breaches, world: World) -> None:
    """The phase goes on without its people; those of the other variant wait for their letters again."""
    await world.known(1, 2, 3)
    later = Line(3, due_in=timedelta(hours=5))
    lines = [Line(1, "letter", "no_address"), later, Line(2, "letter", "no_address", "eu", "de", "DE")]
    case_id = await breaches.write()
    made = await breaches.release(await breaches.asked(case_id, lines))
    await breaches.send_all()
    await stop_phase(breaches, case_id, 1, OPS, WHY)
    await breaches.halts.cancel_mailing(made[0].mailing_id, "Otto", WHY)
    await resume_phase(breaches, case_id, 1, OPS)
    await breaches.send_all()
    assert {ref: state for ref, (state, *_) in (await breaches.notices()).items()} == {
        "user-1": "closed",
        "user-2": "open",
    }


async def test_what_comes_back_after_the_end_of_a_phase_is_not_told_again(breaches: Breaches, world: World) -> None:
    """All its mail was handed over, so no mailing can be cancelled: still nobody gets a letter any more."""
    await world.known(1, 2)
    case_id = await breaches.write()
    await breaches.release(await breaches.asked(case_id, [Line(1, "letter", "no_address"), Line(2)]))
    await breaches.send_all()
    await world.pool.execute("UPDATE notices SET state = 'done'")
    await stop_phase(breaches, case_id, 1, OPS, WHY)
    await cancel_phase(breaches, case_id, 1, OPS, WHY)
    await world.pool.execute("UPDATE notices SET state = 'open'")
    assert await breaches.stops.hold_stopped_phases() == 1
    assert await breaches.notices() == {"user-1": ("closed", "no_address", "breach_stopped")}


async def test_the_wrong_people_are_told_so_by_the_next_phase(breaches: Breaches, world: World) -> None:
    """Exactly who was told is on a list, which is the audience of the correction; erased people are not on it."""
    await world.known(1, 2, 3, 4)
    case_id = await breaches.write()
    lines = [Line(1), Line(2), Line(3, due_in=timedelta(hours=5)), Line(4)]
    made = await breaches.release(await breaches.asked(case_id, lines))
    await breaches.send_all()
    await stop_phase(breaches, case_id, 1, OPS, WHY)
    await world.pool.execute(
        "UPDATE standings SET erased_at = now() WHERE recipient_id = $1", await world.id_of("user-4")
    )
    stranger = f"told-{case_id.hex[:12]}-1", await world.id_of("user-3")
    await world.pool.execute("INSERT INTO audience_members VALUES ($1, $2, $3)", BRAND, *stranger)
    for _ in range(2):
        name, people = await breaches.stops.keep_told_as_list(case_id, 1, WRITER)
        assert (name, people) == (f"told-{case_id.hex[:12]}-1", 2)
    members = await world.pool.fetch(
        "SELECT r.ref FROM audience_members a JOIN recipients r ON r.id = a.recipient_id"
        " WHERE a.brand = $1 AND a.audience = $2 ORDER BY r.ref",
        *(BRAND, name),
    )
    assert [row["ref"] for row in members] == ["user-1", "user-2"]
    await cancel_phase(breaches, case_id, 1, OPS, WHY)
    phase = await breaches.cases.create_phase(case_id, WRITER)
    audience = BreachAudience.model_validate({"source": "audience", "audience": name}).model_dump(mode="json")
    await breaches.edit(case_id, phase=phase.phase, audience=audience)
    second = await breaches.release(await breaches.asked(case_id, [Line(1), Line(2)], phase.phase))
    await breaches.send_all()
    assert set((await breaches.states(second)).values()) == {("handed_over", "")}
    assert (await breaches.states(made))["user-3"][0] == "cancelled"


async def test_a_phase_that_is_not_released_is_not_stopped(breaches: Breaches, world: World) -> None:
    """The refusal says that nothing goes out."""
    await world.known(1)
    case_id = await breaches.write()
    await breaches.asked(case_id, [Line(1)])
    with pytest.raises(BreachReleaseRefused, match="not released"):
        await stop_phase(breaches, case_id, 1, OPS, WHY)


async def test_the_last_mail_goes_within_two_seconds_of_a_stop(breaches: Breaches, world: World) -> None:
    """The hand-over runs while somebody stops: no intent is later than two seconds after the stop."""
    numbers = list(range(1, 301))
    await world.known(*numbers)
    case_id = await breaches.write()
    lines = [Line(number, due_in=timedelta(minutes=5 * (number // 3))) for number in numbers]
    made = await breaches.release(await breaches.asked(case_id, lines))
    await world.due_now()

    async def hand_over() -> None:
        for _ in range(30):
            await world.timekeeper().run_all_steps_once()
            await world.run_published()

    async def stop() -> datetime:
        while not world.processor.sent:  # noqa: ASYNC110 - the hand-over of another task, which tells no event
            await asyncio.sleep(0.005)
        await stop_phase(breaches, case_id, 1, OPS, WHY)
        return datetime.now(UTC)

    _, stopped_at = await asyncio.gather(hand_over(), stop())
    intents = [entry["at"] for entry in await world.entries(made[0].mailing_id, "hand_over")]
    told = await breaches.stops.count_told(case_id, 1)
    gone = sum(one.people for one in told if one.told == "told")
    assert 0 < gone <= 300
    assert max(datetime.fromisoformat(str(at)) for at in intents) < stopped_at + timedelta(seconds=2)
    assert len(await breaches.stops.list_told(case_id, 1, 0, 1000)) == gone
    assert sum(one.people for one in told) == 300
