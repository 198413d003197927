"""ASGI middleware for every route: security headers, a time limit, an access log without persons, a body limit."""

import asyncio
import time
from collections.abc import Callable, Mapping

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.metrics_and_logger import describe_error_without_message, log
from mailer.policy.rule_registry import rule
from mailer.web.web_context import WebCounters

REQUEST_SECONDS = 30
"""Seconds that a request may take at most. A stopping server waits as long for one."""

GONE = 499
"""The status that is counted for a client that went away before its request was read."""

MAX_DRAIN = 64 * 1024 * 1024
"""The most octets of a refused body that are read and thrown away before the connection is cut off."""

UNSEEN = frozenset({"/o/{token}.gif", "/c/{token}", "/m/{picture_id}"})
"""Routes whose good answers are neither logged nor measured one by one, as that would show when a person reads a mail.
Opens and clicks are counted by the hour (`tracking.write_counts_each_hour`); fetches of pictures are not counted."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "server": "mailer",
}


def security_headers(https: bool) -> Mapping[str, str]:
    """Returns the security headers of each answer. With `https`, they tell browsers to stay on HTTPS (RFC 6797)."""
    return {**_HEADERS, **({"strict-transport-security": "max-age=31536000"} if https else {})}


@rule("no-cookies", "paltalk06-30", idle=True)
def may_set_cookie(path: str) -> bool:
    """No page for recipients sets a cookie; the console, where staff sign in, may."""
    return path == "/console" or path.startswith("/console/")


class SecurityHeaders:
    """Adds security headers to each answer, and takes cookies out. Another header that a route has set stays."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        """Stores the headers; see `security_headers`."""
        self._app = app
        self._fields = [(name.encode(), value.encode()) for name, value in security_headers(https).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        has_cookies = may_set_cookie(scope.get("path", ""))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_by_route = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *(field for field in message["headers"] if has_cookies or field[0] != b"set-cookie"),
                    *(field for field in self._fields if field[0] not in set_by_route),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


class AccessLogAndTimeLimit:
    """Counts and logs requests by their route's template, and answers if a route failed or took too long.

    The log gets `safe_request_line` of a request. It gets only the place of a failure, whose message may name a person.
    """

    def __init__(self, app: ASGIApp, meters: WebCounters, failure: Callable[[Request, int], Response]) -> None:
        """Stores the parts. `failure` makes the answer for a status of 400, 408, 500 or 503."""
        self._app = app
        self._meters = meters
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status, reading = 0, False

        async def waited() -> Message:
            nonlocal reading
            reading = True
            message = await receive()
            reading = False
            return message

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._app(scope, waited, noting)
        except ClientDisconnect:
            log.info("a client went away before its request was read", request=safe_request_line(scope))
            if not status:
                await self._failure(Request(scope), 400)(scope, receive, send)
                status = GONE
        except Exception as error:
            late = isinstance(error, TimeoutError)
            if not (late and reading):
                log.error(
                    "a request failed", request=safe_request_line(scope), error=describe_error_without_message(error)
                )
            if not status:
                answer = self._failure(Request(scope), (408 if reading else 503) if late else 500)
                await answer(scope, receive, noting)
        finally:
            self._log_request(scope, status, time.monotonic() - began)

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        if 200 <= status < 400 and _route_template(scope) in UNSEEN:
            return
        self._meters.requests.labels(_request_method(scope), _route_template(scope), str(status)).inc()
        self._meters.seconds.labels(_route_template(scope), str(status)).observe(seconds)
        log.info("request", request=safe_request_line(scope), status=status, ms=round(seconds * 1000, 1))


class BodyLimit:
    """Refuses a body that is larger than its route's limit with 413, while the body arrives. It never holds more.

    The answer begins after the whole request was read. A client that still writes would else see a reset connection
    and no reason.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[str], int]) -> None:
        """Stores the parts. `limit` returns the most octets for a path."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        names = {name for name, _ in scope["headers"]}
        size, more = 0, b"content-length" in names or b"transfer-encoding" in names

        async def counted() -> Message:
            nonlocal size, more
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            return message

        async def limited() -> Message:
            message = await counted()
            if size > limit:
                raise HTTPException(
                    413,
                    f"the request is larger than {limit:,} bytes: shorten it, name an audience, link to large files",
                )
            return message

        async def once_read(message: Message) -> None:
            if message["type"] == "http.response.start":
                while more and size < MAX_DRAIN:
                    await counted()
            await send(message)

        await self._app(scope, limited, once_read)


def _unmasked_request_line(scope: Scope) -> str:
    """Returns the log line of a server without privacy promises: with address, path and user agent."""
    client, headers = scope.get("client") or ("-", 0), Request(scope).headers
    return f"{client[0]} {scope['method']} {scope['path']} {headers.get('user-agent', '-')}"


@rule("no-traces", "paltalk06-17", idle=_unmasked_request_line)
def safe_request_line(scope: Scope) -> str:
    """The log has no address, user agent or path. A path has a token, which would name the person."""
    return f"{_request_method(scope)} {_route_template(scope)}"


def _request_method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route_template(scope: Scope) -> str:
    """Returns the route's template, such as `/u/{token}`; never the path itself."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"
