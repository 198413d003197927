"""Hostile answers of an identity provider: each ends in words within limits, and none stops those who could sign in."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from mailer.web.console import oidc_answers
from mailer.web.console.identity_provider_protocol import (
    BegunOidcSignIn,
    OidcClientRegistration,
    OidcRefused,
    OidcUnavailable,
)
from mailer.web.console.oidc_provider_client import OidcProviderClient

ISSUER = "https://id.example"
METADATA, KEYS, TOKEN = "/.well-known/openid-configuration", "/jwks", "/token"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
PUBLIC = KEY.as_dict(private=False)
BEGUN = BegunOidcSignIn("state", "nonce", "v" * 64, "/console")
DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
HEAD = {"alg": "RS256", "kid": "one"}


def metadata(**changed: object) -> dict[str, object]:
    """Metadata of the provider."""
    ends = {"authorization_endpoint": "/auth", "token_endpoint": TOKEN, "jwks_uri": KEYS}
    return {"issuer": ISSUER, **{name: ISSUER + path for name, path in ends.items()}, **changed}


def id_token(head: Mapping[str, Any] = HEAD, **changed: Any) -> str:
    """An ID token with these claims, which this provider has signed."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "mailer", "sub": "ada", "nonce": "nonce", "iat": now, "exp": now + 60, **changed}
    return jwt.encode(dict(head), claims, KEY)


def tokens(**changed: object) -> dict[str, object]:
    """An answer of the token endpoint."""
    return {"access_token": "x", "token_type": "Bearer", "id_token": id_token(), **changed}


class Hostile:
    """A provider whose answers are good, but for some.

    Attributes:
        asked: the number of requests by path.
    """

    def __init__(self, **answers: object) -> None:
        names = {"metadata": METADATA, "keys": KEYS, "token": TOKEN}
        good = {METADATA: metadata(), KEYS: {"keys": [PUBLIC]}, TOKEN: tokens()}
        self.answers = good | {names[name]: answer for name, answer in answers.items()}
        self.asked = Counter[str]()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answers; an exception is raised."""
        self.asked[request.url.path] += 1
        await asyncio.sleep(0)
        said = self.answers[request.url.path]
        if isinstance(said, httpx2.Response):
            return said
        return httpx2.Response(200, content=said if isinstance(said, bytes) else json.dumps(said).encode())

    @contextmanager
    def provider(self) -> Iterator[OidcProviderClient]:
        """Our side, which speaks with this one."""
        with patch.dict(oidc_answers.CLIENT_LIMITS, transport=httpx2.MockTransport(self.answer)):
            yield OidcProviderClient(OidcClientRegistration(ISSUER, "mailer", "secret"), "https://mail.example")


@pytest.mark.parametrize(
    "said",
    [
        DEEP,
        b"\xff{",
        b"null",
        [1],
        b'{"n":' + b"9" * 5000 + b"}",
        b" " * (oidc_answers.MAX_ANSWER + 1),
        httpx2.Response(302, headers={"location": f"{ISSUER}/x"}),
        httpx2.Response(200, headers={"content-encoding": "gzip"}, content=b""),
    ],
    ids=lambda said: repr(said)[:20],
)
@pytest.mark.parametrize("place", ["metadata", "keys", "token"])
async def test_an_answer_that_cannot_be_used_is_an_outage(said: object, place: str) -> None:
    """Too deep, too large, compressed, another type, no JSON, a redirect: nobody is signed in, and nothing fails."""
    with Hostile(**{place: said}).provider() as provider, pytest.raises(OidcUnavailable):
        await provider.redeem_code("code", BEGUN)


@pytest.mark.parametrize("url", ["https://[", "https:///", "javascript:alert(1)", "http://id.example/", 7, None])
@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"], ids=str
)
async def test_an_endpoint_that_is_none(name: str, url: object) -> None:
    """No browser is led there, and no request is made."""
    with Hostile(metadata=metadata(**{name: url})).provider() as provider, pytest.raises(OidcUnavailable):
        await provider.authorization_url(BEGUN)


@pytest.mark.parametrize("url", ["https://id.example/\r\nx: y", "https://a\0b/", "https://☃..x/", "https://h:99999/"])
@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
async def test_an_endpoint_that_nobody_can_ask(name: str, url: str) -> None:
    """The HTTP client refuses it, in errors of its own."""
    with Hostile(metadata=metadata(**{name: url})).provider() as provider, pytest.raises(OidcUnavailable):
        await provider.redeem_code("code", BEGUN)


@pytest.mark.parametrize(
    "more",
    [
        b'{"access_token":"x","expires_in":1e400}',
        tokens(expires_at=[]),
        tokens(expires_in="soon"),
        [tokens()],
        httpx2.Response(400, json=["error"]),
    ],
    ids=lambda said: repr(said)[:30],
)
async def test_a_token_answer_of_odd_types(more: object) -> None:
    """Numbers without end, texts as numbers, a list: an outage in words, not a failure of the page."""
    with Hostile(token=more).provider() as provider, pytest.raises(OidcUnavailable):
        await provider.redeem_code("code", BEGUN)


@pytest.mark.parametrize(
    "beside",
    [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "new"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "curve"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "point"},
        {"kty": "RSA", "n": "!!", "e": "AQAB", "kid": "broken"},
        {"kty": [], "kid": "list"},
        {"kty": "OKP", "kid": {}},
        7,
    ],
    ids=str,
)
async def test_a_key_that_cannot_be_read_hides_no_other(beside: object) -> None:
    """A provider that adds a key of a new kind does not lock everybody out (RFC 7517 5)."""
    with Hostile(keys={"keys": [beside, PUBLIC]}).provider() as provider:
        assert (await provider.redeem_code("code", BEGUN)).account.subject == "ada"


@pytest.mark.parametrize("said", [{}, {"keys": None}, {"keys": "abc"}, {"keys": []}, {"keys": [7]}], ids=str)
async def test_no_key_at_all_is_an_outage(said: object) -> None:
    """There is nothing by which a token could be checked."""
    with Hostile(keys=said).provider() as provider, pytest.raises(OidcUnavailable):
        await provider.redeem_code("code", BEGUN)


@pytest.mark.parametrize(
    "changed", [{"nonce": ["nonce", "other"]}, {"iss": [ISSUER]}, {"aud": 7}, {"exp": []}], ids=str
)
async def test_claims_of_other_types_are_refused(changed: dict[str, Any]) -> None:
    """A list that contains the right value is not the right value."""
    with Hostile(token=tokens(id_token=id_token(**changed))).provider() as provider, pytest.raises(OidcRefused):
        await provider.redeem_code("code", BEGUN)


async def test_a_header_of_another_type_is_refused() -> None:
    """A list of critical fields that is a number."""
    with patch.object(jws.JWSRegistry, "check_header"):
        token = id_token({**HEAD, "crit": 5})
    with Hostile(token=tokens(id_token=token)).provider() as provider, pytest.raises(OidcRefused):
        await provider.redeem_code("code", BEGUN)


async def test_many_who_ask_at_once_ask_the_provider_once() -> None:
    """Metadata, keys, and keys that are fetched again for a token of an unknown key."""
    hostile = Hostile(token=tokens(id_token=id_token({"alg": "RS256", "kid": "two"})))
    with hostile.provider() as provider:
        await asyncio.gather(*(provider.authorization_url(BEGUN) for _ in range(50)))
        assert hostile.asked == {METADATA: 1, KEYS: 1}
        assert provider._known is not None
        provider._known.keys_at -= 60
        refused = await asyncio.gather(
            *(provider.redeem_code("code", BEGUN) for _ in range(50)), return_exceptions=True
        )
    assert all(isinstance(one, OidcRefused) for one in refused)
    assert hostile.asked[KEYS] == 2


async def test_a_provider_that_fails_is_left_alone_for_some_seconds() -> None:
    """Strangers who open the page do not make us ask it again and again; then it is asked once more."""
    hostile = Hostile(metadata=b"")
    with hostile.provider() as provider:
        for _ in range(20):
            with pytest.raises(OidcUnavailable):
                await provider.authorization_url(BEGUN)
        assert hostile.asked == {METADATA: 1}
        provider._failed_at -= 60
        hostile.answers[METADATA] = metadata()
        assert await provider.authorization_url(BEGUN)


async def test_an_answer_that_drips_is_cut_off() -> None:
    """The limit is one for the whole answer, not for each octet."""

    async def drip() -> Any:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    hostile = Hostile(metadata=httpx2.Response(200, content=drip()))
    with patch.object(oidc_answers, "ANSWER_SECONDS", 0.1), hostile.provider() as provider:
        async with asyncio.timeout(20):
            with pytest.raises(OidcUnavailable):
                await provider.authorization_url(BEGUN)
