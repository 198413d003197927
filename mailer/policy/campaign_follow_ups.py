"""The people whom a campaign may be sent to again: those whom no wish and no law kept from it. Pure."""

import re
from typing import Final

from mailer.policy.campaign_manifest import CAPS, NO_TIME_ZONE

_MAY_HAVE_ARRIVED: Final = ("in_doubt", "restored")
_NEVER: Final = ("under_13", "erased")
_LIMITS: Final = (*CAPS, NO_TIME_ZONE)
"""Reasons of a suppression that neither a person nor a law has said; another time, the mail may go."""
_LIST_NAME_LENGTH: Final = 40


def may_be_followed_up(state: str, reason: str) -> bool:
    """Tells whether people with this end may be written to again.

    Mail that failed, expired or was cancelled may; so may mail that a limit of the policy kept back. Who left, paused,
    never asked or has a dead address is not asked again, and nobody gets mail twice that may have arrived.

    Args:
        state: of a delivery; or the result of a manifest, for people without one.
        reason: of the state. Of a delivery that was given up, the last refusal may follow the word.
    """
    word = reason.partition(" ")[0].rstrip(":")
    match state:
        case "failed" | "expired" | "cancelled":
            return word not in (*_MAY_HAVE_ARRIVED, *_NEVER)
        case "suppressed" | "suppress":
            return word in _LIMITS
        case _:
            return False


def follow_up_list_prefix(campaign_name: str) -> str:
    """Returns the name of the list of a follow-up without its number: `followup-<campaign>-`."""
    slug = re.sub(r"[^a-z0-9]+", "-", campaign_name.casefold())[:_LIST_NAME_LENGTH].strip("-")
    return f"followup-{slug or 'campaign'}-"
