"""Commands for operations on real data: rescheduling, lists of mailings, the newest of the ledger, and its seals."""

import json
from datetime import UTC, datetime, timedelta

from tests.acceptance.samples import event, people
from tests.processes import Stack

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)


async def take_in(stack: Stack, *names: str) -> None:
    """Takes events in that are to be mailed in two days."""
    said = [event(name, "interpals", "newsletter", people("ann")) | {"send_at": LATER.isoformat()} for name in names]
    async with stack.running("worker"):
        for one in said:
            await stack.done("publish", "-", stdin=json.dumps(one))
            await stack.taken_in(one["id"])


async def test_mailings_are_listed_and_rescheduled(small_stack: Stack) -> None:
    """Brand, state and age choose mailings; a new time is told in both forms; a wrong one is one line."""
    await take_in(small_stack, "one", "two")

    async def listed(*words: str) -> list[str]:
        return [one["event"] for one in (await small_stack.done("mailing", "list", "--json", *words)).json]

    assert await listed("--brand", "interpals", "--state", "open") == ["two", "one"]
    assert await listed("--state", "finished") == []
    newest = (await small_stack.done("mailing", "list", "--json", "--limit", "1")).json[0]["id"]
    assert await listed("--before", newest) == ["one"]
    assert "there is no" in (await small_stack.run("mailing", "list", "--brand", "nobodys")).err
    at = (LATER + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    words = ("mailing", "reschedule", "one", "--by", "Dana", "--reason", "the shop opens later")
    done = (await small_stack.done(*words, "--at", at, "--json")).json
    assert (done["rescheduled"], done["new"], done["needs_release"]) == ("one", True, False)
    again = (await small_stack.done(*words, "--at", at)).out
    assert again == f"one was already to begin at {LATER + timedelta(hours=1):%Y-%m-%d %H:%M:%SZ}.\n"
    shown = (await small_stack.done("mailing", "show", "one", "--json")).json
    assert (shown["send_at"][:16], shown["rescheduled_by"]) == (at[:16], "person:Dana")
    for wrong, says in (("2020-01-01T00:00:00Z", "is over"), ("tomorrow", "--at: 'tomorrow' is no time")):
        refused = await small_stack.run(*words, "--at", wrong)
        assert (refused.status, refused.err.count("\n"), says in refused.err) == (2, 1, True)
    entries = (await small_stack.done("ledger", "export", "--mailing", "one")).out.splitlines()
    [entry] = [one for one in map(json.loads, entries) if one["reason"] == "rescheduled"]
    assert (entry["actor"], entry["reply"]) == ("person:Dana", "the shop opens later")


async def test_the_newest_of_the_ledger_is_verified(small_stack: Stack) -> None:
    """Without a seal it says so; since the last one it reads only what is new, and names what was changed."""
    stack, grant = small_stack, ("publishers", "add", "role:shop", "--brand", "interpals")
    await stack.done(*grant)
    assert "There is no seal yet" in (await stack.done("ledger", "verify", "--recent")).out
    await stack.done("ledger", "seal")
    [seal] = (await stack.done("ledger", "seals", "--json")).json
    assert seal["number"] == 1
    await stack.done(*grant, "--category", "newsletter")
    verdict = (await stack.done("ledger", "verify", "--recent", "--json")).json
    assert (verdict["sound"], verdict["entries"], verdict["is_complete"]) == (True, 1, True)
    assert "Sound: 1 entries since the seal of" in (await stack.done("ledger", "verify", "--recent")).out
    await stack.done("ledger", "seal")
    listed = (await stack.done("ledger", "seals", "--limit", "1")).out.splitlines()
    assert [line.split()[0] for line in listed] == ["seal", "----", "2"]
    both = await stack.run("ledger", "verify", "--recent", "--head", "seals.jsonl")
    assert (both.status, "leave --head and --since out" in both.err) == (2, True)
    await stack.done(*grant, "--category", "service")
    change = "UPDATE ledger SET reason = $1 WHERE at = (SELECT max(at) FROM ledger) RETURNING 1"
    await stack.query(change, "revoked")
    refused = await stack.run("ledger", "verify", "--recent")
    assert (refused.status, "faults in" in refused.err) == (1, True)
    await stack.query(change, "granted")
