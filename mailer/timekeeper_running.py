"""Composes the timekeeper and what runs beside it, such as partners, public notices, webhooks and metrics."""

import asyncio

from mailer.actions.letter_contents import content_of_letter
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.app import App
from mailer.pipeline.automatic_rest_sending import AutomaticRestSender
from mailer.pipeline.breach_clock_keeper import BreachClockKeeper
from mailer.pipeline.breach_file_reading import BreachFileImporter
from mailer.pipeline.breach_manifest_builder import BreachManifestBuilder
from mailer.pipeline.breach_phase_keeping import BreachPhaseKeeper
from mailer.pipeline.figure_counting import FigureKeeper
from mailer.pipeline.flow_metrics import FLOW, refresh_metrics_until_stopped
from mailer.pipeline.letter_run_maker import LetterRunMaker
from mailer.pipeline.manifest_builder import ManifestBuilder
from mailer.pipeline.optional_mail_watch import OptionalMailWatcher
from mailer.pipeline.outgoing_webhook_sender import OutgoingWebhookSender
from mailer.pipeline.partner_sync import PartnerSync
from mailer.pipeline.public_notice_page_check import PublicNoticePageChecker
from mailer.pipeline.recipient_import_worker import RecipientImportWorker, UploadedFileWorker
from mailer.pipeline.requested_link_mail_publishing import RequestedLinkMailPublisher
from mailer.pipeline.timekeeper import Timekeeper
from mailer.pipeline.uploaded_column_reading import UploadedColumnReader
from mailer.pipeline.uploaded_row_import import UploadedRowImporter
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.policy_loading import build_broker_topology_for_policies
from mailer.ports.breach_files import BreachFile
from mailer.ports.broker import Broker
from mailer.postgres.breach_file_queue import PostgresBreachFileQueue
from mailer.postgres.breach_line_diverting import PostgresBreachLineDiverter
from mailer.postgres.breach_manifest_building import PostgresBreachManifestQueue
from mailer.postgres.breach_outcomes import PostgresBreachFigureCounts
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.campaign_figures import PostgresCampaignFigureCounts, PostgresReleasedCampaignReports
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.letter_runs import PostgresLetterRunQueue
from mailer.postgres.manifest_building import PostgresManifestQueue
from mailer.postgres.manifests import PostgresManifests
from mailer.postgres.recipient_import_queue import PostgresRecipientImportQueue
from mailer.processors.partner_webhook_posting import post_json_or_raise
from mailer.processors.public_page_fetching import fetch_public_page
from mailer.rendering.campaign_fields import fields_used
from mailer.runtime.system_resolver import SystemResolver
from mailer.runtime.webhook_posting import WebhookHttpPoster


async def run_timekeeper(app: App, stop: asyncio.Event, broker: Broker) -> None:
    """Runs the timekeeper, the sync with partners, webhooks, work on campaigns and metrics until `stop` is set."""
    async with app.control.polling_while_in_use(), asyncio.TaskGroup() as tasks:
        keeper = Timekeeper(app.upkeep, app.deliveries, broker, app.settings.copies)
        tasks.create_task(keeper.run_until_stopped(stop))
        tasks.create_task(OptionalMailWatcher(app.optional_mail, app.halts).watch_until_stopped(stop))
        tasks.create_task(PartnerSync(app.partners, post_json_or_raise, app.policies).post_until_stopped(stop))
        tasks.create_task(RequestedLinkMailPublisher(app.requests, app.policies, app.links).publish_until_stopped(stop))
        looks = PublicNoticePageChecker(app.public_notices, app.settings.public_url, fetch_public_page)
        tasks.create_task(looks.check_notice_pages_until_stopped(stop))
        webhooks = OutgoingWebhookSender(app.webhooks, WebhookHttpPoster(SystemResolver))
        tasks.create_task(webhooks.send_until_stopped(stop))
        clocks = BreachClockKeeper(app.breach_stores.clocks, app.policies)
        tasks.create_task(clocks.keep_until_stopped(stop))
        campaigns = PostgresCampaignFigureCounts(app.pool, app.policies, app.hasher)
        for count, what in (
            (campaigns.count_next_campaign, "campaigns"),
            (PostgresBreachFigureCounts(app.pool).count_next_case, "breach cases"),
        ):
            tasks.create_task(FigureKeeper(count, what).count_until_stopped(stop))
        tasks.create_task(_build_import_worker(app).work_until_stopped(stop))
        tasks.create_task(_build_manifest_builder(app).build_until_stopped(stop))
        tasks.create_task(_build_letter_run_maker(app).make_until_stopped(stop))
        tasks.create_task(_build_breach_file_worker(app).work_until_stopped(stop))
        tasks.create_task(_build_breach_manifest_builder(app).build_until_stopped(stop))
        tasks.create_task(_build_automatic_rest_sender(app).send_until_stopped(stop))
        phases = BreachPhaseKeeper(
            PostgresBreachLineDiverter(app.pool, app.writers), PostgresBreachStops(app.pool, app.writers)
        )
        tasks.create_task(phases.keep_until_stopped(stop))
        queues = [queue.name for queue in build_broker_topology_for_policies(app.policies).queues]
        tasks.create_task(refresh_metrics_until_stopped(PostgresFlowMetrics(app.pool), broker, queues, FLOW, stop))


def _build_import_worker(app: App) -> RecipientImportWorker:
    """Returns the worker that reads, checks and imports uploaded files."""
    queue = PostgresRecipientImportQueue(app.pool, app.writers, app.hasher, app.policies)
    reader = UploadedColumnReader(queue, app.policies, app.owner)
    rows = UploadedRowImporter(queue, app.policies, app.owner)
    return RecipientImportWorker(queue, app.owner, reader.read_columns, rows.check_or_import)


def _build_manifest_builder(app: App) -> ManifestBuilder:
    queue = PostgresManifestQueue(app.pool, frequency_counts_needed_by_policies(app.policies.values()))
    renderers, obstacle = app.make_renderer_cache_without_signing, app.reason_for_no_processor
    return ManifestBuilder(queue, app.owner, app.policies, renderers, obstacle)


def _build_letter_run_maker(app: App) -> LetterRunMaker:
    queue = PostgresLetterRunQueue(app.pool, app.writers)
    typesetter = LetterTypesetter(app.settings.letter_fonts)
    return LetterRunMaker(queue, app.owner, app.policies, typesetter, content_of_letter)


def _build_breach_file_worker(app: App) -> UploadedFileWorker[BreachFile]:
    queue = PostgresBreachFileQueue(app.pool, app.writers, app.hasher, app.policies)
    return UploadedFileWorker(queue, app.owner, BreachFileImporter(queue, app.policies, app.owner).read_file)


def _build_breach_manifest_builder(app: App) -> BreachManifestBuilder:
    queue = PostgresBreachManifestQueue(app.pool, frequency_counts_needed_by_policies(app.policies.values()))
    renderers, obstacle = app.make_renderer_cache_without_signing, app.reason_for_no_processor
    return BreachManifestBuilder(queue, app.owner, app.policies, renderers, obstacle)


def _build_automatic_rest_sender(app: App) -> AutomaticRestSender:
    return AutomaticRestSender(
        PostgresManifests(app.pool, app.writers, app.policies),
        PostgresReleasedCampaignReports(app.pool),
        PostgresCampaignReleases(app.pool, app.writers, app.hasher, app.policies, fields_used),
        app.policies,
    )
