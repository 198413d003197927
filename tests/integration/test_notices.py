"""The queue of notices: nothing that is diverted gets lost on the way to it, and each act is on record."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from mailer import bundled_files
from mailer.actions.non_email_notice_work import finish_notices, mark_notices_taken, reopen_or_give_up_returned_notices
from mailer.actions.suppression import import_suppressed_addresses
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.non_email_notices import WAITING, NonEmailNoticeFilter, NonEmailNoticeState, NoticeChangeRefused
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.non_email_notices import PostgresNonEmailNotices
from tests.accounts import released, said
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, open_world

TODAY = date(2026, 11, 28)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """The flow over a migrated database."""
    async with open_world(database_url) as opened:
        yield opened


async def refusing(world: World, *numbers: int) -> list[int]:
    """People who want notices in writing."""
    ids = await world.known(*numbers)
    for n in numbers:
        await said(world, "electronic", f"user-{n}", allowed=False)
    return ids


async def queue(world: World, *states: NonEmailNoticeState) -> list[tuple[int, str, str]]:
    """Recipient, reason and state of notices."""
    found = await PostgresNonEmailNotices(world.pool, world.writers).list_notices(
        NonEmailNoticeFilter(states=states or tuple(NonEmailNoticeState)), 100
    )
    return [(notice.recipient_id, notice.reason, notice.state.value) for notice in found]


async def test_no_crash_comes_between_a_diversion_and_its_notice(world: World) -> None:
    """A connection that dies while a notice is written leaves the delivery undiverted; then both are so, and once."""
    [ada] = await refusing(world, 1)
    await world.pool.execute(
        "CREATE SEQUENCE deaths; CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$;"
        " CREATE TRIGGER die AFTER INSERT ON notices FOR EACH ROW EXECUTE FUNCTION die()"
    )
    breach = await world.accept({"refs": ["user-1"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Dana")
    with pytest.raises(DatabaseUnavailable):
        await world.handover().hand_over_batches(
            [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
        )
    assert (await world.states(breach.mailing_id), await queue(world)) == ({"user-1": ("queued", "")}, [])
    await world.lose_leases()
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(breach.mailing_id) == {"user-1": ("diverted", "written_notice")}
    assert await queue(world) == [(ada, "no_electronic_consent", "open")]


async def test_each_diverted_delivery_has_its_own_notice(world: World) -> None:
    """Two breaches are two notices for one person. A person who takes mail again gets the next one by mail."""
    [ada, bob] = await refusing(world, 1, 2)
    await released(world, {"refs": ["user-1", "user-2"]})
    await released(world, {"refs": ["user-1"]})
    assert [whose for whose, _, _ in await queue(world)] == [ada, bob, ada]
    await said(world, "electronic", "user-1", allowed=True)
    third = await released(world, {"refs": ["user-1"]})
    assert await world.states(third.mailing_id) == {"user-1": ("handed_over", "")}
    assert [state for _, _, state in await queue(world)] == ["open"] * 3, "nothing that was promised in writing is lost"


async def test_the_restricted_and_the_closed_are_told_of_a_breach_in_writing(world: World) -> None:
    """A restricted person and one with a closed account get a written notice of a breach."""
    whom = await refusing(world, 1, 2)
    await said(world, "restrict", "user-1")
    await said(world, "deactivate", "user-2")
    await released(world, {"refs": ["user-1", "user-2"]})
    assert await queue(world) == [(whose, "no_electronic_consent", "open") for whose in whom]


async def test_a_notice_is_worked(world: World) -> None:
    """A notice is taken by one person, posted, returned, and posted again. The ledger has a person for each step."""
    [ada] = await refusing(world, 1)
    breach = await released(world, {"refs": ["user-1"]})
    notices = PostgresNonEmailNotices(world.pool, world.writers)
    [notice] = await notices.list_notices(
        NonEmailNoticeFilter(brand=BRAND, channel="written_notice", mailing_id=breach.mailing_id), 10
    )
    await mark_notices_taken(notices, [notice.id], "Dana")
    for ids, by, said_of_it in (([notice.id], "Eve", "is taken by Dana already"), ([999], "Eve", "there is no notice")):
        with pytest.raises(NoticeChangeRefused, match=said_of_it):
            await mark_notices_taken(notices, ids, by)
    for reference, day, words in (("", TODAY, "needs its --reference"), ("RR 1", date(2026, 11, 29), "yet to come")):
        with pytest.raises(NoticeChangeRefused, match=words):
            await finish_notices(notices, [notice.id], "Dana", reference, day, TODAY)
    await finish_notices(notices, [notice.id], "Dana", "RR 1", TODAY, TODAY)
    await reopen_or_give_up_returned_notices(notices, [notice.id], "Eve", "moved away", is_final=False)
    await finish_notices(notices, [notice.id], "Eve", "RR 2", TODAY, TODAY)
    await reopen_or_give_up_returned_notices(notices, [notice.id], "Eve", "unknown", is_final=True)
    with pytest.raises(NoticeChangeRefused, match=r"is returned by Eve \(unknown\)"):
        await mark_notices_taken(notices, [notice.id], "Dana")
    told = [entry for entry in await world.entries(breach.mailing_id, "action") if entry["recipient"] == ada]
    assert [(entry["reason"], entry["rule"], entry["reply"]) for entry in told] == [
        ("notice_taken", "action:Dana", None),
        ("notice_done", "action:Dana", "RR 1, 2026-11-28"),
        ("notice_open", "action:Eve", "moved away"),
        ("notice_done", "action:Eve", "RR 2, 2026-11-28"),
        ("notice_returned", "action:Eve", "unknown"),
    ]
    assert await queue(world, *WAITING) == []
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_cancelled_mailing_leaves_nothing_to_be_worked(world: World) -> None:
    """Open notices of it are closed with the reason; one that somebody works stays theirs to end."""
    [ada, bob] = await refusing(world, 1, 2)
    await world.known(3)
    breach = await world.accept({"refs": ["user-1", "user-2", "user-3"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Dana")
    world.processor.answer = lambda _: Outcome(OutcomeKind.DEFERRED, 451, "4.3.0", "later")
    batches = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
    await world.handover().hand_over_batches(batches)
    notices = PostgresNonEmailNotices(world.pool, world.writers)
    [first, _] = await notices.list_notices(NonEmailNoticeFilter(), 10)
    await mark_notices_taken(notices, [first.id], "Dana")
    await PostgresHalts(world.pool, world.writers).cancel_mailing(breach.mailing_id, "Dana", "it was none")
    assert await queue(world) == [
        (ada, "no_electronic_consent", "taken"),
        (bob, "no_electronic_consent", "closed"),
    ]
    [_, closed] = await notices.list_notices(NonEmailNoticeFilter(states=tuple(NonEmailNoticeState)), 10)
    assert (closed.note, closed.changed_by) == ("mailing_cancelled", "Dana")


async def test_an_erasure_closes_what_is_open_and_forgets_the_address(world: World) -> None:
    """A posting stays on record without its reference; a notice that is diverted while somebody is erased is closed."""
    await refusing(world, 1)
    await said(world, "postal", address=["Ada Lovelace", "1 Mill Lane"])
    await released(world, {"refs": ["user-1"]})
    await released(world, {"refs": ["user-1"]})
    notices = PostgresNonEmailNotices(world.pool, world.writers)
    [posted, waits] = await notices.list_notices(NonEmailNoticeFilter(), 10)
    assert (posted.has_address, waits.has_address) == (True, True)
    await finish_notices(notices, [posted.id], "Dana", "RR 1", TODAY, TODAY)
    assert (await said(world, "erase")).settled == "ack"
    told = await notices.list_notices(NonEmailNoticeFilter(states=tuple(NonEmailNoticeState)), 10)
    assert [(one.state.value, one.note, one.reference) for one in told] == [
        ("done", None, None),
        ("closed", "erased", None),
    ]
    assert await world.pool.fetchval("SELECT count(*) FROM postal_addresses") == 0
    assert await notices.read_addressees_and_log_access([one.id for one in told], "Dana") == []


class Erasing(FakeProcessor):
    """A relay that refuses somebody who asks for an erasure meanwhile."""

    world: World

    async def send(self, *given: Any, **named: Any) -> list[Outcome]:
        """Refuses each once the erasure is answered."""
        assert (await said(self.world, "erase")).settled == "ack"
        return await super().send(*given, **named)


async def test_who_is_erased_while_a_relay_refuses_leaves_no_notice_to_be_worked(world: World) -> None:
    """The delivery ends as diverted, since its outcome is on record, and the notice is closed as it is made."""
    [ada] = await world.known(1)
    breach = await world.accept({"refs": ["user-1"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Dana")
    relay = Erasing(lambda _: Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "no"))
    relay.world = world
    await world.handover(relay).hand_over_batches(
        [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
    )
    assert [state for state, _ in (await world.states(breach.mailing_id)).values()] == ["diverted"]
    assert await queue(world) == [(ada, "blocked 5.7.1", "closed")]


async def test_what_an_older_worker_diverts_gets_its_notice_when_the_mailing_is_over(world: World) -> None:
    """The timekeeper takes it over, once."""
    [ada] = await refusing(world, 1)
    breach = await released(world, {"refs": ["user-1"]})
    await world.pool.execute("DELETE FROM notices")
    await world.timekeeper().run_all_steps_once()
    assert await queue(world) == [(ada, "unknown", "open")]
    await world.timekeeper().run_all_steps_once()
    assert len(await queue(world)) == 1
    status = await world.mailings.mailing_status(breach.mailing_id)
    assert status is not None
    assert status.finished_at is not None


async def again(world: World, migration: str) -> None:
    """Takes a migration back, and makes it again: as a database of the version before has it made."""
    [file] = bundled_files.bundled_folder("migrations").glob(f"{migration}_*.sql")
    up, down = file.read_text("utf-8").split("-- migrate:down")
    for step in (down, up):
        await world.pool.execute(step)


async def test_what_was_diverted_before_stands_on_the_queue(world: World) -> None:
    """The migration takes over each diverted delivery with its reason and its time; of the erased, as closed."""
    [ada, bob] = await refusing(world, 1, 2)
    await released(world, {"refs": ["user-1", "user-2"]})
    [first, _] = await PostgresNonEmailNotices(world.pool, world.writers).list_notices(NonEmailNoticeFilter(), 10)
    await said(world, "erase", "user-2")
    await world.pool.execute("DROP VIEW letter_states; DROP TABLE letters")  # of later migrations
    await again(world, "20261128000022")
    assert await queue(world) == [(ada, "no_electronic_consent", "open"), (bob, "no_electronic_consent", "closed")]
    [taken_over] = await PostgresNonEmailNotices(world.pool, world.writers).list_notices(NonEmailNoticeFilter(), 10)
    assert abs(taken_over.since - first.since) < timedelta(minutes=1)


async def test_an_address_dead_for_some_mail_lives_again_for_the_rest(world: World) -> None:
    """The migration reads the stored scopes: `*` stays dead for all, a category for that category alone."""
    await world.known(1, 2)
    policy = world.policies[BRAND]
    for n, scope in ((1, "newsletter"), (2, "*")):
        listed = NewSuppression(scope, "address_dead", "old system", "import")
        await import_suppressed_addresses(world.suppressions, policy, [(f"user-{n}@people.example", listed)])
    await again(world, "20261128000021")
    rows = await world.pool.fetch("SELECT address_dead_at IS NOT NULL AS dead, dead_in FROM standings ORDER BY 1")
    assert [tuple(row) for row in rows] == [(False, ["newsletter"]), (True, None)]
