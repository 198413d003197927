"""Relays that refuse us rather than a message: nobody's delivery fails, and an operator sees it."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mailer.pipeline.handover import HandOver
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.processor_conditions import ConditionReporter
from mailer.pipeline.routing import NO_CONNECTION
from mailer.pipeline.transitions import UNUSABLE, plan_end_if_unroutable_too_long
from mailer.policy.category import Lane
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.moment_wording import moment_in_words
from mailer.ports.processor_states import ReportedProcessorState
from mailer.processors.smtp.processor import SmtpProcessor
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.runtime.readiness import Readiness
from tests.campaigns import commands
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import World, person
from tests.integration.smtp_world import Scripted, relay, scripted
from tests.renderers import renderer_of
from tests.unit.test_verdicts import ADA, row_of

REFUSALS = {
    "greeting": ({"GREETING": ["554 5.7.1 Client not welcome"]}, "misconfigured"),
    "ehlo": ({"EHLO": ["504 5.5.2 need fully-qualified hostname"]}, "misconfigured"),
    "no-password": ({"AUTH": ["535 5.7.8 Authentication failed"]}, "auth_refused"),
    "mail-tls": ({"MAIL": ["530 Must issue STARTTLS"]}, "misconfigured"),
    "mail-auth": ({"MAIL": ["550 5.7.0 Authentication required"]}, "misconfigured"),
    "mail-closing": ({"MAIL": ["421 4.3.2 Closing"]}, "down"),
    "rcpt-relaying": ({"RCPT": ["554 5.7.1 <someone@people.example>: Relay access denied"]}, "misconfigured"),
    "rcpt-later": ({"RCPT": ["454 4.7.1 <someone@people.example>: Relay access denied"]}, "misconfigured"),
    "rcpt-name": ({"RCPT": ["504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname"]}, "misconfigured"),
    "data": ({"DATA": ["503 5.5.1 RCPT first"]}, "misconfigured"),
    "dot": ({".": ["530 5.7.0 Authentication required"]}, "misconfigured"),
}

SENT = ("handed_over", "")


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Ends servers and processors."""
    async with AsyncExitStack() as opened:
        yield opened


async def served(stack: AsyncExitStack, script: dict[str, list[str]], *, login: bool) -> tuple[Scripted, SmtpProcessor]:
    """A scripted server, and a processor for it."""
    extensions = ("PIPELINING", "AUTH PLAIN") if login else ("PIPELINING",)
    server = await stack.enter_async_context(scripted(script, extensions=extensions))
    processor = SmtpProcessor(relay(server.port, username="user" if login else None))
    stack.push_async_callback(processor.close)
    return server, processor


async def breach(world: World, people: int) -> UUID:
    """A released breach notice to so many."""
    accepted = await world.accept([person(n) for n in range(people)], "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    return accepted.mailing_id


async def run_all(world: World, handover: HandOver) -> None:
    """Makes everything due that waits, and runs it."""
    await world.due_now()
    await handover.hand_over_batches(
        [row["id"] for row in await world.pool.fetch("SELECT id FROM batches ORDER BY id")]
    )


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_relay_that_refuses_us_fails_nobody(world: World, stack: AsyncExitStack, kind: str) -> None:
    """A breach notice to 70 people waits, whatever the relay refuses. Each arrives once after repair (case S8)."""
    script, state = REFUSALS[kind]
    server, processor = await served(stack, {k: list(v) for k, v in script.items()}, login=kind == "no-password")
    mailing_id = await breach(world, 70)
    handover = world.handover_by([processor])
    with capture_logs() as logs:
        for _ in range(3):
            await run_all(world, handover)
    assert set((await world.states(mailing_id)).values()) == {("queued", "")}
    assert handover.routes.condition_by_processor["relay"].state == state
    assert [line["state"] for line in logs if line["event"] == "a relay is in trouble"] == [state]
    assert isinstance(
        handover.routes.choose_processor(world.policies["interpals"], "notice", datetime.now(UTC), lane=Lane.BREACH),
        NoRoute,
    )
    server.script.clear()
    if kind == "no-password":
        server.script["AUTH"] = ["235 2.7.0 Authentication successful"]
    await run_all(world, world.handover_by([processor]))
    assert Counter((await world.states(mailing_id)).values()) == {("handed_over", ""): 70}
    assert len(server.taken) == len(set(server.taken)) == 70


async def test_another_relay_takes_over_at_once(world: World, stack: AsyncExitStack) -> None:
    """Messages that one refuses for our set-up go by the reserve under the same claim; each gets one copy."""
    _, refuses = await served(stack, {"RCPT": ["554 5.7.1 Relay access denied"]}, login=False)
    spare = FakeProcessor(name="spare", weight=0)
    mailing_id = await breach(world, 70)
    await run_all(world, world.handover_by([refuses, spare]))
    assert set((await world.states(mailing_id)).values()) == {("handed_over", "")}
    assert len(spare.sent) == len(set(spare.recipients)) == 70


@pytest.mark.parametrize(
    ("values", "email", "status"),
    [
        ({"reply_to": "hilfé@example.org"}, "ada@people.example", "5.6.7"),
        ({}, "jürgen@people.example", "5.6.7"),
        ({}, "ada@people.example", "5.3.4"),
    ],
    ids=["a header field in UTF-8", "a recipient in UTF-8", "the size"],
)
async def test_another_relay_carries_what_one_lacks(
    world: World, stack: AsyncExitStack, values: dict[str, Any], email: str, status: str
) -> None:
    """Mail that one relay has no extension for goes by another at once; without one, that delivery alone fails."""
    extensions = ("PIPELINING", "SIZE 100") if status == "5.3.4" else ("PIPELINING",)
    lacking = await stack.enter_async_context(scripted({}, extensions=extensions))
    processor = SmtpProcessor(relay(lacking.port))
    stack.push_async_callback(processor.close)
    spare = FakeProcessor(name="spare", weight=0)
    mailings = [
        (await world.accept([person(number, email=f"{number}{email}")], **values)).mailing_id for number in (1, 2)
    ]
    handovers = world.handover_by([processor, spare]), world.handover_by([processor])
    for mailing_id, handover in zip(mailings, handovers, strict=True):
        [batch] = await world.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1", mailing_id)
        await handover.hand_over_batches([batch["id"]])
    states = [(await world.states(mailing_id)).popitem()[1] for mailing_id in mailings]
    assert states == [SENT, ("failed", status)]
    assert (len(spare.sent), lacking.taken) == (1, [])


async def test_one_refused_recipient_keeps_nobody_from_the_relay(world: World) -> None:
    """A relay that does not relay to one of many is used for the others; that one waits, or goes by another relay."""

    def answer(outgoing: object) -> Outcome:
        recipient = getattr(outgoing, "recipient", "")
        if recipient.startswith("user-3@"):
            return Outcome(OutcomeKind.UNSENT, 554, "5.7.1", "Relay access denied", ConnectionTrouble.REFUSED)
        return Outcome(OutcomeKind.ACCEPTED, 250)

    first = FakeProcessor(answer, "first")
    handover = world.handover_by([first])
    for number in (3, 1, 2, 3, 4, 3, 3):
        await handover.hand_over_batches((await world.accept([person(number)])).batches)
    assert handover.routes.condition_by_processor["first"].state == "refuses_some"
    states = Counter(row["state"] for row in await world.pool.fetch("SELECT state FROM deliveries"))
    assert states == {"handed_over": 3, "queued": 1, "deferred": 3}
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await run_all(world, world.handover_by([first, FakeProcessor(name="spare", weight=0)]))
    states = Counter(row["state"] for row in await world.pool.fetch("SELECT state FROM deliveries"))
    assert states == {"handed_over": 7}


def denying(*numbers: int) -> FakeProcessor:
    """A relay that refuses to relay to some people."""
    addresses = {f"user-{number}@people.example" for number in numbers}
    denied = Outcome(OutcomeKind.UNSENT, 554, "5.7.1", "Relay access denied", ConnectionTrouble.REFUSED)
    return FakeProcessor(
        lambda outgoing: denied if outgoing.recipient in addresses else ACCEPTED, f"denies-{len(numbers)}"
    )


async def offer_for(
    world: World, handover: HandOver, age: timedelta, rounds: int = 3, others: str = "newsletter"
) -> None:
    """Offers waiting mail some times, as if it had been offered first so long ago, with other mail in between."""
    for number in range(rounds):
        await world.pool.execute(
            "UPDATE deliveries SET tried_at = now() - $1::interval WHERE tried_at IS NOT NULL", age
        )
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await run_all(world, handover)
        await handover.hand_over_batches((await world.accept([person(900 + number)], others)).batches)


@pytest.mark.parametrize(
    ("category", "others", "ending"),
    [
        ("newsletter", "newsletter", ("failed", "gave_up 5.7.1")),
        ("breach", "policy_change", ("diverted", "written_notice")),
    ],
)
async def test_who_is_denied_by_each_relay_is_given_up(
    world: World, category: str, others: str, ending: tuple[str, str]
) -> None:
    """Mail to a person whom every relay denies, while it takes other mail, ends after its category's age."""
    handover = world.handover_by([denying(3), denying(3, 4)])
    accepted = await world.accept([person(n) for n in range(1, 4)], category)
    if category == "breach":
        await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    max_age = world.policies["interpals"].categories[category].max_age
    await offer_for(world, handover, max_age - timedelta(hours=1), others=others)
    states = await world.states(accepted.mailing_id)
    assert (states["user-1"], states["user-2"]) == (SENT, SENT)
    assert states["user-3"] == ("deferred", "5.7.1")
    await offer_for(world, handover, max_age + timedelta(hours=1), others=others)
    assert (await world.states(accepted.mailing_id))["user-3"] == ending
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)


@pytest.mark.parametrize("first", ["lacks", "denies-1"])
@pytest.mark.parametrize(
    ("category", "others", "ending"),
    [
        ("newsletter", "newsletter", ("failed", "gave_up 5.6.7", "gave_up 5.7.1")),
        ("breach", "policy_change", ("diverted", "written_notice")),
    ],
)
async def test_who_is_denied_by_the_only_relay_that_is_able_is_given_up(
    world: World, first: str, category: str, others: str, ending: tuple[str, ...]
) -> None:
    """A message that one relay lacks an extension for, and the other one denies, waits as long as its category says."""
    lacking = Outcome(OutcomeKind.BLOCKED, status="5.6.7", text="not sent: no SMTPUTF8", lacking=True)
    lacks = FakeProcessor(lambda one: lacking if one.recipient.startswith("user-3@") else ACCEPTED, "lacks")
    handover = world.handover_by(sorted([denying(3), lacks], key=lambda one: one.name != first))
    accepted = await world.accept([person(n) for n in range(1, 4)], category)
    if category == "breach":
        await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    max_age = world.policies["interpals"].categories[category].max_age
    await offer_for(world, handover, max_age - timedelta(hours=1), rounds=4, others=others)
    states = await world.states(accepted.mailing_id)
    assert (states["user-1"], states["user-2"], states["user-3"][0]) == (SENT, SENT, "deferred")
    await offer_for(world, handover, max_age + timedelta(hours=1), others=others)
    state, reason = (await world.states(accepted.mailing_id))["user-3"]
    assert (state, reason in ending[1:]) == (ending[0], True)
    told = await world.pool.fetchval(
        "SELECT reason FROM ledger WHERE kind = 'outcome' AND reason LIKE 'unsent %' ORDER BY at DESC LIMIT 1"
    )
    assert {"5.6.7", "5.7.1"} & set(told.split())
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)


async def test_what_one_relay_lacks_waits_for_the_other(world: World) -> None:
    """A message that lacks an extension at one relay does not end while the other is away, in either order."""
    lacking = Outcome(OutcomeKind.BLOCKED, status="5.6.7", text="not sent: no SMTPUTF8", lacking=True)
    away = FakeProcessor(
        lambda _: Outcome(OutcomeKind.UNSENT, text="nobody listens", trouble=ConnectionTrouble.UNREACHABLE), "away"
    )
    handover = world.handover_by([away, FakeProcessor(lambda _: lacking, "lacks")])
    accepted = await world.accept([person(3)], "policy_change")
    await offer_for(world, handover, timedelta(days=90), others="policy_change")
    assert await world.states(accepted.mailing_id) == {"user-3": ("queued", "")}


@pytest.mark.parametrize("people", [1, 2, 70])
async def test_a_relay_that_denies_everybody_gives_nobody_up(world: World, people: int) -> None:
    """However few and however long, mail waits for a relay that takes none, also if it took some before."""
    broken = denying()
    handover = world.handover_by([broken])
    await handover.hand_over_batches((await world.accept([person(500)])).batches)
    broken.answer = lambda _: Outcome(
        OutcomeKind.UNSENT, 554, "5.7.1", "Relay access denied", ConnectionTrouble.REFUSED
    )
    accepted = await world.accept([person(n) for n in range(people)])
    for _ in range(4):
        await world.pool.execute("UPDATE deliveries SET tried_at = now() - interval '90 days'")
        await world.timekeeper().run_all_steps_once()
        await run_all(world, handover)
    assert set((await world.states(accepted.mailing_id)).values()) == {("queued", "")}


async def test_a_relay_that_denies_a_sender_gives_nobody_up(world: World) -> None:
    """A relay that takes the newsletter's sender, and not that of mandatory mail, fails no mandatory mail, ever."""
    sender = parseaddr(world.policies["interpals"].senders.mandatory)[1].encode()
    denied = Outcome(
        OutcomeKind.UNSENT, 553, "5.7.1", "Sender address rejected: not owned by user", ConnectionTrouble.REFUSED
    )
    handover = world.handover_by([FakeProcessor(lambda one: denied if sender in one.content else ACCEPTED)])
    accepted = await world.accept([person(1), person(2)], "policy_change")
    await offer_for(world, handover, timedelta(days=90))
    assert set((await world.states(accepted.mailing_id)).values()) == {("queued", "")}
    handover = world.handover_by([FakeProcessor()])
    await run_all(world, handover)
    assert set((await world.states(accepted.mailing_id)).values()) == {SENT}


async def test_who_is_denied_by_one_relay_waits_for_the_other(world: World) -> None:
    """One relay does not relay to somebody, and the other one is away: that mail ends only once both deny it."""
    away = FakeProcessor(
        lambda _: Outcome(OutcomeKind.UNSENT, text="nobody listens", trouble=ConnectionTrouble.UNREACHABLE), "away"
    )
    handover = world.handover_by([denying(3), away])
    accepted = await world.accept([person(3)])
    await offer_for(world, handover, timedelta(days=90))
    assert await world.states(accepted.mailing_id) == {"user-3": ("queued", "")}


async def test_what_workers_find_is_seen(world: World, tmp_path: Path, database_url: str) -> None:
    """The commands show state, beginning and last words of each relay, of running workers only; `/readyz` knows too."""
    away = FakeProcessor(
        lambda _: Outcome(OutcomeKind.UNSENT, text="relay-us: AUTH refused", trouble=ConnectionTrouble.AUTH), "relay-us"
    )
    accepted = await world.accept([person(1)])
    handover, ready = world.handover_by([away]), Readiness()
    relays = ConditionReporter(handover.routes, world.processors, "worker-1", ready)
    await relays.store_states_if_changed_or_old()
    assert [state.state for state in await world.processors.list_processor_states_over_all_workers()] == ["unused"]
    assert ready.problems == {}
    await handover.hand_over_batches(accepted.batches)
    await relays.store_states_if_changed_or_old()
    [state] = await world.processors.list_processor_states_over_all_workers()
    assert (state.state, state.error, state.remedy, state.workers) == (
        "auth_refused",
        "relay-us: AUTH refused",
        ConnectionTrouble.AUTH.operator_remedy,
        1,
    )
    assert "relay-us refuses our password" in ready.problems["relays"]
    operator = commands(tmp_path, database_url)
    listed = json.loads((await operator.done("processors", "list", "--json")).out)
    assert [(one["processor"], one["state"]) for one in listed["relays"]] == [("relay-us", "auth_refused")]
    assert "auth_refused" in (await operator.done("processors", "list")).out
    shown = json.loads((await operator.done("mailing", "show", str(accepted.mailing_id), "--json")).out)
    since = moment_in_words(state.since)
    assert shown["waiting"] == [f"relay-us refuses our password since {since}: relay-us: AUTH refused"]
    assert (
        "waiting: relay-us refuses our password"
        in (await operator.done("mailing", "show", str(accepted.mailing_id))).out
    )
    await world.pool.execute("UPDATE relay_states SET seen_at = now() - interval '3 minutes'")
    assert await world.processors.list_processor_states_over_all_workers() == []


async def test_workers_that_differ(world: World) -> None:
    """A trouble comes before what works, with how many workers meet it; a worker that ends is forgotten."""
    now = datetime.now(UTC)
    for worker, state in (("a", "working"), ("b", "down"), ("c", "down"), ("d", "unused")):
        await world.processors.store_processor_states_seen_by_worker(
            worker, [ReportedProcessorState("relay", state, now, times=2)]
        )
    [found] = await world.processors.list_processor_states_over_all_workers()
    assert (found.state, found.workers, found.times) == ("down", 2, 4)
    for worker in ("b", "c"):
        await world.processors.delete_processor_states_seen_by_worker(worker)
    assert [found.state for found in await world.processors.list_processor_states_over_all_workers()] == ["working"]


def test_a_notice_that_no_relay_takes_is_written_in_the_end() -> None:
    """A notice that no relay accepts is written after its time. A new trouble, or a halt, is no reason."""
    now = datetime.now(UTC)
    notice = renderer_of("breach", released_at=now - timedelta(days=6))
    fresh = renderer_of("breach", released_at=now - timedelta(days=1))
    service = renderer_of("service", released_at=now - timedelta(days=60))
    lasting, just_begun = NoRoute(NO_CONNECTION, None, now, UNUSABLE), NoRoute(NO_CONNECTION, None, now)

    def written(renderer: MailingRenderer, route: NoRoute) -> bool:
        return (
            plan_end_if_unroutable_too_long(row_of(renderer, ADA), renderer, renderer.category, route, now) is not None
        )

    assert written(notice, lasting)
    assert not written(notice, just_begun)
    assert not written(fresh, lasting)
    assert not written(service, lasting)


async def test_who_was_given_nothing_was_handed_no_data(world: World) -> None:
    """A relay that is down, or refused all of it, holds no data; one that took mail, or may have taken it, does."""
    unreachable = Outcome(OutcomeKind.UNSENT, text="nobody listens", trouble=ConnectionTrouble.UNREACHABLE)
    for name, answer in (
        ("down", unreachable),
        ("taker", Outcome(OutcomeKind.ACCEPTED, 250)),
        ("refuser", Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "no")),
        ("loser", Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot")),
    ):
        accepted = await world.accept([person(n) for n in range(3)])
        await world.handover(FakeProcessor(lambda _, answer=answer: answer, name)).hand_over_batches(accepted.batches)  # type: ignore[misc]
    holders = {
        holder.processor: holder.handovers for holder in await world.processors.list_all_processors_handed_data()
    }
    assert holders == {"taker": 3, "loser": 3}
