"""The differences between two checks of a phase: what they were made of, and the sums. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from mailer.policy.breach.manifest import BreachSum, FrozenCheck, people_by

_DRAFT = ("variants", "audience", "pace", "public_days")


class SumDifference(NamedTuple):
    """Something that is different.

    Attributes:
        what: `facts`, `rules`, `policy`, a part of the draft such as `variants`, or `people`.
        channel, reason: of people; else empty.
        before, after: people with them; 0 for what is no number.
    """

    what: str
    channel: str = ""
    reason: str = ""
    before: int = 0
    after: int = 0


def compare_manifests(
    frozen_before: FrozenCheck, sums_before: Iterable[BreachSum], frozen: FrozenCheck, sums: Iterable[BreachSum]
) -> list[SumDifference]:
    """Returns what is different between two checks: what they were made of first, then the people."""
    made_of = {
        "facts": frozen_before.facts != frozen.facts,
        **{name: frozen_before.draft.get(name) != frozen.draft.get(name) for name in _DRAFT},
        "rules": list(frozen_before.rules) != list(frozen.rules),
        "policy": frozen_before.policy_version != frozen.policy_version,
    }
    old, new = (people_by(one, "channel", "reason") for one in (sums_before, sums))
    keys = [*new, *(key for key in old if key not in new)]
    people = [SumDifference("people", key[0], key[1], old.get(key, 0), new.get(key, 0)) for key in keys]
    return [SumDifference(name) for name, differs in made_of.items() if differs] + [
        one for one in people if one.before != one.after
    ]
