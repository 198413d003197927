"""The current problems that keep a process from its work. `/readyz` answers 503 while there is one."""

from collections.abc import Mapping
from types import MappingProxyType


class Readiness:
    """The problems of one process, by the name of the part that reports them. Any thread may read them.

    Each part of the process reports under its own name, such as `database` or `consumers`, when its state changes. The
    parts do not know each other.
    """

    def __init__(self) -> None:
        self._problems: Mapping[str, str] = MappingProxyType({})

    def set_or_clear_problem(self, name: str, problem: str | None) -> bool:
        """Sets the problem of one part of the process, or clears it.

        Args:
            name: the name of the part.
            problem: one line that says what is wrong and what to do; None: the part works.

        Returns:
            True if this part had no problem before and has one now, or the reverse. A caller that logs only then logs
            a lasting problem once.
        """
        news = (name in self._problems) != (problem is not None)
        others = {other: text for other, text in self._problems.items() if other != name}
        self._problems = MappingProxyType(others if problem is None else others | {name: problem})
        return news

    @property
    def problems(self) -> Mapping[str, str]:
        """Returns the current problems by name. Later reports do not change the returned mapping."""
        return self._problems
