"""Passkeys by WebAuthn: adding, showing and removing them."""

from base64 import urlsafe_b64decode

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.ports.staff import Passkey
from mailer.web.console.access_gates import (
    SECOND_FACTORS,
    SECOND_STEP,
    ConsoleRequest,
    Enrolling,
    HalfSignedIn,
    SignedIn,
)
from mailer.web.console.console_context import console_path_or_home
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.console_secrets import new_recovery_codes, recovery_code_digest
from mailer.web.console.new_sessions import (
    redirect_after_sign_in,
    replace_session_after_second_factor,
    with_session_cookies,
)
from mailer.web.console.own_session_and_factor_pages import (
    has_given_password_again,
    new_recovery_codes_page,
    second_factors_page,
)
from mailer.web.console.passkey_checks import (
    MAX_CREDENTIAL,
    check_new_passkey,
    check_presented_passkey,
    passkey_authentication_options,
    passkey_registration_options,
)

router = APIRouter(include_in_schema=False)
_MAX_NAME = 60


@router.post(f"{SECOND_FACTORS}/passkey")
async def begin_passkey_registration(request: Enrolling) -> Response:
    """Makes a challenge, and lets the browser ask for a passkey."""
    if not await has_given_password_again(request):
        return await second_factors_page(request, "password_wrong")
    member, console = request.member, request.console
    factors = await console.staff.factors.read_factors(member.id)
    options, challenge = passkey_registration_options(console, member, factors.passkeys)
    await _store_challenge(request, challenge)
    return await second_factors_page(request, options=options)


@router.post(f"{SECOND_FACTORS}/passkey/add")
async def add_passkey(request: Enrolling) -> Response:
    """Checks the new passkey and stores it. With the first factor, it shows recovery codes and begins a new session."""
    member, console = request.member, request.console
    passkey = await _read_new_passkey(request)
    factors = await console.staff.factors.read_factors(member.id)
    codes = [] if factors.count else new_recovery_codes()
    digests = [recovery_code_digest(member.id, code) for code in codes]
    if passkey is None or not await console.staff.factors.add_passkey(request.actor, member.id, passkey, digests):
        return await second_factors_page(request, "passkey_wrong")
    request = await replace_session_after_second_factor(request, "passkey")
    answer = new_recovery_codes_page(request, codes) if codes else redirect_within_console(console, SECOND_FACTORS)
    return with_session_cookies(answer, request)


@router.post(f"{SECOND_FACTORS}/passkey/remove")
async def remove_passkey(request: SignedIn) -> Response:
    """Forgets a passkey, unless it is the last second factor."""
    if not await has_given_password_again(request):
        return await second_factors_page(request, "password_wrong")
    passkey_id = passkey_id_or_empty(request.field_or_empty("passkey", 1500))
    if not await request.console.staff.factors.remove_passkey(request.actor, request.member.id, passkey_id):
        return await second_factors_page(request, "last_factor")
    return redirect_within_console(request.console, SECOND_FACTORS)


@router.post(f"{SECOND_STEP}/passkey")
async def ask_for_passkey(request: HalfSignedIn) -> Response:
    """Makes a challenge, and lets the browser ask for one of the person's passkeys."""
    factors = await request.console.staff.factors.read_factors(request.member.id)
    options, challenge = passkey_authentication_options(request.console, factors.passkeys)
    await _store_challenge(request, challenge)
    next = console_path_or_home(request.field_or_empty("next"))
    return console_page(request, "second_step.html.j2", factors=factors, next=next, options=options)


@router.post(f"{SECOND_STEP}/passkey/check")
async def check_passkey_and_finish_sign_in(request: HalfSignedIn) -> Response:
    """Checks a shown passkey, and signs in. No failures count: nobody can guess a signature."""
    next = console_path_or_home(request.field_or_empty("next"))
    factors = await request.console.staff.factors.read_factors(request.member.id)
    challenge = await _take_passkey_challenge(request)
    credential = request.raw_field("credential", MAX_CREDENTIAL)
    shown = check_presented_passkey(request.console, factors.passkeys, credential, challenge) if challenge else None
    if shown is not None and await request.console.staff.factors.advance_passkey_sign_count(*shown):
        return redirect_after_sign_in(await replace_session_after_second_factor(request, "passkey"), next)
    return console_page(request, "second_step.html.j2", 403, "passkey_wrong", factors=factors, next=next, options=None)


def passkey_id_or_empty(text: str) -> bytes:
    """Returns the id of a passkey from a form; none that exists, if it is no such text."""
    try:
        return urlsafe_b64decode(text)
    except ValueError:
        return b""


async def _store_challenge(request: ConsoleRequest, challenge: bytes) -> None:
    if request.session is not None:
        await request.console.staff.sign_in.set_challenge(request.session.id, challenge)


async def _take_passkey_challenge(request: ConsoleRequest) -> bytes | None:
    return await request.console.staff.sign_in.pop_session_challenge(request.session.id) if request.session else None


async def _read_new_passkey(request: ConsoleRequest) -> Passkey | None:
    challenge = await _take_passkey_challenge(request)
    if challenge is None:
        return None
    name = request.field_or_empty("name", _MAX_NAME) or "passkey"
    return check_new_passkey(request.console, request.raw_field("credential", MAX_CREDENTIAL), challenge, name)
