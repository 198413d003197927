"""Endpoints of applications and their messages in PostgreSQL. Secrets are encrypted under `MAILER_SECRET_KEYS`."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.webhook_retries import NextTry, PostResult
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.outgoing_webhooks import (
    MESSAGES_KEPT,
    ROTATION,
    DisabledReason,
    WebhookEndpoint,
    WebhookMessage,
    WebhookTarget,
)
from mailer.rendering.webhook_signing import SECRET_OCTETS, webhook_secret_text

_SQL: Final = load_statements("outgoing_webhooks")
_LEASE: Final = timedelta(seconds=60)
"""The time for which messages are taken. It is longer than all posts of one take can last."""
_AT_ONCE: Final = 1000


class PostgresOutgoingWebhooks:
    """Implements `ports.outgoing_webhooks.WebhookQueue`, and what `mailer webhook` does.

    Args:
        pool: the connections. writers: the writers of the ledger.
        secret_keys: the newest first; it encrypts the secrets of endpoints, and any of them decrypts.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, secret_keys: Sequence[str]) -> None:
        self._pool = pool
        self._writers = writers
        self._box = MultiFernet([Fernet(_derive_key(key)) for key in secret_keys])

    async def add_endpoint(self, brand: str, url: str, kinds: Sequence[str]) -> tuple[int, str] | None:
        """Adds an endpoint, with an entry in the ledger.

        Returns:
            Its id and its secret, which is not shown again; None if the brand has an endpoint with this URL.
        """
        secret, sealed = self._new_secret()
        async with open_unit_of_work(self._pool, self._writers) as work:
            webhook_id = await work.connection.fetchval(_SQL["add"], brand, url, [*kinds], sealed)
            if webhook_id is None:
                return None
            await _append_change(work, brand, webhook_id, "webhook_added", (*kinds,))
        return webhook_id, secret

    async def list_endpoints(self) -> Sequence[WebhookEndpoint]:
        """Returns all endpoints by brand, with the disabled ones."""
        return [_endpoint_from_row(row) for row in await self._pool.fetch(_SQL["list"])]

    async def disable_endpoint(self, webhook_id: int, reason: DisabledReason) -> bool:
        """See the port."""
        return await self._change(webhook_id, "webhook_disabled", "disable", reason.value)

    async def enable_endpoint(self, webhook_id: int) -> bool:
        """Lets posts to a disabled endpoint go on. Returns False if it is not disabled, or does not exist."""
        return await self._change(webhook_id, "webhook_enabled", "enable")

    async def replace_secret(self, webhook_id: int) -> str | None:
        """Replaces the secret of an endpoint. The old one signs beside it for `ROTATION`. Returns the new secret.

        It returns None if there is no such endpoint.
        """
        secret, sealed = self._new_secret()
        found = await self._change(webhook_id, "webhook_secret_replaced", "rotate", sealed, ROTATION)
        return secret if found else None

    async def replay_messages(self, webhook_id: int, since: datetime, until: datetime) -> int:
        """Makes the messages of a time due again, also those that were accepted. Returns their number."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(_SQL["brand"], webhook_id)
            times = since.isoformat(), until.isoformat()
            await _append_change(work, brand or "", webhook_id, "webhook_replayed", times)
        replayed, last = 0, UUID(int=0)
        while found := await self._pool.fetch(_SQL["replay"], webhook_id, since, until, last, _AT_ONCE):
            replayed, last = replayed + len(found), max(row["id"] for row in found)
        return replayed

    async def find_target(self, webhook_id: int) -> WebhookTarget | None:
        """Returns an endpoint with its secrets, also a disabled one; None if it does not exist."""
        row = await self._pool.fetchrow(_SQL["target"], webhook_id)
        return self._target_from_row(row) if row else None

    async def find_targets_with_due_messages(self) -> Sequence[WebhookTarget]:
        """See the port."""
        return [self._target_from_row(row) for row in await self._pool.fetch(_SQL["targets"])]

    async def take_due_messages(self, webhook_id: int, limit: int) -> Sequence[WebhookMessage]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["take"], webhook_id, limit, _LEASE)
        return [WebhookMessage(row["id"], row["tries"], row["kind"], row["at"], row["outcome"]) for row in rows]

    async def store_accepted(self, webhook_id: int, message_id: UUID) -> None:
        """See the port."""
        await self._pool.execute(_SQL["accepted"], webhook_id, message_id)

    async def store_failure(self, webhook_id: int, message_id: UUID, result: PostResult, then: NextTry) -> None:
        """See the port."""
        facts = then.message_at, then.endpoint_at, result.words[:100]
        await self._pool.execute(_SQL["failed"], webhook_id, message_id, *facts)

    async def delete_old_messages(self) -> None:
        """See the port."""
        while len(await self._pool.fetch(_SQL["forget"], MESSAGES_KEPT, _AT_ONCE)) == _AT_ONCE:
            pass  # a busy sender stores more in a minute than one statement deletes

    async def _change(self, webhook_id: int, what: str, statement: str, *values: object) -> bool:
        """Changes an endpoint, with an entry in the ledger. Returns False if the statement finds none."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(_SQL[statement], webhook_id, *values)
            if brand is None:
                return False
            said = tuple(value for value in values if isinstance(value, str))
            await _append_change(work, brand, webhook_id, what, said)
        return True

    def _new_secret(self) -> tuple[str, bytes]:
        """Returns a new secret, and the form in which it is stored."""
        secret = webhook_secret_text(secrets.token_bytes(SECRET_OCTETS))
        return secret, self._box.encrypt(secret.encode())

    def _target_from_row(self, row: asyncpg.Record) -> WebhookTarget:
        opened = [self._open_secret(row[name]) for name in ("secret", "old_secret") if row[name] is not None]
        known = [secret for secret in opened if secret is not None]
        return WebhookTarget(row["id"], row["brand"], row["url"], row["failing_since"], known)

    def _open_secret(self, sealed: bytes) -> str | None:
        try:
            return self._box.decrypt(sealed).decode()
        except InvalidToken:
            return None


async def _append_change(work: UnitOfWork, brand: str, webhook_id: int, what: str, said: tuple[str, ...]) -> None:
    entry = LedgerEntry(EntryKind.CONTROL, brand, reason=what, rule=f"webhook:{webhook_id}", fields=said or None)
    await work.append_entries([entry])


def _endpoint_from_row(row: asyncpg.Record) -> WebhookEndpoint:
    reason = DisabledReason(row["disabled_reason"]) if row["disabled_reason"] else None
    return WebhookEndpoint(**{**row, "disabled_reason": reason})


def _derive_key(key: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"mailer.webhook-secrets", hashlib.sha256))
