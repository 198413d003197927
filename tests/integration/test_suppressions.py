"""Suppressions: their causes, the people whom they concern, and their ends. All of it is on record."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailer.actions.csv_reading import InputRefused
from mailer.actions.opt_out import record_opt_out
from mailer.actions.suppression import SuppressionRefused, lift_suppression, object_to_marketing, suppress_recipient
from mailer.actions.suppression_and_consent_import import RejectedLine, import_suppression_file
from mailer.events import Person
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.policy.standing import Standing
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.suppressions import NewSuppression, Suppression
from mailer.ports.time_ordered_uuids import uuid7
from tests.campaigns import commands
from tests.factories import BRAND, World, open_world, policies

POLICY = policies()[BRAND]
SISTER = "paltalk-2006"
SOON = timedelta(hours=1)


def told(scope: str = "newsletter", **values: Any) -> NewSuppression:
    """A suppression that a person asked an operator for."""
    stated = {"reason": "opt_out", "source": "by telephone", "actor": "Dana"}
    return NewSuppression(scope, **stated | values)


async def standing(world: World, recipient_id: int, brand: str = BRAND) -> Standing:
    """The standing of a person."""
    found = await world.standings.get_standing(brand, recipient_id)
    assert found is not None
    return found


async def all_of(found: AsyncIterator[Suppression]) -> list[Suppression]:
    """All suppressions, as a list."""
    return [one async for one in found]


async def test_an_operator_suppresses(world: World) -> None:
    """A suppression by an operator holds at once, with the person who recorded it."""
    [ada] = await world.known(1)
    await suppress_recipient(world.suppressions, POLICY, ada, told())
    assert (await standing(world, ada)).opted_out == {"newsletter"}
    [found] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    assert (found.reason, found.source, found.actor, found.brand) == ("opt_out", "by telephone", "Dana", BRAND)
    assert found.hash == world.hasher.hash_address("user-1@people.example").hex()
    [entry] = await world.entries(kind="action")
    assert (entry["reason"], entry["category"], entry["rule"]) == ("opt_out", "newsletter", "action:operator")
    assert entry["reply"] == "Dana: by telephone"


async def test_an_objection_is_the_controllers(world: World) -> None:
    """An objection holds at every brand of the controller for the address, for later people too. It moves along."""
    [ada] = await world.known(1)
    await world.accept([{"ref": "user-1", "email": "user-1@people.example"}], brand=SISTER, controller=BRAND)
    await object_to_marketing(world.suppressions, POLICY, ada, "letter", "Dana")
    assert (await standing(world, await world.id_of("user-1", SISTER), SISTER)).objected
    [later] = await world.known(2, email="USER-1@people.example")
    assert (await standing(world, later)).objected
    await world.known(1, email="new@people.example")
    assert (await standing(world, ada)).objected
    [found] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    assert (found.brand, found.reason, found.scope) == (None, "objection", "*")


async def test_who_has_no_address_objects_too(world: World) -> None:
    """An account without an address objects as an account, and has objected when it gets one."""
    await world.accept({"refs": ["user-1"]})
    ada = await world.id_of("user-1")
    await object_to_marketing(world.suppressions, POLICY, ada, "letter", "Dana")
    assert (await standing(world, ada)).objected
    await world.known(1)
    assert (await standing(world, ada)).objected
    assert [one.reason for one in await world.suppressions.all_suppressions_of_recipient(BRAND, ada)] == ["objection"]


async def test_a_lift_ends_it_for_all_and_stays_on_record(world: World) -> None:
    """Lifting needs a reason and a person, frees everyone with the address, and leaves the record."""
    ada, grace = await world.known(1, 2, email="ada@people.example")
    await record_opt_out(world.standings, POLICY, ada, "newsletter", "one-click")
    [found] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    for actor, reason in (("", "a mistake"), ("Dana", " ")):
        with pytest.raises(SuppressionRefused, match="name both"):
            await lift_suppression(world.suppressions, POLICY, found.id, found.at, actor, reason)
    await lift_suppression(world.suppressions, POLICY, found.id, found.at, "Dana", "her sister pressed it")
    for recipient_id in (ada, grace):
        assert (await standing(world, recipient_id)).opted_out == frozenset()
    [kept] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    assert (kept.id, kept.lifted_by, kept.lift_reason) == (found.id, "Dana", "her sister pressed it")
    lifted = [entry for entry in await world.entries(kind="action") if entry["reason"] == "lifted opt_out"]
    assert {(entry["recipient"], entry["category"], entry["reply"]) for entry in lifted} == {
        (recipient_id, "newsletter", "Dana: her sister pressed it") for recipient_id in (ada, grace)
    }
    with pytest.raises(SuppressionRefused, match="ended already"):
        await lift_suppression(world.suppressions, POLICY, found.id, found.at, "Dana", "again")
    await record_opt_out(world.standings, POLICY, ada, "newsletter", "one-click")
    assert len(await world.suppressions.all_suppressions_of_recipient(BRAND, ada)) == 2


@pytest.mark.parametrize("reason", ["opt_out", "complaint", "objection"])
async def test_a_lift_ends_nothing_newer_than_was_seen(world: World, reason: str) -> None:
    """An opt-out that was said again since somebody looked stays, and the older consents stay without effect."""
    [ada] = await world.known(1)
    await suppress_recipient(world.suppressions, POLICY, ada, told("*", reason=reason))
    [seen] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    await suppress_recipient(world.suppressions, POLICY, ada, told("*", reason=reason))
    with pytest.raises(SuppressionRefused, match="was said again or ended meanwhile; look at it again"):
        await lift_suppression(world.suppressions, POLICY, seen.id, seen.at, "Dana", "by telephone")
    [again] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    assert (again.id, again.lifted_at, again.at > seen.at) == (seen.id, None, True)
    assert not await world.suppressions.lift_suppression(seen.id, "Dana", "by telephone", seen.at)
    await lift_suppression(world.suppressions, POLICY, again.id, again.at, "Dana", "by telephone")
    assert (await standing(world, ada)).opted_out == frozenset()


async def test_what_cannot_be_lifted(world: World) -> None:
    """An erasure cannot be lifted. Another controller's suppressions are not found."""
    [ada] = await world.known(1)
    await world.pool.execute(
        "INSERT INTO suppressions (controller, address_key, address_hash, scope, reason, source)"
        " SELECT controller, address_key, address_hash, '*', 'erased', 'test' FROM recipients"
    )
    [found] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    with pytest.raises(SuppressionRefused, match="is for erased, which stays"):
        await lift_suppression(world.suppressions, POLICY, found.id, found.at, "Dana", "they are back")
    for policy, id_ in ((policies()[SISTER], found.id), (POLICY, found.id + 1)):
        with pytest.raises(SuppressionRefused, match="has no suppression"):
            await lift_suppression(world.suppressions, policy, id_, found.at, "Dana", "a mistake")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scope": "service"}, "'service' cannot be left"),
        ({"reason": "erased"}, "'erased' is none of"),
        ({"actor": " "}, "needs a source and an actor"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "over already"),
    ],
)
async def test_what_cannot_be_suppressed(world: World, values: dict[str, Any], message: str) -> None:
    """Mandatory mail, an erasure, an anonymous entry and an entry that is over cannot be suppressed."""
    [ada] = await world.known(1)
    with pytest.raises(SuppressionRefused, match=message):
        await suppress_recipient(world.suppressions, POLICY, ada, told(**values))
    assert await world.suppressions.all_suppressions_of_recipient(BRAND, ada) == []


async def test_an_import_of_addresses_that_nobody_has_is_on_record(database_url: str, tmp_path: Path) -> None:
    """Entries say how many were taken and why, without an address; a failover that loses them is noticed."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as notes:
        async with open_world(database_url, notes=notes) as world:
            await world.known(1)
            notes.switch_notes_to_lineage(uuid7())
            lines = ["email,reason\n", "user-1@people.example,\n", "a@old.example,\n", "b@old.example,complaint\n"]
            done = await import_suppression_file(
                world.suppressions, POLICY, [*lines, "c@old.example,\n"], print, "the old shop"
            )
            assert done.taken == 4
            entries = await world.entries(kind="action")
            assert Counter((entry["reason"], entry["recipient"] is None) for entry in entries) == {
                ("opt_out", False): 1,
                ("opt_out unknown_addresses 2", True): 1,
                ("complaint unknown_addresses 1", True): 1,
            }
            assert {(entry["category"], entry["rule"], entry["reply"]) for entry in entries} == {
                ("*", "action:import", "import: the old shop")
            }
            assert "old.example" not in str(entries)
            assert (await world.ledger.verify_ledger()).faults == ()
            [trace] = notes.read_last_committed_entries()
            assert {(str(writer), n) for writer, n in trace.heads} >= {(entries[-1]["writer"], entries[-1]["n"])}


async def test_nobody_there(world: World) -> None:
    """A suppression of somebody whom the brand does not have is refused."""
    with pytest.raises(SuppressionRefused, match="no such recipient"):
        await suppress_recipient(world.suppressions, POLICY, 99, told())
    with pytest.raises(SuppressionRefused, match="no such recipient"):
        await object_to_marketing(world.suppressions, POLICY, 99, "letter", "Dana")
    assert await world.entries() == []


async def over(world: World) -> None:
    """Ends everything that expires, as if its time had passed."""
    await world.pool.execute("UPDATE suppressions SET expires_at = now() - interval '1 s' WHERE expires_at IS NOT NULL")


async def test_one_with_an_end_lapses(world: World) -> None:
    """The timekeeper ends it once its time has passed, at a new address too, and the record says so."""
    ada, grace = await world.known(1, 2, email="ada@people.example")
    await suppress_recipient(world.suppressions, POLICY, ada, told(expires_at=datetime.now(UTC) + SOON))
    await world.known(1, email="new@people.example")
    assert (await standing(world, ada)).opted_out == (await standing(world, grace)).opted_out == {"newsletter"}
    await world.timekeeper().run_all_steps_once()
    assert (await standing(world, ada)).opted_out == {"newsletter"}
    await over(world)
    await world.timekeeper().run_all_steps_once()
    assert (await standing(world, ada)).opted_out == (await standing(world, grace)).opted_out == frozenset()
    [kept] = [
        one for one in await world.suppressions.all_suppressions_of_recipient(BRAND, grace) if one.reason == "opt_out"
    ]
    assert (kept.lifted_by, kept.lift_reason) == ("timekeeper", "expired")
    reasons = [entry["reason"] for entry in await world.entries(kind="action")]
    assert reasons.count("lifted opt_out") == 2
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_an_opt_out_outlasts_what_expires(world: World) -> None:
    """A person who leaves for good during a temporary suppression, or just after it, has left for good."""
    [ada] = await world.known(1)
    await suppress_recipient(world.suppressions, POLICY, ada, told(expires_at=datetime.now(UTC) + SOON))
    await over(world)
    await record_opt_out(world.standings, POLICY, ada, "newsletter", "one-click")
    await over(world)
    await world.timekeeper().run_all_steps_once()
    assert (await standing(world, ada)).opted_out == {"newsletter"}


async def test_a_complaint_that_is_lifted_leaves_nothing_behind(world: World) -> None:
    """A complaint stops the mail as an opt-out does, and is one suppression, which can be lifted."""
    [ada] = await world.known(1)
    await suppress_recipient(world.suppressions, POLICY, ada, told("*", reason="complaint", source="feedback loop"))
    assert (await standing(world, ada)).opted_out == {"*"}
    await world.known(1, name="Ada")
    [found] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    await lift_suppression(world.suppressions, POLICY, found.id, found.at, "Dana", "she pressed the wrong button")
    await world.known(1, name="Ada L.")
    assert (await standing(world, ada)).opted_out == frozenset()


async def test_another_systems_list(world: World) -> None:
    """Unknown addresses are stored as hashes. A person who comes later with one has left. Bad lines are reported."""
    [ada] = await world.known(1)
    rejected: list[RejectedLine] = []
    lines = [
        "email,scope,reason,source,at,expires_at\n",
        "User-1@people.example,newsletter,opt_out,old system,2020-01-01T00:00:00Z,\n",
        "user-1@people.example,promotional,,,,\n",
        "user-2@people.example,,,,,\n",
        "dead@people.example,,address_dead,,,\n",
        "no address,,,,,\n",
        "user-3@people.example,service,,,,\n",
        "user-3@people.example,,,,yesterday,\n",
    ]
    done = await import_suppression_file(world.suppressions, POLICY, lines, rejected.append, "old system")
    assert (done.taken, done.rejected) == (4, 3)
    assert [line.line for line in rejected] == [6, 7, 8]
    assert (await standing(world, ada)).opted_out == {"newsletter", "promotional"}
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="user-2", email="USER-2@people.example"))]
    )
    await world.importer().import_rows_in_one_transaction(
        [RecipientImportRow(Person(ref="user-4", email="dead@people.example"))]
    )
    assert (await standing(world, await world.id_of("user-2"))).opted_out == {"*"}
    assert (await standing(world, await world.id_of("user-4"))).address_dead
    exported = await all_of(world.suppressions.iterate_suppressions_in_force(BRAND, BRAND))
    assert {(one.scope, one.reason, one.source) for one in exported} == {
        ("newsletter", "opt_out", "old system"),
        ("promotional", "opt_out", "old system"),
        ("*", "opt_out", "old system"),
        ("*", "address_dead", "old system"),
    }
    assert exported[0].at == datetime(2020, 1, 1, tzinfo=UTC)
    assert await all_of(world.suppressions.iterate_suppressions_in_force(SISTER, BRAND)) == [], (
        "another system's list is of its own brand's mail"
    )
    [known] = await world.suppressions.all_suppressions_of_address(BRAND, BRAND, "user-2@PEOPLE.example")
    assert known.scope == "*"
    entries = [(entry["reason"], entry["category"]) for entry in await world.entries(kind="action")]
    assert entries == [
        ("opt_out", "newsletter"),
        ("opt_out", "promotional"),
        ("opt_out unknown_addresses 1", "*"),
        ("address_dead unknown_addresses 1", "*"),
    ]


@pytest.mark.parametrize("header", ["address", "email,colour", ""])
async def test_a_list_without_its_columns(world: World, header: str) -> None:
    """A file that is no list of addresses is refused."""
    with pytest.raises(InputRefused, match="the columns are email, scope"):
        await import_suppression_file(world.suppressions, POLICY, [header, "x"], lambda line: None)


async def test_an_operator_does_all_of_it_by_commands(world: World, tmp_path: Path, database_url: str) -> None:
    """Commands suppress, explain and lift: the test checks each answer, and each refusal."""
    operator = commands(tmp_path, database_url)
    (operator.folder / "people.csv").write_text("ref,email\nuser-1,user-1@people.example\n")
    await operator.done("recipients", "import", "people.csv", "--brand", BRAND)
    ada = await world.id_of("user-1")
    whose = ("--brand", BRAND, "--ref", "user-1")
    said = ("--by", "Dana", "--source", "by telephone")
    await operator.done("suppressions", "add", *whose, *said, "--scope", "newsletter", "--expires", "2199-01-01T00:00Z")
    await operator.done("suppressions", "add", *whose, *said, "--reason", "objection")
    stands = await standing(world, ada)
    assert stands.opted_out == {"newsletter"}
    assert stands.objected
    listed = (await operator.done("suppressions", "list", *whose, "--json")).json
    assert [(one["reason"], one["brand"], one["actor"]) for one in listed] == [
        ("opt_out", BRAND, "Dana"),
        ("objection", None, "Dana"),
    ]
    lifted = (
        "suppressions",
        "lift",
        str(listed[1]["id"]),
        "--brand",
        BRAND,
        "--by",
        "Dana",
        "--since",
        listed[1]["at"],
    )
    await operator.done(*lifted, "--reason", "the letter was about another account")
    assert not (await standing(world, ada)).objected
    assert len((await operator.done("suppressions", "list", "--brand", BRAND, "--json")).json) == 1
    why = await operator.done("suppressions", "explain", "--brand", BRAND, "--email", "USER-1@people.example", "--json")
    assert [one["lift_reason"] for one in why.json] == [None, "the letter was about another account"]
    shown = (await operator.done("suppressions", "explain", *whose)).out
    assert ("objection" in shown, "every" in shown, "2199-01-01" in shown) == (True, True, True)
    for arguments, message in (
        ((*lifted, "--reason", "again"), "ended already"),
        (("suppressions", "add", *whose, *said, "--scope", "service"), "'service' cannot be left"),
        (("suppressions", "add", *whose, *said, "--expires", "tomorrow"), "--expires: 'tomorrow' is no time"),
        (("suppressions", "explain", "--brand", BRAND), "say whose it is"),
        (("suppressions", "list", "--brand", "acme"), "there is no brand acme"),
        (("suppressions", "list", "--brand", BRAND, "--ref", "nobody"), "has no recipient nobody"),
    ):
        refused = await operator.run(*arguments)
        assert (refused.status, message in refused.err) == (2, True), refused.err
