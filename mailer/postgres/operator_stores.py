"""The stores that staff change, put together over PostgreSQL."""

from collections.abc import Mapping

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.ports.operator_stores import OperatorStores, OperatorStoresOpener
from mailer.ports.staff import RightInSession
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.audience_lists import PostgresAudienceLists
from mailer.postgres.breach_desk_parts import BREACH_DESK
from mailer.postgres.breach_release import PostgresBreachReleases
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.breach_stores import build_breach_stores
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.campaign_tests import PostgresCampaignTests
from mailer.postgres.campaigns import PostgresCampaigns
from mailer.postgres.dead_letters import PostgresDeadLetters
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.letters import PostgresLetters
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from mailer.postgres.mailing_rescheduling import PostgresMailingSchedule
from mailer.postgres.mailings import PostgresMailings
from mailer.postgres.manifests import PostgresManifests
from mailer.postgres.pictures import PostgresPictures
from mailer.postgres.publishers import PostgresPublishers
from mailer.postgres.received_mail import PostgresReceivedMail
from mailer.postgres.recipient_imports import PostgresRecipientImports
from mailer.postgres.segments import PostgresSegments
from mailer.postgres.staff_changes import writers_requiring_session_and_right
from mailer.postgres.stream_pauses import PostgresStreamPauses
from mailer.rendering.campaign_fields import fields_used


def build_operator_stores_opener(
    pool: Pool, writers: LedgerWriters, hasher: AddressHasher, policies: Mapping[str, Policy]
) -> OperatorStoresOpener:
    """Returns the function that opens the stores for an actor, a network and a session."""
    controllers = {name: policy.controller.id for name, policy in policies.items()}

    def open_stores(actor: str, network: str, used: RightInSession | None) -> OperatorStores:
        named = writers_requiring_session_and_right(writers.writers_with_actor(actor, network), used)
        return OperatorStores(
            PostgresHalts(pool, named),
            PostgresHeldDeliveries(pool, named),
            PostgresMailings(pool, named, hasher, policies),
            PostgresDeadLetters(pool, hasher, named),
            PostgresStreamPauses(pool),
            PostgresPublishers(pool, named),
            PostgresMailingSchedule(pool, named),
            PostgresReceivedMail(pool, named, hasher, controllers),
            PostgresCampaigns(pool, named, PostgresMailingDirectory(pool, policies)),
            PostgresManifests(pool, named, policies),
            PostgresCampaignReleases(pool, named, hasher, policies, fields_used),
            PostgresRecipientImports(pool, named),
            PostgresSegments(pool, named),
            PostgresAudienceLists(pool, named),
            PostgresCampaignTests(pool, named),
            PostgresPictures(pool, named),
            build_breach_stores(pool, named),
            PostgresLetters(pool, named),
            PostgresBreachReleases(pool, named, hasher, policies, BREACH_DESK),
            PostgresBreachStops(pool, named),
        )

    return open_stores
