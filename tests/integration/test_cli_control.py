"""Stopping, pausing and cancelling by commands, and their effect on a real worker."""

import json
from pathlib import Path

from tests.acceptance.samples import event, people
from tests.processes import Stack, until

PEOPLE = people("ann", "bob")


async def publish(stack: Stack, *names: str, category: str = "newsletter") -> None:
    """Publishes some events, a line each."""
    lines = "\n".join(json.dumps(event(name, "interpals", category, PEOPLE)) for name in names)
    await stack.done("publish", "-", stdin=lines)


async def test_a_running_worker_stops_and_goes_on(small_stack: Stack) -> None:
    """Mail waits while everything, its brand or its mailing is halted, and goes out once nothing halts it."""
    stack = small_stack
    await stack.done("stop", "--by", "Dana", "--reason", "smoke")
    async with stack.running("worker"):
        await publish(stack, "one", "two", "three")
        for name in ("one", "two", "three"):
            await stack.taken_in(name)
        await stack.done("mailing", "pause", "two", "--by", "Dana")
        cancelled = await stack.done("mailing", "cancel", "three", "--by", "Dana", "--json")
        await stack.finished("three")
        shown = await stack.status("one")
        started = (await stack.done("start", "--json")).json
        await stack.finished("one")
        assert await stack.value("SELECT finished_at IS NULL FROM mailings WHERE event_id = 'two'")
        assert len(stack.mails()) == 2
        await stack.done("mailing", "resume", "two")
        await stack.finished("two")
    assert cancelled.json == {"cancelled": "three", "new": True}
    assert (shown["state"], shown["halted"]) == ("paused", ["everything"])
    assert shown["progress"] == {"done": 0, "open": 2, "rate": None, "eta": None}
    assert {(halt["scope"], halt["by"]) for halt in started["halts"] if halt["scope"] == "mailing"} == {
        ("mailing", "Dana")
    }
    assert len(stack.mails()) == 4
    assert set((await stack.states("three")).values()) == {("cancelled", "cancelled")}


async def test_a_stop_reaches_a_worker_in_the_middle(small_stack: Stack) -> None:
    """Two seconds after `mailer stop` nothing begins any more, and after `mailer start` everybody gets it once."""
    stack = small_stack
    everybody = people(*(f"p{number}" for number in range(3000)))
    async with stack.running("worker"):
        lines = json.dumps(event("big", "interpals", "newsletter", everybody))
        await stack.done("publish", "-", stdin=lines)

        async def begun() -> bool:
            return await stack.value("SELECT EXISTS (SELECT FROM deliveries WHERE state = 'handed_over')") is True

        await until(begun, "the first to be handed over")
        await stack.done("stop")

        async def later() -> bool:
            return await stack.value("SELECT now() > at + interval '3 seconds' FROM halts") is True

        await until(later, "three seconds to pass")
        await stack.done("start")
        await stack.finished("big")
    late = (
        "SELECT count(*) FROM ledger l, (SELECT min(at) FILTER (WHERE reason = 'stopped') AS stopped,"
        " min(at) FILTER (WHERE reason = 'started') AS started FROM ledger WHERE kind = 'control') halt"
        " WHERE l.kind = 'hand_over' AND l.at BETWEEN halt.stopped + interval '2 seconds' AND halt.started"
    )
    assert await stack.value(late) == 0
    mails = stack.mails()
    assert len(mails) == len({mail.recipients[0] for mail in mails}) == 3000


async def test_saying_it_twice_changes_nothing(small_stack: Stack) -> None:
    """Each command says that it changed nothing, and ends with status 0."""
    stack = small_stack
    said = [
        (await stack.done(*words.split())).out
        for words in (
            "start",
            "stop",
            "stop",
            "start",
            "brand pause interpals",
            "brand pause interpals",
            "brand resume interpals",
            "brand pause interpals --promotional",
            "brand resume interpals --promotional",
            "processors resume relay",
        )
    ]
    assert said == [
        "Nothing was stopped.\n",
        "Stopped: after two seconds at most, no message begins.\n",
        "It stood still already.\n",
        "Started.\n",
        "interpals is paused.\n",
        "interpals was paused already.\n",
        "interpals goes on.\n",
        "interpals is paused.\n",
        "interpals goes on.\n",
        "relay was not paused.\n",
    ]


async def test_a_restored_database_waits_for_an_operator(small_stack: Stack) -> None:
    """A worker whose machine has seen more sends nothing; `start` says what to do, and goes on when told how."""
    stack = small_stack
    lineage = await stack.value("SELECT id::text FROM lineages")
    remembered = Path(stack.env["MAILER_DATA"]) if "MAILER_DATA" in stack.env else stack.folder / ".mailer"
    remembered.mkdir(exist_ok=True)
    (remembered / "database.json").write_text(json.dumps({"lineage": lineage, "seal": 7, "digest": "gone"}))
    async with stack.running("worker"):
        await publish(stack, "one")
        await stack.taken_in("one")
        refused = await stack.run("start")
        assert stack.mails() == []
        begun = (await stack.done("start", "--after-restore", "resume", "--by", "Dana", "--json")).json
        await stack.finished("one")
    assert refused.status == 1
    assert "the database went back" in refused.err
    assert "--after-restore resume" in refused.err
    assert (begun["started"], begun["ended"], begun["halts"]) == (True, 0, [])
    assert json.loads((remembered / "database.json").read_text())["lineage"] == begun["lineage"]
    assert len(stack.mails()) == 2
