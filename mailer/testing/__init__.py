"""For applications' own tests: a double that records what they published, and checks it like the real thing."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from mailer.accounts import AccountEvent
from mailer.events import MessageEvent


class Recorder:
    """What was published while it stood in.

    Attributes:
        events: those of messages, in the order in which they were published. accounts: those of accounts, likewise.
    """

    def __init__(self) -> None:
        self.events: list[MessageEvent] = []
        self.accounts: list[AccountEvent] = []

    async def publish(self, event: MessageEvent | AccountEvent) -> None:
        """Stands in for `mailer.publish`."""
        self._record(event)

    def publish_blocking(self, event: MessageEvent | AccountEvent) -> None:
        """Stands in for `mailer.publish_blocking`."""
        self._record(event)

    async def publish_in_transaction(self, connection: object, event: MessageEvent | AccountEvent) -> None:
        """Stands in for `mailer.publish_in_transaction`; it is recorded whether or not the transaction commits."""
        self._record(event)

    def only(self) -> MessageEvent:
        """The one event of a message that was published.

        Raises:
            AssertionError: it was none, or more than one.
        """
        if len(self.events) != 1:
            raise AssertionError(f"{len(self.events)} events were published, not one")
        return self.events[0]

    def _record(self, event: MessageEvent | AccountEvent) -> None:
        if isinstance(event, MessageEvent):
            self.events.append(event)
        elif isinstance(event, AccountEvent):
            self.accounts.append(event)
        else:
            raise TypeError(f"publish takes a MessageEvent or an AccountEvent, not {type(event).__name__}")


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Records instead of publishing, for code that calls `mailer.publish` and its twins by that name.

        with mailer.testing.recorded() as published:
            await sign_up("a@example.org")
        assert published.only().template == "welcome"

    Code that did `from mailer import publish` before is not reached: it should take the function as an argument, or be
    patched where it is used, with a `Recorder`'s methods.
    """
    recorder = Recorder()
    with (
        patch("mailer.publish", recorder.publish, create=True),
        patch("mailer.publish_blocking", recorder.publish_blocking, create=True),
        patch("mailer.publish_in_transaction", recorder.publish_in_transaction, create=True),
    ):
        yield recorder
