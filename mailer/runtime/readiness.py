"""The reasons for which a process cannot do its work at the moment. `/readyz` answers 503 as long as there is one."""

from collections.abc import Mapping
from types import MappingProxyType


class Readiness:
    """The problems of one process, by the name of who reports them. Pure: it asks nobody, and can be read by a thread.

    Each part of the process reports under a name of its own, such as `database` or `consumers`, whenever it knows
    something new; it never has to know of the others.
    """

    def __init__(self) -> None:
        self._problems: Mapping[str, str] = MappingProxyType({})

    def report_problem(self, name: str, problem: str | None) -> bool:
        """Notes that a part of the process can do its work, or why it cannot.

        Args:
            name: of the part.
            problem: a line with what is wrong and what to do; None if all is well.

        Returns:
            Whether that is news: there was no problem of this name before, or there was one and it is over. A reporter
            that logs only news logs a lasting problem once.
        """
        news = (name in self._problems) != (problem is not None)
        others = {other: text for other, text in self._problems.items() if other != name}
        self._problems = MappingProxyType(others if problem is None else others | {name: problem})
        return news

    @property
    def problems(self) -> Mapping[str, str]:
        """The problems that stand now, by name: a snapshot that later reports do not change."""
        return self._problems
