"""The brands that a dead letter concerns: that of its routing key, and those that its body names."""

import json
import re
from typing import Final

_IN_BROKEN_JSON: Final = re.compile(rb'"brand"\s*:\s*"([^"]{0,100})')


def brands_of_dead_letter(routing_key: str, body: bytes) -> frozenset[str]:
    """Returns the names of the brands that a dead letter concerns; they may be nobody's.

    A publisher chooses the two apart from each other. Of JSON, each top field `brand` counts; of anything else,
    whatever looks like one.
    """
    return frozenset({routing_key.partition(".")[0], *_brands_named_in_body(body)})


def _brands_named_in_body(body: bytes) -> set[str]:
    try:
        fields = json.loads(body, object_pairs_hook=_JsonFields)
    except (ValueError, RecursionError):
        return {named.decode(errors="replace") for named in _IN_BROKEN_JSON.findall(body)}
    if not isinstance(fields, _JsonFields):
        return set()
    return {value if isinstance(value, str) else "" for name, value in fields if name == "brand"}


class _JsonFields(list[tuple[str, object]]):
    """The fields of a JSON object, also those that stand in it twice."""
