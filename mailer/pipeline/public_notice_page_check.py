"""Looks at the public address of each notice that should stand there, and records whether it does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from mailer.metrics_and_logger import log
from mailer.policy.public_notices import PublicNotice, is_notice_visible
from mailer.ports.public_notices import PublicNoticeStore
from mailer.runtime.repeating import run_every

PERIOD = 600.0
"""Seconds between two looks."""


class PublicNoticePageChecker:
    """Fetches the public pages as a reader does, and looks for the digest of each notice.

    Args:
        notices: the store of notices. public_url: of the site.
        fetch: returns the text of a page; raises OSError if there is none.
    """

    def __init__(self, notices: PublicNoticeStore, public_url: str, fetch: Callable[[str], Awaitable[str]]) -> None:
        self._notices = notices
        self._public_url = public_url.rstrip("/")
        self._fetch = fetch

    async def check_notice_pages_until_stopped(self, stop: asyncio.Event) -> None:
        """Looks each `PERIOD` seconds until `stop` is set. A look that fails is logged, and repeated."""
        await run_every(
            PERIOD, stop, self.check_notice_pages_once, "the public notices could not be looked for; trying again"
        )

    async def check_notice_pages_once(self) -> None:
        """Looks for each notice that should stand on its page today."""
        today = datetime.now(UTC).date()
        for notice in await self._notices.list_public_notices_in_force(None, today):
            if is_notice_visible(notice, today):
                is_there = await self._is_at_public_address(notice)
                await self._notices.record_whether_notice_is_online(notice, is_there=is_there)
                if not is_there:
                    log.warning(
                        "a public notice is not at its public address", brand=notice.brand, notice=str(notice.id)
                    )

    async def _is_at_public_address(self, notice: PublicNotice) -> bool:
        try:
            page = await self._fetch(f"{self._public_url}/notices/{notice.brand}")
        except OSError:
            return False
        return f'data-digest="{notice.digest}"' in page
