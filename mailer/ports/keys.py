"""API keys, as the web app checks them."""

from dataclasses import dataclass
from typing import Protocol

from mailer.policy.identity import Identity, IdentityKind


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Who holds a key, and for which brands it may publish."""

    name: str
    brands: frozenset[str]

    @property
    def identity(self) -> Identity:
        """As which it publishes and acts."""
        return Identity(IdentityKind.KEY, self.name)


class ApiKeys(Protocol):
    """The keys that were issued."""

    async def client(self, key: str) -> ApiClient | None:
        """Whose key it is, None if it was never issued or has been revoked."""
        ...
