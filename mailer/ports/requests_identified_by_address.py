"""Requests by an address: a person without a link or a login types it, and a mail to it brings the link."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from mailer.policy.data_requests import DataRequest
from mailer.ports.broker import BrokerMessage

PEOPLE_A_REQUEST = 5
"""The most accounts with one address that get a mail for one request, so that nobody fills a mailbox. A link to leave
stops the mail of all accounts with the address: so the others need none."""
LEAVE: Final = "leave"
"""The wish for a link to leave. Every other wish is a `DataRequestKind`."""


class RequestLimitKind(StrEnum):
    """The limit over which a request was. The names are those of `leave_request_counts.counted`."""

    ADDRESS = "address"
    """The requests are too many for one mailbox. Nobody may learn this from the answer."""
    NETWORK = "network"
    """The requests are too many from one network."""
    BRAND = "brand"
    """The requests are too many for one brand, for any addresses."""


class PersonToAnswer(NamedTuple):
    """A recipient with a typed address.

    Attributes:
        data_request: the new request for their data; None if they get a link to leave.
    """

    brand: str
    ref: str
    data_request: DataRequest | None = None


class RequestsIdentifiedByAddressStore(Protocol):
    """Stores the requests as hashes, and answers them by mail.

    The end of a request, the data requests that come of it, and the events of its mails commit together.
    """

    async def store_request_within_limits(
        self, brand: str, controller: str, address: str, network: str | None, wanted: str = LEAVE
    ) -> RequestLimitKind | None:
        """Stores a request, unless there were too many for the address, the network or the brand.

        It runs the same statements for each address, and looks for no recipient.

        Args:
            brand: the brand to leave, or that has the data.
            controller: the id of the brand's controller.
            address: the address as typed. Only its keyed hashes are stored.
            network: the network of the client, stored as a keyed hash for a day; None if it is not known.
            wanted: `LEAVE` or a `DataRequestKind`.

        Returns:
            None if the request was stored. Else the limit that it was over; the brand's and the network's before that
            of the address, so that whoever is told of it learns nothing of the address.
        """
        ...

    async def answer_and_delete_oldest_requests(
        self, letter: Callable[[PersonToAnswer], BrokerMessage | None], limit: int
    ) -> int:
        """Deletes the oldest requests, and publishes a mail for each recipient with one of their addresses.

        Args:
            letter: returns the event of the mail for a person, or None if the person gets none.
            limit: the most requests.

        Returns:
            The number of requests.
        """
        ...

    async def delete_old_request_counts(self) -> None:
        """Deletes the counts of earlier days, which no limit needs any more."""
        ...
