"""Checks of campaigns: the audience is frozen, each person is decided about, and the sums add up."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.crash_points import CrashPoint
from mailer.policy.campaign_manifest import LineResult, ManifestHash, ManifestLine, ManifestTotals
from mailer.policy.segment_parsing import parse_condition
from mailer.ports.manifests import Manifest, ManifestRefused
from mailer.postgres.manifest_rows import SQL
from mailer.postgres.segments import PostgresSegments
from tests.campaign_world import ASKER, OWNER, Campaigns
from tests.factories import BRAND, World

IN_A_WEEK = (datetime.now(UTC) + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
def campaigns(world: World) -> Campaigns:
    """The campaigns of the test's world."""
    return Campaigns(world)


async def test_sums_add_up_to_the_audience_with_a_reason_for_each(campaigns: Campaigns, world: World) -> None:
    """Everybody of the brand has one line. Who does not get it has a reason, and a shared address gets one copy."""
    ids = await world.known(1, 2, 3, 4)
    await world.known(5, email="user-1@people.example")
    await world.standings.record_opt_out(BRAND, ids[1], "newsletter", "test")
    await world.standings.mark_address_dead(BRAND, ids[2], "user-3@people.example", "test")
    manifest = await campaigns.check(campaign := await campaigns.write())
    assert await campaigns.lines(manifest.id) == {
        "user-1": ("send", "", "a"),
        "user-2": ("suppress", "opted_out", "a"),
        "user-3": ("suppress", "address_dead", "a"),
        "user-4": ("send", "", "a"),
        "user-5": ("duplicate", "duplicate_address", "a"),
    }
    assert manifest.people == manifest.people_total == 5 == sum(one.people for one in manifest.sums)
    assert (manifest.state, manifest.people_to_get_mail, manifest.variants) == ("ready", 2, {"a": 5})
    assert await campaigns.state(campaign) == "checked"
    [dead] = await campaigns.store.list_people(manifest.id, "suppress", "address_dead", 0, 10)
    assert (dead.ref, dead.reason) == ("user-3", "address_dead")


async def test_excluded_lists_are_left_out(campaigns: Campaigns, world: World) -> None:
    """Exclusions are no part of the audience."""
    ids = await world.known(1, 2, 3)
    for audience, number in (("fans", ids[0]), ("fans", ids[1]), ("staff", ids[1])):
        await world.pool.execute("INSERT INTO audience_members VALUES ($1, $2, $3)", BRAND, audience, number)
    manifest = await campaigns.check(await campaigns.write(audience="fans", exclude=["staff"]))
    assert list(await campaigns.lines(manifest.id)) == ["user-1"]


async def test_decisions_are_made_for_the_time_of_sending(campaigns: Campaigns, world: World) -> None:
    """A pause that is over by the time of sending stops nobody; one that lasts longer does."""
    [one, two] = await world.known(1, 2)
    pause = "UPDATE standings SET paused_until = $2 WHERE recipient_id = $1"
    await world.pool.execute(pause, one, IN_A_WEEK - timedelta(days=1))
    await world.pool.execute(pause, two, IN_A_WEEK + timedelta(days=1))
    schedule = {"kind": "instant", "at": IN_A_WEEK.isoformat(), "zone": "UTC"}
    manifest = await campaigns.check(await campaigns.write(schedule=schedule))
    lines = await campaigns.lines(manifest.id)
    assert lines["user-1"][0] == "send"
    assert lines["user-2"][0] == "suppress"
    assert list(manifest.due_times) == [(IN_A_WEEK, 1)]


async def test_local_times_follow_zones_and_people_without_one_are_counted(campaigns: Campaigns, world: World) -> None:
    """The attribute counts first, then a country with one zone; who has neither follows the rule, and is told."""
    await world.known(1, 2, 3)
    await campaigns.set_attributes("user-1", time_zone="Europe/Berlin")
    await campaigns.set_attributes("user-2", time_zone="Asia/Tokyo")
    local = {"kind": "local", "local": "2027-06-01T09:00", "zone": "UTC", "zoneless": "leave_out"}
    manifest = await campaigns.check(await campaigns.write(schedule=local))
    assert [(at.isoformat(), n) for at, n in manifest.due_times] == [
        ("2027-06-01T00:00:00+00:00", 1),
        ("2027-06-01T07:00:00+00:00", 1),
    ]
    assert manifest.zoneless == 1
    assert (await campaigns.lines(manifest.id))["user-3"] == ("suppress", "no_time_zone", "a")


async def test_variants_are_chosen_by_hash_and_sharers_of_an_address_get_the_same_one(
    campaigns: Campaigns, world: World
) -> None:
    """A test takes about its share, evenly; two accounts of one address never get two texts of it."""
    await world.known(*range(1, 201))
    for number in range(201, 241):
        await world.known(number, email=f"user-{number - 200}@people.example")
    manifest = await campaigns.check(await campaigns.write(variants={"a": {}, "b": {}}, ab_test={"share_percent": 50}))
    assert sum(manifest.variants.values()) == 240
    assert all(30 <= manifest.variants[name] <= 90 for name in ("a", "b"))
    assert 80 <= manifest.variants["rest"] <= 160
    lines = await campaigns.lines(manifest.id)
    for number in range(1, 41):
        pair = lines[f"user-{number}"], lines[f"user-{number + 200}"]
        assert pair[0][2] == pair[1][2]
        assert pair[1][0] == "duplicate"


async def test_hash_depends_on_lines_and_not_on_portions(campaigns: Campaigns, world: World) -> None:
    """The same lines in other portions have the same hash; another line, draft or order has another one, or none."""
    await world.known(1, 2, 3)
    manifest = await campaigns.check(await campaigns.write())
    rows = await world.pool.fetch(
        "SELECT recipient_id, result, reason, variant, due_at FROM manifest_people WHERE manifest_id = $1"
        " ORDER BY recipient_id",
        manifest.id,
    )
    lines = [ManifestLine(row[0], LineResult(row[1]), *row[2:]) for row in rows]

    def hash_of(*portions: list[ManifestLine]) -> bytes:
        made = ManifestHash(manifest.draft, manifest.templates, manifest.policy_version)
        for portion in portions:
            made.add_lines(portion)
        return made.digest()

    assert hash_of(lines) == hash_of(lines[:1], lines[1:]) == manifest.hash
    assert hash_of([lines[0]._replace(result=LineResult.HOLD), *lines[1:]]) != manifest.hash
    assert hash_of(lines[1:]) != manifest.hash
    with pytest.raises(ValueError, match="each once"):
        hash_of(lines, lines[:1])


async def test_a_change_of_the_audience_afterwards_changes_nothing(campaigns: Campaigns, world: World) -> None:
    """The list is resolved once, at the check."""
    [one, two] = await world.known(1, 2)
    add = "INSERT INTO audience_members VALUES ($1, 'fans', $2)"
    await world.pool.execute(add, BRAND, one)
    manifest = await campaigns.checked_and_asked(await campaigns.write(audience="fans"))
    await world.pool.execute(add, BRAND, two)
    await world.pool.execute("DELETE FROM audience_members WHERE recipient_id = $1", one)
    [mailing] = await campaigns.release(manifest)
    await campaigns.send_all()
    assert await world.states(mailing.mailing_id) == {"user-1": ("handed_over", "")}


async def _claim(campaigns: Campaigns, owner: str = OWNER) -> Manifest:
    claimed = await campaigns.queue.claim_manifest_to_build(owner)
    assert claimed is not None
    return claimed


async def test_a_builder_that_takes_longer_than_its_lease_is_left_to_finish(world: World) -> None:
    """Nobody takes a manifest from an open transaction: two timekeepers would stop one another for ever."""
    await world.known(1, 2, 3)
    slow, campaigns = Campaigns(world, lease=timedelta(0)), Campaigns(world)
    requested = await campaigns.request(await campaigns.write())
    line = ManifestLine(await world.id_of("user-1"), LineResult.SEND, "", "a", None)

    async def build_slowly() -> None:
        async with slow.queue.open_building(await _claim(slow, "slow"), world.policies[BRAND], "slow") as building:
            assert await campaigns.builder("quick").build_waiting_manifests() == 0
            await building.store_lines([line])
            if dies:
                raise ConnectionResetError
            await building.finish(ManifestTotals(), b"")

    dies = True
    with pytest.raises(ConnectionResetError):
        await build_slowly()
    assert not await campaigns.lines(requested.id)
    dies = False
    await build_slowly()
    manifest = await campaigns.manifest(requested.id)
    assert (manifest.state, manifest.people) == ("ready", 1)
    assert len(await campaigns.lines(manifest.id)) == 1


@pytest.mark.parametrize("point", [CrashPoint.IN_MANIFEST, CrashPoint.IN_CAMPAIGN_RELEASE], ids=str)
async def test_processes_killed_in_a_check_or_a_release_leave_nothing_half_done(
    world: World, database_url: str, point: CrashPoint
) -> None:
    """No line and no mailing is left after `kill -9`. Then the same step is done, and done once."""
    await world.known(1, 2, 3)
    campaigns = Campaigns(world)
    campaign = await campaigns.write()
    manifest = await campaigns.request(campaign)
    if point is CrashPoint.IN_CAMPAIGN_RELEASE:
        await campaigns.builder().build_waiting_manifests()
        await campaigns.store.ask_for_release(manifest.id, ASKER)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.campaign_crash",
        database_url,
        str(manifest.id),
        env=os.environ | {"MAILER_CRASH_AT": point.value},
    )
    assert await process.wait() == -signal.SIGKILL
    assert await world.pool.fetchval("SELECT count(*) FROM campaign_mailings") == 0
    if point is CrashPoint.IN_MANIFEST:
        assert not await campaigns.lines(manifest.id)
        await world.pool.execute("UPDATE manifests SET lease_until = now() - interval '1 second'")
        await campaigns.builder().build_waiting_manifests()
        await campaigns.store.ask_for_release(manifest.id, ASKER)
    [made] = await campaigns.release(await campaigns.manifest(manifest.id))
    await campaigns.send_all()
    assert [state for state, _ in (await world.states(made.mailing_id)).values()] == ["handed_over"] * 3


@pytest.mark.parametrize("draft", [{"audience": "segment:not-fans"}, {"exclude": ["fans"]}], ids=str)
async def test_a_list_deleted_after_the_request_leaves_nobody_in(
    campaigns: Campaigns, world: World, draft: dict[str, Any]
) -> None:
    """Without the list, both would choose everybody. The check fails with the reason, and nothing can be released."""
    [one, _] = await world.known(1, 2)
    await world.pool.execute("INSERT INTO audience_members VALUES ($1, 'fans', $2)", BRAND, one)
    segments = PostgresSegments(world.pool, world.writers)
    condition = parse_condition({"type": "list", "operator": "is_not_on", "name": "fans"})
    await segments.save_segment(world.policies[BRAND], "not-fans", condition, ASKER)
    manifest = await campaigns.request(campaign := await campaigns.write(**draft))
    await world.pool.execute("DELETE FROM audience_members")
    await campaigns.builder().build_waiting_manifests()
    manifest = await campaigns.manifest(manifest.id)
    assert (manifest.state, await campaigns.state(campaign)) == ("failed", "draft")
    assert "fans" in manifest.problem
    assert not await campaigns.lines(manifest.id)


async def test_a_check_that_the_database_stops_fails_and_keeps_no_other_waiting(
    campaigns: Campaigns, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be begun again for ever otherwise, and take the builder's time from the checks of others."""
    await world.known(1)
    slow = await campaigns.request(await campaigns.write())
    with monkeypatch.context() as patched:
        patched.setattr("mailer.postgres.manifest_building.UNHURRIED_SECONDS", 0.05)
        statement = "SELECT 1::bigint, NULL::bigint FROM pg_sleep(5) WHERE $1::text <> ''"
        patched.setitem(SQL, "audience", statement)
        await campaigns.builder().build_waiting_manifests()
    assert (await campaigns.manifest(slow.id)).problem.startswith("the database took too long")
    assert (await campaigns.check(await campaigns.write())).state == "ready"


async def test_a_leased_manifest_is_left_to_its_builder(campaigns: Campaigns, world: World) -> None:
    """Nobody else begins while the lease lasts, and progress is to be seen."""
    await world.known(1)
    await campaigns.request(await campaigns.write())
    manifest = await _claim(campaigns)
    assert await campaigns.queue.claim_manifest_to_build("another") is None
    async with campaigns.queue.open_building(manifest, world.policies[BRAND], OWNER) as building:
        assert building.total == 1
        seen = await campaigns.manifest(manifest.id)
        assert (seen.state, seen.people, seen.people_total) == ("building", 0, 1)


async def test_a_draft_that_changes_while_its_check_runs_outdates_it(campaigns: Campaigns, world: World) -> None:
    """The check of the former revision is never offered for a release."""
    await world.known(1)
    campaign = await campaigns.write()
    requested = await campaigns.request(campaign)
    await campaigns.edit(campaign, topic="news")
    await campaigns.builder().build_waiting_manifests()
    assert (await campaigns.manifest(requested.id)).state == "outdated"
    assert await campaigns.state(campaign) == "draft"
    with pytest.raises(ManifestRefused, match="check the campaign again"):
        await campaigns.store.ask_for_release(requested.id, ASKER)


async def test_a_check_of_an_older_revision_is_refused(campaigns: Campaigns) -> None:
    """Nobody checks by mistake what has changed since they looked."""
    seen = await campaigns.store.find_campaign_to_check(campaign := await campaigns.write())
    assert seen is not None
    await campaigns.edit(campaign, topic="news")
    with pytest.raises(ManifestRefused, match="changed the draft meanwhile"):
        await campaigns.store.request_manifest(seen, {}, "2024", [], ASKER)


async def test_a_second_check_replaces_the_first(campaigns: Campaigns, world: World) -> None:
    """The last check can be released, no other; lines of the former one are deleted after some days."""
    await world.known(1)
    campaign = await campaigns.write()
    first = await campaigns.check(campaign)
    second = await campaigns.check(campaign)
    assert ((await campaigns.manifest(first.id)).state, second.state) == ("outdated", "ready")
    await campaigns.queue.delete_lines_of_unwanted_manifests(timedelta(days=7))
    assert len(await campaigns.lines(first.id)) == 1
    await campaigns.queue.delete_lines_of_unwanted_manifests(timedelta(0))
    assert not await campaigns.lines(first.id)
    assert len(await campaigns.lines(second.id)) == 1


async def test_a_template_that_does_not_compile_fails_the_check_with_its_reason(campaigns: Campaigns) -> None:
    """The campaign is a draft again, and the manifest says why."""
    campaign = await campaigns.write()
    requested = await campaigns.request(campaign)
    await campaigns.world.pool.execute(
        'UPDATE manifests SET templates = \'{"a": ["1", "{\\"category\\": \\"newsletter\\", \\"purpose\\":'
        ' \\"newsletter\\", \\"sources\\": {\\"en\\": {\\"subject\\": \\"{{ broken\\", \\"html\\": \\"\\",'
        ' \\"text\\": \\"\\"}}}"]}\' WHERE id = $1',
        requested.id,
    )
    await campaigns.builder().build_waiting_manifests()
    failed = await campaigns.manifest(requested.id)
    assert failed.state == "failed"
    assert failed.problem
    assert await campaigns.state(campaign) == "draft"


async def test_readers_are_counted_by_language_and_by_what_they_lack(campaigns: Campaigns, world: World) -> None:
    """People of an audience by locale, and those without a value; of everybody, of a list, and of nobody."""
    ids = await world.known(1, 2, 3, 4)
    for number, locale in zip(ids, ("en", "en", "fr", None), strict=True):
        await world.pool.execute("UPDATE recipients SET locale = $2 WHERE id = $1", number, locale)
    await campaigns.set_attributes("user-1", first_name="Ada")
    await world.pool.execute("INSERT INTO audience_members VALUES ($1, 'fans', $2)", BRAND, ids[2])
    found = await campaigns.store.count_readers(BRAND, "everyone", ["first_name", "plan"])
    assert (found.people, found.by_locale) == (4, {"en": 2, "fr": 1, "": 1})
    assert found.without == {"first_name": 3, "plan": 4}
    fans = await campaigns.store.count_readers(BRAND, "fans", [])
    assert (fans.people, fans.by_locale, fans.without) == (1, {"fr": 1}, {})
    nobody = await campaigns.store.count_readers(BRAND, "strangers", ["plan"])
    assert (nobody.people, nobody.by_locale, nobody.without) == (0, {}, {"plan": 0})
