"""The rules that enforce promises: every one has a name, a source, and a place here.

A rule is one small function, in whichever room can keep the promise: `decide` asks some, the renderer, the actions, the
pages and the ledger ask others. `@rule` only notes it, and costs nothing when it is called. That every rule is needed
is shown by taking them away one at a time: with `remove_rule`, a rule defined afterwards does nothing, and a proof must
fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the registry.

    Attributes:
        name: as it stands in decisions, the ledger and policies.
        source: where the demand comes from: promises, a law, an invariant of the design.
        says: the first line of its docstring.
        home: the function, as `module:name`.
        sees: what a rule of `decide` looks at, as attributes of `DecisionFacts`.
    """

    name: str
    source: str
    says: str
    home: str
    sees: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}
"""Every rule whose room has been imported, by name."""

_removed: set[str] = set()


def remove_rule(name: str) -> None:
    """Takes a rule away, for a mutation run. To be called before its room is imported."""
    _removed.add(name)


def rule(name: str, source: str, *, idle: Any = None, sees: tuple[str, ...] = ()) -> Callable[[_F], _F]:
    """Registers a function as a rule.

    Args:
        name: lower case with hyphens; unique.
        source: promises, a law, an invariant.
        idle: what it returns when it has nothing to say, which is what it always returns once it is taken away; where
            that depends on what it is given, a function that takes the same.
        sees: for rules of `decide`, the attributes of `DecisionFacts` that it looks at; `explain` shows them.
    """

    def register(function: _F) -> _F:
        if name in RULES:
            raise ValueError(f"there are two rules named {name}")
        if not function.__doc__:
            raise ValueError(f"the rule {name} has no docstring; say what it demands")
        home = f"{function.__module__}:{function.__qualname__}"
        RULES[name] = Rule(name, source, function.__doc__.splitlines()[0], home, sees)
        return _rule_without_body(function, idle) if name in _removed else function

    return register


def _rule_without_body(function: _F, idle: Any) -> _F:
    """A function without its body."""

    @wraps(function)
    def nothing(*args: Any, **kwargs: Any) -> Any:
        return idle(*args, **kwargs) if callable(idle) else idle

    @wraps(function)
    async def nothing_later(*args: Any, **kwargs: Any) -> Any:
        return nothing(*args, **kwargs)

    return cast(_F, nothing_later if iscoroutinefunction(function) else nothing)
