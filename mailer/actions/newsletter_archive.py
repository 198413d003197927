"""The archive of a brand's newsletters: each as it was sent, without any person's values."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from mailer.actions.web_copies import WebCopyRenderer
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.ports.newsletter_archive import ArchivedNewsletter, ArchivedNewsletterReader
from mailer.rendering.mailing_renderer import WebCopy

ARCHIVABLE: Final = frozenset(
    category.name
    for category in CATEGORIES.values()
    if category.is_optional and category.markets and not category.partners
)
"""The categories whose mail can be in an archive: newsletters and offers of the brand itself."""
_MOST_KEPT: Final = 100
"""The rendered newsletters that a process keeps; each has a hundred kilobytes at most, as mail does."""


class ShownNewsletter(NamedTuple):
    """A newsletter with its text in one language."""

    entry: ArchivedNewsletter
    copy: WebCopy


class NewsletterPage(NamedTuple):
    """Some newsletters, the newest first. `older_than` is the campaign that ends the page; None: it is the last."""

    newsletters: Sequence[ShownNewsletter]
    older_than: UUID | None


class NewsletterArchive:
    """Shows newsletters. Mail that is out does not change, so a rendered one is kept; the archive itself is read anew.

    Args:
        reader: reads the archive. copies: renders mails. public_url: of the site.
    """

    def __init__(self, reader: ArchivedNewsletterReader, copies: WebCopyRenderer, public_url: str) -> None:
        self._reader = reader
        self._copies = copies
        self._public_url = public_url.rstrip("/")
        self._kept: OrderedDict[tuple[UUID, str], WebCopy | None] = OrderedDict()

    def path_of_archive(self, brand: str) -> str:
        """Returns the path of a brand's archive page, also below the path of the public address."""
        return urlsplit(self.url_of_archive(brand)).path

    def url_of_archive(self, brand: str) -> str:
        """Returns the URL of a brand's archive page."""
        return f"{self._public_url}/archive/{brand}"

    async def list_newsletters(self, policy: Policy, language: str, before: UUID | None, limit: int) -> NewsletterPage:
        """Returns a page of newsletters, each in the reader's language if it has it. One that fails is left out."""
        found = await self._reader.list_archived_newsletters(policy.brand, ARCHIVABLE, before, limit + 1)
        shown = [
            ShownNewsletter(entry, copy)
            for entry in found[:limit]
            if (copy := await self._render(policy, entry, language))
        ]
        return NewsletterPage(shown, found[limit - 1].id if len(found) > limit else None)

    async def find_newsletter(self, policy: Policy, campaign_id: UUID, language: str) -> ShownNewsletter | None:
        """Returns one newsletter, or None if it is not in the archive or cannot be rendered any more."""
        entry = await self._reader.find_archived_newsletter(policy.brand, ARCHIVABLE, campaign_id)
        copy = await self._render(policy, entry, language) if entry else None
        return ShownNewsletter(entry, copy) if entry and copy else None

    async def _render(self, policy: Policy, entry: ArchivedNewsletter, language: str) -> WebCopy | None:
        key = entry.mailing_id, language
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        page = f"{self.url_of_archive(policy.brand)}/{entry.id}"
        leave = f"{self._public_url}/leave/{policy.brand}"
        self._kept[key] = copy = await self._copies.render_for_everybody(entry.mailing_id, language, leave, page)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return copy
