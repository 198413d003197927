"""Compares an account event with the current standing, which a later change may have altered."""

from collections.abc import Set
from datetime import datetime
from typing import assert_never

from mailer.account_event_types import (
    AccountEvent,
    Allows,
    Becomes,
    Caps,
    Consents,
    Leaves,
    Pauses,
    Pays,
    Posts,
    Reaches,
    Rectifies,
)
from mailer.policy.limits_set_by_recipient import OwnCap
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing


def standing_matches_event(standing: Standing, waiting: Set[str], event: AccountEvent, now: datetime) -> bool:
    """Tells whether a person's standing agrees with an event.

    For a correction, only the address can be compared. For a postal address, the standing only shows an erasure. A
    consent that waits for a confirmation by mail agrees as long as its scope is in `waiting`. A pause agrees as long as
    one lasts at `now`.
    """
    match event:
        case Becomes():
            return _standing_match_by_event_kind(standing)[event.account]
        case Pays(account="paid"):
            return standing.pays_for_every_product() if event.product is None else standing.pays_for(event.product)
        case Pays():
            return not standing.pays_for(event.product)
        case Rectifies():
            return event.email in (None, standing.address)
        case Reaches():
            return standing.channel == event.channel
        case Allows():
            return _refusal_flags_of_standing(standing)[event.account] is not event.allowed
        case Posts():
            return not standing.erased
        case Consents():
            return event.scope in standing.consents or event.scope in waiting
        case Leaves(account="opt_out"):
            left = (event.scope, event.scope.partition("/")[0], EVERYTHING_OPTIONAL)
            return not standing.opted_out.isdisjoint(left)
        case Leaves():
            return event.scope not in standing.consents
        case Pauses():
            return standing.paused_until is not None and standing.paused_until > now
        case Caps():
            return standing.own_cap in (event.at_most, OwnCap.MONTHLY)
        case _:
            assert_never(event)


def _standing_match_by_event_kind(standing: Standing) -> dict[str, bool]:
    return {
        "deactivate": standing.deactivated,
        "reactivate": not standing.deactivated,
        "erase": standing.erased,
        "restrict": standing.restricted,
        "unrestrict": not standing.restricted,
        "under_13": standing.under_13,
        "object": standing.objected,
    }


def _refusal_flags_of_standing(standing: Standing) -> dict[str, bool]:
    return {
        "personalisation": standing.personalisation_refused,
        "tracking": standing.tracking_refused,
        "electronic": standing.electronic_refused,
    }
