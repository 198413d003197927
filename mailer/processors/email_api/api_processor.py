"""The processor for the API of an e-mail service. It sends each window in as few requests as the service allows."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.email_api.answer_outcomes import in_doubt, is_about_service
from mailer.processors.email_api.api_url import ApiSettings
from mailer.processors.email_api.http_sender import HttpSender, NotAnswered
from mailer.processors.email_api.provider_api import ApiAnswer, ProviderApi
from mailer.processors.email_api.window_batches import LATE, Batch, WindowBatches
from mailer.processors.smtp.connection_pool import FINISHING, PARTING
from mailer.processors.smtp.connection_slots import ConnectionSlots
from mailer.processors.smtp.oauth_tokens import FileOrCommandTokenProvider, TokenUnavailable

REPEATS: Final = 2
"""The number of repeats of a request without an answer, if the service takes its key once only."""
MAX_PAUSE: Final = 300.0
"""Seconds: the longest pause after which a service that was too busy is asked again."""
SHORT_PAUSE: Final = 3.0
"""Seconds: a window waits for the end of a pause that is no longer than this."""


class ApiProcessor:
    """Implements `mailer.ports.processor.Processor` on the API of an e-mail service.

    Attributes:
        name, country, contract, is_outside_our_network, weight, purposes: see the port.
    """

    def __init__(self, settings: ApiSettings, api: ProviderApi, *, context: ssl.SSLContext | None = None) -> None:
        """Stores the settings. The first window opens connections.

        Args:
            settings: the address and settings of the service.
            api: writes its requests, and reads its answers.
            context: decides which certificates are trusted. The default trusts the system's.
        """
        self.name, self.country, self.contract = settings.name, settings.country, settings.contract
        self.weight, self.purposes = settings.weight, settings.purposes
        self.is_outside_our_network = settings.is_encrypted
        self._settings, self._api = settings, api
        self._http = HttpSender(settings, context)
        self._slots = ConnectionSlots(settings.pool, settings.urgent)
        self._secrets = FileOrCommandTokenProvider(settings.bearer) if settings.bearer is not None else None
        self._pause_until, self._throttled = float("-inf"), 0
        self._windows = set[WindowBatches]()
        self._timers: tuple[asyncio.TimerHandle, ...] = ()
        self._is_stopping = False

    @property
    def weakest_encryption_used(self) -> str | None:
        """See the port."""
        return self._http.weakest_encryption_so_far

    def __repr__(self) -> str:
        """Shows the service, without credentials."""
        return f"ApiProcessor({self._settings!r})"

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Hands a window over. Returns one outcome for each message, in the same order. See the port."""
        batches = WindowBatches(window, deadline, permit)
        if self._is_stopping:
            batches.move_deadline_to_now()
        self._windows.add(batches)
        senders = min(self._settings.pool, -(-len(window) // self._api.max_messages))
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(senders):
                    tasks.create_task(self._send_until_empty_or_trouble(batches, urgent))
        finally:
            self._windows.discard(batches)
        return batches.outcome_of_each_message()

    def start_shutdown_timers(self) -> None:
        """See the port. All running windows end within 30 seconds."""
        loop = asyncio.get_running_loop()
        self._timers += (
            loop.call_later(FINISHING, self._move_window_deadlines_to_now),
            loop.call_later(PARTING, self._http.end_running_requests),
        )

    async def close(self) -> None:
        """Waits until all running windows have ended, then closes the connections."""
        for _ in range(self._settings.pool + self._settings.urgent):
            await self._slots.acquire_slot(True, None)
        for timer in self._timers:
            timer.cancel()
        await self._http.close()

    def _move_window_deadlines_to_now(self) -> None:
        self._is_stopping = True
        for batches in self._windows:
            batches.move_deadline_to_now()

    async def _send_until_empty_or_trouble(self, batches: WindowBatches, urgent: bool) -> None:
        """Sends waiting messages, one request after another."""
        while batches.has_waiting and await self._slots.acquire_slot(urgent, batches.seconds_left):
            try:
                if await self._is_pause_over(batches) and (batch := batches.take_batch(self._api)):
                    await self._send_batch(batches, batch)
            finally:
                self._slots.release_slot(urgent)

    async def _is_pause_over(self, batches: WindowBatches) -> bool:
        """Waits for the end of a short pause. Of a longer one, returns False; the window then ends."""
        left = self._pause_until - time.monotonic()
        if left > min(SHORT_PAUSE, batches.seconds_left):
            text = f"the service was too busy; it is asked again in {left:.0f} seconds"
            batches.trouble = Outcome(OutcomeKind.UNSENT, text=text, trouble=ConnectionTrouble.BUSY)
            return False
        if left > 0:
            await asyncio.sleep(left)
        return batches.has_waiting

    async def _send_batch(self, batches: WindowBatches, batch: Batch) -> None:
        try:
            secret = await self._secrets.get_token() if self._secrets is not None else self._settings.secret
        except TokenUnavailable as error:
            batches.trouble = Outcome(OutcomeKind.UNSENT, text=str(error), trouble=ConnectionTrouble.TOKEN)
            return
        request = self._api.write_request(batch.messages, secret, datetime.now(UTC))
        answer = await self._http.post(request, secret, batches.is_late)
        if not isinstance(answer, NotAnswered):
            outcomes = self._api.read_outcomes(answer, len(batch.indexes))
        elif not answer.is_taken_perhaps:
            self._handle_request_that_was_not_taken(batches, batch, answer)
            return
        else:
            outcomes = [in_doubt(answer.text)] * len(batch.indexes)
        for _ in range(REPEATS if self._api.has_idempotency_key else 0):
            if outcomes[0].result is not OutcomeKind.IN_DOUBT or not batches.is_permitted_again(batch):
                break
            answer = await self._http.post(request, secret, batches.is_late)
            outcomes = self._outcomes_after_doubt(outcomes, answer)
        self._store_outcomes_or_pause(batches, batch, outcomes, answer)

    def _outcomes_after_doubt(self, doubtful: Sequence[Outcome], answer: ApiAnswer | NotAnswered) -> Sequence[Outcome]:
        """Returns the outcomes of a repeated request. Only a success ends the doubt about the first one."""
        if isinstance(answer, NotAnswered):
            return doubtful
        found = self._api.read_outcomes(answer, len(doubtful))
        return found if all(one.result is OutcomeKind.ACCEPTED for one in found) else doubtful

    def _handle_request_that_was_not_taken(self, batches: WindowBatches, batch: Batch, failure: NotAnswered) -> None:
        """Handles a request whose last octet has not left."""
        if failure.trouble is not None:
            batches.trouble = Outcome(OutcomeKind.UNSENT, text=self._named(failure.text), trouble=failure.trouble)
        elif failure.is_late:
            batches.store_outcomes(batch, [Outcome(OutcomeKind.UNSENT, text=LATE)] * len(batch.indexes))
        elif not batches.put_back_once(batch):
            lost = Outcome(OutcomeKind.DEFERRED, text=self._named(failure.text))
            batches.store_outcomes(batch, [lost] * len(batch.indexes))

    def _store_outcomes_or_pause(
        self, batches: WindowBatches, batch: Batch, outcomes: Sequence[Outcome], answer: ApiAnswer | NotAnswered
    ) -> None:
        """Stores the outcomes. Those that are about the service end the window, or pause it for a while."""
        about_service = [outcome for outcome in outcomes if is_about_service(outcome)]
        if not about_service:
            if _is_whole_batch_refused(outcomes, answer):
                batches.put_back_one_by_one(batch)
                return
            if any(outcome.result is OutcomeKind.ACCEPTED for outcome in outcomes):
                self._throttled = 0
            batches.store_outcomes(batch, outcomes)
            return
        is_busy = all(outcome.trouble is ConnectionTrouble.BUSY for outcome in about_service)
        if is_busy:
            self._pause(answer)
        if is_busy and len(about_service) == len(outcomes):
            batches.put_back(batch)
            return
        batches.store_outcomes(batch, outcomes)
        if not is_busy:
            batches.trouble = next(
                outcome for outcome in about_service if outcome.trouble is not ConnectionTrouble.BUSY
            )

    def _pause(self, answer: ApiAnswer | NotAnswered) -> None:
        """Begins a pause: as long as the service asks for, or longer each time."""
        asked = answer.headers.get("retry-after", "") if isinstance(answer, ApiAnswer) else ""
        self._throttled = min(self._throttled + 1, 10)
        seconds = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 2.0**self._throttled / 2
        self._pause_until = time.monotonic() + min(max(seconds, 0.5), MAX_PAUSE)

    def _named(self, text: str) -> str:
        return f"{self.name}: {text}"


def _is_whole_batch_refused(outcomes: Sequence[Outcome], answer: ApiAnswer | NotAnswered) -> bool:
    """Tells whether a request of several messages was refused, perhaps because of one of them."""
    return (
        len(outcomes) > 1
        and isinstance(answer, ApiAnswer)
        and answer.status >= 400
        and all(outcome.result is OutcomeKind.BLOCKED for outcome in outcomes)
    )
