"""The identity provider by which staff sign in: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636).

It needs the extra `oidc`: Authlib speaks with the provider, joserfc checks what it signs.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from mailer.policy.sign_in_rules import MAX_SUBJECT
from mailer.ports.staff_oidc_accounts import OidcAccount
from mailer.web.console.console_context import OIDC_CALLBACK
from mailer.web.console.identity_provider_protocol import (
    AccountSignedInAtProvider,
    BegunOidcSignIn,
    OidcClientRegistration,
    OidcRefused,
    OidcUnavailable,
    oauth_error_code_for_log,
)
from mailer.web.console.oidc_answers import (
    CLIENT_LIMITS,
    asking_provider,
    fetch_json_object,
    fetch_signing_keys,
    refusing_unreadable_answers,
)

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The signatures of an ID token that are taken. The provider signs, so no shared secret and no `none` is among them."""
LEEWAY: Final = 60
"""Seconds that the clocks of provider and console may differ."""
_METADATA_LASTS: Final = 600.0
"""Seconds for which the provider's metadata and keys are used again."""
_KEYS_AGAIN: Final = 5.0
"""Seconds before keys are fetched again for a signature of an unknown key."""
_ASKED_AGAIN: Final = 5.0
"""Seconds before a provider that gave no usable metadata is asked again: whoever is not signed in can ask."""


@dataclass
class _FetchedMetadata:
    """The provider's words about itself.

    Attributes:
        at: `time.monotonic()` seconds.
        keys_at: the same for the keys.
    """

    metadata: dict[str, Any]
    keys: KeySet
    at: float
    keys_at: float = field(default_factory=time.monotonic)


class OidcProviderClient:
    """Speaks with the provider. Implements `identity_provider_protocol.IdentityProvider`.

    Args:
        client: what the provider knows us by.
        public_url: the public address of the site.
    """

    def __init__(self, client: OidcClientRegistration, public_url: str) -> None:
        self.client = client
        self._callback = f"{public_url.rstrip('/')}{OIDC_CALLBACK}"
        self._known: _FetchedMetadata | None = None
        self._asking = asyncio.Lock()
        self._failed_at = -_ASKED_AGAIN

    async def authorization_url(self, begun: BegunOidcSignIn) -> str:
        """See `identity_provider_protocol.IdentityProvider`."""
        known = await self._fetch_or_reuse_provider_metadata()
        with refusing_unreadable_answers():
            url, _ = self._make_oauth_client().create_authorization_url(
                known.metadata["authorization_endpoint"],
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return str(url)

    async def redeem_code(self, code: str, begun: BegunOidcSignIn) -> AccountSignedInAtProvider:
        """See `identity_provider_protocol.IdentityProvider`."""
        known = await self._fetch_or_reuse_provider_metadata()
        try:
            async with asking_provider(), self._make_oauth_client() as oauth:
                answer = await oauth.fetch_token(
                    known.metadata["token_endpoint"], code=code, code_verifier=begun.verifier
                )
        except OAuthError as error:
            raise OidcRefused(f"the provider refuses the code: {oauth_error_code_for_log(error.error)}") from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcRefused("the provider gave no ID token")
        try:
            return verify_id_token(token, known.keys, self.client, begun.nonce, time.time())
        except (BadSignatureError, InvalidKeyIdError, _UnknownKey):
            keys = await self._fetch_newer_keys(known)
        try:
            return verify_id_token(token, keys, self.client, begun.nonce, time.time())
        except (BadSignatureError, InvalidKeyIdError, _UnknownKey):
            raise OidcRefused("the ID token is signed by no key of the provider") from None

    async def sign_out_url(self, back: str) -> str | None:
        """See `identity_provider_protocol.IdentityProvider`."""
        endpoint = (await self._fetch_or_reuse_provider_metadata()).metadata.get("end_session_endpoint")
        if endpoint is None:
            return None
        asked = urlencode({"client_id": self.client.client_id, "post_logout_redirect_uri": back})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}"

    def _make_oauth_client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.client.client_id,
            self.client.client_secret,
            scope="openid",
            redirect_uri=self._callback,
            code_challenge_method="S256",
            **CLIENT_LIMITS,
        )

    async def _fetch_or_reuse_provider_metadata(self) -> _FetchedMetadata:
        """Returns what the provider says about itself, fetched within the last minutes.

        Raises:
            OidcUnavailable: it does not answer, or says nothing that can be used.
        """
        async with self._asking:
            if self._known is None or time.monotonic() - self._known.at > _METADATA_LASTS:
                self._known = await self._fetch_provider()
            return self._known

    async def _fetch_provider(self) -> _FetchedMetadata:
        """Returns metadata and keys, fetched now. After a failure, the provider is left alone for some seconds."""
        if time.monotonic() - self._failed_at < _ASKED_AGAIN:
            raise OidcUnavailable("it gave no usable answer a moment ago")
        try:
            metadata = await fetch_json_object(f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration")
            _require_usable_metadata(metadata, self.client.issuer)
            return _FetchedMetadata(metadata, await fetch_signing_keys(metadata["jwks_uri"]), time.monotonic())
        except OidcUnavailable:
            self._failed_at = time.monotonic()
            raise

    async def _fetch_newer_keys(self, known: _FetchedMetadata) -> KeySet:
        """Returns the keys, fetched again: the provider may have new ones. Many who ask at once fetch them once."""
        async with self._asking:
            if time.monotonic() - known.keys_at > _KEYS_AGAIN:
                known.keys_at = time.monotonic()
                known.keys = await fetch_signing_keys(known.metadata["jwks_uri"])
            return known.keys


class _UnknownKey(Exception):
    """Raised for a token whose key is not among the known ones."""


def verify_id_token(
    token: str, keys: KeySet, client: OidcClientRegistration, nonce: str, now: float
) -> AccountSignedInAtProvider:
    """Returns the account of an ID token (OpenID Connect Core 3.1.3.7).

    Args:
        token: as the provider gave it.
        keys: of the provider.
        client: the issuer and the client that it has to be for.
        nonce: of the sign-in.
        now: seconds since the epoch.

    Raises:
        OidcRefused: a claim is missing, wrong or too old.
        BadSignatureError, InvalidKeyIdError: no key of the provider has signed it.
    """
    exact = {"iss": client.issuer, "aud": client.client_id, "nonce": nonce}
    wanted = {name: ClaimsOption(essential=True, value=value) for name, value in exact.items()}
    needed = {name: ClaimsOption(essential=True) for name in ("sub", "exp", "iat")}
    registry = JWTClaimsRegistry(int(now), LEEWAY, **wanted, **needed)
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
        registry.validate(claims)
    except (BadSignatureError, InvalidKeyIdError):
        raise
    except JoseError as error:
        raise OidcRefused(f"the ID token is refused: {oauth_error_code_for_log(error.error)}") from None
    except ValueError as error:
        raise _UnknownKey from error
    except (TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise OidcRefused(f"the ID token cannot be read: {type(error).__name__}") from None
    if not all(isinstance(claims[name], str) for name in ("iss", "nonce")):
        raise OidcRefused("the ID token has a list of issuers or nonces")
    others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if others else client.client_id) != client.client_id:
        raise OidcRefused("the ID token is for another client")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise OidcRefused("the ID token names no account")
    methods = claims.get("amr")
    said = [claims.get("acr"), *(methods if isinstance(methods, list) else ())]
    shown = any(isinstance(one, str) and one in client.second_factors for one in said)
    return AccountSignedInAtProvider(OidcAccount(client.issuer, subject), shown)


def _require_usable_metadata(metadata: dict[str, Any], issuer: str) -> None:
    """Refuses metadata of another issuer (OpenID Connect Discovery 4.3), and endpoints without TLS.

    Raises:
        OidcUnavailable: nobody can sign in by it.
    """
    if metadata.get("issuer") != issuer:
        raise OidcUnavailable("its metadata name another issuer")
    needed: Sequence[str] = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    for name in (*needed, *({"end_session_endpoint"} & metadata.keys())):
        url = metadata.get(name)
        if not isinstance(url, str) or not _is_usable_endpoint(url, issuer):
            raise OidcUnavailable(f"its metadata have no usable {name}")


def _is_usable_endpoint(url: str, issuer: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"https", urlsplit(issuer).scheme} and bool(parts.hostname)
    except ValueError:
        return False
