"""Made-up mail and trouble for pictures of the console, and the pages to look at."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.staff_rights import StaffRole
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.halts import Halt, HaltScope
from mailer.ports.processor_states import ReportedProcessorState
from mailer.postgres.halts import PostgresHalts
from tests.breach_outcome_scenery import add_case_after_release
from tests.factories import BRAND, World, person, plain_event, policies
from tests.inbound import receive_letter
from tests.released_campaigns import add_reported_campaign

PALTALK = "paltalk-2006"
QUESTION = "From: eve@people.example\r\nSubject: Question %d\r\n\r\nWho are you?\r\n"
COMPLAINT = "From: Ann <user-0@people.example>\r\nSubject: Again!\r\n\r\nI object, and still you write to me.\r\n"
Shot = tuple[str, str, str]
"""The name of a picture, the role of the person who looks, and the path."""


async def add_scenery(world: World) -> list[Shot]:
    """Adds mailings, dead letters and states of relays; returns the pages."""
    people, halts = [person(number) for number in range(40)], PostgresHalts(world.pool, world.writers)
    known = await world.known(*range(40))
    for recipient_id, scope in zip(known, ("newsletter", "promotional", "*"), strict=False):
        await world.standings.record_opt_out(BRAND, recipient_id, scope, "page")
    for number in range(6):
        await world.accept(people, campaign=f"autumn-{number}")
    await world.pool.execute("UPDATE mailings SET finished_at = now()")
    running = (await world.accept(people, campaign="harbour-in-winter")).mailing_id
    deltas = [("queued", "", -30), ("handed_over", "", 24), ("suppressed", "opted_out", 2), ("held", "set_up", 4)]
    await world.pool.executemany(
        "INSERT INTO counters VALUES ($1, $2, $3, $4)", [(running, *delta) for delta in deltas]
    )
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '1 minute' WHERE id = $1", running)
    paused = (await world.accept(people, campaign="spring-offers")).mailing_id
    await halts.pause_mailing(paused, "Grace Hopper", "the offer names last year's price")
    breach = (await world.accept(people, "breach")).mailing_id
    await _report_states_of_relays(world)
    await world.ledger.store_one_seal_of_all_chains()
    rights = RightsOfOnePublisher(
        frozenset({BRAND}), frozenset({"account", "newsletter"}), frozenset({"opt_out"}), frozenset({"status"})
    )
    for who in ("key:web-shop", "role:billing"):
        await world.publishers.grant_rights_and_missing_key(Identity.parse_identity(who), rights)
    campaign = await add_reported_campaign(world)
    case = await add_case_after_release(world)
    return _pages_of_case(case) + _pages(
        running, paused, breach, campaign, await _add_dead_letters(world), await _add_letters(world, known[0])
    )


def _pages_of_case(case: UUID) -> list[Shot]:
    own, ops = f"/console/breaches/{case}", StaffRole.OPS.value
    return [
        ("breach-outcomes", ops, f"{own}/outcomes"),
        ("breach-public-notice", ops, f"{own}/public-notice"),
        ("breach-reports", ops, f"{own}/reports"),
        ("breach-report", ops, f"{own}/reports/gdpr-art-33"),
        ("breach-samples", ops, f"{own}/samples"),
    ]


def _pages(running: UUID, paused: UUID, breach: UUID, campaign: UUID, letter: int, written: UUID) -> list[Shot]:
    admin, ops = StaffRole.ADMIN.value, StaffRole.OPS.value
    return [
        ("mailings", ops, "/console/mailings"),
        ("mailing-running", ops, f"/console/mailings/{running}"),
        ("mailing-paused", ops, f"/console/mailings/{paused}"),
        ("mailing-reschedule", ops, f"/console/mailings/{paused}/reschedule"),
        ("mailing-cancel", ops, f"/console/mailings/{paused}/cancel"),
        ("mailing-release", ops, f"/console/mailings/{breach}/release"),
        ("campaign-report", StaffRole.PRIVACY_OFFICER.value, f"/console/campaigns/{campaign}/report"),
        ("campaign-winner", ops, f"/console/campaigns/{campaign}/winner"),
        ("flow", ops, "/console/flow"),
        ("policies", ops, "/console/policies"),
        ("policy", ops, f"/console/policies/{BRAND}"),
        (
            "policy-differences",
            ops,
            f"/console/policies/compare?before={_name(PALTALK)}&after={_name(BRAND)}",
        ),
        (
            "policy-effects",
            ops,
            f"/console/policies/effects?before={_name(BRAND)}&after={_name(PALTALK)}",
        ),
        ("ledger", ops, "/console/ledger"),
        ("publishers", admin, "/console/publishers"),
        ("publisher", admin, "/console/publishers/one?who=key:web-shop"),
        ("publisher-revoke", admin, "/console/publishers/revoke?who=key:web-shop"),
        ("letters", StaffRole.PRIVACY_OFFICER.value, "/console/letters"),
        ("letter", StaffRole.PRIVACY_OFFICER.value, f"/console/letters/{written}"),
        ("dead", ops, "/console/dead"),
        ("dead-letter", ops, f"/console/dead/{letter}"),
        ("dead-replay", ops, "/console/dead/replay?kind=refused"),
    ]


async def add_stops(world: World) -> list[Shot]:
    """Stops a processor and a brand, which each page says from then on. Returns the pages that are about it."""
    halts = PostgresHalts(world.pool, world.writers)
    await _report_states_of_relays(world)
    await halts.add_halt(Halt(HaltScope.PROCESSOR, "relay-eu", "Grace Hopper", "maintenance"))
    await halts.add_halt(Halt(HaltScope.BRAND, "peerstream", "Grace Hopper", "a wrong list"))
    ops = StaffRole.OPS.value
    return [
        ("landing", ops, "/console"),
        ("halts", ops, "/console/halts"),
        ("processors", ops, "/console/processors"),
    ]


async def _report_states_of_relays(world: World) -> None:
    """Stores what a worker says of two relays. It counts for a minute."""
    since = datetime.now(UTC) - timedelta(minutes=17)
    await world.processors.store_processor_states_seen_by_worker(
        "worker-1",
        [
            ReportedProcessorState(
                "relay-us", "down", since, "421 4.3.2 Service not available", "look at the relay", 12
            ),
            ReportedProcessorState("relay-eu", "working", since),
        ],
    )


async def _add_letters(world: World, writer: int) -> UUID:
    """Adds letters that wait for a person, and returns the id of the one whose writer is known."""
    for number in range(3):
        await receive_letter(world, "eve@people.example", (QUESTION % number).encode(), None, BRAND, "question")
    written = COMPLAINT.encode()
    return await receive_letter(world, "user-0@people.example", written, writer, BRAND, "objection", "complaint")


async def _add_dead_letters(world: World) -> int:
    """Adds dead letters, and returns the number of the newest."""
    event = plain_event([person(1), person(2)])
    for number in range(5):
        kind = DeadLetterCauseKind.REFUSED if number % 2 else DeadLetterCauseKind.NOT_ALLOWED
        message = BrokerMessage(json.dumps(event).encode(), "mailer.dead", event["id"])
        reason = "key:shop may not publish newsletter mail of interpals"
        if number % 2:
            reason = "to.people.0.email: ann@example.org is an address of nobody; context.headline: Field required"
        await world.letters.add_dead_letter(message, "mailer.events", f"{BRAND}.newsletter", reason, "key:shop", kind)
    return int(await world.pool.fetchval("SELECT max(id) FROM dead_letters"))


def _name(brand: str) -> str:
    return f"{brand}@{policies()[brand].version}"
