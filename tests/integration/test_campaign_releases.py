"""Releases of campaigns: bound to the manifest's hash, once, by somebody independent, and what was shown is sent."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from mailer.events import EventRefused, validate_event
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind, parse_person_identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.manifests import ManifestRefused
from mailer.postgres.mailing_rescheduling import PostgresMailingSchedule
from tests.campaign_world import ASKER, RELEASER, WRITER, Campaigns
from tests.factories import BRAND, World, open_world, plain_event, received
from tests.integration.web_world import browse
from tests.staff import add_person

SOON = (datetime.now(UTC) + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
GRACE = Identity(IdentityKind.PERSON, "Grace")


@pytest.fixture
def campaigns(world: World) -> Campaigns:
    """The campaigns of the test's world."""
    return Campaigns(world)


async def test_a_release_makes_a_mailing_bound_to_the_hash(campaigns: Campaigns, world: World) -> None:
    """The mailing names publisher and releaser; the ledger names the hash; everybody gets what was foreseen."""
    ids = await world.known(1, 2)
    await world.standings.record_opt_out(BRAND, ids[1], "newsletter", "test")
    campaign = await campaigns.write()
    manifest = await campaigns.checked_and_asked(campaign)
    [made] = await campaigns.release(manifest)
    status = await world.mailings.mailing_status(made.mailing_id)
    assert status is not None
    assert (status.publisher, status.released_by, status.state) == (ASKER, f"person:{RELEASER}", "running")
    assert (status.event_id, status.audience_size) == (f"campaign-{manifest.id}-a", 2)
    assert await campaigns.state(campaign) == "released"
    await campaigns.send_all()
    assert await world.states(made.mailing_id) == {
        "user-1": ("handed_over", ""),
        "user-2": ("suppressed", "opted_out"),
    }
    released = [entry for entry in await world.entries(made.mailing_id) if entry["reason"] == "released"]
    assert f"hash:{(manifest.hash or b'').hex()}" in released[0]["fields"]
    finished = await world.mailings.mailing_status(made.mailing_id)
    assert finished is not None
    assert finished.state == "finished"


@pytest.mark.parametrize("person", ["Wanda", "wanda", "Aslan"])
async def test_writers_and_requesters_do_not_release(campaigns: Campaigns, world: World, person: str) -> None:
    """Neither who wrote a revision nor who asked releases it, however their name is spelled."""
    await world.known(1)
    campaign = await campaigns.write(by=WRITER)
    await campaigns.edit(campaign, by="person:Eddie")
    manifest = await campaigns.checked_and_asked(campaign)
    with pytest.raises(ReleaseRefused, match="second person"):
        await campaigns.release(manifest, person)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings WHERE audience LIKE 'manifest:%'") == 0


async def test_below_the_limit_of_the_policy_one_person_is_enough(campaigns: Campaigns, world: World) -> None:
    """`release_above` counts those who get it: at the limit nobody else is needed, above it somebody is."""
    await world.known(1, 2)
    policy = world.policies[BRAND]
    world.policies[BRAND] = policy.model_copy(update={"release_above": 1})
    manifest = await campaigns.checked_and_asked(await campaigns.write())
    with pytest.raises(ReleaseRefused):
        await campaigns.release(manifest, "Wanda")
    world.policies[BRAND] = policy.model_copy(update={"release_above": 2})
    assert await campaigns.release(manifest, "Wanda")


async def test_people_behind_a_cap_count_for_the_second_person(campaigns: Campaigns, world: World) -> None:
    """A release lasts longer than a cap: who checks on the day of another newsletter does not release alone."""
    await world.known(1, 2)
    world.policies[BRAND] = world.policies[BRAND].model_copy(update={"release_above": 1})
    manifest = await campaigns.checked_and_asked(await campaigns.write())
    for reason, needs_another in (("opted_out", False), ("brand_cap", True)):
        sums = [["send", "", 1], ["suppress", reason, 1]]
        await world.pool.execute("UPDATE manifests SET sums = $2 WHERE id = $1", manifest.id, sums)
        if needs_another:
            with pytest.raises(ReleaseRefused):
                await campaigns.release(manifest, "Wanda")
        seen = await campaigns.manifest(manifest.id)
        assert (seen.people_to_get_mail, seen.people_in_reach) == (1, 1 + needs_another)


async def test_a_new_name_made_by_the_writer_does_not_release(campaigns: Campaigns, world: World) -> None:
    """A renamed writer is refused: who made the one-time link of an account could be that account."""
    await world.known(1)
    await add_person(world.staff, "Wilma")
    await world.pool.execute("UPDATE staff_access_grants SET giver = $1", parse_person_identity("Wanda").form[1])
    manifest = await campaigns.checked_and_asked(await campaigns.write())
    with pytest.raises(ReleaseRefused, match="not independent"):
        await campaigns.release(manifest, "Wilma")


async def test_a_changed_draft_an_old_check_and_another_hash_are_refused(campaigns: Campaigns, world: World) -> None:
    """Each refusal says what to do, and nothing is made."""
    await world.known(1)
    campaign = await campaigns.write()
    manifest = await campaigns.checked_and_asked(campaign)
    releaser = Identity(IdentityKind.PERSON, RELEASER)
    with pytest.raises(ManifestRefused, match="not the check that you have seen"):
        await campaigns.releases.release_manifest(manifest.id, b"\0" * 32, releaser)
    age = "UPDATE manifests SET ready_at = now() - $2::interval WHERE id = $1"
    await world.pool.execute(age, manifest.id, timedelta(days=7, seconds=1))
    with pytest.raises(ManifestRefused, match="older than 7 days"):
        await campaigns.release(manifest)
    await world.pool.execute(age, manifest.id, timedelta())
    policy = world.policies[BRAND]
    world.policies[BRAND] = policy.model_copy(update={"version": "2099"})
    with pytest.raises(ManifestRefused, match="policy has changed"):
        await campaigns.release(manifest)
    world.policies[BRAND] = policy
    await campaigns.edit(campaign, topic="news")
    with pytest.raises(ManifestRefused, match="changed since this check"):
        await campaigns.release(manifest)
    with pytest.raises(ManifestRefused, match="check the campaign first"):
        await campaigns.releases.release_manifest(campaign, b"", releaser)
    assert await world.pool.fetchval("SELECT count(*) FROM campaign_mailings") == 0


async def test_nobody_releases_what_nobody_has_asked_for_or_nobody_would_get(
    campaigns: Campaigns, world: World
) -> None:
    """A checked campaign has to be asked for; one that reaches nobody is refused with the reason."""
    [one] = await world.known(1)
    manifest = await campaigns.check(await campaigns.write())
    with pytest.raises(ManifestRefused, match="ask for it first"):
        await campaigns.release(manifest)
    await world.standings.record_opt_out(BRAND, one, "newsletter", "test")
    empty = await campaigns.check(await campaigns.write())
    with pytest.raises(ManifestRefused, match="nobody would get"):
        await campaigns.store.ask_for_release(empty.id, ASKER)


async def test_two_releases_at_once_make_one_mailing(campaigns: Campaigns, world: World, database_url: str) -> None:
    """One release of two pools wins, the other is told; a replay afterwards is refused, too."""
    await world.known(1, 2)
    manifest = await campaigns.checked_and_asked(await campaigns.write())
    async with open_world(database_url) as other:
        results = await asyncio.gather(
            campaigns.release(manifest), Campaigns(other).release(manifest), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in results) == ["ManifestRefused", "list"]
    with pytest.raises(ManifestRefused, match="released already"):
        await campaigns.release(manifest)
    assert await world.pool.fetchval("SELECT count(*) FROM campaign_mailings") == 1
    assert (
        await world.pool.fetchval(
            "SELECT count(*) FROM deliveries d JOIN mailings m ON m.id = d.mailing_id"
            " WHERE m.audience LIKE 'manifest:%'"
        )
        == 2
    )


async def test_an_event_that_took_the_id_stops_the_release(campaigns: Campaigns, world: World) -> None:
    """An id means one thing (invariant 15): the release says so, and changes nothing."""
    await world.known(1)
    manifest = await campaigns.checked_and_asked(campaign := await campaigns.write())
    await world.accept({"refs": ["user-1"]}, id=f"campaign-{manifest.id}-a")
    with pytest.raises(ManifestRefused, match="duplicate the campaign"):
        await campaigns.release(manifest)
    assert await campaigns.state(campaign) == "awaiting_release"


async def test_profile_values_of_the_texts_are_frozen_at_the_release(campaigns: Campaigns, world: World) -> None:
    """Exactly the attributes that the texts print are kept, and only of the person's own."""
    await world.known(1, 2)
    await campaigns.set_attributes("user-1", plan="gold", time_zone="Europe/Berlin", shoe_size=43)
    campaigns.fields = frozenset({"plan", "first_name"})
    [made] = await campaigns.release(await campaigns.checked_and_asked(await campaigns.write()))
    rows = await world.pool.fetch(
        "SELECT context FROM deliveries WHERE mailing_id = $1 ORDER BY recipient_id", made.mailing_id
    )
    assert [row["context"] for row in rows] == [{"profile": {"plan": "gold"}}, {"profile": {}}]


async def test_local_times_become_batches_of_their_own(campaigns: Campaigns, world: World) -> None:
    """Nothing goes before the first time; then each zone's batch comes at its own, and the state tells the truth."""
    await world.known(1, 2, 3)
    for ref, zone in (("user-1", "Europe/Berlin"), ("user-3", "Asia/Tokyo")):
        await campaigns.set_attributes(ref, time_zone=zone)
    local = {"kind": "local", "local": "2030-06-03T09:00", "zone": "Europe/Berlin"}
    [made] = await campaigns.release(await campaigns.checked_and_asked(await campaigns.write(schedule=local)))
    batches = await world.pool.fetch(
        "SELECT b.due_at, (SELECT count(*) FROM deliveries d WHERE d.batch = b.id) AS size FROM batches b"
        " WHERE b.mailing_id = $1 ORDER BY b.due_at",
        made.mailing_id,
    )
    tokyo, berlin = (datetime(2030, 6, 3, hour, tzinfo=UTC) for hour in (0, 7))
    assert [(row["due_at"], row["size"]) for row in batches] == [(tokyo, 1), (berlin, 2)]
    status = await world.mailings.mailing_status(made.mailing_id)
    assert status is not None
    assert (status.state, status.send_at) == ("scheduled", tokyo)
    await campaigns.send_all()
    assert not world.processor.sent
    with pytest.raises(MailingControlRefused, match="times of their own"):
        await PostgresMailingSchedule(world.pool, world.writers).reschedule_mailing(
            made.mailing_id, SOON, GRACE, "later"
        )
    await world.pool.execute("UPDATE mailings SET send_at = now() WHERE id = $1", made.mailing_id)
    await world.pool.execute("UPDATE batches SET due_at = now() WHERE due_at = $1", tokyo)
    await campaigns.send_all()
    states = await world.states(made.mailing_id)
    assert states["user-3"][0] == "handed_over"
    assert states["user-1"][0] == states["user-2"][0] == "queued"
    running = await world.mailings.mailing_status(made.mailing_id)
    assert running is not None
    assert running.state == "running"


async def test_an_instant_can_be_moved_and_then_needs_another_release(campaigns: Campaigns, world: World) -> None:
    """A campaign at one time for all is rescheduled as other mail."""
    await world.known(1)
    at = {"kind": "instant", "at": SOON.isoformat()}
    [made] = await campaigns.release(await campaigns.checked_and_asked(await campaigns.write(schedule=at)))
    schedule = PostgresMailingSchedule(world.pool, world.writers)
    later = SOON + timedelta(hours=2)
    assert (await schedule.reschedule_mailing(made.mailing_id, later, GRACE, "later")).needs_release
    status = await world.mailings.mailing_status(made.mailing_id)
    assert status is not None
    assert (status.state, status.send_at) == ("awaiting_release", later)


async def test_spreading_cuts_even_batches_over_the_hours(campaigns: Campaigns, world: World) -> None:
    """48 people over two hours: 24 portions, five minutes apart, and the last one before the end."""
    await world.known(*range(1, 49))
    [made] = await campaigns.release(
        await campaigns.checked_and_asked(await campaigns.write(schedule={"over_hours": 2}))
    )
    rows = await world.pool.fetch(
        "SELECT b.due_at, (SELECT count(*) FROM deliveries d WHERE d.batch = b.id) AS size FROM batches b"
        " WHERE b.mailing_id = $1 ORDER BY b.due_at",
        made.mailing_id,
    )
    assert [row["size"] for row in rows] == [2] * 24
    gaps = {later["due_at"] - earlier["due_at"] for earlier, later in pairwise(rows)}
    assert gaps == {timedelta(minutes=5)}


@pytest.mark.parametrize("to", [{"audience": "manifest:0192f0c1:a"}, {"audience": "manifest:"}])
def test_events_cannot_name_manifests(to: dict[str, Any]) -> None:
    """The form of an audience's name lets no event, at any door, name a manifest."""
    with pytest.raises(EventRefused, match=r"to\.audience"):
        validate_event(plain_event(to))


_CHANGES = ("none", "none", "opt_out", "dead", "paused", "unpaused", "restricted")


async def _change(world: World, choice: str, number: int) -> None:
    recipient_id = await world.id_of(f"user-{number}")
    match choice:
        case "opt_out":
            await world.standings.record_opt_out(BRAND, recipient_id, "newsletter", "test")
        case "dead":
            await world.standings.mark_address_dead(BRAND, recipient_id, f"user-{number}@people.example", "test")
        case "paused" | "unpaused":
            until = datetime.now(UTC) + timedelta(days=3) if choice == "paused" else None
            await world.pool.execute(
                "UPDATE standings SET paused_until = $2, version = version + 1 WHERE recipient_id = $1",
                *(recipient_id, until),
            )
        case "none":
            pass
        case _:
            await world.pool.execute(
                "UPDATE standings SET restricted_at = now(), version = version + 1 WHERE recipient_id = $1",
                recipient_id,
            )


async def _outcomes(world: World, manifest_id: UUID) -> dict[str, tuple[str, str, str, str]]:
    rows = await world.pool.fetch(
        "SELECT r.ref, p.result, p.reason, d.state, d.reason AS why FROM manifest_people p"
        " JOIN recipients r ON r.id = p.recipient_id"
        " LEFT JOIN campaign_mailings c ON c.manifest_id = p.manifest_id AND c.variant = p.variant"
        " LEFT JOIN deliveries d ON d.mailing_id = c.mailing_id AND d.recipient_id = p.recipient_id"
        " WHERE p.manifest_id = $1",
        manifest_id,
    )
    return {row["ref"]: (row["result"], row["reason"], row["state"], row["why"]) for row in rows}


async def test_what_was_shown_is_what_was_sent_and_the_differences_have_reasons(
    campaigns: Campaigns, world: World
) -> None:
    """Random standings change between check and sending. Each difference is of somebody who changed, with a reason."""
    chance = random.Random(18)
    for size in (12, 25, 40):
        numbers = list(range(1, size + 1))
        await world.known(*numbers)
        for number in numbers:
            await _change(world, chance.choice(_CHANGES), number)
        manifest = await campaigns.checked_and_asked(await campaigns.write())
        changes = {f"user-{number}": chance.choice(_CHANGES) for number in numbers}
        for ref, choice in changes.items():
            await _change(world, choice, int(ref[5:]))
        before = len(world.processor.sent)
        await campaigns.release(manifest)
        await campaigns.send_all()
        found = await _outcomes(world, manifest.id)
        assert len(found) == manifest.people
        sent = {ref for ref, one in found.items() if one[2] == "handed_over"}
        shown = {ref for ref, one in found.items() if one[0] in ("send", "hold")}
        assert len(world.processor.sent) - before == len(sent)
        assert manifest.people_to_get_mail == len(shown) == len(sent) - len(sent - shown) + len(shown - sent)
        for ref in sent ^ shown:
            assert changes[ref] != "none"
            assert found[ref][1] or found[ref][3], "a difference has a reason"


async def test_no_door_takes_an_audience_of_a_manifest(campaigns: Campaigns, world: World) -> None:
    """An event from a queue or the outbox, a draft and an exclusion that name one are refused before anything is."""
    await world.known(1)
    manifest = await campaigns.checked_and_asked(await campaigns.write())
    name = f"manifest:{manifest.id}:a"
    arrived = received(plain_event({"audience": name}))
    await world.intake().accept_event_messages("newsletter", [arrived])
    assert arrived.settled != "ack"
    assert await world.pool.fetchval("SELECT count(*) FROM mailings WHERE audience IS NOT NULL") == 0
    for draft in ({"audience": name}, {"exclude": [name]}):
        with pytest.raises(ValidationError):
            CampaignDraft.model_validate({"category": "newsletter", "purpose": "newsletter", **draft})
    async with browse(world) as client:
        rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"newsletter"}))
        key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:shop"), rights)
        event = plain_event({"audience": name})
        answer = await client.post("/api/v1/events", json=event, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 422
    assert "to.audience" in answer.text
