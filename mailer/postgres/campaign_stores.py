"""The stores of campaigns, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.audience_lists import PostgresAudienceLists
from mailer.postgres.campaign_tests import PostgresCampaignTests
from mailer.postgres.campaigns import PostgresCampaigns
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from mailer.postgres.pictures import PostgresPictures
from mailer.postgres.segments import PostgresSegments


@dataclass(frozen=True, slots=True)
class CampaignStores:
    """The stores of what people write, and of the audiences that they choose.

    Attributes:
        drafts: the campaigns with their drafts.
        tests: the test messages of drafts.
        pictures: the uploaded pictures.
        segments: the saved conditions.
        lists: the static lists.
    """

    drafts: PostgresCampaigns
    tests: PostgresCampaignTests
    pictures: PostgresPictures
    segments: PostgresSegments
    lists: PostgresAudienceLists


def build_campaign_stores(pool: Pool, writers: LedgerWriters, directory: PostgresMailingDirectory) -> CampaignStores:
    """Builds the stores. `directory` finds the mailings of released campaigns."""
    return CampaignStores(
        PostgresCampaigns(pool, writers, directory),
        PostgresCampaignTests(pool, writers),
        PostgresPictures(pool, writers),
        PostgresSegments(pool, writers),
        PostgresAudienceLists(pool, writers),
    )
