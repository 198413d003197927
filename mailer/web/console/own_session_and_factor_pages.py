"""A person's own sessions and second factors."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from mailer.policy.sign_in_rules import MAX_PASSWORD, WAITS_OF_ACCOUNT
from mailer.web.console.access_gates import SECOND_FACTORS, ConsoleRequest, Enrolling, SignedIn
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.console_secrets import new_recovery_codes, recovery_code_digest
from mailer.web.console.new_sessions import replace_session_after_second_factor, with_session_cookies
from mailer.web.console.second_factor_checks import (
    matching_totp_step,
    new_totp_secret,
    qr_code_data_uri,
    totp_setup_uri,
)

router = APIRouter(include_in_schema=False)
SESSIONS = f"{HOME}/sessions"


@router.get(SESSIONS)
async def show_sessions(request: SignedIn) -> Response:
    """Shows the person's open sessions, and who has made one-time links for them."""
    directory = request.console.staff.directory
    sessions = await directory.list_sessions(request.member.id)
    links = await directory.list_issued_one_time_links(request.member.id)
    return console_page(request, "sessions.html.j2", sessions=sessions, links=links)


@router.post(f"{SESSIONS}/end")
async def end_session(request: SignedIn) -> Response:
    """Ends one of the person's sessions."""
    number = request.field("session", 18)
    if number.isascii() and number.isdigit():
        await request.console.staff.sign_in.end_session(request.member, int(number), request.actor)
    return redirect_within_console(request.console, SESSIONS)


@router.get(SECOND_FACTORS)
async def show_second_factors(request: Enrolling) -> Response:
    """Shows the person's second factors, and how to add one."""
    return await second_factors_page(request)


@router.post(f"{SECOND_FACTORS}/app")
async def begin_authenticator_app_setup(request: Enrolling) -> Response:
    """Makes a secret for an authenticator app, which counts once the app has shown a right code."""
    if not await has_given_password_again(request):
        return await second_factors_page(request, "password_wrong")
    if request.session is not None:
        sealed = request.console.secrets.encrypt(new_totp_secret())
        await request.console.staff.factors.store_pending_totp_secret(request.session.id, sealed)
    return redirect_within_console(request.console, SECOND_FACTORS)


@router.post(f"{SECOND_FACTORS}/app/confirm")
async def confirm_authenticator_app(request: Enrolling) -> Response:
    """Takes the first code of the app, shows the recovery codes, and begins a new session with the second factor."""
    console, member = request.console, request.member
    if request.session is None or (sealed := request.session.pending_totp) is None:
        return await second_factors_page(request, "app_late")
    secret = console.secrets.decrypt(sealed)
    step = matching_totp_step(secret, request.field("code")) if secret else None
    if step is None:
        return await second_factors_page(request, "code_wrong")
    codes = new_recovery_codes()
    digests = [recovery_code_digest(member.id, code) for code in codes]
    if not await console.staff.factors.confirm_totp(request.actor, member.id, sealed, step, digests):
        return await second_factors_page(request, "app_late")
    request = await replace_session_after_second_factor(request, "totp")
    return with_session_cookies(new_recovery_codes_page(request, codes), request)


@router.post(f"{SECOND_FACTORS}/app/remove")
async def remove_authenticator_app(request: SignedIn) -> Response:
    """Forgets the app, unless it is the last second factor."""
    if not await has_given_password_again(request):
        return await second_factors_page(request, "password_wrong")
    if not await request.console.staff.factors.remove_totp(request.actor, request.member.id):
        return await second_factors_page(request, "last_factor")
    return redirect_within_console(request.console, SECOND_FACTORS)


@router.post(f"{SECOND_FACTORS}/codes")
async def make_recovery_codes(request: SignedIn) -> Response:
    """Replaces the recovery codes."""
    if not await has_given_password_again(request):
        return await second_factors_page(request, "password_wrong")
    codes, member = new_recovery_codes(), request.member
    digests = [recovery_code_digest(member.id, code) for code in codes]
    await request.console.staff.factors.replace_recovery_codes(request.actor, member.id, digests)
    return new_recovery_codes_page(request, codes)


async def has_given_password_again(request: ConsoleRequest) -> bool:
    """Tells whether the form has the person's password. Who sets up a first factor may have just typed it.

    Wrong ones count as failed sign-ins: whoever finds an open browser cannot guess on.
    """
    if not request.has_to_give_password_again:
        return True
    console, form = request.console, request.member.identity.form[1]
    key = console.secrets.failure_count_key("again", form)
    with console.passwords.take_place(is_known=True) as place:
        if await console.staff.sign_in.count_attempt_as_failed_unless_it_must_wait({key: WAITS_OF_ACCOUNT}):
            return False
        found = await console.staff.sign_in.find_member_and_password_hash(form)
        stored = found.password_hash if found else None
        right = await place.is_password(stored, request.raw_field("password", MAX_PASSWORD))
    if right:
        await console.staff.sign_in.forget_failed_attempts([key])
    return right


def new_recovery_codes_page(request: ConsoleRequest, codes: Sequence[str]) -> HTMLResponse:
    """Returns the page that shows recovery codes for the only time."""
    return console_page(request, "recovery_codes.html.j2", codes=codes)


async def second_factors_page(
    request: ConsoleRequest, error: str | None = None, options: str | None = None
) -> Response:
    """Returns the page of second factors.

    Args:
        request: of the person.
        error: the key of a text.
        options: those for a new passkey, as JSON; the page then asks the browser for it.
    """
    member, console = request.member, request.console
    factors = await console.staff.factors.read_factors(member.id)
    pending = request.session.pending_totp if request.session and factors.totp_secret is None else None
    secret = console.secrets.decrypt(pending) if pending else None
    image = qr_code_data_uri(totp_setup_uri(secret, member.identity)) if secret else None
    return console_page(
        request,
        "second_factors.html.j2",
        403 if error else 200,
        error,
        factors=factors,
        secret=secret,
        image=image,
        options=options,
    )
