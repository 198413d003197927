"""Keeps the pictures that were served last, so that a mailing does not fetch one from the database for each reader."""

from collections import OrderedDict
from typing import Final

from mailer.ports.pictures import PictureStore, ServedPicture

_MOST_KEPT_OCTETS: Final = 16 * 1024 * 1024


class KeptPictures:
    """The pictures that this process served last, since a mailing makes all its readers fetch the same ones."""

    def __init__(self, store: PictureStore, most_octets: int = _MOST_KEPT_OCTETS) -> None:
        """Keeps nothing yet, and never more than `most_octets`."""
        self._store = store
        self._most = most_octets
        self._size = 0
        self._by_id: OrderedDict[str, ServedPicture] = OrderedDict()

    async def find_content(self, id_: str) -> ServedPicture | None:
        """Returns a picture, from the store if it is not kept; None if there is none."""
        if (kept := self._by_id.get(id_)) is not None:
            self._by_id.move_to_end(id_)
            return kept
        found = await self._store.find_content(id_)
        if found is not None and id_ not in self._by_id:
            self._by_id[id_] = found
            self._size += len(found.content)
            while self._size > self._most:
                self._size -= len(self._by_id.popitem(last=False)[1].content)
        return found
