"""The level of tracking for one person: the facts that an open or a click may reveal."""

from mailer.policy.rule_registry import rule
from mailer.policy.standing import TRACKING, Standing
from mailer.policy.switches import Switches, Tracking


def tracking_level(switches: Switches, standing: Standing) -> Tracking:
    """Returns the tracking level for one person's mail.

    Args:
        switches: those that hold for this person, the strictest of policies and floor.
        standing: the person's. Being counted individually needs a recorded consent; without it, `unlinkable` is left.
    """
    if has_refused_tracking(standing):
        return "off"
    if switches.tracking == "individual" and TRACKING not in standing.consents:
        return "unlinkable"
    return switches.tracking


@rule("tracking-refused", "paltalk06-20", idle=False, sees=("standing.tracking_refused",))
def has_refused_tracking(standing: Standing) -> bool:
    """A person who refused tracking gets the same mail without a pixel and without tracked links."""
    return standing.tracking_refused


def is_open_counted_anonymously(switches: Switches, standing: Standing) -> bool:
    """Tells whether a person's opens are counted, but cannot be traced to the person."""
    return tracking_level(switches, standing) in ("mailing", "unlinkable")
