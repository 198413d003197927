"""The interface of a provider: it checks that a request is authentic, and only then reads its events."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from mailer.inbound.webhooks.provider_events import WebhookReading
from mailer.inbound.webhooks.webhook_requests import WebhookRequest

CertificateFetcher = Callable[[str], Awaitable[bytes]]
"""Returns the body at an https URL, which a provider has pinned, or raises OSError.

It follows no redirect, checks the server's certificate, and reads for ten seconds and 64 KiB at most.
"""


class WebhookProvider(Protocol):
    """An endpoint of one provider, with the secrets by which it knows the provider's requests."""

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> WebhookReading:
        """Checks a request, then reads it.

        Args:
            request: within the limits of its size.
            fetch: see `CertificateFetcher`. Most providers need none.

        Raises:
            WebhookRefused: it is not authentic, too old, or not of the provider's form.
        """
