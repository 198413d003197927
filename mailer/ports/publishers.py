"""The publishers and their rights, for all places that accept events."""

from collections.abc import Mapping
from typing import Protocol

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import Publisher


class PublisherStore(Protocol):
    """Reads the publishers and their rights. Revoked publishers are left out."""

    async def find_publisher_by_api_key(self, key: str) -> Publisher | None:
        """Returns the holder of an API key, or None if the key was never issued or was revoked."""
        ...

    async def unrevoked_publishers_by_identity(self) -> Mapping[Identity, Publisher]:
        """Returns all publishers that are not revoked, by identity."""
        ...
