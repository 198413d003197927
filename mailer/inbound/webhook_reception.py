"""Receives the requests of e-mail services: checks each, and stores it before it is accepted."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.inbound.webhook_events import ACTED_ON, store_proven_event
from mailer.inbound.webhooks.provider_events import (
    ProviderEvent,
    ReceivedEvents,
    SubscriptionToConfirm,
    WebhookReading,
    make_event_key,
)
from mailer.inbound.webhooks.registry import WebhookEndpoint, verify_and_read_webhook
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import WebhookRefused
from mailer.metrics_and_logger import WEBHOOK_EVENTS, WEBHOOK_REQUESTS, describe_error_without_message, log
from mailer.ports.received_webhooks import NewWebhookRequest, ReceivedWebhookStore, WebhookAnswer
from mailer.rendering.link_tokens import BounceToken
from mailer.rendering.signed_links import SignedLinks

MAX_AT_ONCE: Final = 16
"""The most requests that are checked and stored at a time. Each may take a megabyte, and some milliseconds to parse."""
RETRY_SECONDS: Final = 30
"""Seconds after which a service that cannot be answered now may come again."""
_RETRY_STATUSES: Final = {"brevo": HTTPStatus.TOO_MANY_REQUESTS}
"""The status after which a service sends a request again. Brevo gives an event up after 503."""
_ENDED: Final = "UnsubscribeConfirmation"
"""The message by which Amazon SNS tells that a subscription ended."""


class WebhookReception:
    """Implements `ports.received_webhooks.WebhookReceiver`. A process has one.

    Args:
        endpoints: the endpoints of MAILER_WEBHOOKS, by provider and name.
        store: stores requests.
        links: reads our tokens.
        certificates: fetches signing certificates, and remembers them.
        confirm: fetches the URL that confirms a subscription; raises OSError.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], WebhookEndpoint],
        store: ReceivedWebhookStore,
        links: SignedLinks,
        certificates: CertificateFetcher,
        confirm: Callable[[str], Awaitable[bytes]],
        clock: Callable[[], datetime],
    ) -> None:
        self._endpoints = endpoints
        self._store = store
        self._links = links
        self._certificates = certificates
        self._confirm = confirm
        self._clock = clock
        self._at_once = 0

    async def receive_request(
        self, provider: str, name: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> WebhookAnswer:
        """See the port."""
        endpoint = self._endpoints.get((provider, name))
        if endpoint is None:
            return WebhookAnswer(HTTPStatus.NOT_FOUND)
        if self._at_once >= MAX_AT_ONCE:
            WEBHOOK_REQUESTS.labels(provider, "over_limit").inc()
            return self.answer_for_failure(provider)
        self._at_once += 1
        try:
            return await self._receive_at_endpoint(endpoint, headers, body)
        except WebhookRefused as refused:
            return _answer_refusal(endpoint, refused)
        except Exception as error:
            log.error(
                "a webhook could not be received; the service has to send it again",
                endpoint=f"{provider}/{name}",
                error=describe_error_without_message(error),
            )
            WEBHOOK_REQUESTS.labels(provider, "unavailable").inc()
            return self.answer_for_failure(provider)
        finally:
            self._at_once -= 1

    def answer_for_failure(self, provider: str) -> WebhookAnswer:
        """See the port."""
        status = _RETRY_STATUSES.get(provider, HTTPStatus.SERVICE_UNAVAILABLE)
        return WebhookAnswer(status, (("retry-after", str(RETRY_SECONDS)),))

    async def _receive_at_endpoint(
        self, endpoint: WebhookEndpoint, headers: Iterable[tuple[str, str]], body: bytes
    ) -> WebhookAnswer:
        reading = await self._verify_and_read(endpoint, headers, body)
        match reading:
            case SubscriptionToConfirm(url):
                return await self._confirm_subscription(endpoint, url)
            case ReceivedEvents():
                return await self._store_events(endpoint, reading, body)

    async def _verify_and_read(
        self, endpoint: WebhookEndpoint, headers: Iterable[tuple[str, str]], body: bytes
    ) -> WebhookReading:
        """Checks and reads a request in a thread: a large one would hold up everybody else's page for a while."""
        reading = verify_and_read_webhook(endpoint, [*headers], body, self._clock(), self._certificates)
        return await asyncio.to_thread(asyncio.run, reading)

    async def _confirm_subscription(self, endpoint: WebhookEndpoint, url: str) -> WebhookAnswer:
        """Confirms a subscription. If that fails, the service asks again."""
        where = f"{endpoint.provider}/{endpoint.name}"
        try:
            await self._confirm(url)
        except OSError:
            log.warning("a webhook's subscription could not be confirmed; the service asks again", endpoint=where)
            return self.answer_for_failure(endpoint.provider)
        log.info("a webhook's subscription was confirmed", endpoint=where)
        WEBHOOK_REQUESTS.labels(endpoint.provider, "confirmed").inc()
        return WebhookAnswer(HTTPStatus.OK)

    async def _store_events(self, endpoint: WebhookEndpoint, reading: ReceivedEvents, body: bytes) -> WebhookAnswer:
        """Stores a request with its proven events. The status 200 says that all of it is committed."""
        provider = endpoint.provider
        known = await asyncio.to_thread(self._find_known_deliveries, reading.events)
        proven = [store_proven_event(*one) for one in known if one[0].kind in ACTED_ON]
        mailings = sorted({delivery.mailing_id for _, delivery in known})
        key = reading.request_key or make_event_key(provider, hashlib.sha256(body).hexdigest())
        counts = len(reading.events), reading.malformed
        recipients = [event.recipient for event in reading.events if event.recipient]
        request = NewWebhookRequest(provider, endpoint.name, key, body, *counts, mailings, recipients)
        new = await self._store.store_request(request, proven)
        if new is None:
            WEBHOOK_REQUESTS.labels(provider, "repeated").inc()
            return WebhookAnswer(HTTPStatus.OK)
        WEBHOOK_REQUESTS.labels(provider, "stored").inc()
        _count_events(provider, reading, len(proven), new)
        _log_what_needs_somebody(endpoint, reading)
        return WebhookAnswer(HTTPStatus.OK)

    def _find_known_deliveries(self, events: Sequence[ProviderEvent]) -> list[tuple[ProviderEvent, BounceToken]]:
        """Returns the events with a token that we signed, each with the delivery that it names."""
        proofs = [(event, find_only_delivery_proof(event.candidates, self._links)) for event in events]
        return [(event, delivery) for event, delivery in proofs if delivery is not None]


def _answer_refusal(endpoint: WebhookEndpoint, refused: WebhookRefused) -> WebhookAnswer:
    """Returns the answer to a request that is not accepted. Its text goes to the log, and to nobody else."""
    where = f"{endpoint.provider}/{endpoint.name}"
    log.warning("a webhook was refused", endpoint=where, reason=refused.reason.value, advice=str(refused))
    WEBHOOK_REQUESTS.labels(endpoint.provider, refused.reason.value).inc()
    status = HTTPStatus(refused.status)
    asked = (("www-authenticate", 'Basic realm="webhooks"'),) if status is HTTPStatus.UNAUTHORIZED else ()
    return WebhookAnswer(status, asked)


def _count_events(provider: str, reading: ReceivedEvents, proven: int, new: int) -> None:
    """Counts the events of a request that was not stored before."""
    acting = sum(event.kind in ACTED_ON for event in reading.events)
    for result, number in (("stored", new), ("repeated", proven - new), ("unproven", acting - proven)):
        WEBHOOK_EVENTS.labels(provider, result).inc(number)
    WEBHOOK_EVENTS.labels(provider, "counted").inc(len(reading.events) - acting)
    WEBHOOK_EVENTS.labels(provider, "ignored").inc(sum(reading.ignored.values()))
    WEBHOOK_EVENTS.labels(provider, "malformed").inc(reading.malformed)


def _log_what_needs_somebody(endpoint: WebhookEndpoint, reading: ReceivedEvents) -> None:
    """Logs events that could not be read, and the end of a subscription. All names in the log are the service's own."""
    where = f"{endpoint.provider}/{endpoint.name}"
    if reading.malformed:
        log.warning("a webhook has events that cannot be read", endpoint=where, events=reading.malformed)
    if reading.ignored:
        log.info("events of a webhook are ignored", endpoint=where, events=dict(reading.ignored))
    if _ENDED in reading.ignored:
        log.error("a webhook's subscription ended; nothing comes any more until it is made again", endpoint=where)
