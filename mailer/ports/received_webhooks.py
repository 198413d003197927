"""Webhooks of e-mail services: the requests that are stored, and the part that receives them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

MAX_WEBHOOK_OCTETS: Final = 1024 * 1024
"""The most octets of a request's body. SendGrid sends 768 KiB, Amazon SNS 256 KiB before it is escaped."""
REQUEST_DAYS_KEPT: Final = 3
"""Days for which a request is kept with its key. The keys must last longer than services repeat a request: 26 hours."""
WEBHOOKS_PATH: Final = "/webhooks/"
"""The beginning of the paths of all endpoints."""


@dataclass(frozen=True, slots=True)
class NewWebhookRequest:
    """An authentic request.

    Attributes:
        provider: the service. endpoint: the name in MAILER_WEBHOOKS.
        request_key: the same for a request that is sent again.
        body: as it arrived, at most `MAX_WEBHOOK_OCTETS`.
        events: the number of events that were read. malformed: of those that could not be.
        mailing_ids: the mailings that our tokens in the events name.
        recipients: the addresses that the events name.
    """

    provider: str
    endpoint: str
    request_key: str
    body: bytes = field(repr=False)
    events: int
    malformed: int
    mailing_ids: Sequence[UUID]
    recipients: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProvenWebhookEvent:
    """An event to act on, whose token we signed.

    Attributes:
        event_key: the same for an event that is sent again.
        mailing_id, recipient_id: the delivery that the token names.
        recipient: the address that the service names; it proves nothing.
        content: the event in its stored form.
    """

    event_key: str
    mailing_id: UUID
    recipient_id: int
    recipient: str | None = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedWebhookRequest:
    """A stored request in a list. proven: its events to act on. octets: of its body; None if that is deleted."""

    id: UUID
    at: datetime
    provider: str
    endpoint: str
    events: int
    proven: int
    malformed: int
    octets: int | None


class ReceivedWebhookStore(Protocol):
    """Stores requests."""

    async def store_request(self, request: NewWebhookRequest, events: Sequence[ProvenWebhookEvent]) -> int | None:
        """Stores a request, its events, and an outbox row with the id of each new event, in one transaction.

        An event that was stored before is not stored again.

        Returns:
            The number of new events; None if the request was stored before, so that nothing was done.
        """
        ...


class ReceivedWebhookReader(Protocol):
    """Shows stored requests to operators."""

    async def list_requests(self, *, malformed: bool, limit: int) -> Sequence[ListedWebhookRequest]:
        """Returns the newest requests; with `malformed`, those with an event that could not be read."""
        ...

    async def read_request_body(self, request_id: UUID) -> bytes | None:
        """Returns the body of a request; None if there is no such request, or its body is deleted.

        That it was read stands in the ledger of each brand whose mail it is about (`received_read`).
        """
        ...


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """The answer to a request: a status, and whether the service is told how to sign in or when to come again."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class WebhookReceiver(Protocol):
    """Receives the requests of all endpoints."""

    async def receive_request(
        self, provider: str, name: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> WebhookAnswer:
        """Checks and stores a request. A status of 2xx says that it is stored.

        Args:
            provider: the service in the path.
            name: the endpoint's name in the path.
            headers: the header fields as they arrived.
            body: the raw body, at most `MAX_WEBHOOK_OCTETS` octets.
        """
        ...

    def answer_for_failure(self, provider: str) -> WebhookAnswer:
        """Returns the answer after which this service sends the request again."""
        ...
