"""Accounts at an identity provider by which staff sign in (OpenID Connect)."""

from dataclasses import dataclass
from typing import Protocol

from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import StaffActor


@dataclass(frozen=True, slots=True)
class OidcAccount:
    """An account at an identity provider (OpenID Connect Core 2).

    Attributes:
        issuer: the provider.
        subject: the claim `sub`, which the provider never gives to another account.
    """

    issuer: str
    subject: str


class OidcAccountTaken(Exception):
    """Raised for an account that is bound to another person."""


class StaffOidcAccountStore(Protocol):
    """Binds accounts to people of staff, and begins their sessions. Each change is an entry of the ledger."""

    async def bind_oidc_account(self, member: StaffMember, account: OidcAccount, by: StaffActor) -> bool:
        """Binds an account to a person, in the place of an earlier one. False: it was so already.

        Raises:
            OidcAccountTaken: somebody else signs in by it.
        """
        ...

    async def unbind_oidc_account(self, member: StaffMember, by: StaffActor) -> bool:
        """Ends a person's binding, and all their sessions. False: there is none."""
        ...

    async def find_member_of_oidc_account(self, account: OidcAccount) -> StaffMember | None:
        """Returns the person of an account; None if nobody is bound to it, or they are disabled."""
        ...

    async def begin_session_by_oidc_account(
        self, by: StaffActor, staff_id: int, account: OidcAccount, has_second_factor: bool, replaces: str | None
    ) -> str | None:
        """Begins a session and returns its token; see `StaffSignInStore.begin_session`. None: it is not bound."""
        ...
