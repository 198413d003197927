"""The rows of a person's copy name no staff, and have no reasons that staff typed."""

from typing import Any

import pytest

from mailer.postgres.personal_data_copy import hide_staff_in_row

ENTRY = {"kind": "action", "reason": "restricted", "rule": "action:page", "reply": None}


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"actor": "Dana"}, {"actor": "operator"}),
        ({"actor": "person:Dana", "lifted_by": "person:Eli"}, {"actor": "operator", "lifted_by": "operator"}),
        ({"lift_reason": "her neighbour called"}, {"lift_reason": None}),
        ({"publisher": "person:Dana"}, {"publisher": "operator"}),
        (ENTRY | {"rule": "action:Dana"}, {"rule": "action:operator"}),
        (ENTRY | {"reply": "Dana: her neighbour called"}, {"reply": None}),
        (ENTRY | {"kind": "outcome", "reason": "believed 5.1.1", "reply": "Dana"}, {"reply": None}),
        (ENTRY | {"kind": "outcome", "reason": "dismissed 5.1.1", "reply": "Dana"}, {"reply": None}),
        (ENTRY | {"reason": None, "reply": "Dana"}, {"reply": None}),
    ],
)
def test_staff_are_left_out(row: dict[str, Any], shown: dict[str, Any]) -> None:
    """A name becomes `operator`, a reason is left out, and all else stays."""
    assert hide_staff_in_row(row) == row | shown


@pytest.mark.parametrize(
    "row",
    [
        {"actor": "recipient", "lifted_by": "timekeeper", "lift_reason": "a consent given since"},
        {"actor": "key:shop", "publisher": "broker:shop"},
        {"publisher": "mailer:pipeline", "lifted_by": None},
        {"lifted_by": "recipient", "lift_reason": "the country was corrected"},
        ENTRY | {"rule": "action:lift"},
        ENTRY | {"rule": "preference"},
        ENTRY | {"kind": "outcome", "reason": "refused", "reply": "550 5.1.1 No such user"},
        ENTRY | {"kind": "decision", "reason": "bug", "reply": "unsubscribe_url is missing"},
        {"note": "My town is wrong", "reason": "We cannot mend it"},
    ],
)
def test_systems_and_own_words_stay(row: dict[str, Any]) -> None:
    """A key is no person; mailer's own words, replies of processors and what the person was told name nobody."""
    assert hide_staff_in_row(row) == row
