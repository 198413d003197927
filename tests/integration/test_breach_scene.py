"""A breach of 2,000 people, from the check to the pack: everybody is told as the issue says, and the sums add up."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mailer.actions.evidence import verify_pack
from mailer.actions.evidence.pack_making import MadePack, PackOrder, iterate_pack
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.evidence_packs import PackReason
from tests.breach_checks import BreachChecks
from tests.breach_scene import (
    CIRCUMSTANCES,
    PEOPLE,
    PLACES,
    VARIANTS,
    count_expected,
    expected_of_people,
    scene_draft,
    scene_people,
    seed_scene,
)
from tests.breach_world import ASKER, RELEASER, Breaches
from tests.evidence_packs import files_of_pack
from tests.factories import World
from tests.released_breach import open_pack_parts


async def test_everybody_of_a_breach_is_told_as_the_law_wants_it(world: World, tmp_path: Path) -> None:
    """The line of each, what is sent and what is written; and the pack verifies."""
    people = scene_people()
    met = {(one.place, one.circumstance, one.has_postal_address) for one in people}
    assert len(met) == len(PLACES) * len(set(CIRCUMSTANCES)) * 2
    expected = expected_of_people(people)
    await seed_scene(world, people)
    checks = BreachChecks(world)
    case = await checks.new_case(scene_draft(), mail_trouble="theirs")
    manifest = await checks.check(case)
    assert (manifest.state, manifest.people, manifest.problem) == ("ready", PEOPLE, "")
    rows = await world.pool.fetch(
        "SELECT r.ref, p.channel, p.reason, p.variant, p.locale, p.place FROM breach_manifest_people p"
        " JOIN recipients r ON r.id = p.recipient_id WHERE p.manifest_id = $1",
        manifest.id,
    )
    wrong = {row["ref"]: tuple(row)[1:] for row in rows if tuple(row)[1:] != expected[row["ref"]]}
    assert wrong == {}
    assert len(rows) == PEOPLE
    sums = Counter[tuple[str, str]]()
    for one in manifest.sums:
        sums[one.channel.value, one.reason] += one.people
    assert sums == count_expected(expected)

    breaches = Breaches(world)
    breaches.desk.rules = list(manifest.frozen.rules)
    await breaches.releases.ask_for_release(manifest.id, ASKER)
    assert manifest.hash is not None
    made = await breaches.releases.release(manifest.id, manifest.hash, Identity(IdentityKind.PERSON, RELEASER))
    assert {one.variant for one in made} == {*VARIANTS, "elsewhere"}
    await breaches.send_all()
    states = await breaches.states(made)
    told = {ref: ("mail" if state == "handed_over" else "other") for ref, (state, _) in states.items()}
    assert told == {ref: ("mail" if one.channel == "mail" else "other") for ref, one in expected.items()}
    notices = await breaches.notices()
    assert {ref: reason for ref, (_, reason, _) in notices.items()} == {
        ref: one.reason for ref, one in expected.items() if one.channel != "mail"
    }
    mailed = {one.recipient for one in world.processor.sent}
    assert not {one.email for one in people if expected[f"user-{one.number}"].channel != "mail"} & mailed

    parts = open_pack_parts(world, "", "", None)
    packed = await parts.reader.find_packed_case(case.id)
    assert packed is not None
    order = PackOrder("person:Paula", PackReason.AUTHORITY, datetime.now(UTC))
    path = tmp_path / "pack.zip"
    path.write_bytes(b"".join([part async for part in iterate_pack(packed, order, parts, MadePack())]))
    right, faults = verify_pack.verify_pack(str(path), None)
    assert faults == []
    assert any(f"{PEOPLE} people add up" in one for one in right)
    files = files_of_pack(path.read_bytes())
    assert json.loads(files["manifest.json"])["problems"] == []
    assert {f"phases/1/rendered/{name}/{locale}.html" for name in VARIANTS for locale in ("de", "en", "fr")} <= set(
        files
    )
