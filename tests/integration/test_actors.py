"""Actors stand in the ledger's entries, and in its chain."""

import json
from typing import Any

import pytest

from mailer.ledger.writers import LedgerWriters, append_entries
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from tests.chains import faults
from tests.doubles import FakeReceived
from tests.factories import BRAND, KEY, World, person, plain_event, received
from tests.integration.test_account_events import event as account_event
from tests.integration.web_world import browse
from tests.processes import Stack
from tests.publishers import issue_key

CONSENT = {"scope": "newsletter", "version": "1", "words": "Yes, write to me.", "at": "2026-01-01T00:00:00Z"}


async def actors(world: World, kind: str) -> list[tuple[str, str | None]]:
    """The reasons of a kind's entries, with who said so."""
    return [(entry["reason"], entry["actor"]) for entry in await world.entries(kind=kind)]


async def test_a_mailing_names_its_publisher_and_who_released_it(world: World) -> None:
    """Decisions, hand-overs and outcomes are mailer's own."""
    breach = plain_event([person(1)], "breach")
    await world.intake().accept_event_messages("breach", [received(breach)])
    status = await world.mailings.find_mailing_status_of_event(BRAND, breach["id"])
    assert status is not None
    await world.mailings.release_mailing(status.id, "Dana")
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await actors(world, "mailing") == [("accepted", "broker:shop"), ("released", "person:Dana")]
    for kind in ("decision", "hand_over", "outcome"):
        assert {actor for _, actor in await actors(world, kind)} == {None}
    assert await faults(world) == []


async def test_what_is_said_of_an_account_names_who_said_it(world: World) -> None:
    """The ledger names who reported a change of an account, on each door. A recipient's own act names nobody."""
    [ada] = await world.known(1)
    arrived: FakeReceived = received(account_event("restrict"), f"{BRAND}.account")
    await world.intake().accept_event_messages("service", [arrived])
    bearer = f"Bearer {await issue_key(world.pool, 'shop', BRAND)}"
    path = f"/api/v1/recipients/{BRAND}/user-1"
    async with browse(world, authorization=bearer) as client:
        for what, body in (
            ("unrestrict", {}),
            ("consents", CONSENT),
            ("consents", {"scope": "newsletter", "given": False}),
            ("opt-outs", {"scopes": ["promotional"]}),
            ("erase", {}),
        ):
            assert (await client.post(f"{path}/{what}", json=body)).status_code == 200
    assert arrived.settled == "ack"
    named = [actor for _, actor in await actors(world, "action")]
    assert (named[0], set(named[1:])) == ("broker:shop", {"key:shop"})
    await world.standings.record_opt_out(BRAND, (await world.known(2))[0], "*", "page")
    assert (await actors(world, "action"))[-1] == ("opt_out", None)
    assert await faults(world) == []
    assert ada


@pytest.mark.parametrize(
    "change",
    ["actor = NULL", "actor = 'person:eve'", "actor = ''", "actor = 'person:dana '"],
)
async def test_an_actor_is_in_the_chain(world: World, change: str) -> None:
    """An entry's actor cannot be taken away or changed unnoticed."""
    async with LedgerWriters(KEY).borrow_writer() as writer, world.pool.acquire() as connection:
        entry = LedgerEntry(EntryKind.ACTION, BRAND, reason="erase", actor="person:dana")
        writer.advance_head(await append_entries(connection, writer, [entry]))
    assert await faults(world) == []
    await world.pool.execute(f"UPDATE ledger SET {change}")  # noqa: S608
    assert [what for _, _, what in await faults(world)] == ["changed or reordered"]


async def test_an_actor_cannot_be_added(world: World) -> None:
    """An actor cannot be added to an entry without one unnoticed, even to an entry of before the column existed."""
    async with LedgerWriters(KEY).borrow_writer() as writer, world.pool.acquire() as connection:
        writer.advance_head(
            await append_entries(connection, writer, [LedgerEntry(EntryKind.ACTION, BRAND, reason="erase")])
        )
    await world.pool.execute("UPDATE ledger SET actor = 'person:eve'")
    assert [what for _, _, what in await faults(world)] == ["changed or reordered"]


async def test_a_command_names_its_person(small_stack: Stack) -> None:
    """Entries name the person of `--by`, or else the system's user."""
    (small_stack.folder / "people.csv").write_text("ref,email\nann,ann@example.org\n")
    await small_stack.done("recipients", "import", "people.csv", "--brand", BRAND)
    await small_stack.done("stop", "--by", "Dana")
    await small_stack.done("start")
    await small_stack.done("recipients", "restrict", "ann", "--brand", BRAND)
    lines = (await small_stack.done("ledger", "export", "--jsonl")).out.splitlines()
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    named = {entry["actor"] for entry in entries if entry["kind"] in ("control", "action")}
    assert "person:Dana" in named
    assert all(str(actor).startswith("person:") for actor in named), named
    assert all(Identity.parse_identity(actor) for actor in named)
