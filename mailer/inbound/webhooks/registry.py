"""The providers of MAILER_WEBHOOKS: each has a folder here, and a function that opens an endpoint of a URL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mailer.inbound.webhooks.brevo.provider import open_brevo_webhooks
from mailer.inbound.webhooks.endpoint_urls import EndpointUrl, parse_endpoint_url
from mailer.inbound.webhooks.mailgun.provider import open_mailgun_webhooks
from mailer.inbound.webhooks.postmark.provider import open_postmark_webhooks
from mailer.inbound.webhooks.provider_events import WebhookReading
from mailer.inbound.webhooks.sendgrid.provider import open_sendgrid_webhooks
from mailer.inbound.webhooks.ses.provider import open_ses_webhooks
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher, WebhookProvider
from mailer.inbound.webhooks.webhook_requests import limited_webhook_request

PROVIDERS: Final[Mapping[str, Callable[[EndpointUrl], WebhookProvider]]] = {
    "brevo": open_brevo_webhooks,
    "mailgun": open_mailgun_webhooks,
    "postmark": open_postmark_webhooks,
    "sendgrid": open_sendgrid_webhooks,
    "ses": open_ses_webhooks,
}


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An endpoint of MAILER_WEBHOOKS. Its repr shows no secret.

    Attributes:
        provider: one of `PROVIDERS`. name: the endpoint's name, unique for its provider.
        opened: what checks and reads its requests.
    """

    provider: str
    name: str
    opened: WebhookProvider = field(repr=False)


def parse_webhook_endpoint(url: str) -> WebhookEndpoint:
    """Parses one URL of MAILER_WEBHOOKS, such as `mailgun://main?key=…`.

    Raises:
        ValueError: it is wrong. The message says what it needs, and quotes nothing that could be a secret.
    """
    if url.partition(":")[0].lower() not in PROVIDERS:
        raise ValueError(f"a webhook's URL begins with {' or '.join(f'{name}://' for name in PROVIDERS)}")
    parsed = parse_endpoint_url(url)
    return WebhookEndpoint(parsed.scheme, parsed.name, PROVIDERS[parsed.scheme](parsed))


def parse_webhook_endpoints(urls: Sequence[str]) -> Mapping[tuple[str, str], WebhookEndpoint]:
    """Parses MAILER_WEBHOOKS. Each endpoint has its provider and its name as key.

    Raises:
        ValueError: a URL is wrong, or two have the same provider and name.
    """
    endpoints: dict[tuple[str, str], WebhookEndpoint] = {}
    for endpoint in map(parse_webhook_endpoint, urls):
        key = endpoint.provider, endpoint.name
        if key in endpoints:
            raise ValueError(
                f"the webhook {endpoint.provider}://{endpoint.name} stands there twice; give one a new name"
            )
        endpoints[key] = endpoint
    return endpoints


async def verify_and_read_webhook(
    endpoint: WebhookEndpoint,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    now: datetime,
    fetch: CertificateFetcher,
) -> WebhookReading:
    """Checks that a request comes from the endpoint's provider, and reads its events.

    Args:
        endpoint: the endpoint that the request's path names.
        headers: the header fields as they arrived. A name may stand there more than once.
        body: the raw body, of which the caller reads no more than `MAX_WEBHOOK_OCTETS` octets and one.
        now: the time of the request, aware.
        fetch: fetches signing certificates; see `CertificateFetcher`, and `RememberedCertificates`, which is one.

    Returns:
        The events, of which none may act before its key was stored and a token of its candidates verified; or a
        subscription that the caller confirms.

    Raises:
        WebhookRefused: nothing of the request may act. This is the only error.
    """
    return await endpoint.opened.verify_and_read(limited_webhook_request(headers, body, now), fetch)
