"""Reading of segments' conditions from JSON, with checks of their size before their parts are read. Pure."""

import json
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from mailer.policy.segments import DEEPEST, MAX_JSON, MOST_CONDITIONS, MOST_LOOK_UPS, Condition

_GROUP_KINDS: Final = frozenset({"all", "any", "not"})


class SegmentRefused(ValueError):
    """A condition that cannot be used.

    Attributes:
        problems: one line each: the place in the condition, what is wrong, what to do.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems[:20])
        super().__init__("; ".join(self.problems))


def check_condition_size(value: Any) -> Any:
    """Returns a plain value, if it is neither too deep nor has too many conditions. It does not call itself.

    Raises:
        ValueError: it is larger than `DEEPEST`, `MOST_CONDITIONS` or `MOST_LOOK_UPS` allow.
    """
    count = look_ups = 0
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        if not level:
            return value
        count += len(level)
        look_ups += sum(isinstance(one, dict) and one.get("type") in ("list", "mail") for one in level)
        if count > MOST_CONDITIONS:
            raise ValueError(f"has more than {MOST_CONDITIONS} conditions; make it simpler")
        if look_ups > MOST_LOOK_UPS:
            raise ValueError(f"has more than {MOST_LOOK_UPS} conditions over lists and mail; put people on one list")
        level = [inner for one in level for inner in _inner_values(one)]
    raise ValueError(f"has conditions more than {DEEPEST} deep in one another; make it flatter")


def _inner_values(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return []
    inner = value.get("conditions", ())
    return [*(inner if isinstance(inner, list) else ()), *([value["condition"]] if "condition" in value else [])]


CheckedCondition = Annotated[Condition, BeforeValidator(check_condition_size)]
"""A condition whose size is checked before its parts are read."""
_READER: Final[TypeAdapter[Condition]] = TypeAdapter(CheckedCondition)


def parse_condition(value: Any) -> Condition:
    """Reads a condition from the plain values of its JSON.

    Raises:
        SegmentRefused: it is none, or is too large.
    """
    try:
        condition = _READER.validate_python(value)
    except ValidationError as error:
        raise SegmentRefused(_problem_texts(error)) from None
    if len(condition_to_json(condition)) > MAX_JSON:
        raise SegmentRefused([f"condition: is longer than {MAX_JSON:,} characters of JSON; put people on a list"])
    return condition


def _problem_texts(error: ValidationError) -> list[str]:
    details = error.errors(include_url=False, include_input=False)
    # A group whose only condition is wrong also counts as too short, which would mislead.
    places = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [
        _problem_text(detail) for detail in details if not (detail["type"] == "too_short" and detail["loc"] in places)
    ]


def _problem_text(detail: Any) -> str:
    place = ".".join(str(part) for part in detail["loc"] if str(part) not in _GROUP_KINDS)
    said = detail["msg"].removeprefix("Value error, ")
    return f"{place or 'condition'}: {said}"


def condition_to_json(condition: Condition) -> str:
    """Returns a condition as JSON on several lines, with the keys that it needs."""
    return json.dumps(_READER.dump_python(condition, mode="json"), indent=2, ensure_ascii=False)


def plain_condition(condition: Condition) -> dict[str, Any]:
    """Returns the plain values of a condition's JSON."""
    plain: dict[str, Any] = _READER.dump_python(condition, mode="json")
    return plain
