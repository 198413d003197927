"""The web application."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from mailer.events import MAX_EVENT_BYTES, EventRefused
from mailer.ports.broker import BrokerUnavailable, MessageUnpublishable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.received_webhooks import MAX_WEBHOOK_OCTETS
from mailer.web import (
    account_api,
    breach_api,
    breach_check_api,
    breach_outcome_api,
    breach_phase_api,
    breach_release_api,
    campaign_api,
    campaign_report_api,
    campaign_sending_api,
    confirmation,
    consent_api,
    data_request_form,
    data_request_page,
    dead_letter_api,
    event_api,
    halts_api,
    health,
    import_api,
    mailing_api,
    newsletter_archive_pages,
    people_api,
    picture_api,
    picture_page,
    policy_api,
    preferences,
    processor_and_waiting_work_api,
    provider_webhooks,
    public_notices_page,
    publisher_api,
    report_api,
    segment_api,
    suppressions_api,
    tracking,
    unsubscribe,
    unsubscribe_link_request_form,
    web_copy_page,
    why_this_mail_page,
)
from mailer.web.console.breach_access import is_breach_path
from mailer.web.console.campaign_access import is_editor_path
from mailer.web.console.console_app import (
    add_console,
    answer_console_problem,
    answer_refused_console_request,
    is_console_path,
)
from mailer.web.middleware import AccessLogAndTimeLimit, BodyLimit, SecurityHeaders, safe_request_line
from mailer.web.one_click_shortcut import OneClickShortcut
from mailer.web.openapi_common_answers import RETRY_SECONDS, add_common_answers_to_openapi
from mailer.web.page_rendering import ProblemName, problem_page
from mailer.web.picture_limits import MAX_PICTURE_BODY, is_picture_upload_path
from mailer.web.provider_webhooks import answer_failed_webhook, is_webhook_path
from mailer.web.request_parsing import PathCheckMiddleware
from mailer.web.upload_limits import MAX_UPLOAD_OCTETS, is_upload_path, seconds_of_file_path
from mailer.web.web_context import WebContext, WebCounters

__all__ = ["WebContext", "create_app"]

_log = logging.getLogger(__name__)

_API = (
    *(
        event_api,
        report_api,
        campaign_report_api,
        breach_outcome_api,
        mailing_api,
        consent_api,
        account_api,
        people_api,
        suppressions_api,
    ),
    *(dead_letter_api, halts_api, processor_and_waiting_work_api, policy_api, publisher_api),
    *(segment_api, picture_api, import_api, campaign_api, campaign_sending_api),
    *(breach_api, breach_phase_api, breach_check_api),
    breach_release_api,
)
_PAGES = (
    *(unsubscribe, preferences, confirmation, why_this_mail_page, web_copy_page),
    *(unsubscribe_link_request_form, data_request_form, data_request_page, public_notices_page, tracking, health),
    *(provider_webhooks, picture_page, newsletter_archive_pages),
)
MAX_DRAFT_FORM_BYTES = 4 * 1024 * 1024
"""The largest form of a campaign's editor or a breach case, in octets: each of a draft's may need three in a form."""
MAX_PAGE_BYTES = 64 * 1024
"""The largest body for a page, in octets. A one-click request has 26."""


class _AppWithEventSchemas(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Returns the OpenAPI document with the schemas of events. FastAPI lacks them: we read the body ourselves."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schema["components"]["schemas"].update(event_api.event_schema_components())
            add_common_answers_to_openapi(schema)
        return super().openapi()


def create_app(site: WebContext) -> FastAPI:
    """Returns the application over a site. It opens and closes nothing; the maker of the site does."""
    meters = WebCounters(site.registry)
    app = _app_with_routes(
        Middleware(SecurityHeaders, https=site.is_https),
        Middleware(AccessLogAndTimeLimit, meters=meters, failure=_answer_for_failure_status, slow=seconds_of_file_path),
        Middleware(PathCheckMiddleware, refuse=_http_error_answer),
        Middleware(BodyLimit, limit=_body_limit_of_path),
        Middleware(OneClickShortcut, site=site, meters=meters),
    )
    app.state.site, app.state.meters = site, meters
    return app


def openapi_document() -> dict[str, Any]:
    """Returns the OpenAPI document; it needs no site."""
    return _app_with_routes().openapi()


def page_routes() -> list[APIRoute]:
    """Returns the routes that the OpenAPI document leaves out: pages, endpoints of services, `/healthz`."""
    return [route for page in _PAGES for route in page.router.routes if isinstance(route, APIRoute)]


def _app_with_routes(*middleware: Middleware) -> FastAPI:
    """Returns an application with all routes.

    It takes the routes themselves. `include_router` would make each of them again for each application, and look for
    the right one in two steps: 60 ms of a processor for the application, and 0.2 ms for each request (measured).
    """
    app = _AppWithEventSchemas(
        routes=[route for module in (*_API, *_PAGES) for route in module.router.routes],
        title="mailer",
        version="1",
        summary="Publish message events, and ask what became of them.",
        openapi_url=event_api.OPENAPI,
        docs_url=None,  # these load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # one-click must never see a 3xx (RFC 8058 3.1)
        telemetry={"tracing": False, "metrics": False, "logs": False},  # spans would hold paths, and so tokens
        middleware=middleware,
        exception_handlers={
            HTTPException: _http_error_answer,
            EventRefused: event_api.refused_event_answer,
            MessageUnpublishable: _unpublishable_message_answer,
            RequestValidationError: _invalid_request_answer,
            DatabaseUnavailable: _service_unavailable_answer,
            BrokerUnavailable: _service_unavailable_answer,
        },
    )
    add_console(app)
    return app


def _is_api_path(path: str) -> bool:
    return path.startswith("/api/")


def _body_limit_of_path(path: str) -> int:
    if is_picture_upload_path(path):
        return MAX_PICTURE_BODY
    if is_upload_path(path):
        return MAX_UPLOAD_OCTETS
    if is_webhook_path(path):
        return MAX_WEBHOOK_OCTETS
    if is_editor_path(path) or is_breach_path(path):
        return MAX_DRAFT_FORM_BYTES
    return MAX_EVENT_BYTES if _is_api_path(path) else MAX_PAGE_BYTES


async def _http_error_answer(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if _is_api_path(request.scope["path"]):
        return event_api.problems_answer([error.detail], error.status_code, headers)
    if is_console_path(request.scope["path"]):
        return await answer_refused_console_request(request, error.status_code, str(error.detail))
    if is_webhook_path(request.scope["path"]):
        return answer_failed_webhook(request, error.status_code)
    problem = ProblemName.NOT_FOUND if error.status_code == 404 else ProblemName.REFUSED
    page = problem_page(request, problem, error.status_code)
    page.headers.update(headers)
    return page


async def _invalid_request_answer(request: Request, error: RequestValidationError) -> Response:
    """Answers 422 to a request of the API that does not match its description, with a line for each fault."""
    if is_console_path(request.scope["path"]):
        return await answer_refused_console_request(request, 404)
    faults = [(".".join(str(part) for part in fault["loc"][1:]), fault["msg"]) for fault in error.errors()]
    return event_api.problems_answer([f"{place}: {what}" if place else what for place, what in faults], 422)


async def _unpublishable_message_answer(request: Request, error: Exception) -> Response:
    """Answers 422 for an event that the outbox can never store (400 on a page): the client has to change it."""
    return (
        event_api.problems_answer([str(error)], 422)
        if _is_api_path(request.scope["path"])
        else _answer_for_failure_status(request, 400)
    )


async def _service_unavailable_answer(request: Request, error: Exception) -> Response:
    """Answers 503 with a time to try again. The request changed nothing, or it can be repeated safely."""
    _log.warning("%s answered 503: %s", safe_request_line(request.scope), error)
    return _answer_for_failure_status(request, 503)


_FAILURES = {
    400: "the request's body is not what its header fields say; send it again, whole",
    408: "the request did not arrive within its time; send it again",
    500: "something went wrong on our side; send it again with the same id",
    503: f"we cannot do this now; send it again, with the same id, in {RETRY_SECONDS} seconds",
}


def _answer_for_failure_status(request: Request, status: int) -> Response:
    headers = {"retry-after": str(RETRY_SECONDS)} if status == 503 else {}
    if _is_api_path(request.scope["path"]):
        return event_api.problems_answer([_FAILURES[status]], status, headers)
    if is_console_path(request.scope["path"]):
        return answer_console_problem(request, status)
    if is_webhook_path(request.scope["path"]):
        return answer_failed_webhook(request, status)
    page = problem_page(request, ProblemName.REFUSED if status < 500 else ProblemName.FAILED, status)
    page.headers.update(headers)
    return page
