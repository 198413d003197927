"""The routes of the console, put together, with the answers to what they raise."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, Response

from mailer.metrics_and_logger import log
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.staff import StaffSessionEnded
from mailer.web.console import (
    breach_audience_pages,
    breach_check_pages,
    breach_decision_pages,
    breach_facts_pages,
    breach_letter_pages,
    breach_outcome_pages,
    breach_pack_pages,
    breach_pages,
    breach_preview_pages,
    breach_public_notice_pages,
    breach_release_pages,
    breach_report_pages,
    breach_stop_pages,
    breach_test_pages,
    breach_text_pages,
    campaign_check_pages,
    campaign_edit_pages,
    campaign_history_pages,
    campaign_pages,
    campaign_preview_pages,
    campaign_release_pages,
    campaign_report_pages,
    campaign_schedule_pages,
    campaign_sending_pages,
    campaign_test_pages,
    campaign_winner_pages,
    dead_letter_pages,
    halt_pages,
    import_mapping_pages,
    import_pages,
    landing,
    ledger_pages,
    letter_pages,
    list_pages,
    mailing_pages,
    mailing_schedule_pages,
    oidc_sign_in,
    own_session_and_factor_pages,
    passkeys,
    people_pages,
    person_act_pages,
    picture_pages,
    policy_pages,
    processor_pages,
    publisher_pages,
    segment_pages,
    sign_in,
    staff_pages,
    suppression_pages,
    waiting_work_and_process_pages,
)
from mailer.web.console.access_gates import (
    Anybody,
    FieldRefused,
    NeedsSameSiteForwarding,
    RedirectWithinConsole,
    read_request_of_signed_in_person,
    require_gate_of_each_route,
)
from mailer.web.console.console_context import HOME, console_path_or_home
from mailer.web.console.console_pages import console_problem_page, redirect_within_console, same_site_forwarding_page
from mailer.web.console.password_hashing import RETRY_SECONDS, HashQueueFull

_STATIC = Path(__file__).with_name("static")
_FILES = {"console.css": "text/css", "live.js": "text/javascript", "passkey.js": "text/javascript"}
_files = APIRouter(include_in_schema=False)
_campaigns = (
    campaign_pages.router,
    campaign_edit_pages.router,
    campaign_history_pages.router,
    campaign_preview_pages.router,
    campaign_test_pages.router,
)
_breach_people = (breach_audience_pages.router, breach_check_pages.router)
_sending = (
    campaign_check_pages.router,
    campaign_schedule_pages.router,
    campaign_release_pages.router,
    campaign_sending_pages.router,
)
_breaches = (breach_pages.router, breach_facts_pages.router, breach_decision_pages.router)
_after_breach_release = (
    breach_outcome_pages.router,
    breach_public_notice_pages.router,
    breach_report_pages.router,
)
_operations = (
    mailing_pages.router,
    mailing_schedule_pages.router,
    halt_pages.router,
    dead_letter_pages.router,
    processor_pages.router,
    waiting_work_and_process_pages.router,
    policy_pages.router,
    ledger_pages.router,
    publisher_pages.router,
    campaign_report_pages.router,
    campaign_winner_pages.router,
    picture_pages.router,
    breach_letter_pages.router,
    breach_pack_pages.router,
)
ROUTERS = (
    *(
        sign_in.router,
        oidc_sign_in.router,
        own_session_and_factor_pages.router,
        passkeys.router,
        staff_pages.router,
        landing.router,
    ),
    *(people_pages.router, person_act_pages.router, suppression_pages.router, letter_pages.router),
    *_campaigns,
    *_sending,
    *(breach_text_pages.router, breach_preview_pages.router, breach_test_pages.router),
    *_breach_people,
    *_breaches,
    *(breach_release_pages.router, breach_stop_pages.router),
    *_after_breach_release,
    *(import_pages.router, import_mapping_pages.router),
    *_operations,
    *(segment_pages.router, list_pages.router),
    _files,
)
"""The routers of all pages of the console. Each route has a gate."""


@_files.get(f"{HOME}/static/{{name}}")
async def send_static_file(name: str, request: Anybody) -> Response:
    """Sends the stylesheet or the script."""
    if name not in _FILES:
        return console_problem_page(request.console, 404, "status_404")
    return FileResponse(_STATIC / name, media_type=_FILES[name], headers={"cache-control": "private, max-age=300"})


def add_console(app: FastAPI) -> None:
    """Adds the routes of the console.

    Raises:
        RuntimeError: a route declares no gate.
    """
    for router in ROUTERS:
        require_gate_of_each_route(router.routes)
        app.router.routes.extend(router.routes)
    app.add_exception_handler(RedirectWithinConsole, _answer_with_redirect)
    app.add_exception_handler(NeedsSameSiteForwarding, _answer_with_same_site_forwarding)
    app.add_exception_handler(StaffSessionEnded, _answer_with_redirect)
    app.add_exception_handler(HashQueueFull, _answer_full_password_hash_queue)
    app.add_exception_handler(FieldRefused, _answer_refused_field)


def is_console_path(path: str) -> bool:
    """Tells whether a path is one of the console."""
    return path == HOME or path.startswith(f"{HOME}/")


def answer_console_problem(http_request: Request, status: int, problem: str = "") -> Response:
    """Returns the page for a request that failed."""
    return console_problem_page(http_request.app.state.site.console, status, problem)


async def answer_refused_console_request(
    http_request: Request, status: int, problem: str = "", values: Mapping[str, str | int] = MappingProxyType({})
) -> Response:
    """Returns the page for a request that was refused; somebody who is signed in keeps the menu."""
    console = http_request.app.state.site.console
    try:
        request = await read_request_of_signed_in_person(http_request, console)
    except DatabaseUnavailable:
        request = None
    return console_problem_page(console, status, problem, values, request)


async def _answer_with_redirect(http_request: Request, error: Exception) -> Response:
    path = error.path if isinstance(error, RedirectWithinConsole) else HOME
    return redirect_within_console(http_request.app.state.site.console, path)


async def _answer_full_password_hash_queue(http_request: Request, _: Exception) -> Response:
    log.warning("too many passwords wait for their hash; further sign-ins are answered with 503")
    page = console_problem_page(http_request.app.state.site.console, 503, "many_sign_ins")
    page.headers["retry-after"] = str(RETRY_SECONDS)
    return page


async def _answer_refused_field(http_request: Request, error: Exception) -> Response:
    key, values = (error.key, error.values) if isinstance(error, FieldRefused) else ("status_422", {})
    return await answer_refused_console_request(http_request, 422, key, values)


async def _answer_with_same_site_forwarding(http_request: Request, _: Exception) -> Response:
    return same_site_forwarding_page(
        http_request.app.state.site.console, console_path_or_home(http_request.scope["path"])
    )
