"""Publishers, as the doors check them."""

from collections.abc import Mapping
from typing import Protocol

from mailer.policy.identity import Identity
from mailer.policy.publisher_rights import Publisher


class Publishers(Protocol):
    """Those who are known, with their rights. Revoked ones are not."""

    async def of_key(self, key: str) -> Publisher | None:
        """The holder of an API key, None if it was never issued or has been revoked."""
        ...

    async def everybody(self) -> Mapping[Identity, Publisher]:
        """All of them, by identity."""
        ...
