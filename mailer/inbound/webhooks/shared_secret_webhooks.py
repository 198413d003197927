"""The check of services that sign nothing: an Authorization field with a secret that we chose."""

import base64
import hmac
from dataclasses import dataclass, field

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import parse_json_within_limits, read_event_list
from mailer.inbound.webhooks.event_reading import EventReader, read_each_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused, WebhookRequest


@dataclass(frozen=True, slots=True)
class SharedSecretWebhooks:
    """An endpoint for the events of a service that sends a secret, single or in a list.

    Attributes:
        authorization: the value of the Authorization field.
        read_event: reads one event of the service.
    """

    authorization: str = field(repr=False)
    read_event: EventReader

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> ReceivedEvents:
        """See the interface. The body is parsed only after the secret was compared."""
        self._refuse_unless_authorized(request)
        items = read_event_list(parse_json_within_limits(request.body))
        return read_each_event(items, self.read_event, request.now)

    def _refuse_unless_authorized(self, request: WebhookRequest) -> None:
        """Compares the Authorization field in constant time. Its scheme may have any case (RFC 9110 11.1)."""
        scheme, _, secret = request.header("authorization").partition(" ")
        given = f"{scheme.capitalize()} {secret.strip()}".encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.authorization.encode()):
            raise WebhookRefused(
                RefusalReason.NOT_AUTHENTIC,
                "the Authorization field is not that of MAILER_WEBHOOKS; set it at the provider",
            )


def parse_basic_authorization(url: EndpointUrl) -> str:
    """Returns the Authorization field (RFC 7617) of an endpoint's `user` and `password`.

    Raises:
        ValueError: one of them is missing or wrong.
    """
    user = url.required("user", "the user name in the webhook's URL at the provider")
    if not (user.isascii() and user.isalnum()):
        raise ValueError(f"user of the webhook {url.scheme}://{url.name} has other characters than letters and digits")
    password = url.required_secret("password", "the password in the webhook's URL at the provider")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
