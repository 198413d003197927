"""The knowledge of a relay that may be sent the next envelope behind a final dot, before the dot is answered.

RFC 2920 3.1 allows it wherever PIPELINING is offered. Some relays refuse it all the same (Haraka 3.3 answers 503), and
some could end the connection. So one connection tries it first, and what that shows holds for all of them.
"""

from mailer.telemetry import log


class EnvelopeAhead:
    """The memory of one relay in one process.

    Args:
        relay: its name, for the log.
    """

    def __init__(self, relay: str) -> None:
        self._relay = relay
        self._forbidden = False
        self._scout: object | None = None
        self._unanswered = False
        self.known = False
        """Tells whether the relay has taken an envelope that was sent ahead, and refused none since."""

    def is_allowed(self, line: object) -> bool:
        """Tells whether this connection may send an envelope ahead."""
        return self.known or not (self._forbidden or self._scout not in (None, line))

    def note_attempt(self, line: object) -> None:
        """The first envelope is on its way behind a final dot, or the first one since none was taken."""
        self._scout, self._unanswered = line, True

    def note_answer(self, line: object, taken: bool) -> None:
        """All replies to an envelope that was sent ahead are there. One that was not taken is offered again.

        What that shows is waited for: no other connection tries meanwhile.
        """
        if self._scout is line:
            self._unanswered = False
        if taken and not self._forbidden:
            self.known, self._scout = True, None

    def note_refusal(self) -> None:
        """The relay took a message that it had refused when its envelope was sent ahead."""
        self._forbid_ahead("it refused some")

    def note_connection_end(self, line: object, by_us: bool) -> None:
        """A connection is over. If it was the first to send ahead and has no answer, that was the reason."""
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
