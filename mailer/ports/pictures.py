"""The store of uploaded pictures: what is known about each, and its contents."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """All that is known about a picture, without its contents.

    Attributes:
        id: 32 hex digits of its contents' digest. content_type: such as image/png.
        width, height: in pixels. size: in bytes.
        file_name: as uploaded. created_by: the staff member or publisher.
    """

    id: str
    brand: str
    content_type: str
    width: int
    height: int
    size: int
    file_name: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ServedPicture:
    """The contents of a picture, with the type to serve them as."""

    content_type: str
    content: bytes


class PictureInUse(ValueError):
    """A picture cannot be deleted, since a campaign shows it. The message names the campaign."""


class PictureStore(Protocol):
    """The stored pictures."""

    async def add_picture(self, facts: PictureFacts, content: bytes) -> PictureFacts:
        """Stores a picture and returns its facts; if the brand has the same picture, those of the stored one.

        Raises:
            ValueError: the brand has as many pictures as it may have.
        """
        ...

    async def list_pictures(self, brand: str, *, before: tuple[datetime, str] | None, limit: int) -> list[PictureFacts]:
        """Returns pictures of a brand, newest first, after the place `before` (time and id)."""
        ...

    async def find_pictures(self, brand: str, ids: Collection[str]) -> Mapping[str, PictureFacts]:
        """Returns those of the pictures that the brand has, by id."""
        ...

    async def find_content(self, id_: str) -> ServedPicture | None:
        """Returns the contents of a picture of any brand, or None."""
        ...

    async def delete_picture(self, brand: str, id_: str) -> bool:
        """Deletes a picture that no campaign shows. Returns whether there was one.

        Raises:
            PictureInUse: a campaign shows it.
        """
        ...
