"""Posts requests to one service over pooled connections: no redirect or cookie, limited answers, never half believed.

The last octet of a request is held back until all others have left. So it is known whether the service can have taken
a request that got no answer.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.processors.email_api.api_url import ApiSettings
from mailer.processors.email_api.provider_api import ApiAnswer, ApiRequest

ANSWER_SECONDS: Final = 60.0
"""Seconds for a whole request with its answer."""
IDLE_SECONDS: Final = 20.0
"""Seconds after which an unused connection is closed. Services close theirs after a minute or more."""
MAX_ANSWER: Final = 1024 * 1024
"""The most octets of an answer. That of a window of 64 messages has some ten thousand."""
_USER_AGENT: Final = "mailer"


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The reason why a request has no answer. It is returned, not raised.

    Attributes:
        text: one line for the ledger and the log, without secrets.
        trouble: the kind of the failure, if there was no connection; else None.
        is_taken_perhaps: True if the whole request may have left this process.
        is_late: True if it was our own decision to send no last octet, since the time was up.
    """

    text: str
    trouble: ConnectionTrouble | None = None
    is_taken_perhaps: bool = False
    is_late: bool = False


class _TooLateError(Exception):
    """The time of a request was up before its last octet."""


class _HeldBackBody(httpx2.AsyncByteStream):
    """A body whose last octet leaves alone, if the time is not up then.

    Attributes:
        is_complete: True from the moment at which the last octet may have left.
    """

    def __init__(self, body: bytes, is_late: Callable[[], bool]) -> None:
        self._body, self._is_late = body, is_late
        self.is_complete = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Returns the octets. Raises _TooLateError before the last one if the time is up."""
        yield self._body[:-1]
        crash_if_armed(CrashPoint.IN_MESSAGE)
        if self._is_late():
            raise _TooLateError
        self.is_complete = True
        yield self._body[-1:]


class HttpSender:
    """Posts requests to one service.

    Args:
        api: the address of the service.
        context: decides which certificates are trusted. The default trusts the system's.
    """

    def __init__(self, api: ApiSettings, context: ssl.SSLContext | None = None) -> None:
        scheme = "https" if api.is_encrypted else "http"
        host = f"[{api.host}]" if ":" in api.host else api.host
        self._origin = f"{scheme}://{host}:{api.port}"
        self._running = set[asyncio.Timeout]()
        self._ways: tuple[str, ...] = ()
        most = api.pool + api.urgent
        self._client = httpx2.AsyncClient(
            verify=(context or ssl.create_default_context()) if api.is_encrypted else False,
            follow_redirects=False,
            trust_env=False,
            # Kept cookies would be sent with each request, until the service finds its headers too large.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=api.timeout),
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=IDLE_SECONDS),
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": _USER_AGENT},
        )

    @property
    def weakest_encryption_so_far(self) -> str | None:
        """The weakest encryption of all connections so far, as the ledger stores it. None: no connection yet."""
        return min(self._ways, default=None)

    async def post(self, request: ApiRequest, secret: str, is_late: Callable[[], bool]) -> ApiAnswer | NotAnswered:
        """Posts a request, and returns its answer.

        Args:
            request: the request.
            secret: is blotted out where an answer quotes it.
            is_late: is asked just before the last octet. If it says True, that octet does not leave.
        """
        body = _HeldBackBody(request.body, is_late)
        headers = {**request.headers, "content-length": str(len(request.body))}
        try:
            async with asyncio.timeout(ANSWER_SECONDS) as limit:
                self._running.add(limit)
                try:
                    return await self._post(request.path, headers, body, secret)
                finally:
                    self._running.discard(limit)
        except _TooLateError:
            return NotAnswered("not sent: its time was up", is_late=True)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return _failure_of_error(error, is_complete=body.is_complete)

    def end_running_requests(self) -> None:
        """Ends all running requests at once, as this process stops. Those whose last octet has left are in doubt."""
        now = asyncio.get_running_loop().time()
        for limit in self._running:
            limit.reschedule(now)

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def _post(self, path: str, headers: dict[str, str], body: _HeldBackBody, secret: str) -> ApiAnswer:
        request = self._client.build_request("POST", self._origin + path, headers=headers, content=body)
        answer = await self._client.send(request, stream=True)
        try:
            self._note_encryption(answer)
            octets = await _read_limited(answer)
        finally:
            await answer.aclose()
        crash_if_armed(CrashPoint.AFTER_FINAL_DOT)
        if answer.is_success and not body.is_complete:
            raise httpx2.RemoteProtocolError("a success before the whole request", request=request)
        if secret:
            octets = octets.replace(secret.encode(), b"[secret]")
        return ApiAnswer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, octets)

    def _note_encryption(self, answer: httpx2.Response) -> None:
        stream = answer.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        way = "tls:none on this machine"
        if tls is not None:
            way = f"tls:{tls.version()} {'verified' if tls.context.check_hostname else 'unverified'}"
        if way not in self._ways:
            self._ways = (*self._ways, way)


async def _read_limited(answer: httpx2.Response) -> bytes:
    """Returns the octets of an answer.

    Raises:
        httpx2.ReadError: there are too many.
    """
    octets = b""
    async for some in answer.aiter_raw():
        octets += some
        if len(octets) > MAX_ANSWER:
            raise httpx2.ReadError(f"an answer of more than {MAX_ANSWER:,} octets", request=answer.request)
    return octets


def _failure_of_error(error: Exception, *, is_complete: bool) -> NotAnswered:
    """Returns the failure that an error is, by whether the whole request may have left."""
    text = _text_of_error(error)
    if is_complete:
        return NotAnswered(f"no answer after the whole request: {text}", is_taken_perhaps=True)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.InvalidURL):
        return NotAnswered(text, _trouble_of_error(error))
    return NotAnswered(f"lost before the last octet: {text}")


def _trouble_of_error(error: Exception) -> ConnectionTrouble:
    for cause in _causes_of(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return ConnectionTrouble.CERTIFICATE
            case ssl.SSLError():
                return ConnectionTrouble.TLS
            case socket.gaierror() | UnicodeError() | httpx2.InvalidURL():
                return ConnectionTrouble.DNS
            case TimeoutError() | httpx2.TimeoutException():
                return ConnectionTrouble.TIMED_OUT
            case _:
                pass
    return ConnectionTrouble.UNREACHABLE


def _text_of_error(error: Exception) -> str:
    for cause in _causes_of(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Returns an error and all errors from which it came."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
