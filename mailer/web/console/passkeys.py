"""Passkeys by WebAuthn: adding, showing and removing them."""

from base64 import urlsafe_b64decode

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.ports.staff import Passkey
from mailer.web.console.console_context import own_path
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.console_secrets import new_recovery_codes, recovery_code_digest
from mailer.web.console.gates import SECOND_FACTORS, SECOND_STEP, Enrolling, HalfSignedIn, SignedIn, Visitor
from mailer.web.console.new_sessions import continue_session, redirect_after_sign_in, with_session_cookies
from mailer.web.console.own_account import has_given_password_again, new_recovery_codes_page, second_factors_page
from mailer.web.console.passkey_checks import (
    MAX_CREDENTIAL,
    check_new_passkey,
    check_presented_passkey,
    new_passkey_options,
    passkey_authentication_options,
)

router = APIRouter(include_in_schema=False)
_MAX_NAME = 60


@router.post(f"{SECOND_FACTORS}/passkey")
async def begin_passkey(visitor: Enrolling) -> Response:
    """Makes a challenge, and lets the browser ask for a passkey."""
    if not await has_given_password_again(visitor):
        return await second_factors_page(visitor, "password_wrong")
    member, console = visitor.member, visitor.console
    factors = await console.staff.factors.read_factors(member.id)
    options, challenge = new_passkey_options(console, member, factors.passkeys)
    await _store_challenge(visitor, challenge)
    return await second_factors_page(visitor, options=options)


@router.post(f"{SECOND_FACTORS}/passkey/add")
async def add_passkey(visitor: Enrolling) -> Response:
    """Checks the new passkey and stores it. With the first factor, it shows recovery codes and begins a new session."""
    member, console = visitor.member, visitor.console
    passkey = await _read_new_passkey(visitor)
    factors = await console.staff.factors.read_factors(member.id)
    codes = [] if factors.count else new_recovery_codes()
    digests = [recovery_code_digest(member.id, code) for code in codes]
    if passkey is None or not await console.staff.factors.add_passkey(visitor.actor, member.id, passkey, digests):
        return await second_factors_page(visitor, "passkey_wrong")
    visitor = await continue_session(visitor, "passkey")
    answer = new_recovery_codes_page(visitor, codes) if codes else redirect_within_console(console, SECOND_FACTORS)
    return with_session_cookies(answer, visitor)


@router.post(f"{SECOND_FACTORS}/passkey/remove")
async def remove_passkey(visitor: SignedIn) -> Response:
    """Forgets a passkey, unless it is the last second factor."""
    if not await has_given_password_again(visitor):
        return await second_factors_page(visitor, "password_wrong")
    passkey_id = passkey_id_or_empty(visitor.field_or_empty("passkey", 1500))
    if not await visitor.console.staff.factors.remove_passkey(visitor.actor, visitor.member.id, passkey_id):
        return await second_factors_page(visitor, "last_factor")
    return redirect_within_console(visitor.console, SECOND_FACTORS)


@router.post(f"{SECOND_STEP}/passkey")
async def ask_for_passkey(visitor: HalfSignedIn) -> Response:
    """Makes a challenge, and lets the browser ask for one of the person's passkeys."""
    factors = await visitor.console.staff.factors.read_factors(visitor.member.id)
    options, challenge = passkey_authentication_options(visitor.console, factors.passkeys)
    await _store_challenge(visitor, challenge)
    next = own_path(visitor.field_or_empty("next"))
    return console_page(visitor, "second_step.html.j2", factors=factors, next=next, options=options)


@router.post(f"{SECOND_STEP}/passkey/check")
async def check_passkey(visitor: HalfSignedIn) -> Response:
    """Checks a shown passkey, and signs in. No failures count: nobody can guess a signature."""
    next = own_path(visitor.field_or_empty("next"))
    factors = await visitor.console.staff.factors.read_factors(visitor.member.id)
    challenge = await _take_passkey_challenge(visitor)
    credential = visitor.raw_field("credential", MAX_CREDENTIAL)
    shown = check_presented_passkey(visitor.console, factors.passkeys, credential, challenge) if challenge else None
    if shown is not None and await visitor.console.staff.factors.use_passkey(*shown):
        return redirect_after_sign_in(await continue_session(visitor, "passkey"), next)
    return console_page(visitor, "second_step.html.j2", 403, "passkey_wrong", factors=factors, next=next, options=None)


def passkey_id_or_empty(text: str) -> bytes:
    """Returns the id of a passkey from a form; none that exists, if it is no such text."""
    try:
        return urlsafe_b64decode(text)
    except ValueError:
        return b""


async def _store_challenge(visitor: Visitor, challenge: bytes) -> None:
    if visitor.session is not None:
        await visitor.console.staff.sign_in.set_challenge(visitor.session.id, challenge)


async def _take_passkey_challenge(visitor: Visitor) -> bytes | None:
    return await visitor.console.staff.sign_in.take_challenge(visitor.session.id) if visitor.session else None


async def _read_new_passkey(visitor: Visitor) -> Passkey | None:
    challenge = await _take_passkey_challenge(visitor)
    if challenge is None:
        return None
    name = visitor.field_or_empty("name", _MAX_NAME) or "passkey"
    return check_new_passkey(visitor.console, visitor.raw_field("credential", MAX_CREDENTIAL), challenge, name)
