"""The web application."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from mailer.events import MAX_EVENT_BYTES, EventRefused
from mailer.web import api, confirming, consents, health, preferences, public, reports, rights, tracking, why
from mailer.web.middleware import Access, BodyLimit, SecurityHeaders
from mailer.web.pages import Problem, problem_page
from mailer.web.site import Meters, Site

__all__ = ["Site", "create_app"]

MAX_PAGE_BYTES = 64 * 1024
"""The largest body for a page; what one-click senders post has 26 octets."""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with the event's schema: the body is read by us, so FastAPI does not know of it."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schema["components"]["schemas"].update(api.event_schemas())
        return super().openapi()


def create_app(site: Site) -> FastAPI:
    """The application over a site. It opens and closes nothing; whoever made the site does."""
    meters = Meters(site.registry)
    app = _routed(
        Middleware(SecurityHeaders, https=site.public_url.startswith("https://")),
        Middleware(Access, meters=meters, failure=_failure),
        Middleware(BodyLimit, limit=_body_limit),
    )
    app.state.site, app.state.meters = site, meters
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document, for which no site is needed."""
    return _routed().openapi()


def _routed(*middleware: Middleware) -> FastAPI:
    app = _App(
        title="mailer",
        version="1",
        summary="Publish message events, and ask what became of them.",
        openapi_url=api.OPENAPI,
        docs_url=None,  # these load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # one-click must never see a 3xx (RFC 8058 3.1)
        telemetry={"tracing": False, "metrics": False, "logs": False},  # spans would hold paths, and so tokens
        middleware=middleware,
        exception_handlers={
            HTTPException: _http_error,
            EventRefused: api.refused,
            RequestValidationError: _invalid,
        },
    )
    pages = (public, preferences, confirming, why, tracking, health)
    for router in (api.router, reports.router, consents.router, rights.router, *(page.router for page in pages)):
        app.include_router(router)
    return app


def _is_api(path: str) -> bool:
    return path.startswith("/api/")


def _body_limit(path: str) -> int:
    return MAX_EVENT_BYTES if _is_api(path) else MAX_PAGE_BYTES


async def _http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if _is_api(request.url.path):
        return api.problems_answer([error.detail], error.status_code, headers)
    problem = Problem.NOT_FOUND if error.status_code == 404 else Problem.REFUSED
    page = problem_page(request, problem, error.status_code)
    page.headers.update(headers)
    return page


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    """A request of the API that is not what its description says, a line a fault; pages take what they are sent."""
    faults = [(".".join(str(part) for part in fault["loc"][1:]), fault["msg"]) for fault in error.errors()]
    return api.problems_answer([f"{place}: {what}" if place else what for place, what in faults], 422)


def _failure(request: Request, status: int) -> Response:
    if _is_api(request.url.path):
        return api.problems_answer(["something went wrong on our side; send it again with the same id"], status)
    return problem_page(request, Problem.FAILED, status)
