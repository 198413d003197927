"""A test double for applications: it records the events that they publish, and accepts only real event types."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from mailer.account_event_types import AccountEvent
from mailer.events import MessageEvent


class Recorder:
    """The record of published events, and the methods that replace the functions of `mailer`.

    Attributes:
        events: the published message events, in their order. accounts: the published account events, in their order.
    """

    def __init__(self) -> None:
        self.events: list[MessageEvent] = []
        self.accounts: list[AccountEvent] = []

    async def publish(self, event: MessageEvent | AccountEvent) -> None:
        """Replaces `mailer.publish`."""
        self._record(event)

    def publish_blocking(self, event: MessageEvent | AccountEvent) -> None:
        """Replaces `mailer.publish_blocking`."""
        self._record(event)

    async def publish_in_transaction(self, connection: object, event: MessageEvent | AccountEvent) -> None:
        """Replaces `mailer.publish_in_transaction`. Records the event whether or not the transaction commits."""
        self._record(event)

    def only(self) -> MessageEvent:
        """Returns the only message event that was published.

        Raises:
            AssertionError: no message event was published, or more than one.
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
    """Records events instead of publishing them, for code that calls `mailer.publish` and the like by that name.

        with mailer.testing.recorded() as published:
            await sign_up("a@example.org")
        assert published.only().template == "welcome"

    Code that ran `from mailer import publish` before is not affected. It should take the function as an argument, or
    the test should patch the name in that module with a method of `Recorder`.
    """
    recorder = Recorder()
    with (
        patch("mailer.publish", recorder.publish, create=True),
        patch("mailer.publish_blocking", recorder.publish_blocking, create=True),
        patch("mailer.publish_in_transaction", recorder.publish_in_transaction, create=True),
    ):
        yield recorder
