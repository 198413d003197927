"""The composition root: the only place that names adapters and reads settings."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial

from mailer import database_startup, link_and_dkim_signers
from mailer.actions.account_events import apply_account_event
from mailer.actions.campaign_rendering import CampaignRenderer
from mailer.actions.mailing_wait_reasons import MailingWaitExplainer
from mailer.actions.redo_lost_changes import redo_lost_change_if_it_reduces_mail
from mailer.actions.refusal_judgement import RefusalJudge
from mailer.actions.soft_bounce_counting import SoftBounceCounter
from mailer.actions.web_copies import WebCopyRenderer
from mailer.broker.outbox_broker import OutboxBroker
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import DEAD_QUEUES, lane_batches_queue_name, lane_events_queue_name
from mailer.database.connections import ATTENDED, SERVING, DatabasePool, open_pool, retry_through_outages
from mailer.database.statements import Fresh
from mailer.embedded import postgres
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.ledger.writers import LedgerWriters
from mailer.metrics_and_logger import DEAD_LAST
from mailer.pipeline import consumers
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.halt_watcher import HaltWatcher
from mailer.pipeline.hand_over_tally import HandOverTally
from mailer.pipeline.handover import HandOver
from mailer.pipeline.intake import Intake
from mailer.pipeline.lost_opt_out_replay import LostStandingChangeReplay
from mailer.pipeline.mailing_release_preview import MailingReleasePreviewer
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.preparation import SendChecks
from mailer.pipeline.processor_conditions import ConditionReporter
from mailer.pipeline.publisher_rights import PublisherRegister
from mailer.pipeline.rates import RateLimiter
from mailer.pipeline.routing import ProcessorRoutes
from mailer.pipeline.staff_mail_senders import StaffMailQueues, staff_mail_senders
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy
from mailer.policy.processors_stating_no_retention import brand_processors_stating_no_retention
from mailer.policy.recipient_attributes import days_that_values_are_kept
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.policy_loading import build_broker_topology_for_policies, load_policies
from mailer.ports.broker import Broker
from mailer.ports.processor import Processor
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.account_event_stores import build_account_event_stores_opener
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.breach_stores import build_breach_stores
from mailer.postgres.campaign_reports import PostgresCampaignReports
from mailer.postgres.campaign_stores import build_campaign_stores
from mailer.postgres.consents import PostgresConsents
from mailer.postgres.dead_letters import PostgresDeadLetters
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from mailer.postgres.delivery_history import PostgresDeliveryHistory
from mailer.postgres.halts import PostgresHalts, query_halts_and_missing_ledger_entries
from mailer.postgres.inviter_pauses import PostgresInviterPauses
from mailer.postgres.mail_and_address_origins import PostgresMailAndAddressOrigins
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from mailer.postgres.mailings import PostgresMailings
from mailer.postgres.open_and_click_counts import PostgresOpenAndClickCounts
from mailer.postgres.optional_mail import build_optional_mail_stores
from mailer.postgres.outbox import PostgresOutbox
from mailer.postgres.outgoing_webhooks import PostgresOutgoingWebhooks
from mailer.postgres.people_look_up_stores import build_people_look_up_stores
from mailer.postgres.privacy_rights import PostgresPrivacyRights
from mailer.postgres.processor_duties_and_states import PostgresProcessorDutiesAndStates
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.postgres.publishers import PostgresPublishers
from mailer.postgres.rates import PostgresRateLimits
from mailer.postgres.received_mail import PostgresReceivedMail
from mailer.postgres.received_webhooks import PostgresReceivedWebhooks
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
from mailer.processors.registry import find_processor_scheme_for_url, start_shutdown_timers_on_stop
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.template_library import TemplateLibrary
from mailer.runtime.readiness import Readiness
from mailer.settings import Settings, SettingsError


def load_templates(settings: Settings, *brands: str) -> TemplateLibrary:
    """Loads and checks the templates of some brands, or of all brands if none is named.

    Raises:
        TemplateError: one of them is faulty.
    """
    return _load_template_library(settings, load_policies(settings), *brands)


def _load_template_library(settings: Settings, policies: Mapping[str, Policy], *brands: str) -> TemplateLibrary:
    if not settings.templates.is_dir():
        raise SettingsError(f"MAILER_TEMPLATES: there is no folder {settings.templates}")
    return TemplateLibrary.load_library(settings.templates, policies, brands or None)


def _days_that_attribute_values_are_kept(policies: Mapping[str, Policy]) -> dict[str, dict[str, int | None]]:
    return {name: days_that_values_are_kept(policy.attributes) for name, policy in policies.items()}


class App:
    """All adapters and settings of a process, put together. `open_app` makes it."""

    def __init__(self, settings: Settings, pool: DatabasePool, stack: AsyncExitStack, readiness: Readiness) -> None:
        self.settings = settings
        self.pool = pool
        self.readiness = readiness
        self._stack = stack
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid7().hex[-8:]}"
        self.policies: Mapping[str, Policy] = load_policies(settings)
        self.links = link_and_dkim_signers.build_signed_link_maker_and_reader(settings)
        self.hasher = AddressHasher(settings.address_key, partner_ids_by_brand(self.policies.values()))
        self.remembered = NotesAboutDatabaseInFiles(settings.data)
        stack.callback(self.remembered.close)
        self.writers = LedgerWriters(settings.ledger_key, self.remembered)
        self._unhalted_routes: ProcessorRoutes | None = None
        self.mailing_directory = PostgresMailingDirectory(pool, self.policies)
        self.campaign_stores = build_campaign_stores(pool, self.writers, self.mailing_directory)
        self.breach_stores = build_breach_stores(pool, self.writers)
        self.mailings = PostgresMailings(pool, self.writers, self.hasher, self.policies)
        # Nobody can bind a queue to the in-process broker's exchange.
        tell = not settings.is_broker_in_process
        counts = frequency_counts_needed_by_policies(self.policies.values())
        self.deliveries = PostgresDeliveries(pool, self.writers, counts, settings.lease_seconds, tell=tell)
        self.standings = PostgresStandings(pool, self.writers, self.hasher)
        controllers = {name: policy.controller.id for name, policy in self.policies.items()}
        self.rights = PostgresPrivacyRights(pool, self.hasher, self.standings, controllers, tell=tell)
        self.processors = PostgresProcessorDutiesAndStates(pool, self.writers)
        self.held = PostgresHeldDeliveries(pool, self.writers)
        self.quarantine = PostgresRefusalQuarantine(pool, self.writers, self.hasher)
        self.rates = PostgresRateLimits(pool, self.writers)
        self.optional_mail = build_optional_mail_stores(pool)
        self.halts = PostgresHalts(pool, self.writers)
        self.inviters = PostgresInviterPauses(pool, self.writers)
        self.suppressions = PostgresSuppressions(pool, self.writers, self.hasher)
        self.soft_bounces = SoftBounceCounter(PostgresSoftBounces(pool, self.hasher), self.suppressions, self.policies)
        self.partners = PostgresSuppressionsForPartners(pool, settings.ledger_key)
        self.consents = PostgresConsents(pool, self.writers, self.hasher)
        self.opens = PostgresOpenAndClickCounts(pool, self.policies, settings.secret_keys)
        self.public_notices = PostgresPublicNotices(pool, self.writers)
        self.requests = build_request_stores(pool, self.hasher, self.writers)
        self.reports = PostgresCampaignReports(pool)
        self.records = PostgresDeliveryHistory(pool)
        self.received_webhooks = PostgresReceivedWebhooks(pool, self.writers, self.hasher)
        self.received_mail = PostgresReceivedMail(pool, self.writers, self.hasher, controllers, tell=tell)
        self.letters = PostgresDeadLetters(pool, self.hasher, self.writers)
        self.publishers = PostgresPublishers(pool, self.writers)
        self.webhooks = PostgresOutgoingWebhooks(pool, self.writers, settings.secret_keys)
        self.staff = build_staff_stores(pool, self.writers)
        self.ledger = LedgerOperations(pool, settings.ledger_key)
        forgetful = brand_processors_stating_no_retention(self.policies.values())
        kept_days = _days_that_attribute_values_are_kept(self.policies)
        self.upkeep = PostgresTimekeeping(pool, self.ledger, self.writers, forgetful, kept_days)
        self.outbox = PostgresOutbox(pool)
        stack.push_async_callback(self.outbox.close)
        self.desks = build_account_event_stores_opener(
            pool, self.writers, self.hasher, self.links, controllers, tell=tell
        )
        self.people = build_people_look_up_stores(pool, self.writers, self.hasher, self.policies, self.desks)
        again = partial(redo_lost_change_if_it_reduces_mail, self.desks(None), self.policies)
        mend = LostStandingChangeReplay(self.halts, self.remembered, again).replay_lost_changes
        self.control = HaltWatcher(self.halts, self.writers, self.remembered, self.owner, mend)

    @cached_property
    def templates(self) -> TemplateLibrary:
        """The templates, checked. They are loaded at first use, since most commands need none.

        Raises:
            TemplateError: one of them is faulty.
        """
        return _load_template_library(self.settings, self.policies)

    @cached_property
    def mailing_wait_explainer(self) -> MailingWaitExplainer:
        """The reasons for which mailings wait."""

        def has_template(brand: str, name: str) -> bool:
            return self.templates.find_template(brand, name) is not None

        return MailingWaitExplainer(self.mailings, self.processors, self.halts, self.policies, has_template)

    @cached_property
    def mailing_release_previewer(self) -> MailingReleasePreviewer:
        """The previews of mailings that wait for their release."""
        return MailingReleasePreviewer(
            self.mailings, self.deliveries, self.make_renderer_cache_without_signing, self.reason_for_no_processor
        )

    @cached_property
    def web_copies(self) -> WebCopyRenderer:
        """The web copies of mails."""
        origins = PostgresMailAndAddressOrigins(self.pool)
        return WebCopyRenderer(origins, self.mailings, self.deliveries, self.make_renderer_cache_without_signing)

    @cached_property
    def campaign_renderer(self) -> CampaignRenderer:
        """The renderer of drafts, for previews and tests."""
        return CampaignRenderer(
            self.policies, lambda: self.templates, self.campaign_stores.pictures, self.links, self.settings.public_url
        )

    def make_renderer_cache_without_signing(self) -> MailingRendererCache:
        """Returns an empty cache of renderers that sign nothing."""
        return MailingRendererCache(self.policies, self.templates, self.links, None)

    async def reason_for_no_processor(self, policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
        """Returns the reason for which no configured processor may have a mail, or None if one may."""
        if self.settings.is_mail_captured:
            return None
        if self._unhalted_routes is None:
            self._unhalted_routes = ProcessorRoutes(await self.open_processors(), lambda name: None)
        route = self._unhalted_routes.choose_processor(policy, purpose, datetime.now(UTC), lane=lane)
        return route if isinstance(route, NoRoute) else None

    def recipient_importer(self, brand: str) -> PostgresRecipientImporter:
        """Returns the importer that stores recipients of a brand."""
        policy = self.policies[brand]
        return PostgresRecipientImporter(
            self.pool, self.writers, self.hasher, brand, policy.controller.id, policy.source_vocabulary
        )

    async def open_broker_and_declare_topology(self) -> Broker:
        """Opens the broker and declares its topology. While the app runs, a missing topology is declared again.

        Raises:
            BrokerAccessRefused: RabbitMQ does not let us in, or something in it contradicts the topology.
        """
        plan = build_broker_topology_for_policies(self.policies)
        if self.settings.is_broker_in_process:
            return await self._stack.enter_async_context(OutboxBroker(plan, self.outbox, self.owner))
        broker = RabbitBroker(
            self.settings.broker_url, report=self.readiness.set_or_clear_problem, note_last=DEAD_LAST.set
        )
        self._stack.push_async_callback(broker.close)
        await broker.declare_topology(plan)
        self._stack.callback(asyncio.create_task(broker.keep_topology_declared()).cancel)
        return broker

    async def open_processors(self) -> list[Processor]:
        """Opens the processors of the settings and returns them. They are closed with the app."""
        self._opened_processors = list[Processor]()
        for url in self.settings.processors:
            try:
                processor = await find_processor_scheme_for_url(url).open_processor(url, self.settings.data)
            except ValueError as error:
                raise SettingsError(f"MAILER_PROCESSORS: {error}") from None
            self._stack.push_async_callback(processor.close)
            self._opened_processors.append(processor)
        return list(self._opened_processors)

    async def build_hand_over(self, control: HaltWatcher, meter: RateLimiter, stop: asyncio.Event) -> HandOver:
        """Builds the hand-over to all processors. Raises SettingsError if two of them have the same name."""
        renderers = MailingRendererCache(
            self.policies,
            self.templates,
            self.links,
            link_and_dkim_signers.build_dkim_sign_function_from_settings(self.settings),
        )
        try:
            routes = ProcessorRoutes(await self.open_processors(), control.processor_halt_reason)
        except ValueError as error:
            raise SettingsError(f"MAILER_PROCESSORS: {error}") from None
        streams, bounces = (
            PausesForBlockedMail(PostgresStreamPauses(self.pool)),
            RefusalJudge(self.quarantine, self.soft_bounces),
        )
        self._tally = HandOverTally(self.optional_mail.feedback)
        checks = SendChecks(control, routes, meter, streams, self._tally)
        return HandOver(self.deliveries, self.mailings, renderers, checks, bounces, self.owner, stop)

    async def run_worker_consumers_until_stopped(self, stop: asyncio.Event, broker: Broker) -> None:
        """Runs the consumers of a worker until `stop` is set, then finishes the messages in hand."""
        control, meter = self.control, RateLimiter(self.rates, self.owner)
        control.report = partial(self.readiness.set_or_clear_problem, "lineage")
        handover = await self.build_hand_over(control, meter, stop)
        judge = partial(check_event_and_get_template, policies=self.policies, templates=self.templates)
        say = partial(apply_account_event, self.desks, self.policies)
        overtime, register = HandOverTasks(handover), PublisherRegister(self.publishers)
        intake = Intake(self.mailings, self.upkeep, broker, overtime, self.policies, register, judge, say)
        note = partial(self.publishers.save_broker_user_of_worker, self.settings.broker_user)
        for step in (control.query_halts_and_attest_no_loss, note):
            await consumers.result_unless_stopped(stop, retry_through_outages(step))
        if stop.is_set():
            return
        drained = asyncio.Event()
        async with self.control.polling_while_in_use(), asyncio.TaskGroup() as watching:
            watching.create_task(meter.refresh_limits_until_stopped(drained))
            watching.create_task(start_shutdown_timers_on_stop(self._opened_processors, stop))
            conditions = ConditionReporter(handover.routes, self.processors, self.owner, self.readiness)
            watching.create_task(conditions.report_until_stopped(drained))
            queues = StaffMailQueues(self.campaign_stores.tests, self.breach_stores.clocks, self.breach_stores.tests)
            for send_staff_mail_until_stopped in staff_mail_senders(
                queues, self.campaign_renderer, handover, self.suppressions, self.owner
            ):
                watching.create_task(send_staff_mail_until_stopped(drained))
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._start_worker_consumer_tasks(tasks, broker, intake, overtime, stop)
            finally:
                stop.set()  # also where a consumer has ended by a bug
                await overtime.wait_for_tasks_left()
                await self._tally.store_counts()
            drained.set()

    def _start_worker_consumer_tasks(
        self, tasks: asyncio.TaskGroup, broker: Broker, intake: Intake, overtime: HandOverTasks, stop: asyncio.Event
    ) -> None:
        """Starts a worker's consumers."""
        consume, at_once = partial(consumers.consume_queue, broker, stop=stop), consumers.EVENTS_AT_ONCE
        for lane in Lane:
            events = partial(intake.accept_event_messages, lane)
            for _ in range(consumers.TAKERS_A_LANE):
                tasks.create_task(consume(lane_events_queue_name(lane), consumers.EVENTS_HELD, events, at_once=at_once))
            for _ in range(consumers.CONSUMERS_A_LANE):
                batches = consumers.build_batch_handler(overtime, lane, stop)
                hold = consumers.build_batch_give_up_handler(self.deliveries, self.upkeep)
                tasks.create_task(
                    consume(lane_batches_queue_name(lane), consumers.BATCHES_AT_ONCE, batches, give_up=hold)
                )
        keep = consumers.build_dead_letter_handler(
            self.letters, broker, build_broker_topology_for_policies(self.policies).has_processing_queue_for_message
        )
        for queue in DEAD_QUEUES:
            tasks.create_task(consume(queue, 10, keep))
        if not self.settings.is_broker_in_process:
            tasks.create_task(consumers.relay_outbox_until_stopped(self.outbox, broker, self.letters, self.owner, stop))


def names_of_configured_processors(settings: Settings) -> list[str]:
    """Returns the names of the processors in `MAILER_PROCESSORS`."""
    return [find_processor_scheme_for_url(url).name_in_url(url) for url in settings.processors]


@contextmanager
def yield_database_url_running_server_if_embedded(settings: Settings) -> Iterator[str]:
    """Yields the URL of the database. An embedded server runs until the context ends."""
    if not settings.is_database_embedded:
        yield settings.database_url
        return
    with postgres.start_postgres(settings.data / "postgres") as server:
        yield server.url()


@asynccontextmanager
async def open_app(settings: Settings, *, wait: bool = False, readiness: Readiness | None = None) -> AsyncIterator[App]:
    """Connects to the database, builds the app and yields it. On leaving, it closes everything.

    Args:
        settings: of this process.
        wait: wait for a database that is not reachable.
        readiness: of this process; None: the app makes one.

    Raises:
        SettingsError, PolicyError, TemplateError: something has to be mended first.
    """
    settings.refuse_if_unfit_for_production()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(yield_database_url_running_server_if_embedded(settings))
        try:
            app: App | None = None

            async def greet(connection: Fresh) -> None:
                if app is not None:  # the first connection is met below
                    await app.control.check_for_lost_data_on_new_connection(
                        partial(query_halts_and_missing_ledger_entries, connection, patience=10)
                    )

            connect = partial(open_pool, url, limits=SERVING if wait else ATTENDED, greet=greet)
            pool = await (retry_through_outages(connect) if wait else connect())
        except ValueError:
            # Its message may quote a password.
            message = "MAILER_DATABASE_URL cannot be read; percent-encode special characters in user name and password"
            raise SettingsError(message) from None
        stack.push_async_callback(pool.close)
        await database_startup.check_database(pool, wait=wait)
        app = App(settings, pool, stack, readiness or Readiness())
        meet = partial(
            app.control.check_for_lost_data_on_new_connection, app.halts.read_halts_and_missing_ledger_entries
        )
        await (retry_through_outages(meet) if wait else meet())
        yield app
