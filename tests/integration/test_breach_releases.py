"""Releases of breach phases: bound to the manifest's hash, once, by somebody independent, and everybody is told."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.breach_release import BreachReleaseRefused
from mailer.ports.mailings import ReleaseRefused
from tests.breach_world import ASKER, CHECKER, REASON, RELEASER, WRITER, Breaches, Line
from tests.factories import BRAND, World, open_world
from tests.staff import add_person

MIXED = [
    Line(1),
    Line(2, locale="de", variant="eu", place="DE"),
    Line(3, "letter", "electronic_refused"),
    Line(4, "none", "no_address", "eu", "de", "DE"),
]


@pytest.fixture
def breaches(world: World) -> Breaches:
    """The breach cases of the test's world."""
    return Breaches(world, portion=1)


async def test_a_release_makes_a_mailing_for_each_variant_bound_to_the_hash(breaches: Breaches, world: World) -> None:
    """Everybody ends by the channel that the releaser saw; the ledger names the hash, the notice is put up with it."""
    await world.known(1, 2, 3, 4, locale="fr")
    case_id = await breaches.write()
    manifest_id = await breaches.asked(case_id, MIXED)
    made = await breaches.release(manifest_id)
    assert [one.variant for one in made] == ["elsewhere", "eu"]
    assert breaches.desk.published == [manifest_id]
    status = await world.mailings.mailing_status(made[1].mailing_id)
    assert status is not None
    assert (status.publisher, status.released_by, status.category) == (ASKER, f"person:{RELEASER}", "breach")
    assert (status.event_id, status.audience_size) == (f"breach-{manifest_id}-eu", 2)
    await breaches.send_all()
    assert await breaches.states(made) == {
        "user-1": ("handed_over", ""),
        "user-2": ("handed_over", ""),
        "user-3": ("diverted", "written_notice"),
        "user-4": ("diverted", "written_notice"),
    }
    assert await breaches.notices() == {
        "user-3": ("open", "electronic_refused", None),
        "user-4": ("open", "no_address", None),
    }
    entries = await world.entries()
    shown = f"hash:{((await breaches.found(manifest_id)).hash or b'').hex()}"
    released = [entry for entry in entries if entry["reason"] in ("released", "breach_released")]
    assert len(released) == 3
    assert all(shown in entry["fields"] for entry in released)
    for one in made:
        ended = await world.mailings.mailing_status(one.mailing_id)
        assert ended is not None
        assert ended.state == "finished"
        assert sum(ended.counts.values()) == ended.audience_size


async def test_mail_is_in_the_language_that_the_releaser_saw(breaches: Breaches, world: World) -> None:
    """The line's language counts, not that of the account, which may have changed since."""
    await world.known(1, 2, locale="fr")
    manifest_id = await breaches.asked(await breaches.write(), [Line(1, locale="de"), Line(2)])
    made = await breaches.release(manifest_id)
    rows = await world.deliveries.read_mailing_deliveries_of_recipients(
        made[0].mailing_id, [await world.id_of("user-1"), await world.id_of("user-2")]
    )
    assert [row.locale for row in rows] == ["de", "en"]
    await breaches.send_all()
    assert {ref: state for ref, (state, _) in (await breaches.states(made)).items()} == {
        "user-1": "handed_over",
        "user-2": "handed_over",
    }


async def test_two_accounts_at_one_address_are_both_told(breaches: Breaches, world: World) -> None:
    """No copy counts for another account, even if both texts are the same."""
    for number in (1, 2):
        await world.known(number, email="family@people.example", name="Alex")
    made = await breaches.release(await breaches.asked(await breaches.write(), [Line(1), Line(2)]))
    await breaches.send_all()
    assert set((await breaches.states(made)).values()) == {("handed_over", "")}
    assert len(world.processor.sent) == 2


@pytest.mark.parametrize("person", ["Wanda", "wanda", "Chiara", "Aslan", "Ulla"])
async def test_nobody_releases_their_own_work(breaches: Breaches, world: World, person: str) -> None:
    """Neither who wrote a revision, checked, asked nor uploaded the file releases it, however their name is spelled."""
    await world.known(1)
    file = {"source": "file", "file": "0192f0c1-0000-7000-8000-000000000000"}
    case_id = await breaches.write(audience=file)
    await breaches.edit(case_id, by="person:Eddie", audience=file)
    manifest_id = await breaches.asked(case_id, [Line(1)])
    with pytest.raises(ReleaseRefused, match="second person"):
        await breaches.release(manifest_id, person)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings WHERE audience LIKE 'breach-manifest:%'") == 0
    assert (await breaches.found(manifest_id)).phase_state == "awaiting_release"


async def test_who_wrote_a_former_revision_of_the_facts_does_not_release(breaches: Breaches, world: World) -> None:
    """Facts decide who gets what: each of their writers is an author."""
    await world.known(1)
    case_id = await breaches.write()
    case = await breaches.cases.find_case(case_id)
    assert case is not None
    await breaches.cases.save_facts(case_id, 1, case.facts.model_copy(update={"is_encrypted": True}), "person:Frida")
    manifest_id = await breaches.asked(case_id, [Line(1)])
    with pytest.raises(ReleaseRefused, match="person:Frida wrote"):
        await breaches.release(manifest_id, "Frida")


async def test_a_new_name_made_by_the_writer_does_not_release(breaches: Breaches, world: World) -> None:
    """A renamed writer is refused: who made the one-time link of an account could be that account."""
    await world.known(1)
    await add_person(world.staff, "Wilma")
    await world.pool.execute("UPDATE staff_access_grants SET giver = $1", Identity.parse_identity(WRITER).form[1])
    manifest_id = await breaches.asked(await breaches.write(), [Line(1)])
    with pytest.raises(ReleaseRefused, match="not independent"):
        await breaches.release(manifest_id, "Wilma")


@pytest.mark.parametrize(
    ("audience", "who"),
    [
        ({"source": "audience", "audience": "wrong-people"}, "Lisa"),
        ({"source": "audience", "audience": "wrong-people"}, "Ida"),
        ({"source": "audience", "audience": "segment:some"}, "Sam"),
        ({"source": "audience", "audience": "segment:some"}, "Selma"),
        ({"source": "audience", "audience": "segment:some"}, "Lisa"),
        ({"compromised": "wrong-people"}, "Lisa"),
    ],
)
async def test_who_chose_the_people_releases_nothing(
    breaches: Breaches, world: World, audience: dict[str, str], who: str
) -> None:
    """A list, a segment with its lists, or an import decides who is told: its author is no second person."""
    await world.known(1)
    await world.pool.execute(
        "INSERT INTO audience_lists (brand, name, created_by) VALUES ($1, 'wrong-people', 'person:Lisa')", BRAND
    )
    await world.pool.execute(
        "INSERT INTO recipient_imports (id, brand, file_name, digest, size, mapping, state, created_by)"
        " VALUES (gen_random_uuid(), $1, 'a.csv', '', 1, $2, 'done', 'person:Ida')",
        *(BRAND, {"audiences": ["wrong-people"]}),
    )
    condition = {"type": "list", "operator": "is_not_on", "name": "wrong-people"}
    await world.pool.execute(
        "INSERT INTO segments (brand, name, condition, created_by, updated_by)"
        " VALUES ($1, 'some', $2, 'person:Sam', 'person:Selma')",
        *(BRAND, condition),
    )
    manifest_id = await breaches.asked(await breaches.write(audience=audience), [Line(1)])
    with pytest.raises(ReleaseRefused, match=f"{who} (made|changed|imported) the (list|segment) of"):
        await breaches.release(manifest_id, who)
    assert await breaches.release(manifest_id)


async def test_what_has_changed_since_is_refused(breaches: Breaches, world: World) -> None:
    """Another hash, an old check, another policy, other rules, facts and texts: each refusal says what to do."""
    await world.known(1)
    case_id = await breaches.write()
    manifest_id = await breaches.asked(case_id, [Line(1)])
    with pytest.raises(BreachReleaseRefused, match="not the check that you have seen"):
        await breaches.releases.release(manifest_id, b"\0" * 32, Identity(IdentityKind.PERSON, RELEASER))
    age = "UPDATE breach_manifests SET ready_at = now() - $2::interval WHERE id = $1"
    await world.pool.execute(age, manifest_id, timedelta(hours=72, seconds=1))
    with pytest.raises(BreachReleaseRefused, match="older than 72 hours"):
        await breaches.release(manifest_id)
    await world.pool.execute(age, manifest_id, timedelta())
    policy = world.policies[BRAND]
    world.policies[BRAND] = policy.model_copy(update={"version": "2099"})
    with pytest.raises(BreachReleaseRefused, match="policy has changed"):
        await breaches.release(manifest_id)
    world.policies[BRAND] = policy
    breaches.desk.rules = [{"id": "gdpr-34", "within_hours": 24}]
    with pytest.raises(BreachReleaseRefused, match="rules about breaches have changed"):
        await breaches.release(manifest_id)
    breaches.desk.rules = [{"id": "gdpr-34"}]
    await breaches.edit(case_id)
    with pytest.raises(BreachReleaseRefused, match="have changed since this check"):
        await breaches.release(manifest_id)
    manifest_id = await breaches.asked(case_id, [Line(1)])
    case = await breaches.cases.find_case(case_id)
    assert case is not None
    await breaches.cases.save_facts(case_id, 1, case.facts.model_copy(update={"is_encrypted": True}), WRITER)
    with pytest.raises(BreachReleaseRefused, match="have changed since this check"):
        await breaches.release(manifest_id)
    with pytest.raises(BreachReleaseRefused, match="check the phase first"):
        await breaches.releases.release(case_id, b"", Identity(IdentityKind.PERSON, RELEASER))
    assert await world.pool.fetchval("SELECT count(*) FROM breach_mailings") == 0


async def test_a_release_needs_a_request_an_audience_and_no_error(breaches: Breaches, world: World) -> None:
    """A checked phase has to be asked for; an empty audience and a named error are refused with the reason."""
    await world.known(1)
    case_id = await breaches.write()
    manifest_id = await breaches.check(case_id, [Line(1)])
    with pytest.raises(BreachReleaseRefused, match="ask for it first"):
        await breaches.release(manifest_id)
    await world.pool.execute(
        "UPDATE breach_manifests SET findings = $2 WHERE id = $1", manifest_id, [{"severity": "error"}]
    )
    with pytest.raises(BreachReleaseRefused, match="1 errors of the texts"):
        await breaches.releases.ask_for_release(manifest_id, ASKER)
    empty = await breaches.check(case_id, [])
    with pytest.raises(BreachReleaseRefused, match="audience is empty"):
        await breaches.releases.ask_for_release(empty, ASKER)
    closed = await breaches.check(case_id, [Line(1)])
    await breaches.cases.decide_state(case_id, "not_notified", "The key was not taken.", WRITER)
    with pytest.raises(BreachReleaseRefused, match="not_notified"):
        await breaches.releases.ask_for_release(closed, ASKER)


async def test_people_of_a_variant_without_a_text_are_not_forgotten(breaches: Breaches, world: World) -> None:
    """A line that no mailing would take stops the release."""
    await world.known(1, 2)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1), Line(2, variant="us-ca")])
    with pytest.raises(BreachReleaseRefused, match="variant us-ca would get no text"):
        await breaches.release(manifest_id)


async def test_two_releases_at_once_make_one_set_of_mailings(
    breaches: Breaches, world: World, database_url: str
) -> None:
    """One release of two pools wins in either order, the other is told; a replay afterwards is refused, too."""
    await world.known(1, 2)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1), Line(2, "letter", "no_address")])
    async with open_world(database_url) as other:
        results = await asyncio.gather(
            breaches.release(manifest_id, "Rita"), Breaches(other).release(manifest_id, "Rolf"), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in results) == ["BreachReleaseRefused", "list"]
    for person in ("Rita", "Rolf"):
        with pytest.raises(BreachReleaseRefused, match="released already"):
            await breaches.release(manifest_id, person)
    assert await world.pool.fetchval("SELECT count(*) FROM breach_mailings") == 2
    assert await world.pool.fetchval("SELECT count(*) FROM breach_expansions") == 1


async def test_facts_saved_while_somebody_releases_come_before_or_after(
    breaches: Breaches, world: World, database_url: str
) -> None:
    """A release and a save at once: either the release is refused, or what it sent is what was checked."""
    await world.known(1)
    case_id = await breaches.write()
    manifest_id = await breaches.asked(case_id, [Line(1)])
    case = await breaches.cases.find_case(case_id)
    assert case is not None
    changed = case.facts.model_copy(update={"is_encrypted": True})
    async with open_world(database_url) as other:
        released, saved = await asyncio.gather(
            Breaches(other).release(manifest_id),
            breaches.cases.save_facts(case_id, case.revision, changed, WRITER),
            return_exceptions=True,
        )
    assert not isinstance(saved, BaseException)
    found = await breaches.found(manifest_id)
    if isinstance(released, BaseException):
        assert isinstance(released, BreachReleaseRefused)
        assert (found.state, found.phase_state) == ("outdated", "draft")
    else:
        assert (found.state, found.phase_state) == ("released", "released")


async def test_an_event_that_took_the_id_stops_the_release(breaches: Breaches, world: World) -> None:
    """An id means one thing (invariant 15): the release says so, and changes nothing."""
    await world.known(1)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1)])
    await world.accept({"refs": ["user-1"]}, id=f"breach-{manifest_id}-eu")
    with pytest.raises(BreachReleaseRefused, match="check the phase again"):
        await breaches.release(manifest_id)
    assert (await breaches.found(manifest_id)).state == "ready"


async def test_break_glass_needs_the_policy_and_a_reason_and_then_a_second_look(
    breaches: Breaches, world: World
) -> None:
    """The writer releases alone only if the policy lets her, with words; somebody independent looks afterwards."""
    await world.known(1)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1)])
    with pytest.raises(BreachReleaseRefused, match="lets nobody release alone"):
        await breaches.release(manifest_id, "Wanda", REASON)
    breaches.desk.break_glass = "with_reason"
    for reason in ("", "too short", "1234567890 1234567890 1234567890", "x" * 501, "line\nbreak " + "x" * 30):
        with pytest.raises(BreachReleaseRefused, match=r"reason|say why"):
            await breaches.release(manifest_id, "Wanda", reason)
    assert await breaches.release(manifest_id, "Wanda", REASON)
    found = await breaches.found(manifest_id)
    assert (found.break_glass, found.released_by, found.second_look_at) == (REASON, WRITER, None)
    assert "breach_released_alone" in [entry["reason"] for entry in await world.entries()]
    for own in (WRITER, ASKER, CHECKER):
        with pytest.raises(ReleaseRefused):
            await breaches.releases.record_second_look(
                manifest_id, Identity.parse_identity(own), "All is right", is_right=True
            )
    look: dict[str, Any] = {"manifest_id": manifest_id, "looker": Identity(IdentityKind.PERSON, "Rita")}
    with pytest.raises(BreachReleaseRefused, match="write what you found"):
        await breaches.releases.record_second_look(**look, words=" ", is_right=True)
    await breaches.releases.record_second_look(**look, words="One place is missing", is_right=False)
    assert (await breaches.found(manifest_id)).second_look == "One place is missing"
    assert "breach_second_look_wrong" in [entry["reason"] for entry in await world.entries()]
    with pytest.raises(BreachReleaseRefused, match="looked at it already"):
        await breaches.releases.record_second_look(**look, words="Again", is_right=True)


async def test_no_second_look_at_what_two_have_released(breaches: Breaches, world: World) -> None:
    """Nothing is due for a release by a second person."""
    await world.known(1)
    manifest_id = await breaches.asked(await breaches.write(), [Line(1)])
    await breaches.release(manifest_id)
    with pytest.raises(BreachReleaseRefused, match="released alone"):
        await breaches.releases.record_second_look(
            manifest_id, Identity(IdentityKind.PERSON, "Zoe"), "Fine", is_right=True
        )


async def test_mail_goes_at_the_pace_of_the_check_counted_from_the_release(breaches: Breaches, world: World) -> None:
    """Each person's time moves with the release, and no earlier part waits for a later one."""
    await world.known(1, 2, 3)
    lines = [Line(1, due_in=timedelta()), Line(2, due_in=timedelta(hours=1)), Line(3, due_in=timedelta(hours=2))]
    manifest_id = await breaches.asked(await breaches.write(), lines)
    await world.pool.execute("UPDATE breach_manifests SET requested_at = requested_at - interval '10 hours'")
    await world.pool.execute("UPDATE breach_manifest_people SET due_at = due_at - interval '10 hours'")
    made = await breaches.release(manifest_id)
    waits = await world.pool.fetch(
        "SELECT round(extract(epoch FROM b.due_at - m.released_at) / 3600)::int AS hours FROM batches b"
        " JOIN breach_mailings x ON x.mailing_id = b.mailing_id JOIN breach_manifests m ON m.id = x.manifest_id"
        " ORDER BY b.due_at"
    )
    assert [row["hours"] for row in waits] == [0, 1, 2]
    await breaches.send_all()
    assert (await breaches.states(made))["user-1"] == ("handed_over", "")
    assert (await breaches.states(made))["user-3"] == ("queued", "")


async def test_looks_show_what_a_person_saw_before(breaches: Breaches, world: World) -> None:
    """A reload shows the same difference; another person has seen nothing."""
    await world.known(1)
    case_id = await breaches.write()
    first = await breaches.check(case_id, [Line(1)])
    assert await breaches.releases.record_look(first, "person:Rita") is None
    await breaches.edit(case_id)
    second = await breaches.check(case_id, [])
    for _ in range(2):
        before = await breaches.releases.record_look(second, "person:Rita")
        assert before is not None
        assert before.id == first
    assert await breaches.releases.record_look(second, "person:Rolf") is None


async def test_samples_have_people_of_each_reason(breaches: Breaches, world: World) -> None:
    """Some of each channel and reason, however many the first one has."""
    await world.known(1, 2, 3, 4, 5)
    lines = [*(Line(number) for number in (1, 2, 3)), Line(4, "letter", "no_address"), Line(5, "none", "no_address")]
    manifest_id = await breaches.check(await breaches.write(), lines)
    found = await breaches.releases.sample_people(manifest_id, 2)
    assert [(one.channel, one.reason) for one in found] == [
        ("letter", "no_address"),
        ("mail", "mail"),
        ("mail", "mail"),
        ("none", "no_address"),
    ]
