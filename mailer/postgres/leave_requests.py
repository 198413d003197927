"""Requests to leave by an address, in PostgreSQL. No row has an address."""

from collections.abc import Callable
from datetime import UTC, datetime

from mailer.database.statements import Pool, load_statements
from mailer.ports.broker import BrokerMessage
from mailer.ports.leave_requests import PEOPLE_A_REQUEST, LeaveRequestLimit
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.outbox import insert_outbox_messages

ADDRESS_A_DAY = 3
"""The most requests for one mailbox of a brand that are stored in a day (UTC)."""
NETWORK_A_DAY = 30
"""The most requests from one network to a brand that are stored in a day (UTC)."""
BRAND_AN_HOUR = 1000
"""The most requests to one brand that are stored in an hour."""
_COUNTS_AT_ONCE = 10_000
_SQL = load_statements("leave_requests")


class PostgresLeaveRequests:
    """Implements `ports.leave_requests.LeaveRequests`."""

    def __init__(self, pool: Pool, hasher: AddressHasher) -> None:
        self._pool = pool
        self._hasher = hasher

    async def store_request_within_limits(
        self, brand: str, controller: str, address: str, network: str | None
    ) -> LeaveRequestLimit | None:
        """See the port."""
        hashes = [self._hasher.hash_address(address), *self._hasher.hashes_of_confusable_mailboxes(address)]
        counted = [*(("address", hashed, ADDRESS_A_DAY) for hashed in hashes), ("brand", b"", BRAND_AN_HOUR)]
        if network is not None:
            today = datetime.now(UTC).date()
            counted.append(("network", self._hasher.hash_client_network(network, today), NETWORK_A_DAY))
        columns = zip(*counted, strict=True)
        limit = await self._pool.fetchval(
            _SQL["store"], brand, controller, self._hasher.key_id, hashes, *map(list, columns)
        )
        return LeaveRequestLimit(limit) if limit else None

    async def publish_answers(self, letter: Callable[[str, str], BrokerMessage | None], limit: int) -> int:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_SQL["take"], limit, PEOPLE_A_REQUEST)
            people = dict.fromkeys((row["brand"], row["ref"]) for row in rows if row["ref"] is not None)
            messages = [message for brand, ref in people if (message := letter(brand, ref)) is not None]
            if messages:
                await insert_outbox_messages(connection, "mailer.events", messages)
        return len({row["id"] for row in rows})

    async def delete_old_counts(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget_counts"], _COUNTS_AT_ONCE)
