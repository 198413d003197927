"""A person's own sessions and second factors."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from mailer.policy.sign_in_rules import MAX_PASSWORD, WAITS_OF_ACCOUNT
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.console_secrets import new_recovery_codes, recovery_code_digest
from mailer.web.console.gates import SECOND_FACTORS, Enrolling, SignedIn, Visitor
from mailer.web.console.new_sessions import continue_session, with_session_cookies
from mailer.web.console.second_factor_checks import (
    matching_totp_step,
    new_totp_secret,
    qr_code_data_uri,
    totp_setup_uri,
)

router = APIRouter(include_in_schema=False)
SESSIONS = f"{HOME}/sessions"


@router.get(SESSIONS)
async def show_sessions(visitor: SignedIn) -> Response:
    """Shows the person's open sessions, and who has made one-time links for them."""
    directory = visitor.console.staff.directory
    sessions = await directory.list_sessions(visitor.member.id)
    links = await directory.list_issued_one_time_links(visitor.member.id)
    return console_page(visitor, "sessions.html.j2", sessions=sessions, links=links)


@router.post(f"{SESSIONS}/end")
async def end_session(visitor: SignedIn) -> Response:
    """Ends one of the person's sessions."""
    number = visitor.field("session", 18)
    if number.isascii() and number.isdigit():
        await visitor.console.staff.sign_in.end_session(visitor.member, int(number), visitor.actor)
    return redirect_within_console(visitor.console, SESSIONS)


@router.get(SECOND_FACTORS)
async def show_second_factors(visitor: Enrolling) -> Response:
    """Shows the person's second factors, and how to add one."""
    return await second_factors_page(visitor)


@router.post(f"{SECOND_FACTORS}/app")
async def begin_app(visitor: Enrolling) -> Response:
    """Makes a secret for an authenticator app, which counts once the app has shown a right code."""
    if not await has_given_password_again(visitor):
        return await second_factors_page(visitor, "password_wrong")
    if visitor.session is not None:
        sealed = visitor.console.secrets.encrypt(new_totp_secret())
        await visitor.console.staff.factors.begin_totp(visitor.session.id, sealed)
    return redirect_within_console(visitor.console, SECOND_FACTORS)


@router.post(f"{SECOND_FACTORS}/app/confirm")
async def confirm_app(visitor: Enrolling) -> Response:
    """Takes the first code of the app, shows the recovery codes, and begins a new session with the second factor."""
    console, member = visitor.console, visitor.member
    if visitor.session is None or (sealed := visitor.session.pending_totp) is None:
        return await second_factors_page(visitor, "app_late")
    secret = console.secrets.decrypt(sealed)
    step = matching_totp_step(secret, visitor.field("code")) if secret else None
    if step is None:
        return await second_factors_page(visitor, "code_wrong")
    codes = new_recovery_codes()
    digests = [recovery_code_digest(member.id, code) for code in codes]
    if not await console.staff.factors.confirm_totp(visitor.actor, member.id, sealed, step, digests):
        return await second_factors_page(visitor, "app_late")
    visitor = await continue_session(visitor, "totp")
    return with_session_cookies(new_recovery_codes_page(visitor, codes), visitor)


@router.post(f"{SECOND_FACTORS}/app/remove")
async def remove_app(visitor: SignedIn) -> Response:
    """Forgets the app, unless it is the last second factor."""
    if not await has_given_password_again(visitor):
        return await second_factors_page(visitor, "password_wrong")
    if not await visitor.console.staff.factors.remove_totp(visitor.actor, visitor.member.id):
        return await second_factors_page(visitor, "last_factor")
    return redirect_within_console(visitor.console, SECOND_FACTORS)


@router.post(f"{SECOND_FACTORS}/codes")
async def make_recovery_codes(visitor: SignedIn) -> Response:
    """Replaces the recovery codes."""
    if not await has_given_password_again(visitor):
        return await second_factors_page(visitor, "password_wrong")
    codes, member = new_recovery_codes(), visitor.member
    digests = [recovery_code_digest(member.id, code) for code in codes]
    await visitor.console.staff.factors.replace_recovery_codes(visitor.actor, member.id, digests)
    return new_recovery_codes_page(visitor, codes)


async def has_given_password_again(visitor: Visitor) -> bool:
    """Tells whether the form has the person's password. Who sets up a first factor may have just typed it.

    Wrong ones count as failed sign-ins: whoever finds an open browser cannot guess on.
    """
    if not visitor.has_to_give_password_again:
        return True
    console, form = visitor.console, visitor.member.identity.form[1]
    key = console.secrets.failure_key("again", form)
    with console.passwords.take_place(is_known=True) as place:
        if await console.staff.sign_in.count_attempt({key: WAITS_OF_ACCOUNT}):
            return False
        found = await console.staff.sign_in.find_password(form)
        stored = found.password_hash if found else None
        right = await place.is_password(stored, visitor.raw_field("password", MAX_PASSWORD))
    if right:
        await console.staff.sign_in.forgive_attempts([key])
    return right


def new_recovery_codes_page(visitor: Visitor, codes: Sequence[str]) -> HTMLResponse:
    """Returns the page that shows recovery codes for the only time."""
    return console_page(visitor, "recovery_codes.html.j2", codes=codes)


async def second_factors_page(visitor: Visitor, error: str | None = None, options: str | None = None) -> Response:
    """Returns the page of second factors.

    Args:
        visitor: the person.
        error: the key of a text.
        options: those for a new passkey, as JSON; the page then asks the browser for it.
    """
    member, console = visitor.member, visitor.console
    factors = await console.staff.factors.read_factors(member.id)
    pending = visitor.session.pending_totp if visitor.session and factors.totp_secret is None else None
    secret = console.secrets.decrypt(pending) if pending else None
    image = qr_code_data_uri(totp_setup_uri(secret, member.identity)) if secret else None
    return console_page(
        visitor,
        "second_factors.html.j2",
        403 if error else 200,
        error,
        factors=factors,
        secret=secret,
        image=image,
        options=options,
    )
