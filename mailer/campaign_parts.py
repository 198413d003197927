"""The parts of campaigns over an application: checks, the builder of manifests, and the rests of tests."""

from mailer.actions.campaign_checking import CampaignChecker
from mailer.app import App
from mailer.pipeline.automatic_rest_sending import AutomaticRestSender
from mailer.pipeline.manifest_builder import ManifestBuilder
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.postgres.campaign_figures import PostgresReleasedCampaignReports
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.manifest_building import PostgresManifestQueue
from mailer.postgres.manifests import PostgresManifests
from mailer.rendering.campaign_fields import fields_used
from mailer.rendering.renderer_cache import MailingRendererCache


def build_campaign_checker(app: App) -> CampaignChecker:
    """Returns what checks drafts. Templates are loaded at the first check."""
    return CampaignChecker(
        app.policies,
        lambda brand: app.templates.find_brand_files(brand),
        app.pictures,
        app.settings.public_url,
    )


def build_manifest_builder(app: App) -> ManifestBuilder:
    """Returns what builds manifests in the background."""
    queue = PostgresManifestQueue(app.pool, frequency_counts_needed_by_policies(app.policies.values()))
    return ManifestBuilder(
        queue,
        app.owner,
        app.policies,
        lambda: MailingRendererCache(app.policies, app.templates, app.links, None),
        app.reason_for_no_processor,
    )


def build_automatic_rest_sender(app: App) -> AutomaticRestSender:
    """Returns what sends the rests of tests whose winner a rule chooses."""
    return AutomaticRestSender(
        PostgresManifests(app.pool, app.writers, app.policies),
        PostgresReleasedCampaignReports(app.pool),
        PostgresCampaignReleases(app.pool, app.writers, app.hasher, app.policies, fields_used),
        app.policies,
    )
