"""Reads a request: its path has to be UTF-8, its JSON is parsed by `mailer.input_types.parse_json_with_unique_keys`."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.input_types import check_field_count, parse_json_with_unique_keys

MAX_PATH = 8_000
"""The most octets of a path with its query, as RFC 9110 4.1 recommends. Our longest tokens have 4,000."""


PAGES = (
    "/u/",
    "/preferences/",
    "/confirm/",
    "/report/",
    "/view/",
    "/c/",
    "/o/",
    "/leave/",
    "/data/",
    "/data-request/",
    "/notices/",
    "/archive/",
)
"""The beginnings of the paths of links in mails and on home pages."""


class PathCheckMiddleware:
    """Refuses a path or query that is not UTF-8, has a null character, or is too long.

    It removes a slash that a program on the way has added to a link of a mail: a redirect would lose the POST of a
    one-click request (RFC 8058 3.1).
    """

    def __init__(self, app: ASGIApp, refuse: Callable[[Request, HTTPException], Awaitable[Response]]) -> None:
        """Stores the parts. `refuse` makes the answer."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        fault = _path_fault(scope) if scope["type"] == "http" else None
        if fault is None:
            if scope["type"] == "http" and scope["path"].startswith(PAGES):
                scope["path"] = scope["path"].rstrip("/")
            await self._app(scope, receive, send)
            return
        answer = await self._refuse(Request(scope), fault)
        await answer(scope, receive, send)


def _path_fault(scope: Scope) -> HTTPException | None:
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    if (size := len(path) + len(query)) > MAX_PATH:
        return HTTPException(414, f"the path and its query have {size:,} octets; at most {MAX_PATH:,}")
    if b"%" not in path + query:  # nearly all
        return None
    for name, octets in (("path", path), ("query", query)):
        try:
            text = unquote_to_bytes(octets).decode()
        except UnicodeDecodeError:
            return HTTPException(400, f"the {name} is not UTF-8; encode its characters in UTF-8, then by %")
        if "\0" in text:
            return HTTPException(400, f"the {name} has the character U+0000; remove it")
    return None


class _JsonRequest(Request):
    """A request whose body is JSON by `mailer.input_types.parse_json_with_unique_keys`."""

    async def body(self) -> bytes:
        """Returns the body.

        Raises:
            HTTPException: the body is not empty, and its Content-Type is not JSON.
        """
        body = await super().body()
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise HTTPException(415, "send JSON, and say so: Content-Type: application/json")
        return body

    async def json(self) -> Any:
        """Returns the values in the body.

        Raises:
            HTTPException: the body is not JSON, or has too many fields.
        """
        try:
            return check_field_count(parse_json_with_unique_keys(await self.body()))
        except ValueError as error:
            raise HTTPException(422, str(error)) from error


class JsonRoute(APIRoute):
    """A route whose requests are of `_JsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handling
