"""Endpoints of applications, and the posts to them: the timekeeper sends, and `mailer webhook` manages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from mailer.policy.webhook_retries import NextTry, PostResult

ROTATION: Final = timedelta(days=1)
"""The time for which a replaced secret still signs beside the new one."""
MESSAGES_KEPT: Final = timedelta(days=30)
"""The age at which messages are deleted. Until then they can be replayed."""


class DisabledReason(StrEnum):
    """The reason for which nothing is posted to an endpoint."""

    PERSON = "person"
    """Somebody has disabled it."""
    GONE = "gone"
    """It answered 410: it wants no more."""
    FAILING = "failing"
    """It has accepted nothing for days."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An endpoint, as operators see it.

    Attributes:
        kinds: the states and reports that are posted.
        waiting: the messages that are still to be posted; at most 10,000.
        failing_since: the first failure since the last success. last_error: the last failure in a few words.
    """

    id: int
    brand: str
    url: str
    kinds: Sequence[str]
    created_at: datetime
    failing_since: datetime | None
    last_error: str | None
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    waiting: int


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """An endpoint to which something is to be posted now.

    Attributes:
        secrets: the present secret, and the one before it while it still signs; empty if none can be decrypted.
    """

    id: int
    brand: str
    url: str
    failing_since: datetime | None
    secrets: Sequence[str] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message that was taken to be posted.

    Attributes:
        id: stays the same for all tries. tries: the tries so far, with this one.
        kind: the state that it tells. outcome: the fields of an `OutcomeMessage`, as JSON.
    """

    id: UUID
    tries: int
    kind: str
    at: datetime
    outcome: dict[str, Any]


class WebhookQueue(Protocol):
    """The messages that are to be posted."""

    async def find_targets_with_due_messages(self) -> Sequence[WebhookTarget]:
        """Returns the endpoints to which something can be posted now."""
        ...

    async def take_due_messages(self, webhook_id: int, limit: int) -> Sequence[WebhookMessage]:
        """Takes messages for a minute. If their result is not stored by then, they are due again."""
        ...

    async def store_accepted(self, webhook_id: int, message_id: UUID) -> None:
        """Stores that the endpoint has taken a message."""
        ...

    async def store_failure(self, webhook_id: int, message_id: UUID, result: PostResult, then: NextTry) -> None:
        """Stores that a post failed, and when the next one is due."""
        ...

    async def disable_endpoint(self, webhook_id: int, reason: DisabledReason) -> bool:
        """Disables an endpoint, with an entry in the ledger. Returns False if it was disabled, or does not exist."""
        ...

    async def delete_old_messages(self) -> None:
        """Deletes all messages that are older than `MESSAGES_KEPT`."""
        ...


class WebhookPoster(Protocol):
    """Posts a message to an endpoint, safely."""

    async def __call__(self, url: str, headers: dict[str, str], body: bytes) -> PostResult:
        """Posts a body. Never raises for what an endpoint does."""
        ...
