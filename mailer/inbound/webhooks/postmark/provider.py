"""The check of Postmark's requests: HTTP Basic authentication.

Postmark signs nothing. Its documentation offers a user and a password in the webhook's URL, and the addresses of its
machines for a firewall (Postmark, "Webhooks overview", "Protecting your webhook"). So a request has no signed time, and
whoever learns the password can send events; they still act only with a token of ours.
"""

from dataclasses import dataclass, field
from functools import partial

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import parse_json_within_limits, read_event_list
from mailer.inbound.webhooks.event_reading import read_each_event
from mailer.inbound.webhooks.postmark.events import read_postmark_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents
from mailer.inbound.webhooks.request_authentication import parse_basic_authorization, refuse_unless_authorized
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import WebhookRequest


@dataclass(frozen=True, slots=True)
class PostmarkWebhooks:
    """An endpoint for Postmark's events.

    Attributes:
        authorization: the value of the Authorization field.
    """

    authorization: str = field(repr=False)

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> ReceivedEvents:
        """See the interface. The body is parsed only after the password was compared."""
        refuse_unless_authorized(request, self.authorization)
        items = read_event_list(parse_json_within_limits(request.body))
        return read_each_event(items, partial(read_postmark_event, now=request.now))


def open_postmark_webhooks(url: EndpointUrl) -> PostmarkWebhooks:
    """Opens `postmark://name?user=…&password=…`.

    Raises:
        ValueError: the user or the password is missing or wrong.
    """
    url.refuse_other_keys("user", "password")
    return PostmarkWebhooks(parse_basic_authorization(url))
