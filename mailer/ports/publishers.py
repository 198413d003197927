"""Publishers, as the doors check them."""

from collections.abc import Mapping
from typing import Protocol

from mailer.policy.identity import Identity
from mailer.policy.publisher_rights import Publisher


class PublisherStore(Protocol):
    """Those who are known, with their rights. Revoked ones are not."""

    async def find_by_key(self, key: str) -> Publisher | None:
        """The holder of an API key, None if it was never issued or has been revoked."""
        ...

    async def all_publishers(self) -> Mapping[Identity, Publisher]:
        """All of them, by identity."""
        ...
