"""The check of Brevo's requests: a bearer token, or HTTP Basic authentication.

Brevo signs nothing. Its documentation offers a user and a password in the webhook's URL, a bearer token, and the
addresses of its machines for a firewall (Brevo, "Secure webhook calls"). So a request has no signed time, and whoever
learns the secret can send events; they still act only with a token of ours.
"""

from dataclasses import dataclass, field
from functools import partial

from mailer.inbound.webhooks.brevo.events import read_brevo_event
from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import parse_json_within_limits, read_event_list
from mailer.inbound.webhooks.event_reading import read_each_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents
from mailer.inbound.webhooks.request_authentication import parse_basic_authorization, refuse_unless_authorized
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import WebhookRequest


@dataclass(frozen=True, slots=True)
class BrevoWebhooks:
    """An endpoint for Brevo's events, single or batched.

    Attributes:
        authorization: the value of the Authorization field.
    """

    authorization: str = field(repr=False)

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> ReceivedEvents:
        """See the interface. The body is parsed only after the secret was compared."""
        refuse_unless_authorized(request, self.authorization)
        items = read_event_list(parse_json_within_limits(request.body))
        return read_each_event(items, partial(read_brevo_event, now=request.now))


def open_brevo_webhooks(url: EndpointUrl) -> BrevoWebhooks:
    """Opens `brevo://name?token=…` or `brevo://name?user=…&password=…`.

    Raises:
        ValueError: the secret is missing or wrong, or there are both.
    """
    if "token" in url.values:
        url.refuse_other_keys("token")
        return BrevoWebhooks(f"Bearer {url.required_secret('token', 'the token of Brevo webhooks')}")
    url.refuse_other_keys("token", "user", "password")
    return BrevoWebhooks(parse_basic_authorization(url))
