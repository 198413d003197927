"""Requests of people for their data. Each step is an entry of the ledger, which commits with it."""

from typing import Protocol
from uuid import UUID

from mailer.policy.data_requests import DataRequest
from mailer.ports.broker import BrokerMessage

MAX_COPIES = 10
"""The most times that the copy of one request can be saved: each reads everything about the person."""


class DataRequests(Protocol):
    """Stores data requests. `RequestsIdentifiedByAddressStore` adds them."""

    async def find_data_request(self, request_id: UUID) -> DataRequest | None:
        """Returns a request, or None if there is none of this id, or no longer."""
        ...

    async def record_confirmation(self, request: DataRequest, note: str | None) -> bool:
        """Records that a person confirmed a request on which staff have to work, with the person's own words.

        Returns:
            False if it was confirmed before.
        """
        ...

    async def record_answer(
        self,
        request: DataRequest,
        answer: str,
        reason: str | None = None,
        by: str | None = None,
        letter: BrokerMessage | None = None,
    ) -> bool:
        """Records the answer to a request; the first answer counts as its confirmation, too.

        Args:
            request: the request.
            answer: `done` or `refused`.
            reason: the words of the answer.
            by: the person of staff who answers; None: mailer did it at once.
            letter: the event of a mail that tells the person.

        Returns:
            False if it was answered before.
        """
        ...

    async def record_copy_handed_out(self, request: DataRequest) -> bool:
        """Records that the copy is saved. Returns False if it was saved `MAX_COPIES` times."""
        ...

    async def list_open_data_requests(self, brand: str | None, limit: int) -> list[DataRequest]:
        """Returns the confirmed requests without an answer, those with the earliest deadline first."""
        ...

    async def delete_old_data_requests(self) -> None:
        """Deletes requests that nobody confirmed in time, and those that were answered long ago."""
        ...
