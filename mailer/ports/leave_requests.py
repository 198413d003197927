"""Requests to leave by an address: a person without a link or a login types it, and a mail to it brings the link."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from mailer.ports.broker import BrokerMessage

PEOPLE_A_REQUEST = 5
"""The most accounts with one address that get a mail for one request. Each of these mails has a link that stops the
mail of all accounts with the address: so the others need none, and nobody fills a mailbox."""


class LeaveRequestLimit(StrEnum):
    """The limit over which a request was. The names are those of `leave_request_counts.counted`."""

    ADDRESS = "address"
    """The requests are too many for one mailbox. Nobody may learn this from the answer."""
    NETWORK = "network"
    """The requests are too many from one network."""
    BRAND = "brand"
    """The requests are too many for one brand, for any addresses."""


class LeaveRequests(Protocol):
    """Stores the requests as hashes, and answers them by mail.

    The end of a request and the events of its mails commit together.
    """

    async def store_request_within_limits(
        self, brand: str, controller: str, address: str, network: str | None
    ) -> LeaveRequestLimit | None:
        """Stores a request, unless there were too many for the address, the network or the brand.

        It runs the same statements for each address, and looks for no recipient.

        Args:
            brand: the brand to leave.
            controller: the id of the brand's controller.
            address: the address as typed. Only its keyed hashes are stored.
            network: the network of the client, stored as a keyed hash for a day; None if it is not known.

        Returns:
            None if the request was stored. Else the limit that it was over; the brand's before others, so that whoever
            is told of it learns nothing of the address.
        """
        ...

    async def publish_answers(self, letter: Callable[[str, str], BrokerMessage | None], limit: int) -> int:
        """Deletes the oldest requests, and publishes a mail for each recipient with one of their addresses.

        Args:
            letter: returns the event of the mail for a brand and a ref, or None if the person gets none.
            limit: the most requests.

        Returns:
            The number of requests.
        """
        ...

    async def delete_old_counts(self) -> None:
        """Deletes the counts of earlier days, which no limit needs any more."""
        ...
