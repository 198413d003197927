"""ID tokens of an identity provider: only one that this provider has signed, for this client, this sign-in and now."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet, OctKey, RSAKey

from mailer.web.console.identity_provider_protocol import OidcClientRegistration, OidcRefused
from mailer.web.console.oidc_provider_client import LEEWAY, _UnknownKey, verify_id_token

NOW = 1_800_000_000
REFUSED = (OidcRefused, BadSignatureError, InvalidKeyIdError, _UnknownKey)
"""The errors after which nobody is signed in."""
CLIENT = OidcClientRegistration("https://id.example", "mailer", "secret", ("mfa",))
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = KeySet([KEY])
CLAIMS: dict[str, Any] = {
    "iss": CLIENT.issuer,
    "aud": "mailer",
    "sub": "ada",
    "nonce": "n",
    "iat": NOW,
    "exp": NOW + 60,
}


def token(key: RSAKey | OctKey = KEY, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token with these claims; one that is None is left out."""
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    head = header or {"alg": "RS256", "kid": "one"}
    return jwt.encode(head, claims, key, algorithms=[head["alg"]])


def verified(text: str, now: float = NOW) -> tuple[str, bool]:
    """The subject, and whether a second factor was shown."""
    shown = verify_id_token(text, KEYS, CLIENT, "n", now)
    assert shown.account.issuer == CLIENT.issuer
    return shown.account.subject, shown.has_second_factor


def test_a_good_token() -> None:
    """Audience as a text or a list, with or without a second factor that is trusted."""
    assert verified(token()) == ("ada", False)
    assert verified(token(aud=["mailer"], amr=["pwd", "mfa"])) == ("ada", True)
    assert verified(token(aud=["mailer", "shop"], azp="mailer", acr="mfa")) == ("ada", True)
    assert verified(token(amr=["pwd", 5, None])) == ("ada", False)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": "https://id.example/"},
        {"aud": "shop"},
        {"aud": ["shop"]},
        {"aud": ["mailer", "shop"]},
        {"azp": "shop"},
        {"nonce": "another"},
        {"exp": NOW - LEEWAY - 1},
        {"iat": NOW + LEEWAY + 1},
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": "a\nb"},
        {"sub": 7},
        *({name: None} for name in CLAIMS),
    ],
    ids=str,
)
def test_a_wrong_or_missing_claim_is_refused(changed: dict[str, Any]) -> None:
    """Each check of OpenID Connect Core 3.1.3.7, one at a time."""
    with pytest.raises(OidcRefused):
        verified(token(**changed))


def test_clocks_may_differ_a_little() -> None:
    """A token of the other clock's minute counts."""
    assert verified(token(), NOW + 60 + LEEWAY - 1) == ("ada", False)
    assert verified(token(), NOW - LEEWAY) == ("ada", False)


def test_only_the_provider_signs() -> None:
    """Another key, a shared secret, our own secret, no signature, and no token: nobody is signed in."""
    with pytest.raises(BadSignatureError):
        verified(token(OTHER))
    with pytest.raises(OidcRefused):
        verified(token(OctKey.import_key(CLIENT.client_secret.ljust(32)), {"alg": "HS256", "kid": "one"}))
    unsigned = ".".join([token(header={"alg": "RS256"}).split(".")[1]] * 2)
    for text in (f"eyJhbGciOiJub25lIn0.{unsigned.split('.')[0]}.", "", "a.b.c", "é" * 5, token()[:-4]):
        with pytest.raises(REFUSED):
            verified(text)
    with pytest.raises(REFUSED):
        verified(token(header={"alg": "RS256", "kid": "two"}))
