"""Begins and continues sessions, each with a token of its own, and gives the browser its cookies."""

import time
from dataclasses import replace
from typing import TypeVar

from fastapi.responses import Response

from mailer.policy.sign_in_rules import DEVICE_LASTS
from mailer.ports.staff import PasswordOfMember, StaffActor
from mailer.web.console.console_pages import redirect_within_console, set_console_cookie
from mailer.web.console.gates import SECOND_STEP, SIGN_IN, SentElsewhere, Visitor

_Answer = TypeVar("_Answer", bound=Response)


async def enter_console(visitor: Visitor, shown: PasswordOfMember, factor: str | None, next: str) -> Response:
    """Begins a session and leads on, to the second step if that is still to come.

    Args:
        visitor: the person.
        shown: the person, and the hash by which the password was checked.
        factor: the kind of the second factor that was shown; None if none was.
        next: the path to lead on to.

    Raises:
        SentElsewhere: the access was reset, or has ended, since the password was checked.
    """
    console, by = visitor.console, StaffActor(shown.member.identity, visitor.network)
    begun = await console.staff.sign_in.begin_session(
        by, shown.member.id, shown.password_hash or "", factor, visitor.token
    )
    if begun is None:
        raise SentElsewhere(SIGN_IN)
    signed_in = await visitor_in_session(visitor, begun)
    return redirect_after_sign_in(signed_in, next)


async def continue_session(visitor: Visitor, factor: str) -> Visitor:
    """Replaces the session by one in which a second factor was shown. Returns the visitor in it.

    Raises:
        StaffSessionOver: the session has ended meanwhile.
    """
    token = await visitor.console.staff.sign_in.continue_session(visitor.actor, factor)
    return await visitor_in_session(visitor, token)


def redirect_after_sign_in(visitor: Visitor, next: str) -> Response:
    """Returns a redirect to a path, or to the second step if that is still to come, with the cookies."""
    return with_session_cookies(redirect_within_console(visitor.console, path_after_sign_in(visitor, next)), visitor)


def path_after_sign_in(visitor: Visitor, next: str) -> str:
    """Returns a path, or that of the second step if it is still to come."""
    is_half_signed_in = visitor.session is not None and visitor.session.is_half_signed_in
    return f"{SECOND_STEP}?next={next}" if is_half_signed_in else next


def with_session_cookies(answer: _Answer, visitor: Visitor) -> _Answer:
    """Returns an answer that gives the browser the session's token, and makes it known if the session is complete."""
    console, session = visitor.console, visitor.session
    set_console_cookie(answer, console, "", visitor.token or "")
    if session is not None and not session.is_half_signed_in:
        token = console.secrets.new_device_token(session.member.identity.form[1], time.time())
        set_console_cookie(answer, console, "-device", token, DEVICE_LASTS)
    return answer


async def visitor_in_session(visitor: Visitor, token: str) -> Visitor:
    """Returns the visitor in a session that was just begun.

    Raises:
        SentElsewhere: it has ended meanwhile.
    """
    session = await visitor.console.staff.sign_in.find_session(token)
    if session is None:
        raise SentElsewhere(SIGN_IN)
    form_token = visitor.console.secrets.form_token(token)
    return replace(visitor, session=session, token=token, form_token=form_token, new_form_cookie=None)
