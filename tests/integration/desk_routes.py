"""The routes of the API to look people up and act on them, for the role matrix, each with the right that it needs."""

from collections.abc import Mapping
from typing import Any

from mailer.actions.acts_on_person import ErasureGround, PersonActName
from mailer.policy.publisher_rights import LIFT, AccountActionAttempt, ReadableData, ReadDataAttempt, Wish
from tests.factories import BRAND

_PEOPLE, _STOPS = f"/api/v1/people/{BRAND}", f"/api/v1/suppressions/{BRAND}"
_HISTORY = ReadDataAttempt(BRAND, ReadableData.HISTORY)
_LIST = ReadDataAttempt(BRAND, ReadableData.SUPPRESSIONS)
_SOUGHT = {"who": "user-1", "reason": "ticket 7"}
_VALUES = {"opt_out": {"scope": "newsletter"}, "rectify": {"name": "Ada"}, "hold": {"reference": "Case 7"}}

Row = tuple[str, Wish, Mapping[str, Any] | None]
"""A path, the right that it needs, and the body."""


def _act(name: PersonActName) -> Row:
    reason = str(ErasureGround.ASKED) if name is PersonActName.ERASE else "ticket 8"
    body = {"ref": "user-1", "act": name, "id": f"order-{name}", "reason": reason, **_VALUES.get(name, {})}
    return f"{_PEOPLE}/acts", AccountActionAttempt(BRAND, name), body


DESK_ROUTES: Mapping[tuple[str, str], tuple[Row, ...]] = {
    ("POST", "/api/v1/people/{brand}/find"): ((f"{_PEOPLE}/find", _HISTORY, _SOUGHT),),
    ("POST", "/api/v1/people/{brand}/history"): (
        (f"{_PEOPLE}/history", _HISTORY, {"ref": "user-1", "reason": "ticket 7"}),
    ),
    ("POST", "/api/v1/people/{brand}/acts"): tuple(_act(name) for name in PersonActName),
    ("GET", "/api/v1/suppressions/{brand}"): ((_STOPS, _LIST, None),),
    ("POST", "/api/v1/suppressions/{brand}/explain"): ((f"{_STOPS}/explain", _LIST, _SOUGHT),),
    ("POST", "/api/v1/suppressions/{brand}/{number}/lift"): (
        (f"{_STOPS}/1/lift", AccountActionAttempt(BRAND, LIFT), {"at": "2026-01-01T00:00:00Z", "reason": "ticket 9"}),
    ),
}
"""Each route with the requests that are tried."""
