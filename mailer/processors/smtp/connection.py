"""The base class of SMTP connections, which the pool uses: pipelined or sequential."""

import time
from abc import ABC, abstractmethod

from mailer.processors.smtp.relay_url import RelaySettings
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction
from mailer.processors.smtp.window_message_queue import WindowQueue

GO_AHEAD = 354
"""The reply code with which the server asks for the content (RFC 5321 4.1.1.4)."""


class SmtpConnection(ABC):
    """A connection that is greeted, encrypted and authenticated. It sends messages until a limit is reached.

    Args:
        relay: gives the limits and timeouts of a connection.
        extensions: the extensions that the server offers.
    """

    def __init__(self, relay: RelaySettings, extensions: SmtpExtensions) -> None:
        self._times = relay.times
        self._extensions = extensions
        self._messages = relay.messages
        self.begun = time.monotonic()
        """The time, in seconds of the monotonic clock, at which it was made or last began a message."""
        self._expires = self.begun + relay.age
        self._fresh = True

    @property
    @abstractmethod
    def is_connection_open(self) -> bool:
        """Tells whether the connection is still open, as far as is known, without an unexpected reply."""

    @property
    def is_spent(self) -> bool:
        """Tells whether it has reached its maximum number of messages or its maximum age."""
        return self._messages <= 0 or time.monotonic() >= self._expires

    @property
    def has_ended_before_first_answer(self) -> bool:
        """Tells whether it ended before any message on it was answered."""
        return self._fresh and not self.is_connection_open

    @abstractmethod
    async def send_messages(self, share: WindowQueue) -> None:
        """Takes messages from the window, and settles or puts back each of them.

        It returns when no message waits, or when the connection has ended or reached a limit.

        A message is in doubt from the moment that its final dot may have left this process until the reply to it is
        read. If the connection is lost before that, the message is deferred, which counts as an attempt. So a message
        that always breaks the connection is not tried for ever. A message is put back only if it is not the likely
        cause: the connection was used before, and MAIL was not answered.
        """

    @abstractmethod
    async def quit(self) -> None:
        """Ends the connection with QUIT."""

    @abstractmethod
    def drop_connection(self) -> None:
        """Closes the connection without QUIT."""

    def _limit_timeout_by_deadline(self, seconds: float, share: WindowQueue) -> float:
        """Returns the seconds to wait for a reply before the final dot: at most until the window's deadline.

        A relay always gets at least the time for a connection. So a lease that ends soon does not make it look slow.
        """
        return min(seconds, max(share.seconds_left, self._times.connect))

    def _take_next_message(self, share: WindowQueue) -> SmtpTransaction | None:
        """Takes the next message from the window. Returns None if there is none, or if a limit is reached."""
        now = time.monotonic()
        if self._messages <= 0 or now >= self._expires:
            return None
        letter = share.take_next_message(self._extensions, now)
        if letter is not None:
            self._messages -= 1
            self.begun = now
        return letter


def is_negative_code(code: int) -> bool:
    """Tells whether a reply code is a temporary or permanent refusal (4xx or 5xx)."""
    return code // 100 in (4, 5)
