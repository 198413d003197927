"""Points at which a test kills the process, to see that nothing is lost (invariant 7).

Each has a name. `MAILER_CRASH_AT=after_intent` kills the process at `crash_if_armed(CrashPoint.AFTER_INTENT)`;
`after_intent:3` kills it when that point is reached for the third time. Without the variable a point costs one
comparison.
"""

import os
import signal
from enum import StrEnum
from typing import Final


class CrashPoint(StrEnum):
    """The points at which a process can die with its work half done."""

    AFTER_CLAIM = "after_claim"
    BEFORE_INTENT = "before_intent"
    AFTER_INTENT = "after_intent"
    IN_MESSAGE = "in_message"
    """A point where a message's content has left, and the octets that deliver it have not."""
    AFTER_FINAL_DOT = "after_final_dot"
    BEFORE_OUTCOME = "before_outcome"
    AFTER_OUTCOME = "after_outcome"
    BEFORE_ACK = "before_ack"
    IN_INTAKE = "in_intake"
    """Within the transaction that takes events in."""
    IN_EXPANSION = "in_expansion"
    """A point between an audience's expansion and the publishing of its batches."""
    IN_TIMEKEEPER = "in_timekeeper"
    """A point between the cutting of batches and their publishing."""
    IN_MANIFEST = "in_manifest"
    """A point where some lines of a manifest are written, and none is committed."""
    IN_CAMPAIGN_RELEASE = "in_campaign_release"
    """Within the transaction that releases a campaign."""
    IN_LETTER_RUN = "in_letter_run"
    """A point where the letters of a run are set, and not stored yet."""
    IN_BREACH_RELEASE = "in_breach_release"
    """Within the transaction that releases a phase of a breach case."""
    IN_BREACH_EXPANSION = "in_breach_expansion"
    """A point where some people of a released phase are diverted to letters, and this portion is not committed."""
    IN_OUTBOX_RELAY = "in_outbox_relay"
    """A point between the broker's confirm and the removal of the row."""
    IN_CHAIN = "in_chain"
    """Entries are chained, and not yet written."""


def _split_crash_point_and_count(text: str) -> tuple[str, int]:
    name, _, times = text.partition(":")
    return (CrashPoint(name).value if name else "", int(times or 1))


_AT, _times = _split_crash_point_and_count(os.environ.get("MAILER_CRASH_AT", ""))
ARMED: Final = bool(_AT)
"""True if a crash point is armed in this process."""


def crash_if_armed(point: CrashPoint) -> None:
    """Kills the process if the environment names this point, and it was reached the named number of times."""
    global _times
    if ARMED and point == _AT:
        _times -= 1
        if _times <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
