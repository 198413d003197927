r"""The reader of a mailbox: stores each message, and then marks it \Seen, so that a crash loses and repeats nothing."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, Protocol, TypeVar

from mailer.inbound.collection.collected_messages import MessageCollector, MessageRefused
from mailer.inbound.collection.imap_session import MailboxAway, MailboxRefused
from mailer.metrics_and_logger import RECEIVED_MAIL, log
from mailer.ports.received_mail import MAX_OCTETS, ReceivedMailStore
from mailer.runtime.error_kinds import error_type_and_place

BATCH: Final = 20
"""The messages that are stored before they are marked."""
FIRST_PAUSE: Final = 1.0
"""Seconds after an outage; each further one doubles them."""
LONGEST_PAUSE: Final = 60.0
"""The most seconds until the next try."""
REFUSED_PAUSE: Final = 300.0
"""Seconds after a refused login: many tries would lock the account."""
_T = TypeVar("_T")


class Session(Protocol):
    """A connection to a mailbox, as `imap_session.ImapSession` is one. Its calls block."""

    def list_unseen(self) -> list[str]:
        """Returns the UIDs of messages to read."""
        ...

    def fetch_message(self, uid: str) -> bytes | None:
        """Returns a message; None if it is too long or gone."""
        ...

    def mark_seen(self, uids: list[str]) -> None:
        """Marks messages, so that they are not listed again."""
        ...

    def wait_for_news(self) -> bool:
        """Waits about a second. Returns True if there may be new messages."""
        ...

    def close(self) -> None:
        """Closes the connection."""
        ...


class ImapReader:
    """Reads one mailbox until it is stopped.

    Args:
        place: the server and folder, for log lines.
        open_session: connects and signs in.
        collector: makes received messages of octets.
        store: stores them. A message that was stored before is not stored again, whatever its UID is by now.
        report: sets or clears a problem of the process, as `Readiness` does.
    """

    def __init__(
        self,
        place: str,
        open_session: Callable[[], Session],
        collector: MessageCollector,
        store: ReceivedMailStore,
        report: Callable[[str, str | None], bool],
    ) -> None:
        self._place = place
        self._open_session = open_session
        self._collector = collector
        self._store = store
        self._report = report
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
        self._left_out = set[str]()

    async def read_until_stopped(self, stop: asyncio.Event) -> None:
        """Reads the mailbox until `stop` is set. Waits for outages of the server and the database."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                await self._read_with_one_session(stop)
                pause = FIRST_PAUSE
            except MailboxRefused as error:
                self._report_problem(str(error))
                pause = REFUSED_PAUSE
            except MailboxAway as error:
                self._report_problem(str(error))
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                self._report_problem(f"a message could not be stored: {error_type_and_place(error)}")
                pause = min(2 * pause, LONGEST_PAUSE)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        self._thread.shutdown(wait=False)

    def _report_problem(self, problem: str) -> None:
        if self._report(f"mailbox {self._place}", problem):
            log.error("a mailbox cannot be read", mailbox=self._place, problem=problem)

    async def _read_with_one_session(self, stop: asyncio.Event) -> None:
        """Reads until `stop` is set. Raises MailboxRefused, MailboxAway, or what the store raises."""
        session = await self._in_thread(self._open_session)
        try:
            if self._report(f"mailbox {self._place}", None):
                log.info("a mailbox can be read again", mailbox=self._place)
            while not stop.is_set():
                await self._read_unseen(session, stop)
                while not stop.is_set() and not await self._in_thread(session.wait_for_news):
                    pass
        finally:
            await self._in_thread(session.close)

    async def _read_unseen(self, session: Session, stop: asyncio.Event) -> None:
        listed = await self._in_thread(session.list_unseen)
        self._left_out &= {*listed}
        uids = [uid for uid in listed if uid not in self._left_out]
        for start in range(0, len(uids), BATCH):
            if stop.is_set():
                return
            await self._store_batch(session, uids[start : start + BATCH])

    async def _store_batch(self, session: Session, uids: Sequence[str]) -> None:
        """Stores messages, and marks them. One that cannot be stored stays unread, and keeps no other one waiting.

        Raises:
            Exception: of the store, for the last message that it did not take, once the others are marked.
        """
        stored, fault = list[str](), None
        for uid in uids:
            octets = await self._in_thread(partial(session.fetch_message, uid))
            try:
                if octets is None:
                    raise MessageRefused(f"it is longer than {MAX_OCTETS} octets, or gone")
                mail = self._collector.collect_message(octets)
            except MessageRefused as error:
                self._left_out.add(uid)
                log.warning("a message stays in its mailbox", mailbox=self._place, uid=uid, problem=str(error))
                continue
            try:
                is_new = await self._store.store_collected_mail(mail)
            except Exception as error:
                fault = error
                continue
            stored.append(uid)
            if is_new:
                RECEIVED_MAIL.labels(mail.mailbox, "stored").inc()
        if stored:
            await self._in_thread(partial(session.mark_seen, stored))
        if fault is not None:
            raise fault

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
