"""API keys in PostgreSQL: random, 256 bits, kept as a digest. A slow hash would add nothing to so much entropy."""

import hashlib
import secrets
from collections.abc import Sequence

import asyncpg

from mailer.ledger.database import Pool
from mailer.ports.keys import ApiClient


class KeyRefused(Exception):
    """A key that cannot be made; the message says why."""


class PostgresApiKeys:
    """Implements `ports.keys.ApiKeys`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def client(self, key: str) -> ApiClient | None:
        """See the port."""
        row = await self._pool.fetchrow(
            "SELECT name, brands FROM api_keys WHERE digest = $1 AND revoked_at IS NULL", _digest(key)
        )
        return ApiClient(row["name"], frozenset(row["brands"])) if row else None

    async def create(self, name: str, brands: Sequence[str]) -> str:
        """A new key, shown here for the only time.

        Raises:
            KeyRefused: the name is in use.
        """
        key = f"mk_{secrets.token_urlsafe(32)}"
        try:
            await self._pool.execute(
                "INSERT INTO api_keys (name, digest, brands) VALUES ($1, $2, $3)", name, _digest(key), brands
            )
        except asyncpg.UniqueViolationError as error:
            raise KeyRefused(f"there is a key named {name} already; choose another name, or revoke it first") from error
        return key

    async def revoke(self, name: str) -> bool:
        """Ends a key at once. False: there is no such key, or it was revoked before."""
        done = await self._pool.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL", name
        )
        return bool(done.endswith("1"))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
