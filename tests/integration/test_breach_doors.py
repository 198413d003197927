"""No way around the second person: events, API, queue, outbox, lists, commands, keys, replays and killed processes."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from mailer.crash_points import CrashPoint
from mailer.events import EventRefused, validate_event
from mailer.policy.breach.draft import BreachAudience
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.segments import split_audience_name
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import ReleaseRefused
from mailer.postgres.mailing_rescheduling import PostgresMailingSchedule
from tests.breach_world import ASKER, REASON, Breaches, FakeDesk, Line
from tests.factories import BRAND, World, plain_event, received
from tests.integration.test_cli_campaign_sending import Commands
from tests.integration.web_world import browse
from tests.processes import SECRETS

LATER = datetime(2035, 1, 1, 9, tzinfo=UTC)
NAME = "breach-manifest:0192f0c1-0000-7000-8000-000000000001:eu"


@pytest.fixture
def breaches(world: World) -> Breaches:
    """The breach cases of the test's world."""
    return Breaches(world, portion=2)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    """The other parts of the desk, for commands, pages and the API too."""
    made = FakeDesk()
    monkeypatch.setattr("mailer.postgres.operator_stores.BREACH_DESK", made.parts)
    return made


@pytest.mark.parametrize("name", [NAME, "breach-manifest:", "breach-manifest:x:y"])
def test_no_form_takes_an_audience_of_a_manifest(name: str) -> None:
    """The form of an audience's name lets no event, draft, phase or list name one."""
    with pytest.raises(EventRefused, match=r"to\.audience"):
        validate_event(plain_event({"audience": name}, "breach"))
    for draft in ({"audience": name}, {"exclude": [name]}):
        with pytest.raises(ValidationError):
            CampaignDraft.model_validate({"category": "newsletter", "purpose": "newsletter", **draft})
    for chosen in ({"source": "audience", "audience": name}, {"compromised": name}):
        with pytest.raises(ValidationError):
            BreachAudience.model_validate(chosen)
    assert split_audience_name(name) == (False, name)


async def test_no_door_of_the_flow_takes_one(breaches: Breaches, world: World) -> None:
    """Queue, outbox and the API refuse an event that names the audience of a phase; nothing is made."""
    await world.known(1)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1)])
    event = plain_event({"audience": f"breach-manifest:{manifest_id}:elsewhere"}, "breach")
    arrived = received(event)
    await world.intake().accept_event_messages("service", [arrived])
    assert arrived.settled != "ack"
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"breach"}))
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:shop"), rights)
    async with browse(world) as client:
        answer = await client.post("/api/v1/events", json=event, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 422
    assert "to.audience" in answer.text
    assert await world.pool.fetchval("SELECT count(*) FROM mailings WHERE audience LIKE 'breach-manifest:%'") == 0


async def test_the_api_asks_and_stops_and_never_releases(breaches: Breaches, world: World, desk: FakeDesk) -> None:
    """A key with all rights of its brand has no route to release, to look or to resume; another brand finds nothing."""
    await world.known(1, 2)
    case_id = await breaches.write()
    manifest_id = await breaches.check(case_id, [Line(1), Line(2, "letter", "no_address")])
    actions = frozenset({"write_breach_cases", "pause_mailing", "resume_mailing", "schedule_campaigns"})
    rights = RightsOfOnePublisher(
        frozenset({BRAND}), frozenset({"breach"}), actions=actions, reads=frozenset({"status"})
    )
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:shop"), rights)
    headers = {"authorization": f"Bearer {key}"}
    path = f"/api/v1/breach-cases/{BRAND}/{case_id}/phases/1"
    async with browse(world) as client:

        async def post(door: str, body: dict[str, Any], status: int) -> Any:
            answer = await client.post(f"{path}/{door}", json=body, headers=headers)
            assert answer.status_code == status, answer.text
            return answer.json()

        await post("stop", {"reason": "too early"}, 409)
        await post("ask-release", {"manifest": str(case_id)}, 409)
        asked = await post("ask-release", {"manifest": str(manifest_id)}, 200)
        assert (asked["asked_by"], asked["phase_state"], asked["people"]) == ("key:shop", "awaiting_release", 2)
        for door in ("release", "release-alone", "second-look", "resume"):
            await post(door, {"manifest": str(manifest_id), "hash": asked["hash"]}, 405 if door == "release" else 404)
        foreign = await client.get(path.replace(BRAND, "peerstream") + "/release", headers=headers)
        assert foreign.status_code == 403
        with pytest.raises(ReleaseRefused, match="made key:shop"):
            await _grant_and_release(breaches, world, manifest_id, rights)
        await breaches.release(manifest_id)
        stopped = await post("stop", {"reason": "wrong list"}, 200)
        assert (stopped["stop"]["by"], stopped["stop"]["ended"]) == ("key:shop", None)
        for bad in ({}, {"reason": ""}, {"reason": "x" * 301}, {"reason": "x", "more": 1}):
            await post("stop", bad, 422)
        told = await client.get(f"{path}/told", headers=headers)
        assert sum(one["people"] for one in told.json()["figures"]) == 1


async def _grant_and_release(breaches: Breaches, world: World, manifest_id: UUID, rights: RightsOfOnePublisher) -> None:
    """Has somebody who gave the asking key its rights release."""
    named = world.writers.writers_with_actor("person:Grant", "")
    await type(world.publishers)(world.pool, named).grant_rights_and_missing_key(
        Identity.parse_identity("key:shop"), rights
    )
    await breaches.release(manifest_id, "Grant")


async def test_a_released_phase_is_not_moved_to_another_time(breaches: Breaches, world: World) -> None:
    """Its batches keep the pace of the manifest; nobody makes its mailing wait and go by another door."""
    await world.known(1)
    made = await breaches.release(await breaches.asked(await breaches.write(), [Line(1)]))
    schedule = PostgresMailingSchedule(world.pool, world.writers)
    with pytest.raises(MailingControlRefused):
        await schedule.reschedule_mailing(made[0].mailing_id, LATER, Identity.parse_identity("person:Otto"), "later")
    with pytest.raises(ReleaseRefused, match="does not wait"):
        await world.mailings.release_mailing(made[0].mailing_id, "Otto")


@pytest.mark.parametrize("point", [CrashPoint.IN_BREACH_RELEASE, CrashPoint.IN_BREACH_EXPANSION], ids=str)
async def test_processes_killed_in_a_release_or_its_expansion_leave_nothing_half_done(
    world: World, database_url: str, point: CrashPoint
) -> None:
    """No mailing, or no portion, is left after `kill -9`. Then the same step is done, and each person once."""
    await world.known(1, 2, 3, 4)
    breaches = Breaches(world, portion=2)
    lines = [Line(1), *(Line(number, "letter", "no_address") for number in (2, 3, 4))]
    manifest_id = await breaches.asked(await breaches.write(), lines)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.breach_release_crash", database_url, str(manifest_id)),
        env=os.environ | {"MAILER_CRASH_AT": point.value},
    )
    assert await process.wait() == -signal.SIGKILL
    if point is CrashPoint.IN_BREACH_RELEASE:
        assert await world.pool.fetchval("SELECT count(*) FROM breach_mailings") == 0
        assert (await breaches.found(manifest_id)).phase_state == "awaiting_release"
        made = await breaches.release(manifest_id)
    else:
        assert await world.pool.fetchval("SELECT count(*) FROM notices") == 0
        made = list(await breaches.releases.list_mailings((await breaches.found(manifest_id)).case_id, 1))
    await breaches.send_all()
    states = await breaches.states(made)
    assert Counter(states.values()) == {("handed_over", ""): 1, ("diverted", "written_notice"): 3}
    decided = await world.pool.fetch("SELECT recipient_id FROM ledger WHERE reason = 'no_address'")
    assert len(decided) == len({row["recipient_id"] for row in decided}) == 3
    assert await world.counted(made[0].mailing_id) == await world.real_counts(made[0].mailing_id)


async def test_the_sum_shown_is_what_became_of_everybody(breaches: Breaches, world: World) -> None:
    """Standings change between check and sending: each difference is of somebody who changed, and has a reason."""
    chance = random.Random(19)
    numbers = list(range(1, 41))
    await world.known(*numbers)
    lines = [
        Line(
            number,
            *chance.choice((("mail", "mail"), ("letter", "electronic_refused"), ("none", "no_address"))),
            variant=chance.choice(("elsewhere", "eu")),
        )
        for number in numbers
    ]
    manifest_id = await breaches.asked(await breaches.write(), lines)
    changed = {f"user-{number}": chance.choice(("none", "dead", "refused", "opt_out")) for number in numbers}
    for ref, what in changed.items():
        recipient_id = await world.id_of(ref)
        if what == "dead":
            await world.standings.mark_address_dead(BRAND, recipient_id, f"{ref}@people.example", "test")
        elif what == "refused":
            await world.pool.execute(
                "UPDATE standings SET electronic_refused_at = now(), version = version + 1 WHERE recipient_id = $1",
                recipient_id,
            )
        elif what == "opt_out":
            await world.standings.record_opt_out(BRAND, recipient_id, "newsletter", "test")
    made = await breaches.release(manifest_id)
    await breaches.send_all()
    states = await breaches.states(made)
    assert len(states) == len(lines) == (await breaches.found(manifest_id)).people
    notices = await breaches.notices()
    for number, channel, reason, *_ in lines:
        ref = f"user-{number}"
        if channel != "mail":
            assert states[ref] == ("diverted", "written_notice")
            assert notices[ref] == ("open", reason, None)
        elif states[ref] != ("handed_over", ""):
            assert changed[ref] in ("dead", "refused")
            assert states[ref] == ("diverted", "written_notice")
            assert notices[ref][1] in ("address_dead", "no_electronic_consent")
    for one in made:
        assert await world.counted(one.mailing_id) == await world.real_counts(one.mailing_id)


class BreachCommands(Commands):
    """Commands of `mailer breach`."""

    noun = "breach"


@pytest.fixture
def commands(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> BreachCommands:
    """Commands over the test's database, with two people."""
    for name, value in {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)
    made = BreachCommands(database_url, monkeypatch, capsys)
    made.do(lambda world: world.known(1, 2))
    return made


def test_commands_ask_release_stop_and_resume(commands: BreachCommands, desk: FakeDesk) -> None:
    """Each step by the person of the command; the writer, a stale hash and a second release are refused."""

    async def prepare(world: World) -> tuple[UUID, UUID]:
        breaches = Breaches(world)
        case_id = await breaches.write()
        return case_id, await breaches.check(case_id, [Line(1), Line(2, "letter", "no_address")])

    case_id, manifest_id = commands.do(prepare)
    case = str(case_id)
    assert "not checked" in commands.run("ask", str(manifest_id), status=2)
    shown = commands.read("ask", case, by="Aslan")
    assert (shown["asked_by"], shown["phase_state"], shown["people"]) == (ASKER, "awaiting_release", 2)
    assert "second person" in commands.run("release", case, "--hash", shown["hash"], by="Wanda", status=2)
    assert "not the check that you have seen" in commands.run("release", case, "--hash", "00" * 32, by="Rita", status=2)
    assert "64 hexadecimal digits" in commands.run("release", case, "--hash", "zz", by="Rita", status=2)
    made = commands.read("release", case, "--hash", shown["hash"], by="Rita")
    assert [one["variant"] for one in made["mailings"]] == ["elsewhere", "eu"]
    assert "released already" in commands.run("release", case, "--hash", shown["hash"], by="Rolf", status=2)
    assert "released alone" in commands.run("second-look", case, "--words", "Fine", by="Zoe", status=2)
    stopped = commands.read("stop", case, "--reason", "wrong list", by="Otto")
    assert (stopped["mailings"], stopped["letters"], stopped["stop"]["by"]) == (2, 0, "person:Otto")
    assert "1 to 300" in commands.run("stop", case, "--reason", "", by="Otto", status=2)
    told = commands.read("told", case, by="Otto")
    assert (told["people"], [one["told"] for one in told["figures"]]) == ([], ["not_told"])
    assert "told nobody" in commands.run("told", case, "--keep", by="Otto", status=2)
    assert commands.read("resume", case, by="Rita") == {"resumed": 2}
    commands.run("stop", case, "--reason", "again", by="Otto")
    assert commands.read("resume", case, "--cancel", by="Rita") == {"cancelled": 2}
    assert "does not stand still" in commands.run("resume", case, by="Rita", status=2)


def test_nobody_releases_alone_by_a_command(commands: BreachCommands, desk: FakeDesk) -> None:
    """The policy may allow it at the console, where a second factor is shown; a command has no option for it."""
    desk.break_glass = "with_reason"

    async def prepare(world: World) -> tuple[str, str]:
        breaches = Breaches(world)
        case_id = await breaches.write()
        return str(case_id), ((await breaches.found(await breaches.asked(case_id, [Line(1)]))).hash or b"").hex()

    case, digest = commands.do(prepare)
    assert "No such option" in commands.run("release", case, "--hash", digest, "--reason", REASON, by="Wanda", status=2)
    assert "second person" in commands.run("release", case, "--hash", digest, by="Wanda", status=2)
