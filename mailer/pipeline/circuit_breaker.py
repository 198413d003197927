"""A circuit breaker: a processor that does not answer gets no mail for a while, then one window as a probe."""

from typing import Final

FIRST_SECONDS: Final = 5.0
"""The pause after the first failure of a processor, in seconds."""
LONGEST_SECONDS: Final = 300.0
PROBE: Final = 64
"""The number of messages in a probe, which shows if a processor answers again: one window."""
PROBE_SECONDS: Final = 60.0
"""Seconds after which a probe without any result is given up. No lease is longer."""


class CircuitBreaker:
    """Closed while the processor answers, open after a failure, and half-open while a probe of one window runs.

    `_left` is the number of messages left in the probe while it is half-open; else None.
    Pure: the caller passes the times, in seconds of any one clock, and the jitter.
    """

    __slots__ = ("_failures", "_left", "closed", "retry_at")

    def __init__(self) -> None:
        self.closed = True
        """True if all messages may pass. It is an attribute because each message reads it."""
        self.retry_at = 0.0
        """The time from which a breaker that is not closed lets messages pass again, unless a result comes before."""
        self._failures = 0
        self._left: int | None = None

    def allows_message(self, now: float) -> bool:
        """Returns True if a message may pass. The caller then calls `record_passing_message`."""
        return self.closed or bool(self._left) or now >= self.retry_at

    def record_passing_message(self, now: float) -> None:
        """Records that a message passes. Unless the breaker is closed, it is one of the probe."""
        if self.closed:
            return
        if not self._left:
            self._left = PROBE
            self.retry_at = now + PROBE_SECONDS
        self._left -= 1

    def close_after_success(self) -> None:
        """Closes the breaker: the processor has answered."""
        self.closed, self._failures, self._left = True, 0, None

    def open_after_failure(self, now: float, spread: float) -> None:
        """Opens the breaker: the processor did not answer. An open breaker ignores it, as that window began before.

        Args:
            now: the present time.
            spread: jitter, 0 to 1: the pause is between three quarters of its length and its full length.
        """
        open_ = not self.closed and self._left is None
        if open_ and now < self.retry_at:
            return
        self._failures += 1
        # At 2 ** 16 times the first pause, the longest pause is reached anyway.
        pause = min(FIRST_SECONDS * 2 ** min(self._failures - 1, 16), LONGEST_SECONDS)
        self.closed, self._left = False, None
        self.retry_at = now + pause * (0.75 + spread / 4)
