"""Queries of segments: makes SQL of a condition. Each name and value is a parameter; the text has none of them."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, assert_never

from mailer.database.statements import load_statements
from mailer.policy.segments import (
    NEGATIONS,
    AllConditions,
    AnyCondition,
    AttributeCondition,
    Condition,
    ConsentCondition,
    CountryCondition,
    KnownSinceCondition,
    Leaf,
    ListCondition,
    LocaleCondition,
    MailCondition,
    NotCondition,
    OptOutCondition,
    SourceCondition,
)
from mailer.policy.standing import EVERYTHING_OPTIONAL

_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)
_SQL: Final = {name: _COMMENT.sub("", text).strip() for name, text in load_statements("segment_conditions").items()}
_MAIL: Final = {"got": "mail_got", "opened": "mail_opened", "clicked": "mail_clicked"}


class SegmentQuery:
    """The query of one condition, which is put together part by part.

    Args:
        brand: the brand whose people are chosen; $1.
        now: the moment from which relative days are counted.

    The values of attributes have their types (`segment_checks.condition_with_typed_values`).
    """

    def __init__(self, brand: str, now: datetime) -> None:
        self.parameters: list[Any] = [brand]
        self._today = now.astimezone(UTC).date()

    def select(self, condition: Condition) -> str:
        """Returns the statement that selects the `recipient_id` of each person for whom the condition holds."""
        return f"{_SQL['people']} {self._test(condition)}"

    def _test(self, condition: Condition) -> str:
        match condition:
            case AllConditions(conditions=inner):
                return f"({' AND '.join(self._test(one) for one in inner)})"
            case AnyCondition(conditions=inner):
                return f"({' OR '.join(self._test(one) for one in inner)})"
            case NotCondition(condition=one):
                return _negate(self._test(one))
            case _:
                return self._test_of_leaf(condition)

    def _test_of_leaf(self, leaf: Leaf) -> str:
        if isinstance(leaf, KnownSinceCondition):
            return self._test_of_known_since(leaf)
        positive = NEGATIONS.get(leaf.operator)
        test = self._positive_test(leaf, positive or leaf.operator)
        return _negate(test) if positive else test

    def _positive_test(self, leaf: Leaf, operator: str) -> str:
        match leaf:
            case AttributeCondition():
                return _SQL["attribute"].replace("{test}", self._test_of_attribute(leaf, operator))
            case CountryCondition() | LocaleCondition() | SourceCondition() if operator == "is_known":
                return _SQL[f"{leaf.type}_is_known"]
            case CountryCondition() | SourceCondition():
                return self._fill(f"{leaf.type}_is", values=list(leaf.values))
            case LocaleCondition():
                return self._fill("locale_is", values=list(leaf.values), patterns=[f"{tag}-%" for tag in leaf.values])
            case ConsentCondition():
                return self._fill("consent", scope=leaf.scope)
            case OptOutCondition():
                return self._fill("opt_out", scopes=_scopes_that_leave(leaf.scope))
            case ListCondition():
                return self._fill("list", name=leaf.name)
            case MailCondition():
                mailings = self._fill("mailings", campaign=leaf.campaign, id=leaf.campaign_id)
                return _SQL[_MAIL[operator]].replace("{mailings}", mailings)
            case KnownSinceCondition():
                return self._test_of_known_since(leaf)
            case _ as never:
                assert_never(never)

    def _test_of_attribute(self, leaf: AttributeCondition, operator: str) -> str:
        if operator == "is_known":
            return self._fill("attribute_is_known", name=leaf.name)
        if operator in ("in_last_days", "in_next_days", "over_days_ago"):
            return self._test_of_relative_day(leaf, operator)
        if operator == "is":
            if len(leaf.values) == 1:
                return self._fill("attribute_is", value=json.dumps({leaf.name: leaf.values[0]}))
            return self._fill("attribute_is_one_of", name=leaf.name, values=[json.dumps(one) for one in leaf.values])
        return self._fill(f"attribute_{operator}", name=leaf.name, value=str(leaf.values[0]))

    def _test_of_relative_day(self, leaf: AttributeCondition, operator: str) -> str:
        days = timedelta(int(leaf.values[0]))
        if operator == "in_next_days":
            return self._fill(
                "attribute_between", name=leaf.name, first=_day(self._today), last=_day(self._today + days)
            )
        if operator == "in_last_days":
            return self._fill(
                "attribute_between", name=leaf.name, first=_day(self._today - days), last=_day(self._today)
            )
        return self._fill("attribute_before", name=leaf.name, value=_day(self._today - days))

    def _test_of_known_since(self, leaf: KnownSinceCondition) -> str:
        is_count = leaf.value.isdigit()
        first = self._today - timedelta(int(leaf.value)) if is_count else date.fromisoformat(leaf.value)
        is_before = leaf.operator in ("before", "over_days_ago")
        name = "known_before" if is_before else "known_on_or_after"
        return self._fill(name, moment=datetime.combine(first, time(), UTC))

    def _fill(self, statement: str, /, **values: Any) -> str:
        """Returns a text of the file with the numbers of new parameters in the places of its names."""
        text = _SQL[statement]
        for key, value in values.items():
            self.parameters.append(value)
            text = text.replace(f"{{{key}}}", f"${len(self.parameters)}")
        return text


def _negate(test: str) -> str:
    """Returns the negation. A missing fact makes a test unknown, which is not true."""
    return f"NOT {test}" if test.startswith("EXISTS (") else f"({test}) IS NOT TRUE"


def _scopes_that_leave(scope: str) -> list[str]:
    """Returns the scopes whose opt-out also leaves a scope: itself, its category, and everything optional."""
    return [*dict.fromkeys((scope, scope.partition("/")[0], EVERYTHING_OPTIONAL))]


def _day(day: date) -> str:
    return day.isoformat()
