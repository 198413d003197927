"""Pauses for destinations that refuse messages, each pause longer than the last. Other destinations go on."""

import time
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Generic, TypeVar

from mailer.runtime.repeating import doubling_pauses

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 5.0
"""Seconds between two tries. So messages flow again within ten seconds after the destination accepts them again."""

Key = TypeVar("Key", bound=Hashable)


class PublishBackoff(Generic[Key]):
    """The destinations that are paused before the next try.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses = dict[Key, tuple[Iterator[float], float]]()

    def paused_destinations(self) -> list[Key]:
        """Returns the destinations that are paused now."""
        now = self._clock()
        return [key for key, (_, until) in self._pauses.items() if until > now]

    def note_results(self, taken: Collection[Key], refused: Collection[Key]) -> tuple[set[Key], set[Key]]:
        """Notes the destinations that took messages, and those that refused one. A destination in both is paused.

        Returns:
            The destinations whose pauses begin, and those whose pauses end.
        """
        ended = {key for key in taken if key in self._pauses and key not in refused}
        for key in ended:
            del self._pauses[key]
        begun = {key for key in refused if key not in self._pauses}
        for key in set(refused):
            pauses, _ = self._pauses.get(key, (doubling_pauses(FIRST_PAUSE, LONGEST_PAUSE), 0.0))
            self._pauses[key] = pauses, self._clock() + next(pauses)
        return begun, ended
