"""The console's questions to an identity provider, and its facts about one. It needs no extra."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mailer.ports.staff_oidc_accounts import OidcAccount

_ERROR_CODE = re.compile(r"[a-z_]{1,60}")


def oauth_error_code_for_log(text: object) -> str:
    """Returns an error code of OAuth 2 (RFC 6749 4.1.2.1) for the log; anything else may be what somebody typed."""
    return str(text) if _ERROR_CODE.fullmatch(str(text)) else "unknown"


class OidcUnavailable(Exception):
    """Raised if the provider does not answer, or says nothing that can be used. The message has no person's data."""


class OidcRefused(Exception):
    """Raised if the provider, or we, refuse a sign-in. The message has no person's data."""


@dataclass(frozen=True, slots=True)
class OidcClientRegistration:
    """The name by which the provider knows us.

    Attributes:
        issuer: the provider, as its tokens name it.
        second_factors: the values of `acr` or `amr` (RFC 8176) that count as a second factor.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    second_factors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class BegunOidcSignIn:
    """A sign-in that was begun in a browser.

    Attributes:
        state, nonce: bind the answer and the ID token to it.
        verifier: of PKCE (RFC 7636 4.1).
        next: the path to lead on to.
        replaces: the token of the session that it ends; empty: there is none.
    """

    state: str
    nonce: str
    verifier: str
    next: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class AccountSignedInAtProvider:
    """An account whose owner has just signed in at the provider.

    Attributes:
        has_second_factor: True if they showed a second factor there, as far as the settings trust it.
    """

    account: OidcAccount
    has_second_factor: bool


class IdentityProvider(Protocol):
    """Speaks with the provider."""

    client: OidcClientRegistration

    async def authorization_url(self, begun: BegunOidcSignIn) -> str:
        """Returns the address of the provider's page for signing in.

        Raises:
            OidcUnavailable: the provider does not answer.
        """
        ...

    async def redeem_code(self, code: str, begun: BegunOidcSignIn) -> AccountSignedInAtProvider:
        """Returns the account of a code, after each check of its ID token.

        Raises:
            OidcUnavailable: the provider does not answer.
            OidcRefused: code or token is refused.
        """
        ...

    async def sign_out_url(self, back: str) -> str | None:
        """Returns the address that ends the session at the provider, and leads back; None if it has none.

        Raises:
            OidcUnavailable: the provider does not answer.
        """
        ...
