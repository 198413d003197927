"""The stores of staff, put together."""

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.ports.staff import StaffStores
from mailer.postgres.staff import PostgresStaff
from mailer.postgres.staff_oidc_accounts import PostgresStaffOidcAccounts
from mailer.postgres.staff_second_factors import PostgresStaffSecondFactors
from mailer.postgres.staff_sign_in import PostgresStaffSignIn


def build_staff_stores(pool: Pool, writers: LedgerWriters) -> StaffStores:
    """Returns the stores of staff over a pool."""
    return StaffStores(
        PostgresStaff(pool, writers),
        PostgresStaffSignIn(pool, writers),
        PostgresStaffSecondFactors(pool, writers),
        PostgresStaffOidcAccounts(pool, writers),
    )
