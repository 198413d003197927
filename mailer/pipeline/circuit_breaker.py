"""A circuit breaker: a processor that does not answer is left alone for a while, then tried with one window."""

from typing import Final

FIRST_SECONDS: Final = 5.0
"""How long nothing is given to a processor that has failed once."""
LONGEST_SECONDS: Final = 300.0
PROBE: Final = 64
"""Messages that show whether a processor answers again: a window's worth."""
PROBE_SECONDS: Final = 60.0
"""When a probe of which nothing was heard is given up: no lease is longer."""


class CircuitBreaker:
    """Closed while the processor answers, open after it did not, and half-open while a window's worth probes it.

    What is left of the probe is a number while it is half-open, and None else.
    Pure: the moments, in seconds of any one clock, are given to it, and so is the jitter.
    """

    __slots__ = ("_failures", "_left", "closed", "retry_at")

    def __init__(self) -> None:
        self.closed = True
        """Whether all may go through. An attribute, since it is asked for each message."""
        self.retry_at = 0.0
        """From when on a breaker that is not closed admits something again, unless it hears of something before."""
        self._failures = 0
        self._left: int | None = None

    def allows_message(self, now: float) -> bool:
        """Tells whether a message may go through; `record_attempt` notes that it does."""
        return self.closed or bool(self._left) or now >= self.retry_at

    def record_attempt(self, now: float) -> None:
        """A message goes through: one of the probe's, unless the breaker is closed."""
        if self.closed:
            return
        if not self._left:
            self._left = PROBE
            self.retry_at = now + PROBE_SECONDS
        self._left -= 1

    def record_success(self) -> None:
        """The processor has answered."""
        self.closed, self._failures, self._left = True, 0, None

    def record_failure(self, now: float, spread: float) -> None:
        """The processor did not answer. While it is open that is known: the window had begun before.

        Args:
            now: the moment.
            spread: jitter, 0 to 1: the pause is three quarters of its length to all of it.
        """
        open_ = not self.closed and self._left is None
        if open_ and now < self.retry_at:
            return
        self._failures += 1
        # Beyond 2 ** 16 times the first it is the longest anyhow.
        pause = min(FIRST_SECONDS * 2 ** min(self._failures - 1, 16), LONGEST_SECONDS)
        self.closed, self._left = False, None
        self.retry_at = now + pause * (0.75 + spread / 4)
