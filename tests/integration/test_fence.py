"""A database that went back: copies really restored, and what each process and the operator see of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from mailer.actions import object_to_marketing, record_opt_out
from mailer.actions.account_flags import set_account_flag
from mailer.actions.own_limits import record_own_limit
from mailer.actions.privacy_rights import erase_recipient, mark_under_13
from mailer.actions.redo_lost_changes import redo_lost_change_if_it_reduces_mail
from mailer.pipeline.halt_watcher import STOPPED, WENT_BACK, HaltWatcher
from mailer.pipeline.lost_opt_out_replay import LostStandingChangeReplay
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.policy.category import CATEGORIES, Lane
from mailer.policy.limits_set_by_recipient import OwnCap, OwnPause
from mailer.ports.halts import OPERATOR, Halt, HaltScope
from mailer.ports.standings import StandingFlag
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.halts import PostgresHalts
from tests.conftest import Server
from tests.factories import BRAND, World, open_world, person

OPTIONAL = [category for category in CATEGORIES.values() if category.is_optional]


class Site:
    """A world's database as a process of some machine sees it."""

    def __init__(self, world: World, remembered: NotesAboutDatabaseInFiles, folder: Path) -> None:
        self.world = world
        self.halts = PostgresHalts(world.pool, world.writers)
        self.folder = folder
        self.remembered = remembered
        self.control = self.process(remembered)

    def process(self, remembered: NotesAboutDatabaseInFiles | None = None) -> HaltWatcher:
        """A process that has just begun."""
        return HaltWatcher(
            self.halts, self.world.writers, remembered or NotesAboutDatabaseInFiles(self.folder), "host:1"
        )

    async def seen(self, control: HaltWatcher | None = None) -> str | None:
        """Asks the database, and returns the reason why a mailing is halted, or None."""
        control = control or self.control
        await control.query_halts_and_attest_no_loss()
        return control.mailing_halt_reason(BRAND, uuid7(), Lane.SERVICE)


@asynccontextmanager
async def copied(server: Server, url: str) -> AsyncIterator[str]:
    """A backup of a database to which nobody is connected; its URL."""
    name = f"mailer_copy_{uuid4().hex[:12]}"
    await asyncio.to_thread(server.sql, f"CREATE DATABASE {name} TEMPLATE {urlsplit(url).path.strip('/')}")
    yield server.url(name)
    await asyncio.to_thread(server.sql, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def site(url: str, folder: Path) -> AsyncIterator[Site]:
    """A process of a machine over a database."""
    with closing(NotesAboutDatabaseInFiles(folder)) as remembered:
        async with open_world(url, notes=remembered) as world:
            yield Site(world, remembered, folder)


@pytest.fixture
async def restored(postgres_server: Server, database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A backup that was restored after the system had gone on and sealed; the file remembers what came after it.

    In it are a newsletter and a policy change for two people each, and a newsletter for later.
    """
    async with site(database_url, tmp_path) as before:
        for category in ("newsletter", "policy_change"):
            await before.world.accept([person(1), person(2)], category)
        later = datetime.now(UTC) + timedelta(hours=1)
        await before.world.accept([person(1), person(2)], send_at=later.isoformat())
        await before.world.ledger.store_one_seal_of_all_chains()
        assert await before.seen() is None
    async with copied(postgres_server, database_url) as backup:
        async with site(database_url, tmp_path) as before:
            await before.world.timekeeper().run_all_steps_once()
            await before.world.run_published()
            await before.world.ledger.store_one_seal_of_all_chains()
            assert await before.seen() is None
        async with site(backup, tmp_path) as after:
            yield after


async def test_a_restored_backup_sends_nothing(restored: Site, tmp_path: Path) -> None:
    """The process that remembers stops, and stops those that remember nothing; a seal of its own makes it no better."""
    world = restored.world
    assert await restored.seen() == WENT_BACK
    other = tmp_path / "another machine"
    stranger = Site(world, NotesAboutDatabaseInFiles(other), other)
    assert await stranger.seen() == WENT_BACK
    for _ in range(2):
        await world.ledger.store_one_seal_of_all_chains()
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert await restored.seen() == WENT_BACK
    assert world.processor.sent == []
    [told] = await world.entries(kind="control")
    assert (told["reason"], told["rule"]) == ("went_back", "action:host:1")
    assert await restored.halts.lift_halt(HaltScope.EVERYTHING, OPERATOR, "Dana") is False
    assert await restored.seen(restored.process()) == WENT_BACK


async def test_after_a_restore_everything_goes_on(restored: Site) -> None:
    """Running processes accept the new lineage by themselves once the operator says so, and remember it."""
    world = restored.world
    assert await restored.seen() == WENT_BACK
    lineage, ended = await restored.halts.begin_lineage_and_lift_restore_halt("Dana", None)
    assert ended == 0
    assert await restored.seen() is None
    assert await restored.seen(restored.process()) is None
    memory = NotesAboutDatabaseInFiles(restored.folder).read_last_seen_seal_marker()
    assert memory is not None
    assert memory.lineage == lineage
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert len(world.processor.sent) == 4
    entries = [(entry["reason"], entry["rule"], entry["reply"]) for entry in await world.entries(kind="control")]
    assert entries[1:] == [("restored resume", "action:Dana", str(lineage))]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_after_a_restore_optional_mail_ends(restored: Site) -> None:
    """Optional mail that may have gone out already fails, and mandatory mail goes again, if the operator says so."""
    world = restored.world
    assert await restored.seen() == WENT_BACK
    _, ended = await restored.halts.begin_lineage_and_lift_restore_halt("Dana", OPTIONAL)
    assert ended == 1
    assert await restored.seen() is None
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    newsletter, change, later = sorted(
        await world.mailings.statuses_of_newest_mailings(3), key=lambda status: status.id
    )
    assert (newsletter.state, dict(newsletter.counts)) == ("ended", {("failed", "restored"): 2})
    assert newsletter.finished_at is not None
    assert (change.state, dict(change.counts)) == ("finished", {("handed_over", ""): 2})
    assert (later.state, dict(later.counts)) == ("scheduled", {("queued", ""): 2})
    outcomes = await world.entries(newsletter.id, "outcome")
    assert [entry["reason"] for entry in outcomes] == ["failed restored"] * 2
    assert [entry["reason"] for entry in await world.entries(newsletter.id, "mailing")] == ["accepted", "ended"]
    assert (await restored.halts.read_halts_and_missing_ledger_entries((), (), ())).halts == ()
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_stop_outlives_the_restore(restored: Site) -> None:
    """A stop by an operator stays after a restore, until somebody lifts it."""
    await restored.halts.add_halt(Halt(HaltScope.EVERYTHING, OPERATOR, "Dana"))
    assert await restored.seen() == WENT_BACK
    await restored.halts.begin_lineage_and_lift_restore_halt("Dana", None)
    assert await restored.seen() == STOPPED


async def test_a_promoted_replica_that_lacks_the_last_entries(
    postgres_server: Server, database_url: str, tmp_path: Path
) -> None:
    """A running process knows what it has committed, even if the replica has all seals. It begins new chains."""
    async with site(database_url, tmp_path) as primary:
        await primary.world.accept([person(1)])
        await primary.world.ledger.store_one_seal_of_all_chains()
    async with (
        copied(postgres_server, database_url) as replica,
        site(database_url, tmp_path) as primary,
        site(replica, tmp_path) as new,
    ):
        assert await primary.seen() is None
        await primary.world.accept([person(2)])
        assert await primary.seen() is None
        running = HaltWatcher(new.halts, primary.world.writers, primary.remembered, "host:1")
        assert await new.seen(running) == WENT_BACK
        assert await new.seen(new.process()) == WENT_BACK, "since the running one has told the database"
        await new.halts.begin_lineage_and_lift_restore_halt("Dana", None)
        assert await new.seen(running) is None
        assert (await new.world.ledger.verify_ledger()).faults == ()


async def test_two_restores_one_after_the_other(
    postgres_server: Server, database_url: str, restored: Site, tmp_path: Path
) -> None:
    """The lineage that began after the first restore is missing after the second one."""
    await restored.seen()
    await restored.halts.begin_lineage_and_lift_restore_halt("Dana", None)
    assert await restored.seen() is None
    async with copied(postgres_server, database_url) as again, site(again, restored.folder) as second:
        assert await second.seen() == WENT_BACK
        lineage, _ = await second.halts.begin_lineage_and_lift_restore_halt("Dana", None)
        assert await second.seen() is None
        assert (await second.halts.read_halts_and_missing_ledger_entries((), (), ())).lineage == lineage


async def test_another_database_is_not_the_one_that_was_known(restored: Site) -> None:
    """A new one with a lineage of its own stops who remembers the other one, until an operator says that it goes on."""
    await restored.world.pool.execute("UPDATE lineages SET id = gen_random_uuid()")
    assert await restored.seen() == WENT_BACK
    await restored.halts.begin_lineage_and_lift_restore_halt("Dana", None)
    assert await restored.seen() is None
    assert await restored.seen(restored.process()) is None


def mending(site: Site) -> LostStandingChangeReplay:
    """Makes lost changes again, as the processes do."""
    return LostStandingChangeReplay(
        site.halts,
        site.remembered,
        partial(redo_lost_change_if_it_reduces_mail, site.world.desks(None), site.world.policies),
    )


async def test_what_reduces_is_made_again(postgres_server: Server, database_url: str, tmp_path: Path) -> None:
    """Each kind of change that is missing, for the people who are there, once; a second look finds nothing to do."""
    async with site(database_url, tmp_path) as before:
        one, two, three, four, five, six = await before.world.known(1, 2, 3, 4, 5, 6)
        assert await before.seen() is None
    async with copied(postgres_server, database_url) as backup:
        async with site(database_url, tmp_path) as before:
            assert await before.seen() is None
            world, policy = before.world, before.world.policies[BRAND]
            await record_own_limit(world.standings, policy, six, OwnPause(90), "page")
            await record_own_limit(world.standings, policy, six, OwnCap.MONTHLY, "page")
            paused = await world.standings.get_standing(BRAND, six)
            await record_opt_out(world.standings, policy, one, "newsletter", "one-click")
            await object_to_marketing(world.suppressions, policy, two, "page", "recipient")
            await set_account_flag(world.standings, BRAND, three, StandingFlag.DEACTIVATED, True, "page")
            await erase_recipient(world.rights, policy, four, "operator")
            await mark_under_13(world.rights, policy, five, "operator")
        async with site(backup, tmp_path) as after:
            assert await after.seen() == WENT_BACK
            lineage = (await after.halts.read_halts_and_missing_ledger_entries((), (), ())).lineage
            await mending(after).replay_lost_changes({lineage})
            standings = [await after.world.standings.get_standing(BRAND, id_) for id_ in (one, two, three, four, five)]
            assert [standing is not None for standing in standings] == [True] * 5
            left, objecting, closed, erased, child = (standing for standing in standings if standing)
            assert left.opted_out == {"newsletter"}
            assert objecting.objected
            assert closed.deactivated
            assert erased.erased
            assert child.under_13
            limited = await after.world.standings.get_standing(BRAND, six)
            assert limited is not None
            assert paused is not None
            assert paused.paused_until is not None
            assert limited.paused_until is not None
            assert abs(limited.paused_until - paused.paused_until) < timedelta(minutes=1), "from when it was said"
            assert limited.own_cap == "monthly"
            entries = len(await after.world.entries(kind="action"))
            await mending(after).replay_lost_changes({lineage})
            assert len(await after.world.entries(kind="action")) == entries
            assert (await after.world.ledger.verify_ledger()).faults == ()


async def test_what_was_taken_back_since_is_not_made_again(
    postgres_server: Server, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that comes back late does not undo what people said meanwhile; it names what it has left alone."""
    async with site(database_url, tmp_path) as before:
        one, two, three = await before.world.known(1, 2, 3)
        assert await before.seen() is None
    async with copied(postgres_server, database_url) as backup:
        async with site(database_url, tmp_path) as before:
            assert await before.seen() is None
            world, policy = before.world, before.world.policies[BRAND]
            for who in (one, three):
                await record_opt_out(world.standings, policy, who, "newsletter", "one-click")
            await set_account_flag(world.standings, BRAND, two, StandingFlag.DEACTIVATED, True, "page")
        [journal] = (tmp_path / "seen").glob("*.changes")
        changes = [json.loads(line) for line in journal.read_text().splitlines()]
        for change in changes:
            change["at"] = (datetime.fromisoformat(change["at"]) - timedelta(hours=1)).isoformat()
        journal.write_text("".join(f"{json.dumps(change)}\n" for change in changes))
        async with site(backup, tmp_path) as after:
            for who, reason, scope in (
                (one, "consent_given", "newsletter"),
                (two, "not_deactivated", None),
                (three, "consent_given", "updates"),
            ):
                async with after.world.standings.open_standing_change_transaction(BRAND, who, reason, scope, "page"):
                    pass
            assert await after.seen() == WENT_BACK
            await mending(after).replay_lost_changes(
                {(await after.halts.read_halts_and_missing_ledger_entries((), (), ())).lineage}
            )
            assert capsys.readouterr().out.count("not made again") == 2
            standings = [await after.world.standings.get_standing(BRAND, id_) for id_ in (one, two, three)]
            assert [(it.deactivated, set(it.opted_out)) for it in standings if it] == [
                (False, set()),
                (False, set()),
                (False, {"newsletter"}),
            ]


async def test_what_widens_is_not_made_again(
    postgres_server: Server, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost change that widens mail is not made again, nor one of a reused id or of another database."""
    async with site(database_url, tmp_path) as before:
        one, two = await before.world.known(1, 2)
        assert await before.seen() is None
    async with copied(postgres_server, database_url) as backup:
        async with site(database_url, tmp_path) as before:
            assert await before.seen() is None
            await before.world.standings.store_whether_product_is_paid(BRAND, one, None, True, "application")
            await record_opt_out(before.world.standings, before.world.policies[BRAND], two, "newsletter", "one-click")
        async with site(backup, tmp_path) as after:
            await after.world.pool.execute("UPDATE recipients SET created_at = now() WHERE id = $1", two)
            assert await after.seen() == WENT_BACK
            await mending(after).replay_lost_changes({uuid7()})
            assert "not made again" not in capsys.readouterr().out
            await mending(after).replay_lost_changes(
                {(await after.halts.read_halts_and_missing_ledger_entries((), (), ())).lineage}
            )
            assert capsys.readouterr().out.count("not made again") == 2
            assert await after.world.entries(kind="action") == []
