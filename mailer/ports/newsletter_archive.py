"""Newsletters that a brand's archive page shows to everybody."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ArchivedNewsletter:
    """A newsletter of the archive.

    Attributes:
        id: of the campaign. mailing_id: the mailing that most people got. sent_at: when its last mail was out.
    """

    id: UUID
    mailing_id: UUID
    sent_at: datetime


class ArchivedNewsletterReader(Protocol):
    """Reads the archive. In it are campaigns that were released for it, all of whose mail is out."""

    async def list_archived_newsletters(
        self, brand: str, categories: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[ArchivedNewsletter]:
        """Returns newsletters of a brand, the newest first; older than a campaign, if one is given."""
        ...

    async def find_archived_newsletter(
        self, brand: str, categories: Collection[str], campaign_id: UUID
    ) -> ArchivedNewsletter | None:
        """Returns one newsletter, or None if it is not in the archive of the brand."""
        ...
