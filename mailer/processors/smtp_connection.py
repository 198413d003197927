"""What the pool needs of a connection, however the transactions on it are spoken."""

import time
from abc import ABC, abstractmethod

from mailer.processors.relay_url import RelaySettings
from mailer.processors.smtp_envelope import SmtpEnvelope, SmtpExtensions
from mailer.processors.window_queue import WindowQueue

GO_AHEAD = 354
"""The code that asks for the content (RFC 5321 4.1.1.4)."""


class SmtpConnection(ABC):
    """A connection that is greeted, encrypted and authenticated, and carries messages until its time is over.

    Args:
        relay: the limits of a connection.
        extensions: what the server offers.
    """

    def __init__(self, relay: RelaySettings, extensions: SmtpExtensions) -> None:
        self._times = relay.times
        self._extensions = extensions
        self._messages = relay.messages
        self.begun = time.monotonic()
        """The time at which it was made, or has begun a message last."""
        self._expires = self.begun + relay.age
        self._fresh = True

    @property
    @abstractmethod
    def is_usable(self) -> bool:
        """Whether the server still listens, as far as is known, and has said nothing that it was not asked."""

    @property
    def is_spent(self) -> bool:
        """Whether it has carried enough, or for long enough."""
        return self._messages <= 0 or time.monotonic() >= self._expires

    @property
    def has_failed_at_once(self) -> bool:
        """Whether it ended with the first message since it was made."""
        return self._fresh and not self.is_usable

    @abstractmethod
    async def send_messages(self, share: WindowQueue) -> None:
        """Takes messages and settles or gives back each of them, until none waits or the connection is over.

        A message is in doubt from the moment that its final dot may have left this process until the reply to it is
        read. Lost before that, it is deferred, which counts as an attempt, so that a message that always breaks
        the connection does not go round for ever. It is given back only if nothing shows that it was to blame: on a
        connection that was used before, as long as its MAIL is not answered.
        """

    @abstractmethod
    async def quit(self) -> None:
        """Ends the connection politely."""

    @abstractmethod
    def drop_connection(self) -> None:
        """Ends the connection without a word."""

    def _seconds_until_late(self, seconds: float, share: WindowQueue) -> float:
        """Seconds to wait for a reply before the final dot: no longer than the message may go on once it is there.

        A relay is given at least the time for a connection, so that a lease that ends soon is not held against it.
        """
        return min(seconds, max(share.seconds_left, self._times.connect))

    def _next_message(self, share: WindowQueue) -> SmtpEnvelope | None:
        """The next message, if this connection may begin one more."""
        now = time.monotonic()
        if self._messages <= 0 or now >= self._expires:
            return None
        letter = share.next_message(self._extensions, now)
        if letter is not None:
            self._messages -= 1
            self.begun = now
        return letter


def is_negative_code(code: int) -> bool:
    """Whether a reply says no, for now or for good."""
    return code // 100 in (4, 5)
