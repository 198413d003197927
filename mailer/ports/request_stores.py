"""The stores of what people ask for on the pages without a login."""

from dataclasses import dataclass

from mailer.ports.data_requests import DataRequests
from mailer.ports.requests_identified_by_address import RequestsIdentifiedByAddressStore


@dataclass(frozen=True, slots=True)
class RequestStores:
    """The requests by an address, and the data requests that come of them."""

    by_address: RequestsIdentifiedByAddressStore
    data: DataRequests
