"""Checks of breach phases over a database: everyone has one line, the moment is frozen, and nothing is half done."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.crash_points import CrashPoint
from mailer.policy.breach.draft import BreachPace
from mailer.policy.breach.manifest import BreachChannel, BreachLine, hash_of_breach_manifest
from mailer.ports.breach_manifests import BreachCheckRequest, BreachManifestRefused, LinesWanted
from tests.breach_checks import ANN, BreachChecks, phase_draft
from tests.factories import BRAND, World, person


@pytest.fixture
def checks(world: World) -> BreachChecks:
    """The checks of the test's world."""
    return BreachChecks(world)


async def set_flag(world: World, ref: str, column: str) -> None:
    """Sets a time of somebody's standing."""
    await world.pool.execute(
        f"UPDATE standings SET {column} = now() WHERE recipient_id = $1",  # noqa: S608 - of the tests
        await world.id_of(ref),
    )


async def test_each_person_has_a_line_with_place_language_channel_and_reason(
    checks: BreachChecks, world: World
) -> None:
    """Closed and restricted accounts are mailed; dead addresses and children are not; the erased have a reason."""
    await world.known(1, country="DE", locale="de-AT")
    await world.known(2, 3, 4, 5, 6, country="US")
    await world.known(7)
    for ref, column in (
        ("user-2", "deactivated_at"),
        ("user-3", "restricted_at"),
        ("user-4", "address_dead_at"),
        ("user-5", "under_13_at"),
    ):
        await set_flag(world, ref, column)
    await world.pool.execute(
        "INSERT INTO recipient_attributes (recipient_id, brand, attributes) VALUES ($1, $2, $3)",
        *(await world.id_of("user-6"), BRAND, {"region": "US-CA"}),
    )
    await checks.erase("user-7")
    case = await checks.new_case(phase_draft({"eu": ["DE"], "us-ca": ["US-CA"]}))
    manifest = await checks.check(case)
    assert (manifest.state, manifest.people, manifest.problem) == ("ready", 7, "")
    lines, texts = await checks.lines(manifest.id), await checks.texts(manifest.id)
    assert {ref: line[0] for ref, line in lines.items() if ref.startswith("user-")} == {
        "user-1": "mail",
        "user-2": "mail",
        "user-3": "mail",
        "user-4": "none",
        "user-5": "none",
        "user-6": "mail",
    }
    assert (lines["user-4"][1], lines["user-5"][1]) == ("address_dead", "under_13")
    assert ("none", "erased") in lines.values()
    assert (texts["user-1"], texts["user-2"]) == (("eu", "de", "DE"), ("elsewhere", "en", "US"))
    assert texts["user-6"] == ("us-ca", "en", "US-CA")
    assert sum(one.people for one in manifest.sums) == 7


async def test_people_with_a_postal_address_get_a_letter_where_mail_cannot_go(
    checks: BreachChecks, world: World
) -> None:
    """The dead address, and everybody whose mailbox strangers read, also another account with the same address."""
    await world.known(1, country="DE")
    await world.known(2, 3, 4, country="DE", email="same@people.example")
    await set_flag(world, "user-1", "address_dead_at")
    await world.pool.execute(
        "INSERT INTO postal_addresses (recipient_id, lines, source) SELECT id, $1, 'test' FROM recipients", ["Weg 1"]
    )
    await world.pool.execute(
        "INSERT INTO audience_members VALUES ($1, 'hacked', $2)", BRAND, await world.id_of("user-2")
    )
    draft = phase_draft(audience={"compromised": "hacked"})
    manifest = await checks.check(await checks.new_case(draft, mail_trouble="theirs"))
    lines = await checks.lines(manifest.id)
    assert lines["user-1"] == ("letter", "address_dead")
    assert {lines[f"user-{n}"] for n in (2, 3, 4)} == {("letter", "own_mailbox_compromised")}


async def test_two_accounts_at_one_address_are_both_told(checks: BreachChecks, world: World) -> None:
    """Neither line is a copy of the other: each account's notice is its own."""
    await world.known(1, 2, country="DE", email="same@people.example")
    manifest = await checks.check(await checks.new_case())
    assert set((await checks.lines(manifest.id)).values()) == {("mail", "mail")}


async def test_the_hash_is_that_of_the_stored_lines(checks: BreachChecks, world: World) -> None:
    """Whoever reads manifest and lines from the database makes the same hash."""
    await world.known(1, 2, 3, country="DE")
    draft = phase_draft({"eu": ["DE"]}, pace=BreachPace(over_hours=2, is_engaged_first=True))
    manifest = await checks.check(await checks.new_case(draft))
    rows = await world.pool.fetch(
        "SELECT recipient_id, channel, reason, variant, locale, place, due_at FROM breach_manifest_people"
        " WHERE manifest_id = $1 ORDER BY recipient_id",
        manifest.id,
    )
    lines = [BreachLine(row[0], BreachChannel(row[1]), *list(row)[2:]) for row in rows]
    assert hash_of_breach_manifest(manifest.frozen, lines) == manifest.hash
    due = [line.due_at for line in lines if line.due_at]
    assert len(due) == 3
    assert due == sorted(due)
    assert due[-1] - due[0] < timedelta(hours=2)


async def test_a_list_that_changes_while_a_check_runs_changes_nothing(
    checks: BreachChecks, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audience is that of one moment: who joins or closes the account afterwards is not in, or as before."""
    ids = await world.known(1, 2, 3, country="DE")
    for id_ in ids[:2]:
        await world.pool.execute("INSERT INTO audience_members VALUES ($1, 'hit', $2)", BRAND, id_)
    case = await checks.new_case(phase_draft(audience={"source": "audience", "audience": "hit"}))
    manifest = await checks.request(case)
    claimed = await checks.queue.claim_manifest_to_build("slow")
    assert claimed is not None
    async with checks.queue.open_building(claimed, world.policies[BRAND], "slow") as building:
        await world.pool.execute("INSERT INTO audience_members VALUES ($1, 'hit', $2)", BRAND, ids[2])
        await world.pool.execute("DELETE FROM audience_members WHERE recipient_id = $1", ids[0])
        await set_flag(world, "user-2", "address_dead_at")
        seen = [member async for some in building.iterate_audience() for member in some]
    assert [(one.standing.recipient_id, one.standing.address_dead) for one in seen] == [
        (ids[0], False),
        (ids[1], False),
    ]
    assert (await checks.manifest(manifest.id)).people_total == 2


@pytest.mark.parametrize("change", ["texts", "facts"])
async def test_what_changes_meanwhile_makes_a_check_outdated(checks: BreachChecks, world: World, change: str) -> None:
    """Neither is released on words or facts that are no longer there; the builder gives up, and no line is left."""
    await world.known(1, country="DE")
    case = await checks.new_case()
    manifest = await checks.request(case)
    claimed = await checks.queue.claim_manifest_to_build("slow")
    assert claimed is not None
    if change == "texts":
        await checks.save(case, phase_draft({"eu": ["DE"]}))
    else:
        await checks.cases.save_facts(case.id, 1, case.facts.model_copy(update={"summary": "More"}), ANN)
    await checks.builder().build_waiting_manifests()
    assert (await checks.manifest(manifest.id)).state == "outdated"
    assert not await checks.lines(manifest.id)
    assert (await checks.phase(case)).state == "draft"


async def test_a_killed_builder_leaves_no_line_and_the_next_one_makes_each_once(
    checks: BreachChecks, world: World, database_url: str
) -> None:
    """`kill -9` in the middle; once the lease is over, another process builds all of it."""
    await world.known(1, 2, 3, country="DE")
    manifest = await checks.request(await checks.new_case())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.breach_crash", database_url),
        env=os.environ | {"MAILER_CRASH_AT": CrashPoint.IN_MANIFEST.value},
    )
    assert await process.wait() == -signal.SIGKILL
    assert not await checks.lines(manifest.id)
    assert await checks.builder().build_waiting_manifests() == 0, "the lease still holds"
    await world.pool.execute("UPDATE breach_manifests SET lease_until = now() - interval '1 second'")
    await checks.builder().build_waiting_manifests()
    built = await checks.manifest(manifest.id)
    assert (built.state, built.people) == ("ready", 3)
    assert len(await checks.lines(manifest.id)) == 3


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ({"source": "audience", "audience": "gone"}, "gone"),
        ({"compromised": "gone"}, "gone"),
        ({"source": "file", "file": "0190a000-0000-7000-8000-000000000000"}, "no such file"),
    ],
)
async def test_an_audience_that_is_gone_fails_the_check(
    checks: BreachChecks, world: World, audience: dict[str, Any], words: str
) -> None:
    """Nobody is left out silently: the check says what is missing, and the phase is a draft again."""
    await world.known(1)
    case = await checks.new_case(phase_draft(audience=audience))
    manifest = await checks.check(case)
    assert manifest.state == "failed"
    assert words in manifest.problem
    assert (await checks.phase(case)).state == "draft"


async def test_a_check_names_the_revisions_that_were_seen(checks: BreachChecks) -> None:
    """A stale page checks nothing; nor is a closed case checked."""
    case = await checks.new_case()
    stale = BreachCheckRequest(case.id, 1, 1, 1, {}, [], [], "x")
    with pytest.raises(BreachManifestRefused, match="meanwhile"):
        await checks.manifests.request_manifest(stale, ANN)
    await checks.cases.decide_state(case.id, "closed", "over", ANN)
    with pytest.raises(BreachManifestRefused, match="closed"):
        await checks.manifests.request_manifest(stale._replace(revision=2), ANN)


async def test_texts_with_errors_freeze_nothing(checks: BreachChecks, world: World) -> None:
    """An empty text is an error, so no manifest is there; complete texts are frozen with the rules in force."""
    await world.known(1, country="DE")
    case = await checks.cases.create_case(BRAND, "Empty", (await checks.new_case()).facts, ANN)
    refused = await checks.start_check(case)
    assert refused.manifest is None
    assert {one.severity for one in refused.findings} >= {"error"}
    assert await checks.manifests.find_manifest_of_phase(case.id, 1) is None
    taken = await checks.start_check(await checks.new_case(phase_draft({"eu": ["DE"]})))
    assert taken.manifest is not None, taken.findings
    assert {row["id"] for row in taken.manifest.frozen.rules}
    assert set(taken.manifest.frozen.templates) == {"eu", "elsewhere"}


async def test_a_check_tells_the_languages_that_are_missing(checks: BreachChecks, world: World) -> None:
    """A finding for each variant and language, with the number of people; what only the file says counts too."""
    await world.known(1, 2, country="DE", locale="fr")
    await world.known(3, country="DE", locale="de-AT")
    await world.known(4, country="US", locale="ja")
    case = await checks.new_case(phase_draft({"eu": ["DE"]}))
    said = [one for one in (await checks.start_check(case)).findings if one.name == "breach-language-missing"]
    assert {(one.place.variant, one.place.locale, one.text) for one in said} == {
        ("eu", "fr", "2 people of eu read fr."),
        ("elsewhere", "ja", "1 people of elsewhere read ja."),
    }
    file_id = await checks.upload(case, "ref,email,country,locale\n,new@people.example,DE,es\nuser-3,,,\n")
    assert (await checks.read(file_id)).state == "done"
    await checks.save(case, phase_draft({"eu": ["DE"]}, audience={"source": "file", "file": file_id}))
    said = [one for one in (await checks.start_check(case)).findings if one.name == "breach-language-missing"]
    assert [one.text for one in said] == ["1 people of eu read es."]


@pytest.mark.parametrize(
    ("draft", "facts", "fault"),
    [
        ({"public_days": 29}, {}, "write 30 to 3660"),
        ({"public_days": 30}, {"sector_laws": ["hipaa"], "data": ["health"]}, "write 90 to 3660, since HIPAA"),
        ({"public_days": 30, "variants": {"elsewhere": {"texts": {"en": {}}}}}, {}, "en: title, en: what happened"),
    ],
)
async def test_a_check_finds_the_faults_of_the_public_notice(
    checks: BreachChecks, draft: dict[str, Any], facts: dict[str, Any], fault: str
) -> None:
    """The release would refuse it at night, so the check does by day; without days nothing is wrong with it."""
    found = await checks.start_check(await checks.new_case(phase_draft(**draft), **facts))
    assert found.manifest is None
    [said] = [one for one in found.findings if one.name == "public-notice"]
    assert fault in said.text
    without = await checks.start_check(await checks.new_case(phase_draft(**{**draft, "public_days": 0}), **facts))
    assert not [one for one in without.findings if one.name == "public-notice"]


async def test_facts_that_name_mailboxes_need_the_list_of_them(checks: BreachChecks) -> None:
    """A notice in a mailbox that strangers read would warn the wrong ones."""
    outcome = await checks.start_check(await checks.new_case(mail_trouble="theirs"))
    assert outcome.manifest is None
    assert any("strangers can read mailboxes" in one.text for one in outcome.findings)


@pytest.mark.parametrize(("days", "warns"), [(2, True), (-2, False)])
async def test_an_agency_that_waits_is_shown_before_a_release(checks: BreachChecks, *, days: int, warns: bool) -> None:
    """The warning is frozen with the check, where the releaser reads it. A day that is over warns of nothing."""
    until = datetime.now(UTC).date() + timedelta(days=days)
    case = await checks.new_case(law_enforcement="FBI, case 7", law_enforcement_delay_until=until)
    outcome = await checks.start_check(case)
    assert outcome.manifest is not None
    waits = [one["text"] for one in outcome.manifest.findings if one["severity"] == "warning" and "FBI" in one["text"]]
    assert waits == [f"FBI, case 7 has asked to wait until {until}."] * warns


async def test_people_behind_a_figure_are_paged_by_its_filter(checks: BreachChecks, world: World) -> None:
    """Each figure of the sums leads to as many people, and no others."""
    await world.known(1, 2, 3, country="DE")
    await world.known(4, country="FR")
    await set_flag(world, "user-3", "address_dead_at")
    manifest = await checks.check(await checks.new_case(phase_draft({"eu": ["DE"]})))
    for one in manifest.sums:
        wanted = LinesWanted(one.channel, one.reason, one.variant, one.place)
        assert len(await checks.manifests.list_people(manifest.id, wanted, 0, 10)) == one.people
    german = LinesWanted(place="DE")
    first = await checks.manifests.list_people(manifest.id, german, 0, 2)
    later = await checks.manifests.list_people(manifest.id, german, first[-1].recipient_id, 2)
    assert [one.ref for one in (*first, *later)] == ["user-1", "user-2", "user-3"]


async def test_a_person_is_shown_what_changed_since_their_last_look(checks: BreachChecks, world: World) -> None:
    """The check that somebody saw before is remembered for each viewer; a second look at the same one keeps it."""
    await world.known(1, country="DE")
    case = await checks.new_case()
    first = await checks.check(case)
    assert await checks.manifests.record_view(first, ANN) is None
    second = await checks.check(case)
    assert await checks.manifests.record_view(second, ANN) == first.id
    assert await checks.manifests.record_view(second, ANN) == first.id
    assert await checks.manifests.record_view(second, "person:Ben") is None


async def test_everyone_has_no_people_of_other_brands(checks: BreachChecks, world: World) -> None:
    """The notice of one brand tells nobody else's people."""
    await world.known(1)
    await world.accept([person(2)], "newsletter", brand="paltalk-2006", controller="paltalk")
    manifest = await checks.check(await checks.new_case())
    assert set(await checks.lines(manifest.id)) == {"user-1"}
