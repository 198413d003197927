"""Records the actions of a run. All that act write it; the display reads it, and in the end the checker does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.chaos.facts import Fault, Halt, OptOut, Published


@dataclass
class Journal:
    """The facts of a run as they come.

    Attributes:
        poison: of each message that cannot be taken in, by its number, whether RabbitMQ confirmed it.
    """

    faults: list[Fault] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)
    published: dict[str, Published] = field(default_factory=dict)
    endings: list[str] = field(default_factory=list)
    poison: list[bool] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)
    repeats: int = 0

    def say(self, text: str) -> None:
        """Adds a line for the person who watches."""
        self.lines.append((time.time(), text))

    @contextmanager
    def fault(self, what: str, windows: int = 0, *, hinders: bool = False) -> Iterator[None]:
        """Records a fault that lasts as long as the block."""
        self.say(what)
        began_at, place = time.time(), len(self.faults)
        # Until it is over it has no end, so that a run which is broken off has noted it all the same.
        self.faults.append(Fault(what, began_at, float("inf"), windows, hinders))
        try:
            yield
        finally:
            self.faults[place] = replace(self.faults[place], ended_at=time.time())

    @contextmanager
    def halt(self, scope: str, name: str) -> Iterator[None]:
        """Records a halt that lasts as long as the block."""
        began_at = time.time()
        try:
            yield
        finally:
            self.halts.append(Halt(scope, name, began_at, time.time()))
