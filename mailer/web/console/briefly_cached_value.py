"""A value that is read for all requests together."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_SECONDS = 10.0
_T = TypeVar("_T")


class BrieflyCachedValue(Generic[_T]):
    """A value that is read again only if the last reading is more than ten seconds old.

    Args:
        read: reads the value.
    """

    def __init__(self, read: Callable[[], Awaitable[_T]]) -> None:
        self._read = read
        self._last: tuple[float, _T] | None = None

    async def get_value(self) -> _T:
        """Returns the value, ten seconds old at most."""
        if self._last is None or time.monotonic() - self._last[0] > _SECONDS:
            self._last = time.monotonic(), await self._read()
        return self._last[1]
