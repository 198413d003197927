"""The PostgreSQL stores of what people ask for on the pages without a login."""

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.ports.request_stores import RequestStores
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.data_requests import PostgresDataRequests
from mailer.postgres.requests_identified_by_address import PostgresRequestsIdentifiedByAddress


def build_request_stores(pool: Pool, hasher: AddressHasher, writers: LedgerWriters) -> RequestStores:
    """Returns the stores over one pool and one set of ledger writers."""
    return RequestStores(
        PostgresRequestsIdentifiedByAddress(pool, hasher, writers), PostgresDataRequests(pool, writers)
    )
