"""Puts the web app together over an application, and serves it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from mailer.actions.newsletter_archive import NewsletterArchive
from mailer.actions.policy_comparison import PolicyComparer
from mailer.actions.rest_of_test_sending import RestOfTestSender
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.app import App, names_of_configured_processors
from mailer.campaign_parts import build_breach_checker, build_campaign_checker, build_pack_parts_opener
from mailer.metrics_and_logger import WEB
from mailer.ports.received_webhooks import WebhookReceiver
from mailer.postgres.attention_figures import PostgresAttentionFigures
from mailer.postgres.campaign_figures import PostgresReleasedCampaignReports
from mailer.postgres.campaign_people import build_campaign_report_stores
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.mail_and_address_origins import PostgresMailAndAddressOrigins
from mailer.postgres.newsletter_archive import PostgresArchivedNewsletters
from mailer.postgres.operator_stores import build_operator_stores_opener
from mailer.postgres.pending_requests import PostgresPendingRequests
from mailer.postgres.people_sample import PostgresPeopleSampler
from mailer.postgres.running_process_query import PostgresRunningProcesses
from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.public_page_fetching import PublicFileFetcher
from mailer.promise_proof_loading import load_promise_proofs_of_last_test_run
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.runtime.operator_http_server import OperatorHttpServer
from mailer.settings import Settings, SettingsError

if TYPE_CHECKING:
    from mailer.web.console.identity_provider_protocol import IdentityProvider
    from mailer.web.console.operation_stores import ConsoleOperationStores
    from mailer.web.web_context import WebContext


async def serve_web(
    app: App,
    stop: asyncio.Event,
    announce: Callable[[int], object] | None = None,
    operators: OperatorHttpServer | None = None,
) -> None:
    """Serves the web app until `stop` is set. Operators can see captured mail.

    Args:
        app: the application.
        stop: ends it.
        announce: is called with the port once the server takes connections.
        operators: the port that shows the inbox of captured mail.
    """
    # The web framework takes a tenth of a second to load, and all other commands do without it.
    from mailer.web.app_and_open_count_writer import serve_site_and_write_open_counts
    from mailer.web.captured_mail_inbox import create_inbox_app

    settings = app.settings
    if operators is not None and settings.is_mail_captured:
        operators.other = create_inbox_app(CaptureFolder(settings.data / "captured"))
    site = build_web_context(app)
    async with app.control.polling_while_in_use():
        await serve_site_and_write_open_counts(site, settings.host, settings.port, stop, announce)


def build_web_context(app: App) -> "WebContext":
    """Returns what the web app stands on."""
    from mailer.brand_look_loading import load_brand_looks
    from mailer.web.console.console_context import build_console_context
    from mailer.web.kept_pictures import KeptPictures
    from mailer.web.web_context import WebContext

    settings = app.settings
    return WebContext(
        links=app.links,
        policies=app.policies,
        standings=app.standings,
        consents=app.consents,
        suppressions=app.suppressions,
        wishes=PostgresPendingRequests(app.pool, app.writers),
        inviters=app.inviters,
        requests=app.requests,
        public_notices=app.public_notices,
        pictures=KeptPictures(app.campaign_stores.pictures),
        origins=PostgresMailAndAddressOrigins(app.pool),
        opens=app.opens,
        mailings=app.mailings,
        reports=app.reports,
        rights=app.rights,
        desks=app.desks,
        outbox=app.outbox,
        publishers=app.publishers,
        admit=partial(check_event_and_get_template, policies=app.policies, templates=app.templates),
        registry=WEB,
        public_url=settings.public_url,
        looks=load_brand_looks(settings.policies, app.policies),
        console=build_console_context(
            settings.public_url,
            settings.secret_keys,
            app.people,
            app.staff,
            PostgresAttentionFigures(app.pool),
            _build_console_operations(app),
            _build_identity_provider_if_configured(app.settings),
        ),
        web_copies=app.web_copies,
        webhooks=_build_webhook_reception(app),
        newsletters=NewsletterArchive(PostgresArchivedNewsletters(app.pool), app.web_copies, settings.public_url),
    )


def _build_webhook_reception(app: App) -> WebhookReceiver:
    """Returns what receives webhooks of e-mail services.

    Raises:
        SettingsError: MAILER_WEBHOOKS cannot be read.
    """
    from mailer.inbound.webhook_reception import WebhookReception
    from mailer.inbound.webhooks.registry import parse_webhook_endpoints
    from mailer.inbound.webhooks.ses.signing_certificates import RememberedCertificates

    try:
        endpoints = parse_webhook_endpoints(app.settings.webhooks)
    except ValueError as error:
        raise SettingsError(f"MAILER_WEBHOOKS: {error}") from None
    clock = partial(datetime.now, UTC)
    fetch = PublicFileFetcher().fetch_file
    certificates = RememberedCertificates(fetch, clock)
    return WebhookReception(endpoints, app.received_webhooks, app.links, certificates, fetch, clock)


def _build_identity_provider_if_configured(settings: Settings) -> "IdentityProvider | None":
    """Returns the provider by which staff can sign in; None if none is set up.

    Raises:
        SettingsError: one is set up, and the extra that it needs is not installed.
    """
    if not settings.oidc_issuer:
        return None
    try:
        from mailer.web.console.oidc_provider_client import OidcProviderClient
    except ModuleNotFoundError as error:
        raise SettingsError(f"MAILER_OIDC_ISSUER needs {error.name}: pip install 'pactmail[server,oidc]'") from None
    from mailer.web.console.identity_provider_protocol import OidcClientRegistration

    client = OidcClientRegistration(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_second_factors
    )
    return OidcProviderClient(client, settings.public_url)


def _build_console_operations(app: App) -> "ConsoleOperationStores":
    """Returns the stores behind the console's pages of operations."""
    from mailer.inbound.letter_text import read_text_of_letter
    from mailer.web.console.briefly_cached_value import BrieflyCachedValue
    from mailer.web.console.operation_stores import ConsoleOperationStores

    open_stores = build_operator_stores_opener(app.pool, app.writers, app.hasher, app.policies)
    return ConsoleOperationStores(
        open_stores,
        app.mailing_directory,
        app.mailing_wait_explainer,
        app.mailing_release_previewer,
        app.halts,
        app.processors,
        app.rates,
        PostgresRunningProcesses(app.pool),
        names_of_configured_processors(app.settings),
        app.policies,
        app.ledger,
        BrieflyCachedValue(PostgresFlowMetrics(app.pool).read_metrics),
        PolicyComparer(PostgresPeopleSampler(app.pool), app.templates),
        read_text_of_letter,
        BrieflyCachedValue(partial(asyncio.to_thread, load_promise_proofs_of_last_test_run, app.settings)),
        replace(
            build_campaign_report_stores(app.pool, app.writers, PostgresReleasedCampaignReports(app.pool)),
            open_rest=lambda actor, network, used: RestOfTestSender(open_stores(actor, network, used).releases),
        ),
        app.campaign_renderer,
        build_campaign_checker(app),
        LetterTypesetter(app.settings.letter_fonts),
        build_breach_checker(app),
        build_pack_parts_opener(app),
    )
