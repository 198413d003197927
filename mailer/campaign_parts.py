"""The parts of campaigns over an application: checks, the builder of manifests, and the rests of tests."""

import os

from mailer.actions.campaign_checking import CampaignChecker
from mailer.app import App
from mailer.doctor.campaign_outside import CampaignOutsideChecker, UnaskedLinks
from mailer.link_and_dkim_signers import build_dkim_signers_by_domain
from mailer.pipeline.automatic_rest_sending import AutomaticRestSender
from mailer.pipeline.manifest_builder import ManifestBuilder
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.postgres.campaign_figures import PostgresReleasedCampaignReports
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.manifest_building import PostgresManifestQueue
from mailer.postgres.manifests import PostgresManifests
from mailer.processors.registry import hosts_of_outside_relays
from mailer.rendering.campaign_fields import fields_used
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.runtime.link_checking import LinkChecker, read_proxy_setting
from mailer.runtime.system_resolver import SystemResolver
from mailer.settings import Settings


def build_campaign_checker(app: App) -> CampaignChecker:
    """Returns what checks drafts. Templates are loaded at the first check."""
    return CampaignChecker(
        app.policies,
        lambda brand: app.templates.find_brand_files(brand),
        app.pictures,
        app.settings.public_url,
        build_campaign_outside_checker(app.settings),
    )


def build_campaign_outside_checker(settings: Settings) -> CampaignOutsideChecker:
    """Returns the checks of campaigns that ask others: for links, and for the sender's records in the DNS.

    A wrong `HTTPS_PROXY`, and DKIM keys that this process cannot read, are told when a campaign is checked.
    """

    def read_keys() -> dict[str, dict[str, str]]:
        return {domain: signer.dns_records() for domain, signer in build_dkim_signers_by_domain(settings).items()}

    links: LinkChecker | UnaskedLinks
    try:
        links = LinkChecker(SystemResolver, settings.public_url, proxy=read_proxy_setting(os.environ))
    except ValueError as error:
        links = UnaskedLinks(str(error))
    relays = hosts_of_outside_relays(settings.processors)
    return CampaignOutsideChecker(links, SystemResolver, read_keys, relays, settings.is_mail_captured)


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
