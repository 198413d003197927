"""Tests of `mailer publish`: it refuses what intake would refuse, and `--wait` follows the rest."""

import json
import os
from pwd import getpwuid
from typing import Any
from urllib.parse import urlsplit

import pytest

from mailer.account_event_types import parse_any_event
from mailer.cli.publish import wait_for_intake_results
from mailer.cli.shared import system_user_name
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.postgres.published_event_lookup import PublishedEventLookup
from tests.acceptance.samples import event, people
from tests.factories import World, received
from tests.processes import Stack, until

GOOD = event("good", "interpals", "newsletter", people("ann"))
LEAVES: dict[str, Any] = {
    "v": 1,
    "id": "leaves",
    "brand": "interpals",
    "account": "opt_out",
    "ref": "ann",
    "scope": "newsletter",
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown template": ({**GOOD, "template": "weekli"}, "template: interpals has no weekli; did you mean weekly?"),
    "an unknown brand": ({**GOOD, "brand": "nobody"}, "brand: there is no nobody; there are"),
    "another category": ({**GOOD, "category": "service"}, "category: template weekly is newsletter, not service"),
    "a missing value": ({**GOOD, "context": {}}, "context: headline is missing"),
    "an unknown audience": ({**GOOD, "to": {"audience": "vip"}}, "to.audience: interpals has no audience 'vip'"),
    "a scope that cannot be left": (
        {**LEAVES, "scope": "service"},
        "opt_out: service mail of interpals is not optional",
    ),
    "an unknown scope": ({**LEAVES, "account": "withdraw", "scope": "chess"}, "withdraw: 'chess' is no scope"),
    "a brand without accounts": ({**LEAVES, "brand": "nobody"}, "brand: there is no nobody; there are"),
}


async def test_what_intake_refuses_is_not_published(small_stack: Stack) -> None:
    """Each problem is told with its line, status 1; nothing of the file is published, as nothing is of a bad line."""
    bad = [{**value, "id": f"bad {n}"} for n, (value, _) in enumerate(REFUSED.values())]
    lines = "\n".join(json.dumps(value) for value in (GOOD, *bad))
    done = await small_stack.run("publish", "-", stdin=lines)
    told = done.err.splitlines()
    assert (done.status, done.out) == (1, "")
    for line, (_, problem) in enumerate(REFUSED.values(), 2):
        assert any(one.startswith(f"mailer: -: line {line}: {problem}") for one in told), problem
    assert len(told) == len(REFUSED)
    assert await small_stack.value("SELECT count(*) FROM outbox") == 0


async def test_a_text_that_lacks_a_language_is_told(small_stack: Stack) -> None:
    """A publisher is told which readers would get another language than their own. The status is 0."""
    texts = {**GOOD, "context": {"headline": {"en": "Hello", "DE": "Hallo"}}}
    done = await small_stack.run("publish", "-", stdin=json.dumps(texts))
    said = "mailer: -: context.headline lacks ar: who reads that gets the whole mail in en\n"
    assert (done.status, done.out, done.err) == (0, "Published 1 event.\n", said)


async def test_every_line_that_is_no_event_is_told(small_stack: Stack) -> None:
    """Each line that is no event is told, and the status is 2, as for bad input."""
    done = await small_stack.run("publish", "-", stdin=f'{{"v": 1}}\n{json.dumps(GOOD)}\n[]\n')
    assert done.status == 2
    assert [line[:19] for line in done.err.splitlines()] == ["mailer: -: line 1: ", "mailer: -: line 3: "]


async def test_an_id_that_stands_for_something_else(small_stack: Stack) -> None:
    """An id that was used for another event, in the file or before, gives status 1, and the fields that differ."""
    other = {**GOOD, "context": {"headline": "Buy!"}}
    twice = await small_stack.run("publish", "-", stdin=f"{json.dumps(GOOD)}\n{json.dumps(other)}")
    async with small_stack.running("worker"):
        first = await small_stack.run("publish", "-", "--wait", "--json", stdin=json.dumps(GOOD))
        said = await small_stack.run("publish", "-", "--wait", stdin=json.dumps(LEAVES))
    again = await small_stack.done("publish", "-", stdin=json.dumps(GOOD))
    later = await small_stack.run("publish", "-", stdin=json.dumps(other))
    leaves = await small_stack.run("publish", "-", stdin=json.dumps({**LEAVES, "scope": "*", "ref": "bob"}))
    assert (twice.status, twice.err.startswith("mailer: -: line 2: id: it stands for another event")) == (1, True)
    assert (first.status, first.json) == (0, [{"id": "good", "brand": "interpals", "state": "accepted"}])
    assert (said.status, said.out, again.out) == (0, "Published 1 event.\n", "Published 1 event.\n")
    assert (later.status, "differs in context;" in later.err, later.err.count("\n")) == (1, True, 1)
    assert (leaves.status, "differs in ref, scope;" in leaves.err) == (1, True)
    assert "Buy" not in later.err + later.out


async def test_what_the_worker_refuses_is_followed(small_stack: Stack) -> None:
    """A worker with other templates than the publisher refuses the event: status 1, with its reason."""
    (small_stack.folder / "none").mkdir()
    async with small_stack.having(TEMPLATES=str(small_stack.folder / "none")).running("worker"):
        told = await small_stack.run("publish", "-", "--wait", stdin=json.dumps(GOOD))
        as_json = await small_stack.run("publish", "-", "--wait", "--json", stdin=json.dumps(GOOD))
    assert (told.status, told.out) == (1, "Published 1 event.\n")
    assert told.err == "mailer: -: refused: template: interpals has no weekly; there are none\n"
    [state] = as_json.json
    assert (as_json.status, state["state"], "has no weekly" in state["reason"]) == (1, "refused", True)


async def test_without_a_database_that_is_known_nothing_can_be_waited_for(small_stack: Stack) -> None:
    """A command without a known database says so before anything is published."""
    nowhere = small_stack.having(BROKER_URL="amqp://nobody@127.0.0.1:1/", DATABASE_URL="embedded")
    done = await nowhere.run("publish", "-", "--wait", stdin=json.dumps(GOOD))
    assert done.status == 1
    assert done.err == "mailer: --wait asks the database: say in MAILER_DATABASE_URL where it is\n"


async def test_a_user_of_the_broker_who_is_not_mailers_own_publishes_nothing(stack: Stack) -> None:
    """The command refuses another broker user before anything is published, and says what to do."""
    async with stack.running("worker"):
        await until(lambda: stack.query("SELECT FROM broker_user"), "the worker to say as whom it consumes")
        own = urlsplit(stack.env["MAILER_BROKER_URL"])
        other = own._replace(netloc=f"shop:secret@{own.hostname}:{own.port}").geturl()
        refused = await stack.having(BROKER_URL=other).run("publish", "-", stdin=json.dumps(GOOD))
        done = await stack.done("publish", "-", "--wait", stdin=json.dumps(GOOD))
    named = f"RabbitMQ's user is 'shop', and mailer's own is {own.username or 'guest'!r}"
    assert (refused.status, refused.out, named in refused.err) == (1, "", True)
    assert "secret" not in refused.err
    assert done.out == "Published 1 event.\n"


@pytest.mark.parametrize("value", [GOOD, LEAVES], ids=["message", "account"])
async def test_each_fate(world: World, value: dict[str, Any]) -> None:
    """An event is open until a worker accepts or refuses it. Earlier refusals, and those of others, do not count."""
    asked, published = PublishedEventLookup(world.pool, world.hasher), parse_any_event(json.dumps(value))
    other = parse_any_event(json.dumps({**value, "id": "other"}))
    letter = received(published.to_json(), published.routing_key).message
    await world.letters.add_dead_letter(
        letter, "mailer.events", published.routing_key, "before", "shop", DeadLetterCauseKind.REFUSED
    )
    after = await asked.read_newest_dead_letter_id()
    assert await wait_for_intake_results(asked, [published, other], after, 0) == [None, None]
    await world.letters.add_dead_letter(
        letter, "mailer.events", published.routing_key, "wrong", "shop", DeadLetterCauseKind.REFUSED
    )
    assert await wait_for_intake_results(asked, [published, other], after, 0) == ["wrong", None]
    taken = received(other.to_json(), other.routing_key)
    await world.intake().accept_event_messages("newsletter", [taken])
    assert taken.settled == "ack"
    assert await wait_for_intake_results(asked, [published, other], after, 60) == ["wrong", ""]


async def test_a_person_without_the_right_publishes_nothing(small_stack: Stack) -> None:
    """Each right that lacks is told with its line and the command that grants it, which then helps; status 1."""
    lines = f"{json.dumps(GOOD)}\n{json.dumps(LEAVES)}"
    add = ("publishers", "add", "person:Dana", "--brand", "interpals")
    unknown = await small_stack.run("publish", "-", "--by", "Dana", stdin=lines)
    await small_stack.done(*add, "--category", "newsletter")
    lacking = await small_stack.run("publish", "-", "--by", "dana", stdin=lines)
    none = await small_stack.value("SELECT count(*) FROM outbox")
    await small_stack.done(*add, "--action", "opt_out")
    done = await small_stack.run("publish", "-", "--by", "DANA", stdin=lines)
    await small_stack.done("publishers", "revoke", "person:dana")
    revoked = await small_stack.run("publish", "-", "--by", "Dana", stdin=lines)
    told = "mailer: -: line {}: {}; `mailer publishers add person:{} --brand interpals {}` lets it\n"
    first, second = "--category newsletter", "--action opt_out"
    nobody = "person:Dana is no known publisher"
    assert (unknown.status, unknown.out) == (1, "")
    assert unknown.err == told.format(1, nobody, "Dana", first) + told.format(2, nobody, "Dana", second)
    may_not = "person:dana may not say opt_out of an account at interpals"
    assert (lacking.status, lacking.err, none) == (1, told.format(2, may_not, "dana", second), 0)
    assert (done.status, done.out) == (0, "Published 2 events.\n")
    assert (revoked.status, revoked.err) == (1, unknown.err)


async def test_who_published_at_a_command_does_not_release_it(small_stack: Stack) -> None:
    """The publisher is the person, not what lets the command in: the system's user, or who `--by` names."""
    breach = event("breach", "interpals", "breach", people("ann"))
    async with small_stack.running("worker"):
        await small_stack.done("publish", "-", "--wait", stdin=json.dumps(breach))
        shown = (await small_stack.done("mailing", "show", "breach", "--json")).json
        own = await small_stack.run("mailing", "approve", "breach", "--by", system_user_name().upper())
        other = await small_stack.run("mailing", "approve", "breach", "--by", "Somebody Else")
    assert shown["publisher"] == f"person:{system_user_name()}"
    assert (own.status, "a second person has to release it" in own.err) == (2, True)
    assert other.status == 0


def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that says who somebody is does not make them that person."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "dana")
    assert system_user_name() == getpwuid(os.getuid()).pw_name
