"""Remembers which people a file has named, in little memory: 24 bytes a person or less."""

from array import array
from typing import Final

_FULL: Final = 0.6


class SeenPeople:
    """The rows at which people stood last, by a hash of their ref. A table with open addressing (Knuth 6.4)."""

    def __init__(self) -> None:
        self._size, self._used = 1 << 10, 0
        self._keys, self._rows = self._empty()

    def _empty(self) -> tuple["array[int]", "array[int]"]:
        return array("Q", bytes(8 * self._size)), array("L", bytes(array("L").itemsize * self._size))

    def put(self, ref: str, row: int) -> int | None:
        """Remembers the row of a person. Returns the row before, or None if there was none.

        Args:
            ref: the ref of the person.
            row: the number of the row, above 0.
        """
        if self._used > _FULL * self._size:
            self._grow()
        key = hash(ref) & 0xFFFF_FFFF_FFFF_FFFF or 1
        place = self._find(key)
        before = self._rows[place]
        self._used += not before
        self._keys[place], self._rows[place] = key, row
        return before or None

    def _find(self, key: int) -> int:
        place = key & (self._size - 1)
        while self._keys[place] not in (0, key):
            place = (place + 1) & (self._size - 1)
        return place

    def _grow(self) -> None:
        keys, rows = self._keys, self._rows
        self._size *= 2
        self._keys, self._rows = self._empty()
        for key, row in zip(keys, rows, strict=True):
            if key:
                place = self._find(key)
                self._keys[place], self._rows[place] = key, row
