"""Letters of breaches: nobody is in two runs, each state is on record, and what comes back is written to again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mailer.actions.csv_reading import InputRefused
from mailer.actions.letter_making import csv_rows_of_run
from mailer.actions.letter_report_import import import_letter_reports
from mailer.actions.letter_reports import read_letter_reports
from mailer.actions.non_email_notice_work import finish_notices, mark_notices_taken, reopen_or_give_up_returned_notices
from mailer.actions.privacy_rights import erase_recipient
from mailer.crash_points import CrashPoint
from mailer.policy.breach.letter_sheets import WindowFormat, window_of_country
from mailer.policy.breach.letter_states import LetterState
from mailer.ports.letters import LetterChangeRefused, LetterRunLost
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.non_email_notices import PostgresNonEmailNotices
from tests.factories import BRAND, open_world
from tests.letter_world import ANN, TODAY, Letters, digest_of


@pytest.fixture
async def letters(database_url: str) -> AsyncIterator[Letters]:
    """Letters over a migrated database."""
    async with open_world(database_url) as world:
        yield Letters(world)


async def ready(letters: Letters, *numbers: int) -> list[int]:
    """Letters of people whose address is known."""
    found = await letters.divert(*numbers)
    for number in numbers:
        await letters.give_address(number)
    return found


async def test_a_letter_waits_for_an_address_and_is_printed_once(letters: Letters) -> None:
    """Without an address nobody is in a run; each letter is in one; its notice is taken; the ledger has each step."""
    first, second = await letters.divert(1, 2)
    assert await letters.states() == {first: "no_address", second: "no_address"}
    with pytest.raises(LetterChangeRefused, match="no letter in en for the gb window waits"):
        await letters.ask_run()
    await letters.give_address(1)
    assert await letters.states() == {first: "waiting", second: "no_address"}
    run = await letters.make_run()
    assert (run.state, run.letters, run.pages) == ("ready", 1, 2)
    content = await letters.desk.read_file(run.id, ANN)
    assert digest_of(content) == run.digest
    assert (
        content.decode()
        == "%PDF user-1|1 Main Street|LONDON N1|UNITED KINGDOM".replace("user-1|", "The holder of the account user-1|")
        or b"1 Main Street|LONDON N1" in content
    )
    assert await letters.states() == {first: "in_run", second: "no_address"}
    with pytest.raises(LetterChangeRefused):
        await letters.ask_run()
    assert await letters.entries() == ["notice_taken", "letter_run_requested", "letter_run_made", "letter_run_read"]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_letter_that_left_before_a_stop_is_told_as_posted(letters: Letters, *, is_cancelled: bool) -> None:
    """A stop calls no paper back: what the post has taken counts as told. Others and erased people stay closed."""
    first, second, third, never = await ready(letters, 1, 2, 3, 4)
    await letters.desk.request_run(letters.case_id, "en", WindowFormat.GB, 3, ANN, TODAY)
    await letters.maker.make_waiting_runs()
    await letters.report(f"{first},printed,{TODAY},")
    await PostgresBreachStops(letters.world.pool, letters.world.writers).hold_letters(letters.case_id, 1, ANN)
    if is_cancelled:
        await PostgresHalts(letters.world.pool, letters.world.writers).cancel_mailing(
            letters.mailing_id, "Ann", "wrong"
        )
    await letters.world.pool.execute(
        "UPDATE standings SET erased_at = now() WHERE recipient_id = (SELECT recipient_id FROM notices WHERE id = $1)",
        third,
    )
    found = await letters.report(*(f"{one},posted,{TODAY}," for one in (first, second, third, never)))
    assert (found.changed, [one.row for one in found.problems]) == (2, [4, 5])
    assert await letters.states() == {first: "posted", second: "posted", third: "closed", never: "closed"}
    assert (await letters.report(f"{first},returned,{TODAY},moved")).changed == 1


async def test_two_who_ask_at_once_get_different_letters(letters: Letters) -> None:
    """Two people who make runs at the same time share the letters, and no letter is in both."""
    await ready(letters, 1, 2, 3, 4)
    runs = await asyncio.gather(letters.ask_run(2), letters.ask_run(2))
    assert [run.letters for run in runs] == [2, 2]
    assert set((await letters.states()).values()) == {"in_run"}
    taken = await letters.world.pool.fetch("SELECT run_id, count(*) AS n FROM letters GROUP BY run_id")
    assert {row["run_id"]: row["n"] for row in taken} == {run.id: 2 for run in runs}


async def test_letters_of_a_run_share_language_and_window(letters: Letters) -> None:
    """Letters are counted by language and window, and a run takes those of one pair."""
    await letters.divert(1, 2, locales={2: "de"})
    for number in (1, 2):
        await letters.give_address(number)
    counted = await letters.desk.count_letters(letters.case_id)
    assert {(one.language, one.window, one.letters) for one in counted.counts} == {
        ("en", WindowFormat.GB, 1),
        ("de", WindowFormat.GB, 1),
    }
    assert (await letters.ask_run(language="de")).letters == 1
    after = await letters.desk.count_letters(letters.case_id)
    assert {one.state for one in after.counts} == {LetterState.WAITING, LetterState.IN_RUN}, "a change counts anew"
    assert [window_of_country(code).value for code in ("GB", "US", "DE", "JP", None)] == [
        "gb",
        "us",
        "din",
        "din",
        "din",
    ]


async def test_a_run_whose_maker_died_is_made_by_another(letters: Letters) -> None:
    """While the lease holds nobody else makes a run; then another process does, and the first one stores nothing."""
    await ready(letters, 1)
    run = await letters.ask_run()
    claimed = await letters.queue.claim_run("dead")
    assert claimed is not None
    assert await letters.maker.make_waiting_runs() == 0
    await letters.world.pool.execute("UPDATE letter_runs SET lease_until = now() - interval '1 second'")
    assert await letters.maker.make_waiting_runs() == 1
    with pytest.raises(LetterRunLost):
        await letters.queue.store_file(claimed, "dead", b"other", 1, (), {})
    with pytest.raises(LetterRunLost):
        await letters.queue.extend_lease(claimed, "dead")
    assert (await letters.run(run.id)).state == "ready"
    assert await letters.world.pool.fetchval("SELECT count(*) FROM letter_run_files") == 1


@pytest.mark.parametrize("point", [CrashPoint.IN_LETTER_RUN], ids=str)
async def test_a_process_killed_in_a_run_leaves_nothing_half_done(
    letters: Letters, database_url: str, point: CrashPoint
) -> None:
    """After `kill -9` there is no file. Another process makes the run when the lease is over, with the same letters."""
    await ready(letters, 1, 2)
    run = await letters.ask_run()
    words = (sys.executable, "-m", "tests.letter_crash", database_url)
    process = await asyncio.create_subprocess_exec(*words, env=os.environ | {"MAILER_CRASH_AT": point.value})
    assert await process.wait() == -signal.SIGKILL
    assert (await letters.run(run.id)).state == "making"
    assert await letters.world.pool.fetchval("SELECT count(*) FROM letter_run_files") == 0
    await letters.world.pool.execute("UPDATE letter_runs SET lease_until = now() - interval '1 second'")
    assert await letters.maker.make_waiting_runs() == 1
    assert ((await letters.run(run.id)).state, (await letters.run(run.id)).letters) == ("ready", 2)


async def test_a_letter_is_printed_posted_returned_and_addressed_anew(letters: Letters) -> None:
    """The notice follows the letter: done when it is posted, open when it comes back; a new address prints it again."""
    [letter] = await ready(letters, 1)
    await letters.make_run()
    done = await letters.report(f"{letter},printed,2026-12-01,", f"{letter},posted,2026-12-02,RR 1")
    assert (done.changed, done.known, done.problems) == (2, 0, ())
    row = await letters.world.pool.fetchrow("SELECT state, reference, day::text FROM notices")
    assert row is not None
    assert tuple(row) == ("done", "RR 1", "2026-12-02")
    again = await letters.report(f"{letter},printed,2026-12-01,", f"{letter},posted,2026-12-02,RR 1")
    assert (again.changed, again.known) == (0, 2), "the same file twice changes nothing"
    assert (await letters.report(f"{letter},returned,2026-12-09,moved")).changed == 1
    assert (await letters.report(f"{letter},returned,2026-12-09,moved")).known == 1
    assert await letters.states() == {letter: "returned"}
    assert await letters.world.pool.fetchval("SELECT state FROM notices") == "open"
    with pytest.raises(LetterChangeRefused):
        await letters.ask_run()
    await letters.give_address(1, "9 New Street", "LEEDS LS1 1AA")
    assert await letters.states() == {letter: "waiting"}
    await letters.make_run()
    found = await letters.desk.find_letter(letter)
    assert found is not None
    assert (found.attempt, found.return_code, found.state) == (2, "moved", LetterState.IN_RUN)
    early = await letters.report(f"{letter},posted,2026-12-08,")
    assert "it cannot be posted before 2026-12-09" in early.problems[0].why
    assert (await letters.report(f"{letter},posted,2026-12-12,")).changed == 1
    assert [one for one in await letters.entries() if one.startswith(("notice", "letter_printed"))] == [
        *("notice_taken", "letter_printed", "notice_done", "notice_open", "notice_taken", "notice_done")
    ]


async def test_each_row_that_cannot_be_true_is_told(letters: Letters) -> None:
    """A wrong row stops no other; each is told with its number, and without what it says."""
    first, second, third = await ready(letters, 1, 2, 3)
    await letters.ask_run(2)
    early = await letters.report(f"{first},printed,2026-12-01,")
    assert "a run whose file is made" in early.problems[0].why
    await letters.maker.make_waiting_runs()
    done = await letters.report(
        f"{first},posted,2026-12-01,",
        "999999,posted,2026-12-01,",
        f"{third},posted,2026-12-01,",
        f"{second},returned,2026-12-01,x",
        f"{first},returned,2026-12-05,",
        f"{first},returned,2026-11-01,gone",
        f"{second},posted,2099-01-01,",
        f"{second},eaten,2026-12-01,",
        "x,posted,today,",
        f"{second},posted,2026-12-03,",
    )
    assert done.changed == 2
    assert [problem.row for problem in done.problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert not any("gone" in problem.why or "eaten" in problem.why for problem in done.problems)
    with pytest.raises(InputRefused, match="the columns are letter, state, day, code"):
        read_letter_reports(b"letter,state\n1,posted\n")


async def test_reports_reach_letters_of_their_brand_alone(letters: Letters) -> None:
    """A person who works for another brand changes nothing here, and learns nothing."""
    [letter] = await ready(letters, 1)
    await letters.make_run()
    content = f"letter,state,day,code\n{letter},posted,2026-12-01,\n".encode()
    done = await import_letter_reports(letters.desk, ["another"], content, ANN, TODAY.replace(month=12))
    assert done.changed == 0
    assert [problem.why for problem in done.problems] == ["letter: there is none of this number here"]


async def test_what_people_do_by_hand_and_letters_agree(letters: Letters) -> None:
    """The commands of notices go on to work: a letter that is worked by hand, or came back, is in no run."""
    first, second = await ready(letters, 1, 2)
    notices = PostgresNonEmailNotices(letters.world.pool, letters.world.writers)
    await mark_notices_taken(notices, [first], "Dana")
    assert (await letters.states())[first] == "taken"
    await letters.make_run()
    assert await letters.states() == {first: "taken", second: "in_run"}
    await finish_notices(notices, [first, second], "Dana", "RR 9", TODAY, TODAY)
    assert await letters.states() == {first: "told_otherwise", second: "posted"}
    await reopen_or_give_up_returned_notices(notices, [second], "Dana", "moved", is_final=False)
    assert (await letters.states())[second] == "returned"
    await reopen_or_give_up_returned_notices(notices, [second], "Dana", "unknown", is_final=True)
    assert (await letters.states())[second] == "given_up"


async def test_an_address_that_cannot_be_printed_leaves_the_run(letters: Letters) -> None:
    """One bad address stops no other letter. It waits with its reason until the address changes."""
    first, second = await letters.divert(1, 2)
    await letters.give_address(1, "? Street", "LONDON")
    await letters.give_address(2)
    run = await letters.make_run()
    assert (run.letters, run.state) == (1, "ready")
    assert run.problem == "cannot be printed: 1"
    assert await letters.states() == {first: "unprintable", second: "in_run"}
    await letters.give_address(1, "1 Street", "LONDON")
    assert (await letters.states())[first] == "waiting"
    assert (await letters.make_run()).letters == 1


async def test_a_run_that_is_too_large_keeps_what_fits(letters: Letters) -> None:
    """Letters for which time or memory is missing wait for another run; if one alone is too large, the run says so."""
    found = await ready(letters, 1, 2, 3)
    letters.typesetter.most = 1
    run = await letters.make_run()
    assert (run.state, run.letters, run.problem) == ("ready", 1, "wait again: 2")
    assert list((await letters.states()).values()) == ["in_run", "waiting", "waiting"]
    assert (await letters.make_run()).letters == 1
    letters.typesetter.most = 0
    assert ((await letters.make_run()).state, len(found)) == ("failed", 3)


async def test_an_erased_person_is_in_no_file(letters: Letters) -> None:
    """Erasure deletes the file; the letters of others are set again without the erased person."""
    first, second = await ready(letters, 1, 2)
    run = await letters.make_run()
    policy = letters.world.policies[BRAND]
    await erase_recipient(letters.world.desks(None).rights, policy, await letters.world.id_of("user-1"), "test")
    with pytest.raises(LetterChangeRefused, match="is queued"):
        await letters.desk.read_file(run.id, ANN)
    assert await letters.maker.make_waiting_runs() == 1
    content = await letters.desk.read_file(run.id, ANN)
    assert b"LONDON N2" in content
    assert b"LONDON N1" not in content
    assert (await letters.states())[first] == "closed"
    assert (await letters.states())[second] == "in_run"


async def test_a_cancelled_mailing_prints_nothing(letters: Letters) -> None:
    """After a mailing was cancelled its file is not given out, and the run that is made again is empty."""
    await ready(letters, 1)
    run = await letters.make_run()
    await letters.world.pool.execute("UPDATE mailings SET state = 'cancelled' WHERE id = $1", letters.mailing_id)
    assert set((await letters.states()).values()) == {"closed"}
    with pytest.raises(LetterChangeRefused, match="must not go out"):
        await letters.desk.read_file(run.id, ANN)
    with pytest.raises(LetterChangeRefused, match="must not go out"):
        await letters.desk.read_addresses(run.id, ANN)
    await letters.desk.retry_run(run.id, ANN)
    await letters.maker.make_waiting_runs()
    assert (await letters.run(run.id)).letters == 0


async def test_a_failed_run_says_why_and_is_made_again(letters: Letters) -> None:
    """A text that cannot be set fails the run; its letters stay in it, and `retry` makes it again."""
    await ready(letters, 1)
    await letters.world.pool.execute("UPDATE breach_manifests SET draft = jsonb_set(draft, '{variants}', '{\"x\": 1}')")
    run = await letters.ask_run()
    await letters.maker.make_waiting_runs()
    failed = await letters.run(run.id)
    assert (failed.state, "Tell an operator" in failed.problem) == ("failed", True)
    assert set((await letters.states()).values()) == {"in_run"}
    assert (await letters.desk.retry_run(run.id, ANN)).state == "queued"
    with pytest.raises(LetterChangeRefused, match="only a failed"):
        await letters.desk.retry_run(run.id, ANN)


async def test_files_are_deleted_a_week_after_the_last_letter_was_posted(letters: Letters) -> None:
    """A file stays while a letter is to be posted, and a week longer. Its digest stays."""
    first, second = await ready(letters, 1, 2)
    run = await letters.make_run()
    await letters.report(f"{first},posted,2026-12-01,")
    assert await letters.queue.delete_old_files(TODAY + timedelta(days=30)) == 0, "one letter is not posted"
    await letters.report(f"{second},posted,2026-12-03,")
    assert await letters.queue.delete_old_files(TODAY.replace(month=12, day=10)) == 0
    assert await letters.queue.delete_old_files(TODAY.replace(month=12, day=11)) == 1
    kept = await letters.run(run.id)
    assert (kept.state, kept.digest) == ("deleted", run.digest)
    with pytest.raises(LetterChangeRefused, match="is deleted"):
        await letters.desk.read_file(run.id, ANN)
    assert (await letters.report(f"{first},returned,2026-12-12,moved")).changed == 1, "letters still come back"


async def test_people_without_an_address_are_listed_and_asked(letters: Letters) -> None:
    """They are a list with what is known of them; each look is in the ledger; who was asked has a state of its own."""
    first, second = await letters.divert(1, 2)
    await letters.give_address(2)
    [someone] = await letters.desk.list_people_without_address(letters.case_id, 0, 10, ANN)
    assert (someone.letter, someone.ref, someone.state) == (first, "user-1", LetterState.NO_ADDRESS)
    assert await letters.desk.mark_asked_for_address(letters.case_id, [first, second], ANN) == 1
    assert await letters.desk.mark_asked_for_address(letters.case_id, [first], ANN) == 0
    assert await letters.states() == {first: "asked", second: "waiting"}
    assert await letters.entries() == ["notice_read", "letter_address_asked"]
    await letters.give_address(1)
    assert (await letters.states())[first] == "waiting"


async def test_a_print_shop_gets_addresses_with_their_pages(letters: Letters) -> None:
    """The rows of a run have the letter, its pages and the lines of the window; parents are written to for a child."""
    first, second = await ready(letters, 1, 2)
    await letters.world.pool.execute("UPDATE notices SET reason = 'under_13' WHERE id = $1", second)
    run = await letters.make_run()
    rows = csv_rows_of_run(await letters.desk.read_addresses(run.id, ANN), run.window_format, run.language)
    assert rows[1][:7] == (first, 1, 1, 2, "gb", "en", "elsewhere.en")
    assert rows[2][:4] == (second, 2, 3, 2)
    assert rows[2][7] == f"To the parents or guardians of {str(rows[1][7]).replace('1', '2')}"
    assert rows[2][8:11] == ("1 Main Street", "LONDON N2", "UNITED KINGDOM")
    assert {len(row) for row in rows} == {14}
