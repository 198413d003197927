"""The answers of an identity provider: read within limits of size and time, and as the JSON that they have to be."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import httpx2
from authlib.integrations.httpx_client import OAuthError
from joserfc.jwk import KeySet

from mailer.input_types import parse_json_with_unique_keys
from mailer.metrics_and_logger import log
from mailer.web.console.identity_provider_protocol import OidcRefused, OidcUnavailable

ANSWER_SECONDS: Final = 5.0
"""Seconds for each whole answer of the provider."""
MAX_ANSWER: Final = 512 * 1024
"""The most octets of an answer. Metadata have some thousand, a set of ten keys with certificates some ten thousand."""


async def _limit_answer(answer: httpx2.Response) -> None:
    """Lets an answer be read up to its limit. A compressed one, which we do not ask for, could grow beyond it."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("a compressed answer", request=answer.request)
    answer.stream = _LimitedAnswer(answer)


class _LimitedAnswer(httpx2.AsyncByteStream):
    """The octets of an answer, up to its limit."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._request, self._octets = answer.request, answer.stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Returns the octets.

        Raises:
            httpx2.ReadError: there are too many.
        """
        left = MAX_ANSWER
        assert isinstance(self._octets, httpx2.AsyncByteStream)  # noqa: S101  # an asynchronous client has no other
        async for some in self._octets:
            left -= len(some)
            if left < 0:
                raise httpx2.ReadError(f"an answer of more than {MAX_ANSWER:,} octets", request=self._request)
            yield some

    async def aclose(self) -> None:
        """Closes the answer."""
        if isinstance(self._octets, httpx2.AsyncByteStream):
            await self._octets.aclose()


CLIENT_LIMITS: Final[dict[str, Any]] = {
    "timeout": ANSWER_SECONDS,
    "headers": {"accept-encoding": "identity"},
    "event_hooks": {"response": [_limit_answer]},
}
"""The arguments of each HTTP client that asks the provider."""


@contextmanager
def refusing_unreadable_answers() -> Iterator[None]:
    """Raises `OidcUnavailable` for whatever an answer makes the libraries raise: they trust a provider's types.

    An `OAuthError` is an answer of the provider, too, and left as it is.
    """
    try:
        yield
    except (OAuthError, OidcRefused, OidcUnavailable):
        raise
    except Exception as error:
        log.warning("the identity provider gives no usable answer", error=type(error).__name__)
        raise OidcUnavailable(type(error).__name__) from None


@asynccontextmanager
async def asking_provider() -> AsyncIterator[None]:
    """Limits the time of an answer, and refuses unreadable ones; see `refusing_unreadable_answers`."""
    with refusing_unreadable_answers():
        async with asyncio.timeout(ANSWER_SECONDS):
            yield


async def fetch_json_object(url: str) -> dict[str, Any]:
    """Returns the JSON object at an address.

    Raises:
        OidcUnavailable: there is none, or it is too large or too slow.
    """
    async with asking_provider(), httpx2.AsyncClient(**CLIENT_LIMITS) as client:
        answer = parse_json_with_unique_keys((await client.get(url)).raise_for_status().content)
    if not isinstance(answer, dict):
        raise OidcUnavailable("an answer that is no object")
    return answer


async def fetch_signing_keys(url: str) -> KeySet:
    """Returns the keys at an address by which the provider signs, without those that cannot be read (RFC 7517 5).

    Raises:
        OidcUnavailable: there is none.
    """
    said = (await fetch_json_object(url)).get("keys")
    keys = [key for one in (said if isinstance(said, list) else ()) for key in _read_signing_key(one)]
    if not keys:
        raise OidcUnavailable("it has no key that can be read")
    return KeySet(keys)


def _read_signing_key(said: object) -> list[Any]:
    """Returns a key as a list of one; an empty list for one that is of an unknown kind, not for signing, or broken."""
    if not isinstance(said, dict) or said.get("use", "sig") != "sig" or not isinstance(said.get("kid", ""), str):
        return []
    try:
        with refusing_unreadable_answers():
            return list(KeySet.import_key_set({"keys": [said]}).keys)
    except OidcUnavailable:
        return []
