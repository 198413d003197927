"""The stores and secrets of the console, and paths within it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from mailer.actions.people_look_up import PersonLookUpAndActStores
from mailer.ports.attention_figures import AttentionFigures, AttentionFigureSource
from mailer.ports.staff import StaffStores
from mailer.web.console.briefly_cached_value import BrieflyCachedValue
from mailer.web.console.console_secrets import ConsoleSecrets
from mailer.web.console.identity_provider_protocol import IdentityProvider
from mailer.web.console.operation_stores import ConsoleOperationStores
from mailer.web.console.password_hashing import PasswordHashQueues

HOME = "/console"
OIDC = f"{HOME}/sign-in/oidc"
OIDC_CALLBACK = f"{OIDC}/callback"
_OWN_PATH = re.compile(r"/console(/[A-Za-z0-9_-]+)*")


@dataclass
class ConsoleContext:
    """All that the console stands on.

    Attributes:
        public_url: the public address of the site.
        brands: the names of all brands.
        people: looks people up, and acts on them.
        attention: the figures of what needs attention at all brands.
        operations: the stores behind the pages of operations.
        identity_provider: the provider by which staff can sign in; None: none is set up.
    """

    public_url: str
    brands: frozenset[str]
    people: PersonLookUpAndActStores
    staff: StaffStores
    attention: BrieflyCachedValue[AttentionFigures]
    secrets: ConsoleSecrets
    operations: ConsoleOperationStores
    identity_provider: IdentityProvider | None = None
    passwords: PasswordHashQueues = field(default_factory=PasswordHashQueues)

    @cached_property
    def is_https(self) -> bool:
        """True if the site is reached by HTTPS. If not, it is on this machine (`settings`)."""
        return self.public_url.startswith("https://")

    @cached_property
    def origin(self) -> str:
        """The origin of the site (RFC 6454)."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @cached_property
    def host(self) -> str:
        """The host name of the site, to which passkeys are bound."""
        return urlsplit(self.public_url).hostname or ""

    @cached_property
    def base_path(self) -> str:
        """The path of the public address, without a slash at its end; every path of a page begins with it."""
        return urlsplit(self.public_url).path.rstrip("/")

    def brand_name_with_id_if_they_differ(self, brand: str) -> str:
        """Returns a brand by its name, and by its id where that says more: `Paltalk (paltalk-2006)`."""
        policy = self.people.policies.get(brand)
        if policy is None or policy.name.casefold() == brand.casefold():
            return brand if policy is None else policy.name
        return f"{policy.name} ({brand})"

    def cookie_name(self, purpose: str = "") -> str:
        """Returns the name of a cookie. `__Host-` binds it to this host and HTTPS (RFC 6265bis 4.1.3)."""
        return f"{'__Host-' if self.is_https else ''}mailer{purpose}"


def build_console_context(
    public_url: str,
    secret_keys: Sequence[str],
    people: PersonLookUpAndActStores,
    staff: StaffStores,
    attention: AttentionFigureSource,
    operations: ConsoleOperationStores,
    identity_provider: IdentityProvider | None = None,
) -> ConsoleContext:
    """Returns what the console stands on; its keys are derived from the secret keys, the newest first."""
    figures, secrets = BrieflyCachedValue(attention.read_attention_figures), ConsoleSecrets(secret_keys)
    brands = frozenset(people.policies)
    return ConsoleContext(public_url, brands, people, staff, figures, secrets, operations, identity_provider)


def console_path_or_home(text: str) -> str:
    """Returns a path within the console, or the landing page for anything else. So nobody is sent elsewhere."""
    return text if len(text) < 200 and _OWN_PATH.fullmatch(text) else HOME


async def _console_of_request(request: Request) -> ConsoleContext:
    console: ConsoleContext = request.app.state.site.console
    return console


TheConsole = Annotated[ConsoleContext, Depends(_console_of_request)]
