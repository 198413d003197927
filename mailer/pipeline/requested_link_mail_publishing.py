"""Publishes the mails with a link, for people who typed their address on a page of the brand."""

import asyncio
import time
from collections.abc import Mapping

from mailer.actions.data_requests import build_data_request_link_message
from mailer.actions.requests_identified_by_address import build_leave_link_message
from mailer.metrics_and_logger import LEAVE_REQUESTS_ANSWERED, log
from mailer.policy.policy_file import Policy
from mailer.ports.broker import BrokerMessage
from mailer.ports.request_stores import RequestStores
from mailer.ports.requests_identified_by_address import PersonToAnswer
from mailer.rendering.signed_links import SignedLinks
from mailer.runtime.repeating import run_every

AT_ONCE = 100
"""The most requests that one transaction answers."""
ROUNDS = 10
"""The most transactions of one tick. The next tick goes on."""
RARELY = 60.0
"""Seconds between two deletions of old counts and old data requests."""


class RequestedLinkMailPublisher:
    """Answers the requests by an address that wait. All its steps can repeat, and several processes share the work.

    Args:
        requests: the stores of requests.
        policies: the current policies, by brand. links: signs the links to data requests.
    """

    def __init__(self, requests: RequestStores, policies: Mapping[str, Policy], links: SignedLinks) -> None:
        self._requests = requests
        self._policies = policies
        self._links = links
        self._rarely_at = 0.0

    async def publish_until_stopped(self, stop: asyncio.Event, period: float = 1.0) -> None:
        """Runs a tick each `period` seconds until `stop` is set. A tick that fails is logged, and repeated."""
        complaint = "requests by an address could not be answered; trying again"
        await run_every(period, stop, self.answer_waiting_requests, complaint)

    async def answer_waiting_requests(self) -> None:
        """Runs one tick: answers waiting requests, at most `AT_ONCE * ROUNDS`."""
        for _ in range(ROUNDS):
            answered = await self._requests.by_address.answer_and_delete_oldest_requests(
                self._build_link_mail_event, AT_ONCE
            )
            LEAVE_REQUESTS_ANSWERED.inc(answered)
            if answered < AT_ONCE:
                break
        if time.monotonic() >= self._rarely_at:
            await self._requests.by_address.delete_old_request_counts()
            await self._requests.data.delete_old_data_requests()
            self._rarely_at = time.monotonic() + RARELY

    def _build_link_mail_event(self, person: PersonToAnswer) -> BrokerMessage | None:
        """Returns the event for a person; None if the brand is gone or the ref cannot be in an event."""
        brand, ref, request = person
        if brand not in self._policies:
            return None
        try:
            return (
                build_leave_link_message(brand, ref)
                if request is None
                else build_data_request_link_message(self._links, request)
            )
        except ValueError:
            log.warning("a person gets no link that they asked for: no event can name their ref", brand=brand)
            return None
