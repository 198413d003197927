"""Begins and continues sessions, each with a token of its own, and gives the browser its cookies."""

import time
from dataclasses import replace
from typing import TypeVar

from fastapi.responses import Response

from mailer.policy.sign_in_rules import DEVICE_LASTS
from mailer.ports.staff import PasswordOfMember, StaffActor
from mailer.web.console.access_gates import SECOND_STEP, SIGN_IN, ConsoleRequest, RedirectWithinConsole
from mailer.web.console.console_pages import redirect_within_console, set_console_cookie

_Answer = TypeVar("_Answer", bound=Response)


async def begin_session_and_redirect(
    request: ConsoleRequest, shown: PasswordOfMember, factor: str | None, next: str
) -> Response:
    """Begins a session and leads on, to the second step if that is still to come.

    Args:
        request: of the person.
        shown: the person, and the hash by which the password was checked.
        factor: the kind of the second factor that was shown; None if none was.
        next: the path to lead on to.

    Raises:
        RedirectWithinConsole: the access was reset, or has ended, since the password was checked.
    """
    console, by = request.console, StaffActor(shown.member.identity, request.network)
    begun = await console.staff.sign_in.begin_session(
        by, shown.member.id, shown.password_hash or "", factor, request.token
    )
    if begun is None:
        raise RedirectWithinConsole(SIGN_IN)
    signed_in = await attach_session_to_request(request, begun)
    return redirect_after_sign_in(signed_in, next)


async def replace_session_after_second_factor(request: ConsoleRequest, factor: str) -> ConsoleRequest:
    """Replaces the session by one in which a second factor was shown. Returns the request with it.

    Raises:
        StaffSessionEnded: the session has ended meanwhile.
    """
    token = await request.console.staff.sign_in.replace_session_after_second_factor(request.actor, factor)
    return await attach_session_to_request(request, token)


def redirect_after_sign_in(request: ConsoleRequest, next: str) -> Response:
    """Returns a redirect to a path, or to the second step if that is still to come, with the cookies."""
    return with_session_cookies(redirect_within_console(request.console, path_after_sign_in(request, next)), request)


def path_after_sign_in(request: ConsoleRequest, next: str) -> str:
    """Returns a path, or that of the second step if it is still to come."""
    is_half_signed_in = request.session is not None and request.session.is_half_signed_in
    return f"{SECOND_STEP}?next={next}" if is_half_signed_in else next


def with_session_cookies(answer: _Answer, request: ConsoleRequest) -> _Answer:
    """Returns an answer that gives the browser the session's token, and makes it known if the session is complete."""
    console, session = request.console, request.session
    set_console_cookie(answer, console, "", request.token or "")
    if session is not None and not session.is_half_signed_in:
        token = console.secrets.new_device_token(session.member.identity.form[1], time.time())
        set_console_cookie(answer, console, "-device", token, DEVICE_LASTS)
    return answer


async def attach_session_to_request(request: ConsoleRequest, token: str) -> ConsoleRequest:
    """Returns a request with a session that was just begun.

    Raises:
        RedirectWithinConsole: it has ended meanwhile.
    """
    session = await request.console.staff.sign_in.find_session(token)
    if session is None:
        raise RedirectWithinConsole(SIGN_IN)
    form_token = request.console.secrets.form_token(token)
    return replace(request, session=session, token=token, form_token=form_token, new_form_cookie=None)
