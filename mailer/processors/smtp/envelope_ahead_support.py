"""Remembers whether a relay accepts the next envelope right after a final dot, before it has answered the dot.

RFC 2920 3.1 allows this for every relay that offers PIPELINING. Some relays refuse it anyway (Haraka 3.3 answers 503),
and some could end the connection. So one connection tries it first, and its result counts for all connections.
"""

from mailer.metrics_and_logger import log


class EnvelopeAheadSupport:
    """The result for one relay, in one process.

    Args:
        relay: the name of the relay, for the log.
    """

    def __init__(self, relay: str) -> None:
        self._relay = relay
        self._forbidden = False
        self._scout: object | None = None
        self._unanswered = False
        self.known = False
        """Tells whether the relay has accepted an envelope that was sent ahead, and has refused none since."""

    def is_allowed_on_connection(self, line: object) -> bool:
        """Tells whether this connection may send an envelope ahead."""
        return self.known or not (self._forbidden or self._scout not in (None, line))

    def note_first_attempt_started(self, line: object) -> None:
        """Notes that this connection sends an envelope ahead while it is not known whether the relay accepts it."""
        self._scout, self._unanswered = line, True

    def note_answer(self, line: object, taken: bool) -> None:
        """Notes the replies to an envelope that was sent ahead. If it was taken, all connections may send ahead.

        If it was not taken, the message is offered again. No other connection sends ahead until that is answered.
        """
        if self._scout is line:
            self._unanswered = False
        if taken and not self._forbidden:
            self.known, self._scout = True, None

    def forbid_after_retry_succeeded(self) -> None:
        """Forbids sending ahead, as the relay now accepted a message that it had refused when sent ahead."""
        self._forbid_ahead("it refused some")

    def note_connection_end(self, line: object, by_us: bool) -> None:
        """Notes that a connection ended. If its envelope ahead was unanswered, forbids sending ahead.

        A connection that we ended ourselves forbids nothing.
        """
        if self._scout is not line:
            return
        self._scout = None
        if self._unanswered and not by_us:
            self._forbid_ahead("it ended the connection on them")

    def _forbid_ahead(self, reason: str) -> None:
        self.known = False
        if not self._forbidden:
            self._forbidden = True
            log.info("the relay gets no commands behind a final dot any more", processor=self._relay, reason=reason)
