"""The lists of a policy that are closed: each name stands once, and what refers to a list names what is in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from mailer.policy.faults import fault, shown
from mailer.policy.lines import Path

if TYPE_CHECKING:  # a policy looks at its lists when it is read
    from mailer.policy.document import Policy


def faults_of_lists(policy: "Policy") -> Iterator[PydanticCustomError]:
    """Yields what is wrong with a policy's lists."""
    for number, processor in enumerate(policy.processors):
        for purpose in processor.purposes:
            if purpose not in policy.purposes:
                yield fault("no_purpose", ("processors", number, "purposes"), purpose=purpose)
    for path, name in _twice(policy):
        yield fault("twice", path, given=shown(name))


def _twice(policy: "Policy") -> Iterator[tuple[Path, str]]:
    """Names that stand a second time in a list where each may stand once."""
    named: list[tuple[Path, str]] = [
        *((("promises", number, "id"), promise.id) for number, promise in enumerate(policy.promises)),
        *((("partners", number, "id"), partner.id) for number, partner in enumerate(policy.partners)),
        *((("purposes",), purpose) for purpose in policy.purposes),
        *((("channels",), channel) for channel in policy.channels),
    ]
    seen = set()
    for path, name in named:
        if (path[0], name) in seen:
            yield path, name
        seen.add((path[0], name))
