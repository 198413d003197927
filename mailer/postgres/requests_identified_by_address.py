"""Requests by an address, in PostgreSQL. No row has an address."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.data_requests import DataRequest, DataRequestKind, DataRequestStep, deadline_of_data_request
from mailer.ports.broker import BrokerMessage
from mailer.ports.requests_identified_by_address import LEAVE, PEOPLE_A_REQUEST, PersonToAnswer, RequestLimitKind
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.data_requests import build_data_request_ledger_entry, insert_data_requests
from mailer.postgres.outbox import insert_outbox_messages

ADDRESS_A_DAY = 3
"""The most requests to leave for one mailbox of a brand that are stored in a day (UTC)."""
ADDRESS_A_DAY_FOR_DATA = 2
"""The same for each kind of request for data. Kinds are counted apart: whoever uses up one of them for somebody
else has sent them the link that they would have asked for."""
NETWORK_A_DAY = 30
"""The most requests from one network to a brand that are stored in a day (UTC)."""
BRAND_AN_HOUR = 1000
"""The most requests to one brand that are stored in an hour."""
_COUNTS_AT_ONCE = 10_000
_SQL = load_statements("requests_by_address")


class PostgresRequestsIdentifiedByAddress:
    """Implements `ports.requests_identified_by_address.RequestsIdentifiedByAddressStore`."""

    def __init__(self, pool: Pool, hasher: AddressHasher, writers: LedgerWriters) -> None:
        self._pool = pool
        self._hasher = hasher
        self._writers = writers

    async def store_request_within_limits(
        self, brand: str, controller: str, address: str, network: str | None, wanted: str = LEAVE
    ) -> RequestLimitKind | None:
        """See the port."""
        hashes = [self._hasher.hash_address(address), *self._hasher.hashes_of_mailboxes_alike_in_capitals(address)]
        counted = [*self._request_limits_of_address(hashes, wanted), ("brand", b"", BRAND_AN_HOUR)]
        if network is not None:
            today = datetime.now(UTC).date()
            counted.append(("network", self._hasher.hash_client_network(network, today), NETWORK_A_DAY))
        columns = zip(*counted, strict=True)
        limit = await self._pool.fetchval(
            _SQL["store"], brand, controller, self._hasher.key_id, hashes, *map(list, columns), wanted
        )
        return RequestLimitKind(limit) if limit else None

    def _request_limits_of_address(self, hashes: Sequence[bytes], wanted: str) -> list[tuple[str, bytes, int]]:
        """Returns what a request counts for at its mailbox, and at those that look like it."""
        if wanted == LEAVE:
            return [("address", hashed, ADDRESS_A_DAY) for hashed in hashes]
        return [
            ("address", self._hasher.hash_for_request_count(hashed, wanted), ADDRESS_A_DAY_FOR_DATA)
            for hashed in hashes
        ]

    async def answer_and_delete_oldest_requests(
        self, letter: Callable[[PersonToAnswer], BrokerMessage | None], limit: int
    ) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            rows = await work.connection.fetch(_SQL["take"], limit, PEOPLE_A_REQUEST)
            found = {(row["brand"], row["ref"], row["wanted"]): row for row in rows if row["ref"] is not None}
            people = [_person_to_answer_from_row(row) for row in found.values()]
            letters = [(person, message) for person in people if (message := letter(person)) is not None]
            requests = [person.data_request for person, _ in letters if person.data_request is not None]
            await insert_data_requests(work.connection, requests)
            if letters:
                await insert_outbox_messages(work.connection, "mailer.events", [message for _, message in letters])
            entries = [build_data_request_ledger_entry(request, DataRequestStep.ASKED) for request in requests]
            await work.append_entries(entries)
        return len({row["id"] for row in rows})

    async def delete_old_request_counts(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget_counts"], _COUNTS_AT_ONCE)


def _person_to_answer_from_row(row: asyncpg.Record) -> PersonToAnswer:
    """Returns a person, with a new data request if that is what was asked for.

    Its deadline counts from the form, and the time to confirm it from now, where the mail with the link is made: it may
    have waited for a timekeeper.
    """
    if row["wanted"] == LEAVE:
        return PersonToAnswer(row["brand"], row["ref"])
    kind, due_at = DataRequestKind(row["wanted"]), deadline_of_data_request(row["asked_at"])
    request = DataRequest(
        uuid7(), row["brand"], row["recipient_id"], row["ref"], kind, row["generation"], datetime.now(UTC), due_at
    )
    return PersonToAnswer(row["brand"], row["ref"], request)
