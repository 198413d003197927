"""A made-up identity provider, for pages that lead to one or come from one."""

from dataclasses import dataclass, field

from mailer.ports.staff_oidc_accounts import OidcAccount
from mailer.web.console.console_context import OIDC_CALLBACK
from mailer.web.console.identity_provider_protocol import (
    AccountSignedInAtProvider,
    BegunOidcSignIn,
    OidcClientRegistration,
)

_ISSUER = "https://id.example"


@dataclass
class MadeUpProvider:
    """Leads back at once, with an account that is bound to nobody.

    Attributes:
        site: the address of the console's site.
    """

    site: str
    client: OidcClientRegistration = field(
        default_factory=lambda: OidcClientRegistration(_ISSUER, "mailer", "a secret of the tests")
    )

    async def authorization_url(self, begun: BegunOidcSignIn) -> str:
        """See the protocol."""
        return f"{self.site}{OIDC_CALLBACK}?code=made-up&state={begun.state}"

    async def redeem_code(self, code: str, begun: BegunOidcSignIn) -> AccountSignedInAtProvider:
        """See the protocol."""
        return AccountSignedInAtProvider(OidcAccount(_ISSUER, "7f3c2a90"), has_second_factor=False)

    async def sign_out_url(self, back: str) -> str | None:
        """See the protocol."""
        return None
