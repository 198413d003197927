"""Builds the checks of campaigns and of breach phases, and the parts of evidence packs, over an application."""

import os
from collections.abc import AsyncIterator, Callable

from mailer.actions.breach_checking import BreachChecker
from mailer.actions.campaign_checking import CampaignChecker
from mailer.actions.evidence.pack_making import PackParts
from mailer.actions.evidence.release_rendering import render_release
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.app import App
from mailer.doctor.campaign_outside import CampaignOutsideChecker, UnaskedLinks
from mailer.link_and_dkim_signers import build_dkim_signers_by_domain
from mailer.ports.evidence_packs import EvidenceReader, PackedRelease
from mailer.ports.staff import RightInSession
from mailer.postgres.evidence_packs import PostgresEvidencePacks
from mailer.postgres.staff_changes import writers_requiring_session_and_right
from mailer.processors.registry import hosts_of_outside_relays
from mailer.runtime.link_checking import LinkChecker, read_proxy_setting
from mailer.runtime.system_resolver import SystemResolver
from mailer.runtime.time_stamping import HttpTimeStamper
from mailer.settings import Settings


def build_campaign_checker(app: App) -> CampaignChecker:
    """Returns what checks drafts. Templates are loaded at the first check."""
    return CampaignChecker(
        app.policies,
        lambda: app.templates,
        app.campaign_stores.pictures,
        app.settings.public_url,
        build_campaign_outside_checker(app.settings),
    )


def build_breach_checker(app: App) -> BreachChecker:
    """Returns what checks phases of breach cases. Templates are loaded at the first check."""
    return BreachChecker(app.policies, lambda: app.templates)


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


def build_pack_parts_opener(app: App) -> Callable[[str, str, RightInSession | None], PackParts]:
    """Returns the function that opens the parts of packs for an actor, a masked network and a session."""

    def open_packs(actor: str, network: str, used: RightInSession | None) -> PackParts:
        named = writers_requiring_session_and_right(app.writers.writers_with_actor(actor, network), used)
        return build_pack_parts(app, PostgresEvidencePacks(app.pool, named))

    return open_packs


def build_pack_parts(app: App, reader: EvidenceReader) -> PackParts:
    """Returns the parts of which evidence packs are made. `reader` acts for whoever takes a pack out."""
    typesetter = LetterTypesetter(app.settings.letter_fonts)

    def render(release: PackedRelease) -> AsyncIterator[tuple[str, bytes]]:
        policy = app.policies.get(release.brand)
        if policy is None:
            raise ValueError(f"no policy of the brand {release.brand} is in force")
        return render_release(policy, app.links, typesetter, release)

    stamper = HttpTimeStamper(app.settings.timestamp_url) if app.settings.timestamp_url else None
    return PackParts(reader, app.ledger, render, stamper)
