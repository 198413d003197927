"""The check of hard bounces that are reported after a processor had accepted the messages."""

from typing import Final

from mailer.policy.refusal_suspicion import LEAST_REFUSALS, LEAST_SHARE

DAYS_OF_REPORTS: Final = 3
"""Reports of hard bounces come within days of the hand-over; so they are compared with the answers of these days."""


def is_number_of_reported_bounces_suspicious(reported: int, answered: int) -> bool:
    """Tells whether a reported hard bounce goes to quarantine and is not believed (MAIL.md, "Replies by class").

    A processor or receiver that breaks reports many people's addresses as dead. As for replies, a person judges then.

    Args:
        reported: the hard bounces that were reported of a processor's mail in the last hour, with this one.
        answered: the messages that the processor has answered in the last `DAYS_OF_REPORTS` days.
    """
    return reported >= LEAST_REFUSALS and reported > LEAST_SHARE * answered
