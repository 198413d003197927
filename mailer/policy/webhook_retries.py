"""The next try of a post to a webhook, and the end of its tries. Standard Webhooks 1.0, "Retries"."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RETRY_SECONDS: Final = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds after the first try, the second, and so on, until the next one: about three days in all."""
JITTER: Final = 0.2
"""The part of a pause that is added to it at random, so that what failed together does not come back together."""
MAX_RETRY_AFTER: Final = 86400
"""The most seconds that an endpoint may ask us to wait."""
MAX_PAUSE: Final = 60
"""The most seconds for which a failure alone keeps other posts from an endpoint."""
DISABLED_AFTER: Final = timedelta(days=5)
"""Time without any success, after which a failing endpoint is disabled."""
GONE: Final = 410
_ASKS_TO_WAIT: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class PostResult:
    """The result of one post.

    Attributes:
        status: the HTTP status; None: no answer came.
        retry_after: the seconds in `Retry-After`; None: there is none that can be read.
        error: the reason for which there is no answer, in one word or a few, without an address.
    """

    status: int | None
    retry_after: int | None = None
    error: str = ""

    @property
    def is_accepted(self) -> bool:
        """True if the endpoint has taken the message: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def words(self) -> str:
        """The result in a few words, for operators."""
        return self.error or f"status {self.status}"


@dataclass(frozen=True, slots=True)
class NextTry:
    """The decision after a failed post.

    Attributes:
        message_at: the message's next try; None: it was given up.
        endpoint_at: nothing is posted to the endpoint before.
    """

    message_at: datetime | None
    endpoint_at: datetime


def decide_next_try(result: PostResult, tries: int, now: datetime, chance: float) -> NextTry:
    """Returns the decision after a failure.

    Args:
        result: of the post, which was not accepted.
        tries: the tries of the message so far, from 1.
        now: the time of the result.
        chance: a random number from 0 to 1, for the jitter.
    """
    asked = min(result.retry_after or 0, MAX_RETRY_AFTER) if result.status in _ASKS_TO_WAIT else 0
    step = RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1]
    pause = max(step * (1 + JITTER * chance), asked)
    message_at = now + timedelta(seconds=pause) if tries <= len(RETRY_SECONDS) else None
    return NextTry(message_at, now + timedelta(seconds=max(min(step, MAX_PAUSE), asked)))


def is_endpoint_given_up(failing_since: datetime | None, now: datetime) -> bool:
    """Tells whether an endpoint has failed for so long that it is disabled."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER
