"""Signing in and out: the one-time link, the password, and the second step."""

import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from webauthn.helpers import bytes_to_base64url

from mailer.metrics_and_logger import log
from mailer.policy.sign_in_rules import MAX_STAFF_NAME, password_fault
from mailer.ports.staff import PasswordOfMember
from mailer.web.console.access_gates import SECOND_STEP, SIGN_IN, Anybody, ConsoleRequest, HalfSignedIn
from mailer.web.console.console_context import HOME, OIDC, console_path_or_home
from mailer.web.console.console_pages import console_page, delete_session_cookie, redirect_within_console
from mailer.web.console.new_sessions import (
    begin_session_and_redirect,
    redirect_after_sign_in,
    replace_session_after_second_factor,
)
from mailer.web.console.passkey_checks import passkey_authentication_options
from mailer.web.console.second_factor_checks import use_up_second_factor_code, verify_second_factor_code
from mailer.web.console.sign_in_attempts import RefusedSignInResult, check_attempt, read_attempt

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
async def show_sign_in(request: Anybody, next: str = HOME) -> Response:
    """Shows the form for signing in."""
    return console_page(
        request,
        "sign_in.html.j2",
        name="",
        next=console_path_or_home(next),
        wait=0,
        options=None,
        oidc=_oidc_path(request),
    )


@router.post(SIGN_IN)
async def sign_in(request: Anybody) -> Response:
    """Checks name and password. What is wrong of them is not told, and unknown names take the same work."""
    attempt = read_attempt(request)
    with request.console.passwords.take_place(is_known=attempt.is_known) as place:
        outcome = await check_attempt(request, attempt, place)
    if isinstance(outcome, RefusedSignInResult):
        return _sign_in_page_after_refusal(request, attempt.name, outcome.wait)
    return await begin_session_and_redirect(
        request, outcome.shown, outcome.factor, console_path_or_home(request.field_or_empty("next"))
    )


@router.get(SECOND_STEP)
async def show_second_step(request: HalfSignedIn, next: str = HOME) -> Response:
    """Asks for the second factor."""
    return await _second_step_page(request, console_path_or_home(next))


@router.post(SECOND_STEP)
async def check_second_step_code(request: HalfSignedIn) -> Response:
    """Checks the code of an app, or a recovery code."""
    next, member = console_path_or_home(request.field_or_empty("next")), request.member
    shown = await verify_second_factor_code(request.console, member.id, request.field_or_empty("code"))
    if not await use_up_second_factor_code(request.console, request.actor, member, shown) or shown is None:
        return await _second_step_page(request, next, "code_wrong")
    return redirect_after_sign_in(await replace_session_after_second_factor(request, shown.kind), next)


@router.post(f"{HOME}/sign-out")
async def sign_out(request: Anybody) -> Response:
    """Ends the session."""
    if request.session is not None:
        await request.console.staff.sign_in.end_session(request.member, request.session.id, request.actor)
    answer = redirect_within_console(request.console, SIGN_IN)
    delete_session_cookie(answer, request.console)
    return answer


@router.get(f"{HOME}/join/{{token}}")
async def show_set_password_form(token: str, request: Anybody) -> Response:
    """Shows the form of a one-time link. Opening the link uses nothing up."""
    member = await request.console.staff.sign_in.find_member_of_one_time_link(token)
    if member is None:
        return console_page(request, "link_over.html.j2", 410)
    return console_page(request, "sign_up.html.j2", member=member)


@router.post(f"{HOME}/join/{{token}}")
async def set_password_and_sign_in(token: str, request: Anybody) -> Response:
    """Sets the password, uses the link up and signs in."""
    console = request.console
    member = await console.staff.sign_in.find_member_of_one_time_link(token)
    if member is None:
        return console_page(request, "link_over.html.j2", 410)
    password = request.raw_field("password")
    fault = password_fault(password, member.identity.name, member.email)
    if fault is None and password != request.raw_field("again"):
        fault = "password_differs"
    if fault is not None:
        return console_page(request, "sign_up.html.j2", 422, fault, member=member)
    with console.passwords.take_place(is_known=True) as place:
        stored = await place.hash_password(password)
    if await console.staff.sign_in.set_password_by_one_time_link(token, stored, request.network) is None:
        return console_page(request, "link_over.html.j2", 410)
    return await begin_session_and_redirect(request, PasswordOfMember(member, stored), None, HOME)


def _oidc_path(request: ConsoleRequest) -> str | None:
    """Returns the path that leads to the identity provider; None if none is set up."""
    return OIDC if request.console.identity_provider else None


def _sign_in_page_after_refusal(request: ConsoleRequest, name: str, wait: int) -> Response:
    """Returns the same page for each reason; after too many failures it also asks for a code or a passkey."""
    next, error = console_path_or_home(request.field_or_empty("next")), "sign_in_waits" if wait else "sign_in_wrong"
    shown: dict[str, Any] = {
        "name": name[:MAX_STAFF_NAME],
        "next": next,
        "wait": wait,
        "options": None,
        "oidc": _oidc_path(request),
    }
    if not wait:
        return console_page(request, "sign_in.html.j2", 403, error, **shown)
    log.warning("sign-ins at the console have to wait after many failures", seconds=wait)
    made = request.console.secrets.new_challenge(request.form_token, time.time())
    options, challenge = passkey_authentication_options(request.console, (), made)
    shown |= {"options": options, "challenge": bytes_to_base64url(challenge)}
    answer = console_page(request, "sign_in.html.j2", 429, error, **shown)
    answer.headers["retry-after"] = str(wait)
    return answer


async def _second_step_page(request: ConsoleRequest, next: str, error: str | None = None) -> Response:
    factors = await request.console.staff.factors.read_factors(request.member.id)
    return console_page(
        request, "second_step.html.j2", 403 if error else 200, error, factors=factors, next=next, options=None
    )
