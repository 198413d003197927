"""Posts outcomes to endpoints of applications. Each endpoint has a task of its own, so that none waits for another."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailer.metrics_and_logger import WEBHOOK_POSTS, log
from mailer.policy.webhook_retries import GONE, PostResult, decide_next_try, is_endpoint_given_up
from mailer.ports.outgoing_webhooks import DisabledReason, WebhookMessage, WebhookPoster, WebhookQueue, WebhookTarget
from mailer.rendering.webhook_signing import signed_webhook_headers
from mailer.runtime.repeating import run_every

AT_ONCE: Final = 10
"""The most posts to an endpoint at the same time. To one that fails goes one, until it accepts something."""
PERIOD: Final = 1.0
"""Seconds between two looks at what is due."""
SECRETS_KEPT: Final = 60.0
"""Seconds after which a task ends that still has posts to make. The next one reads the secrets again."""
_FORGET_EVERY: Final = 60.0
"""Seconds between two deletions of old messages."""


class OutgoingWebhookSender:
    """Posts due messages to their endpoints.

    Args:
        queue: the messages. post: posts one.
    """

    def __init__(self, queue: WebhookQueue, post: WebhookPoster) -> None:
        self._queue = queue
        self._post = post
        self._tasks = dict[int, asyncio.Task[None]]()
        self._without_secret = set[int]()
        self._forget_at = 0.0

    async def send_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Sends until `stop` is set. Posts that are under way then are made again by the next process."""
        try:
            await run_every(period, stop, self.start_due_endpoints, "webhooks could not be sent; trying again")
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start_due_endpoints(self) -> None:
        """Starts a task for each endpoint that has something due and no task yet."""
        for target in await self._queue.find_targets_with_due_messages():
            if target.id not in self._tasks:
                task = asyncio.create_task(self._send_to_endpoint(target))
                self._tasks[target.id] = task
                task.add_done_callback(lambda _, webhook_id=target.id: self._tasks.pop(webhook_id))  # type: ignore[misc]
        if time.monotonic() >= self._forget_at:
            await self._queue.delete_old_messages()
            self._forget_at = time.monotonic() + _FORGET_EVERY

    async def send_what_is_due(self) -> None:
        """Sends what is due now, and waits for the results."""
        await self.start_due_endpoints()
        await asyncio.gather(*self._tasks.values())

    async def _send_to_endpoint(self, target: WebhookTarget) -> None:
        """Posts what is due for one endpoint. An error leaves its messages to a later round."""
        try:
            if not target.secrets:
                self._complain_about_secret_once(target.id)
                return
            self._without_secret.discard(target.id)
            limit, until = 1 if target.failing_since else AT_ONCE, time.monotonic() + SECRETS_KEPT
            while messages := await self._queue.take_due_messages(target.id, limit):
                if not await self._send_messages(target, messages) or time.monotonic() >= until:
                    return
                limit = AT_ONCE
        except Exception:
            log.exception("messages for a webhook could not be sent; trying again", webhook=target.id)

    def _complain_about_secret_once(self, webhook_id: int) -> None:
        if webhook_id not in self._without_secret:
            log.error(
                "the secret of a webhook cannot be decrypted: its key is gone; run `mailer webhook rotate`",
                webhook=webhook_id,
            )
        self._without_secret.add(webhook_id)

    async def _send_messages(self, target: WebhookTarget, messages: Sequence[WebhookMessage]) -> bool:
        """Posts messages at the same time, and waits for all. Returns True if each was accepted."""
        sent = await asyncio.gather(*(self._send_message(target, one) for one in messages), return_exceptions=True)
        for result in sent:
            if isinstance(result, BaseException):
                raise result
        return all(sent)

    async def _send_message(self, target: WebhookTarget, message: WebhookMessage) -> bool:
        """Posts a message, and stores the result. Returns True if it was accepted."""
        result = await post_outcome(self._post, target, f"msg_{message.id.hex}", message)
        WEBHOOK_POSTS.labels("accepted" if result.is_accepted else "failed").inc()
        if result.is_accepted:
            await self._queue.store_accepted(target.id, message.id)
            return True
        now = datetime.now(UTC)
        then = decide_next_try(result, message.tries, now, random.random())  # noqa: S311 - it spreads tries, and is no secret
        await self._queue.store_failure(target.id, message.id, result, then)
        log.warning(
            "a webhook accepted nothing" if then.message_at else "a message for a webhook was given up",
            webhook=target.id,
            brand=target.brand,
            message=str(message.id),
            tries=message.tries,
            why=result.words,
        )
        await self._disable_if_hopeless(target, result, now)
        return False

    async def _disable_if_hopeless(self, target: WebhookTarget, result: PostResult, now: datetime) -> None:
        """Disables an endpoint that wants no more, or that has failed for days."""
        if result.status == GONE:
            reason = DisabledReason.GONE
        elif is_endpoint_given_up(target.failing_since, now):
            reason = DisabledReason.FAILING
        else:
            return
        if await self._queue.disable_endpoint(target.id, reason):
            log.error("a webhook is disabled; see `mailer webhook list`", webhook=target.id, reason=reason.value)


async def post_outcome(
    post: WebhookPoster, target: WebhookTarget, message_id: str, message: WebhookMessage
) -> PostResult:
    """Signs and posts a message.

    Args:
        post: posts it.
        target: the endpoint.
        message_id: the `webhook-id`.
        message: its kind, time and content.
    """
    content = {"type": f"outcome.{message.kind}", "timestamp": message.at.isoformat(), "data": message.outcome}
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    headers = signed_webhook_headers(message_id, int(time.time()), body, target.secrets)
    return await post(target.url, dict(headers), body)
