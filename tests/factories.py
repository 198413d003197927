"""The parts of which tests of the flow are made: events, mailings, and stand-ins for the processor and the broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any
from uuid import UUID

from mailer import bundled_files
from mailer.actions.account_events import apply_account_event
from mailer.actions.refusal_judgement import RefusalJudge
from mailer.actions.soft_bounce_counting import SoftBounceCounter
from mailer.database.connections import open_pool
from mailer.database.statements import Pool
from mailer.events import MessageEvent, validate_event
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.ledger.writers import LedgerWriters
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.hand_over_tally import HandOverTally
from mailer.pipeline.handover import HandOver
from mailer.pipeline.intake import Intake
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.preparation import SendChecks
from mailer.pipeline.publisher_rights import PublisherRegister
from mailer.pipeline.rates import RateLimiter
from mailer.pipeline.routing import ProcessorRoutes
from mailer.pipeline.timekeeper import Timekeeper
from mailer.policy.category import CATEGORIES
from mailer.policy.jurisdiction import LawByCountry, parse_law_by_country
from mailer.policy.policy_file import Policy, parse_policy
from mailer.policy.processors_stating_no_retention import brand_processors_stating_no_retention
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.recipient_attributes import days_that_values_are_kept
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.broker import BrokerMessage
from mailer.ports.halts import LocalCommitNotes
from mailer.ports.mailings import AcceptedMailing, NewMailing
from mailer.ports.processor import Processor
from mailer.ports.refusal_quarantine import HardRefusalStore
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.account_event_stores import build_account_event_stores_opener
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.consents import PostgresConsents
from mailer.postgres.dead_letters import PostgresDeadLetters
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.postgres.feedback import PostgresFeedback
from mailer.postgres.inviter_pauses import PostgresInviterPauses
from mailer.postgres.mailings import PostgresMailings
from mailer.postgres.outbox import PostgresOutbox
from mailer.postgres.pending_requests import PostgresPendingRequests
from mailer.postgres.people_look_up_stores import build_people_look_up_stores
from mailer.postgres.privacy_rights import PostgresPrivacyRights
from mailer.postgres.processor_duties_and_states import PostgresProcessorDutiesAndStates
from mailer.postgres.publishers import PostgresPublishers
from mailer.postgres.rates import PostgresRateLimits
from mailer.postgres.recipient_import import PostgresRecipientImporter
from mailer.postgres.refusal_quarantine import PostgresRefusalQuarantine
from mailer.postgres.request_stores import build_request_stores
from mailer.postgres.soft_bounces import PostgresSoftBounces
from mailer.postgres.staff_stores import build_staff_stores
from mailer.postgres.standings import PostgresStandings
from mailer.postgres.stream_pauses import PostgresStreamPauses
from mailer.postgres.suppressions import PostgresSuppressions
from mailer.postgres.suppressions_for_partners import PostgresSuppressionsForPartners, partner_ids_by_brand
from mailer.postgres.timekeeping import PostgresTimekeeping
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import TemplateLibrary
from tests.brokers import FakeBroker
from tests.doubles import FakeProcessor, FakeReceived
from tests.halts import FakeHalts

BRAND = "interpals"
KEY = "a key of the tests"
TEMPLATES = {
    "newsletter": "weekly",
    "promotional": "spring-offer",
    "account": "welcome",
    "service": "maintenance",
    "breach": "breach-notice",
    "notification": "activity",
    "policy_change": "policy-change",
    "invitation": "invitation",
    "partner": "partner-offer",
}


@cache
def law() -> LawByCountry:
    """The shipped jurisdictions."""
    return parse_law_by_country(bundled_files.read_texts_of_toml_files("jurisdictions"))


@cache
def policies() -> Mapping[str, Policy]:
    """The shipped policies, by brand."""
    read = [
        parse_policy(text, name, law()) for name, text in bundled_files.read_texts_of_toml_files("policies").items()
    ]
    return {policy.brand: policy for policy in read}


def controllers() -> Mapping[str, str]:
    """The controllers of the shipped policies, by brand."""
    return {brand: policy.controller.id for brand, policy in policies().items()}


@cache
def templates() -> TemplateLibrary:
    """The shipped templates."""
    return TemplateLibrary.load_library(bundled_files.bundled_folder("templates"), policies())


def person(number: int, **values: Any) -> dict[str, Any]:
    """A person of an event's audience, who signed up, in a country with the laxest law."""
    plain = {"ref": f"user-{number}", "email": f"user-{number}@people.example", "country": "US", "source": "sign-up"}
    return plain | values


def plain_event(to: Any, category: str = "newsletter", **values: Any) -> dict[str, Any]:
    """An event as JSON has it, with the context that its template needs."""
    brand = values.pop("brand", BRAND)
    template = templates().find_template(brand, TEMPLATES[category])
    assert template is not None
    return {
        "v": 1,
        "id": uuid7().hex,
        "brand": brand,
        "category": category,
        "template": template.name,
        "to": {"people": to} if isinstance(to, list) else to,
        "context": dict(template.example),
        **values,
    }


def make_event(to: Any, category: str = "newsletter", **values: Any) -> MessageEvent:
    """The same event, validated."""
    return validate_event(plain_event(to, category, **values))


def new_mailing(event: MessageEvent, publisher: str = "key:shop", controller: str = BRAND) -> NewMailing:
    """The event as intake passes it on."""
    category = CATEGORIES[event.category]
    template = templates().find_template(event.brand, event.template)
    version, source = (template.version, template.source) if template else ("1", "{}")
    return NewMailing(uuid7(), event, Identity.parse_identity(publisher), category, version, source, "2024", controller)


def received(event: dict[str, Any] | bytes, key: str | None = None, user: str = "shop") -> FakeReceived:
    """An event as a queue hands it over."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    default = f"{event.get('brand')}.{event.get('category')}" if isinstance(event, dict) else f"{BRAND}.newsletter"
    return FakeReceived(BrokerMessage(body, key or default, user_id=user))


class World:
    """All rooms of the flow over a real database; only processor and broker are stand-ins."""

    def __init__(self, pool: Pool, lease_seconds: float = 60, notes: LocalCommitNotes | None = None) -> None:
        self.pool = pool
        self.writers = LedgerWriters(KEY, notes)
        self.policies = dict(policies())
        self.hasher = AddressHasher(KEY, partner_ids_by_brand(self.policies.values()))
        self.mailings = PostgresMailings(pool, self.writers, self.hasher, self.policies)
        self.deliveries = self.open_deliveries(lease_seconds)
        self.standings = PostgresStandings(pool, self.writers, self.hasher)
        self.consents = PostgresConsents(pool, self.writers, self.hasher)
        self.suppressions = PostgresSuppressions(pool, self.writers, self.hasher)
        self.soft_bounces = SoftBounceCounter(PostgresSoftBounces(pool, self.hasher), self.suppressions, self.policies)
        self.requests = build_request_stores(pool, self.hasher, self.writers)
        self.inviters = PostgresInviterPauses(pool, self.writers)
        self.partners = PostgresSuppressionsForPartners(pool, KEY)
        self.ledger = LedgerOperations(pool, KEY)
        self.upkeep = PostgresTimekeeping(
            pool,
            self.ledger,
            self.writers,
            brand_processors_stating_no_retention(policies().values()),
            {name: days_that_values_are_kept(policy.attributes) for name, policy in policies().items()},
        )
        self.rights = PostgresPrivacyRights(pool, self.hasher, self.standings, controllers())
        self.processors = PostgresProcessorDutiesAndStates(pool, self.writers)
        self.outbox = PostgresOutbox(pool)
        self.wishes = PostgresPendingRequests(pool, self.writers)
        self.links = SignedLinks("https://mail.example", (KEY,))
        self.desks = build_account_event_stores_opener(pool, self.writers, self.hasher, self.links, controllers())
        self.people = build_people_look_up_stores(pool, self.writers, self.hasher, self.policies, self.desks)
        self.letters = PostgresDeadLetters(pool, self.hasher, self.writers)
        self.publishers = PostgresPublishers(pool, self.writers)
        self.staff = build_staff_stores(pool, self.writers)
        self.rates = PostgresRateLimits(pool, self.writers)
        self.tally = HandOverTally(PostgresFeedback(pool))
        self.halted = FakeHalts()
        self.stop = asyncio.Event()
        self.broker = FakeBroker()
        self.processor = FakeProcessor()
        self.renderers = MailingRendererCache(self.policies, templates(), self.links, None)

    def open_deliveries(self, lease_seconds: float = 60) -> PostgresDeliveries:
        """The deliveries, with what the policies count."""
        return PostgresDeliveries(
            self.pool, self.writers, frequency_counts_needed_by_policies(self.policies.values()), lease_seconds
        )

    def importer(self, brand: str = BRAND, controller: str = BRAND) -> PostgresRecipientImporter:
        """Writes people of a brand."""
        return PostgresRecipientImporter(
            self.pool, self.writers, self.hasher, brand, controller, self.policies[brand].source_vocabulary
        )

    def handover(
        self, processor: FakeProcessor | None = None, deliveries: PostgresDeliveries | None = None
    ) -> HandOver:
        """The hand-over to a processor."""
        return self.handover_by([processor or self.processor], deliveries)

    def handover_by(self, processors: Sequence[Processor], deliveries: PostgresDeliveries | None = None) -> HandOver:
        """The hand-over to several processors."""
        streams = PausesForBlockedMail(PostgresStreamPauses(self.pool))
        routes = ProcessorRoutes(processors, self.halted.processor_halt_reason)
        checks = SendChecks(self.halted, routes, RateLimiter(self.rates, "worker"), streams, self.tally)
        bounces = self.refusal_judge()
        return HandOver(
            deliveries or self.deliveries, self.mailings, self.renderers, checks, bounces, "worker", self.stop
        )

    def refusal_judge(self, refusals: HardRefusalStore | None = None) -> RefusalJudge:
        """The judge of refusals, which counts soft bounces."""
        store = refusals or PostgresRefusalQuarantine(self.pool, self.writers, self.hasher)
        return RefusalJudge(store, self.soft_bounces)

    def intake(self) -> Intake:
        """The intake, with the real judgement of events."""
        judge = partial(check_event_and_get_template, policies=self.policies, templates=templates())
        over = HandOverTasks(self.handover())
        say = partial(apply_account_event, self.desks, self.policies)
        register = PublisherRegister(self.publishers)
        return Intake(self.mailings, self.upkeep, self.broker, over, self.policies, register, judge, say)

    def timekeeper(self, copies: int = 3) -> Timekeeper:
        """A timekeeper."""
        return Timekeeper(self.upkeep, self.deliveries, self.broker, copies)

    async def accept(
        self,
        to: Any,
        category: str = "newsletter",
        *,
        controller: str = BRAND,
        publisher: str = "key:shop",
        **values: Any,
    ) -> AcceptedMailing:
        """Takes one event in."""
        mailing = new_mailing(make_event(to, category, **values), publisher, controller)
        [accepted] = await self.mailings.accept_mailings([mailing])
        return accepted

    async def known(self, *numbers: int, **values: Any) -> list[int]:
        """Makes people known, and returns their ids."""
        accepted = await self.accept([person(number, **values) for number in numbers])
        await self.drop(accepted.mailing_id)
        return [await self.id_of(f"user-{number}") for number in numbers]

    async def paying(self, *numbers: int, **values: Any) -> list[int]:
        """Makes people known who pay, so that service mail is service mail to them (interpals-08)."""
        ids = await self.known(*numbers, **values)
        for recipient_id in ids:
            await self.standings.store_whether_product_is_paid(BRAND, recipient_id, None, True, "test")
        return ids

    async def release_newest(self) -> None:
        """Has a second person release the newest mailing, and hands it over."""
        [newest] = await self.mailings.statuses_of_newest_mailings(1)
        await self.mailings.release_mailing(newest.id, "Grace")
        await self.timekeeper().run_all_steps_once()
        await self.run_published()

    async def drop(self, mailing_id: UUID) -> None:
        """Forgets a mailing's deliveries, where only its people were wanted."""
        for table in ("deliveries", "batches", "counters"):
            await self.pool.execute(f"DELETE FROM {table} WHERE mailing_id = $1", mailing_id)  # noqa: S608

    async def id_of(self, ref: str, brand: str = BRAND) -> int:
        """A recipient's id."""
        found = await self.pool.fetchval("SELECT id FROM recipients WHERE brand = $1 AND ref = $2", brand, ref)
        assert isinstance(found, int)
        return found

    async def states(self, mailing_id: UUID) -> dict[str, tuple[str, str]]:
        """State and reason of a mailing's deliveries, by ref."""
        rows = await self.pool.fetch(
            "SELECT r.ref, d.state, d.reason FROM deliveries d JOIN recipients r ON r.id = d.recipient_id"
            " WHERE d.mailing_id = $1",
            mailing_id,
        )
        return {row["ref"]: (row["state"], row["reason"]) for row in rows}

    async def counted(self, mailing_id: UUID) -> dict[tuple[str, str], int]:
        """The mailing's counters that are not zero."""
        status = await self.mailings.mailing_status(mailing_id)
        assert status is not None
        return dict(status.counts)

    async def real_counts(self, mailing_id: UUID) -> dict[tuple[str, str], int]:
        """The counts of the deliveries themselves. Deliveries that a worker holds count as queued."""
        rows = await self.pool.fetch(
            "SELECT CASE WHEN state IN ('claimed', 'intended') THEN 'queued' ELSE state END AS state, reason, count(*)"
            " FROM deliveries WHERE mailing_id = $1 GROUP BY 1, 2",
            mailing_id,
        )
        return {(row["state"], row["reason"]): row["count"] for row in rows}

    async def entries(self, mailing_id: UUID | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """The ledger's entries."""
        return [entry async for entry in self.ledger.iterate_entries(mailing_id) if kind in (None, entry["kind"])]

    async def due_now(self) -> None:
        """Makes everything due that waits for a later time."""
        await self.pool.execute("UPDATE deliveries SET due_at = now() WHERE due_at IS NOT NULL")
        await self.pool.execute("UPDATE batches SET due_at = now() WHERE due_at < 'infinity' AND state = 'queued'")

    async def lose_leases(self) -> None:
        """Ends all leases, as if every worker had been gone for longer than its lease."""
        await self.pool.execute("UPDATE batches SET lease_until = now() - interval '1 second' WHERE state = 'claimed'")

    async def run_published(self, processor: FakeProcessor | None = None) -> None:
        """Hands over the batches that were published."""
        for message in self.broker.take():
            await self.handover(processor).hand_over_batches([json.loads(message.body)["batch"]])


@asynccontextmanager
async def open_world(
    url: str, lease: float = 60, size: int = 10, notes: LocalCommitNotes | None = None
) -> AsyncIterator[World]:
    """A world over a database."""
    pool = await open_pool(url, size)
    try:
        yield (world := World(pool, lease, notes))
        await world.outbox.close()
    finally:
        await pool.close()


async def waiting(pool: Pool) -> int:
    """The number of connections to this database that wait for a lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(await pool.fetchval(statement))


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Waits for something that another task brings about; asks again as soon as others had their turn."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what another connection waits for, no event tells
            await asyncio.sleep(0.005)
