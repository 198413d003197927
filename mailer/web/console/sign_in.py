"""Signing in and out: the one-time link, the password, and the second step."""

import hashlib
from dataclasses import replace
from typing import TypeVar

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.metrics_and_logger import log
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.sign_in_rules import (
    HALF_SESSION_LASTS,
    MAX_PASSWORD,
    MAX_STAFF_NAME,
    SESSION_LASTS,
    WAITS_OF_ACCOUNT,
    WAITS_OF_NETWORK,
    password_fault,
)
from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import PasswordOfMember, StaffActor
from mailer.web.console.console_context import HOME, own_path
from mailer.web.console.console_pages import (
    console_page,
    delete_console_cookie,
    redirect_within_console,
    set_console_cookie,
)
from mailer.web.console.gates import SECOND_STEP, SIGN_IN, Anybody, HalfSignedIn, Visitor
from mailer.web.console.second_factor_checks import ShownCode, find_right_code, use_code_up

router = APIRouter(include_in_schema=False)
_Answer = TypeVar("_Answer", bound=Response)
_NOBODY = 0
"""An id that no person has."""


@router.get(SIGN_IN)
async def show_sign_in(visitor: Anybody, next: str = HOME) -> Response:
    """Shows the form for signing in."""
    return console_page(visitor, "sign_in.html.j2", name="", next=own_path(next), wait=0)


@router.post(SIGN_IN)
async def sign_in(visitor: Anybody) -> Response:
    """Checks name and password. What is wrong of them is not told, and unknown names take the same work."""
    name, password, code = visitor.field("name"), visitor.raw_field("password", MAX_PASSWORD), visitor.field("code")
    console, folded = visitor.console, _folded_name(name)
    account = console.secrets.failure_key("account", folded or hashlib.sha256(name.encode()).hexdigest())
    network = console.secrets.failure_key("network", visitor.network)
    wait = await console.staff.sign_in.count_attempt({account: WAITS_OF_ACCOUNT, network: WAITS_OF_NETWORK})
    if wait and not code:
        return _sign_in_page_again(visitor, name, wait)
    found = await console.staff.sign_in.find_password(folded)
    shown = await find_right_code(console, found.member.id if found else _NOBODY, code) if code else None
    if wait and shown is None:  # a password that is wrong takes no time of a hash meanwhile
        return _sign_in_page_again(visitor, name, wait)
    stored = found.password_hash if found else None
    if not await console.passwords.is_password(stored, password) or found is None:
        return _sign_in_page_again(visitor, name, wait)
    kind = await _kind_of_code_used_up(visitor, found, shown) if code else None
    if wait and kind is None:
        return _sign_in_page_again(visitor, name, wait)
    await console.staff.sign_in.forgive_attempt(account, [] if wait else [network])
    return await enter_console(visitor, found.member, kind, own_path(visitor.field("next")))


@router.get(SECOND_STEP)
async def show_second_step(visitor: HalfSignedIn, next: str = HOME) -> Response:
    """Asks for the second factor."""
    return await _second_step_page(visitor, own_path(next))


@router.post(SECOND_STEP)
async def take_second_step(visitor: HalfSignedIn) -> Response:
    """Checks the code of an app, or a recovery code."""
    next, member = own_path(visitor.field("next")), visitor.member
    shown = await find_right_code(visitor.console, member.id, visitor.field("code"))
    if not await use_code_up(visitor.console, visitor.actor, member, shown) or shown is None:
        return await _second_step_page(visitor, next, "code_wrong")
    return await enter_console(visitor, member, shown.kind, next)


@router.post(f"{HOME}/sign-out")
async def sign_out(visitor: Anybody) -> Response:
    """Ends the session."""
    if visitor.session is not None:
        await visitor.console.staff.sign_in.end_session(visitor.member, visitor.session.id, visitor.actor)
    answer = redirect_within_console(visitor.console, SIGN_IN)
    delete_console_cookie(answer, visitor.console)
    return answer


@router.get(f"{HOME}/join/{{token}}")
async def show_sign_up(token: str, visitor: Anybody) -> Response:
    """Shows the form of a one-time link. Opening the link uses nothing up."""
    member = await visitor.console.staff.sign_in.find_member_of_link(token)
    if member is None:
        return console_page(visitor, "link_over.html.j2", 410)
    return console_page(visitor, "sign_up.html.j2", member=member)


@router.post(f"{HOME}/join/{{token}}")
async def sign_up(token: str, visitor: Anybody) -> Response:
    """Sets the password, uses the link up and signs in."""
    console = visitor.console
    member = await console.staff.sign_in.find_member_of_link(token)
    if member is None:
        return console_page(visitor, "link_over.html.j2", 410)
    password = visitor.raw_field("password")
    fault = password_fault(password, member.identity.name, member.email)
    if fault is None and password != visitor.raw_field("again"):
        fault = "password_differs"
    if fault is not None:
        return console_page(visitor, "sign_up.html.j2", 422, fault, member=member)
    stored = await console.passwords.hash_password(password)
    if await console.staff.sign_in.use_link(token, stored, visitor.network) is None:
        return console_page(visitor, "link_over.html.j2", 410)
    return await enter_console(visitor, member, None, HOME)


async def enter_console(visitor: Visitor, member: StaffMember, factor: str | None, next: str) -> Response:
    """Begins a session and leads on, to the second step if that is still to come."""
    signed_in = await begin_new_session(visitor, member, factor)
    session = signed_in.session
    is_half = session is not None and session.is_factor_set_up and factor is None
    answer = redirect_within_console(visitor.console, f"{SECOND_STEP}?next={next}" if is_half else next)
    return with_session_cookie(answer, signed_in)


async def begin_new_session(visitor: Visitor, member: StaffMember, factor: str | None) -> Visitor:
    """Begins a session with a token of its own; the session that the browser had ends. Returns the visitor in it."""
    console, by = visitor.console, StaffActor(member.identity, visitor.network)
    factors = await console.staff.factors.read_factors(member.id)
    lasts = HALF_SESSION_LASTS if factors.count and factor is None else SESSION_LASTS
    token = await console.staff.sign_in.begin_session(by, member.id, lasts, factor, visitor.token)
    return replace(
        visitor,
        session=await console.staff.sign_in.find_session(token),
        token=token,
        form_token=console.secrets.form_token(token),
        new_form_cookie=None,
    )


def with_session_cookie(answer: _Answer, visitor: Visitor) -> _Answer:
    """Returns an answer that gives the browser the session's token."""
    set_console_cookie(answer, visitor.console, "", visitor.token or "")
    return answer


async def _kind_of_code_used_up(visitor: Visitor, found: PasswordOfMember, shown: ShownCode | None) -> str | None:
    by = StaffActor(found.member.identity, visitor.network)
    if not await use_code_up(visitor.console, by, found.member, shown) or shown is None:
        return None
    return shown.kind


def _folded_name(name: str) -> str:
    """Returns a typed name in normal form; an empty text, which nobody has, if it is no name."""
    if len(name) > MAX_STAFF_NAME:
        return ""
    try:
        return parse_person_identity(name).form[1]
    except ValueError:
        return ""


def _sign_in_page_again(visitor: Visitor, name: str, wait: int) -> Response:
    """Returns the same page for each reason; after too many failures it also asks for a code."""
    if wait:
        log.warning("sign-ins at the console have to wait after many failures", seconds=wait)
    next, error = own_path(visitor.field("next")), "sign_in_waits" if wait else "sign_in_wrong"
    answer = console_page(
        visitor, "sign_in.html.j2", 429 if wait else 403, error, name=name[:MAX_STAFF_NAME], next=next, wait=wait
    )
    if wait:
        answer.headers["retry-after"] = str(wait)
    return answer


async def _second_step_page(visitor: Visitor, next: str, error: str | None = None) -> Response:
    factors = await visitor.console.staff.factors.read_factors(visitor.member.id)
    return console_page(
        visitor, "second_step.html.j2", 403 if error else 200, error, factors=factors, next=next, options=None
    )
