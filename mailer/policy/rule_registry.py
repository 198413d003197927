"""The registry of the rules that enforce promises. Each rule has a name and a source.

A rule is one small function, in the package that can keep the promise. `decide` asks some of them; the renderer, the
actions, the pages and the ledger ask others. `@rule` registers it, and costs nothing at a call. A mutation run shows
that every rule is needed: after `disable_rule_before_import`, a rule that is defined later does nothing, and a proof
must fail.
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
        sees: what a rule of `decide` looks at, as attributes of `FactsForRules`.
    """

    name: str
    source: str
    says: str
    home: str
    sees: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}
"""The rules of all modules that have been imported, by name."""

_removed: set[str] = set()


def disable_rule_before_import(name: str) -> None:
    """Removes a rule for a mutation run. It must be called before the rule's module is imported."""
    _removed.add(name)


def rule(name: str, source: str, *, idle: Any = None, sees: tuple[str, ...] = ()) -> Callable[[_F], _F]:
    """Registers a function as a rule.

    Args:
        name: lower case with hyphens; unique.
        source: promises, a law, an invariant.
        idle: what it returns when it has nothing to say, which is what it always returns once it is taken away; where
            that depends on what it is given, a function that takes the same.
        sees: for rules of `decide`, the attributes of `FactsForRules` that it looks at; `explain` shows them.
    """

    def register(function: _F) -> _F:
        if name in RULES:
            raise ValueError(f"there are two rules named {name}")
        if not function.__doc__:
            raise ValueError(f"the rule {name} has no docstring; say what it demands")
        home = f"{function.__module__}:{function.__qualname__}"
        RULES[name] = Rule(name, source, function.__doc__.splitlines()[0], home, sees)
        return _function_returning_idle_value(function, idle) if name in _removed else function

    return register


def _function_returning_idle_value(function: _F, idle: Any) -> _F:
    """Returns a function that only returns the idle value, in place of the rule."""

    @wraps(function)
    def nothing(*args: Any, **kwargs: Any) -> Any:
        return idle(*args, **kwargs) if callable(idle) else idle

    @wraps(function)
    async def nothing_later(*args: Any, **kwargs: Any) -> Any:
        return nothing(*args, **kwargs)

    return cast(_F, nothing_later if iscoroutinefunction(function) else nothing)
