"""Signing in by an identity provider. An account has to be bound to a person; nobody is added by signing in."""

import json
import secrets
from dataclasses import asdict, fields
from datetime import timedelta
from hmac import compare_digest

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from mailer.metrics_and_logger import log
from mailer.policy.sign_in_rules import SECRET_WAITS
from mailer.ports.staff import StaffActor
from mailer.web.console.access_gates import SIGN_IN, Anybody, ConsoleRequest
from mailer.web.console.console_context import HOME, OIDC, OIDC_CALLBACK, ConsoleContext, console_path_or_home
from mailer.web.console.console_pages import (
    console_page,
    console_problem_page,
    redirect_within_console,
    same_site_forwarding_page,
)
from mailer.web.console.identity_provider_protocol import (
    AccountSignedInAtProvider,
    BegunOidcSignIn,
    IdentityProvider,
    OidcRefused,
    OidcUnavailable,
    oauth_error_code_for_log,
)
from mailer.web.console.new_sessions import attach_session_to_request, path_after_sign_in, with_session_cookies

router = APIRouter(include_in_schema=False)

_COOKIE = "-oidc"
MAX_CODE = 4096
"""Characters of a code or a state; longer ones are refused."""
RETRY_SECONDS = 30


@router.get(OIDC)
async def begin_sign_in(http_request: Request, request: Anybody, next: str = HOME) -> Response:
    """Leads to the provider. A link from elsewhere leads to our own page first, so that nobody is signed in unasked."""
    console, provider = request.console, request.console.identity_provider
    if provider is None:
        return console_problem_page(console, 404, "status_404")
    if http_request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return redirect_within_console(console, SIGN_IN)
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    begun = BegunOidcSignIn(state, nonce, verifier, console_path_or_home(next), request.token or "")
    try:
        answer = RedirectResponse(await provider.authorization_url(begun), 303)
    except OidcUnavailable as error:
        return _provider_unavailable_page(console, error)
    _set_sign_in_cookie(answer, console, console.secrets.seal_sign_in(json.dumps(asdict(begun))), SECRET_WAITS)
    return answer


@router.get(OIDC_CALLBACK)
async def finish_sign_in(
    http_request: Request, request: Anybody, code: str = "", state: str = "", iss: str = "", error: str = ""
) -> Response:
    """Takes the provider's answer, and begins the session of the person to whom the account is bound."""
    console, provider = request.console, request.console.identity_provider
    if provider is None:
        return console_problem_page(console, 404, "status_404")
    begun = _read_sign_in_begun_in_browser(http_request, console)
    if begun is None or not compare_digest(begun.state.encode(), state[:MAX_CODE].encode()):
        return _delete_sign_in_cookie(console_problem_page(console, 400, "oidc_old"), console)
    if error or not 0 < len(code) <= MAX_CODE or iss not in ("", provider.client.issuer):
        log.warning("the identity provider signed nobody in", error=oauth_error_code_for_log(error))
        return _delete_sign_in_cookie(console_problem_page(console, 403, "oidc_refused"), console)
    if not await console.staff.sign_in.mark_sessionless_challenge_used(begun.state.encode()):
        return _delete_sign_in_cookie(console_problem_page(console, 400, "oidc_old"), console)
    return _delete_sign_in_cookie(await _redeem_code_and_answer(request, provider, code, begun), console)


@router.get(f"{OIDC}/out")
async def redirect_to_provider_sign_out(request: Anybody) -> Response:
    """Leads to the provider's page that ends the session there, and back."""
    console, provider = request.console, request.console.identity_provider
    if provider is None:
        return console_problem_page(console, 404, "status_404")
    try:
        url = await provider.sign_out_url(f"{console.public_url.rstrip('/')}{SIGN_IN}")
    except OidcUnavailable as error:
        return _provider_unavailable_page(console, error)
    return redirect_within_console(console, SIGN_IN) if url is None else RedirectResponse(url, 303)


async def _redeem_code_and_answer(
    request: ConsoleRequest, provider: IdentityProvider, code: str, begun: BegunOidcSignIn
) -> Response:
    try:
        shown = await provider.redeem_code(code, begun)
    except OidcUnavailable as error:
        return _provider_unavailable_page(request.console, error)
    except OidcRefused as error:
        log.warning("a sign-in by the identity provider was refused", reason=str(error))
        return console_problem_page(request.console, 403, "oidc_refused")
    return await _begin_session_of_provider_account(request, shown, begun)


async def _begin_session_of_provider_account(
    request: ConsoleRequest, shown: AccountSignedInAtProvider, begun: BegunOidcSignIn
) -> Response:
    """Begins the session. The browser gets our own page first, as it sends strict cookies only from there."""
    subjects = request.console.staff.subjects
    member = await subjects.find_member_of_oidc_account(shown.account)
    if member is None:
        return console_page(request, "oidc_unbound.html.j2", 403, subject=shown.account.subject)
    by = StaffActor(member.identity, request.network)
    token = await subjects.begin_session_by_oidc_account(
        by, member.id, shown.account, shown.has_second_factor, begun.replaces or None
    )
    if token is None:
        return redirect_within_console(request.console, SIGN_IN)
    entered = await attach_session_to_request(request, token)
    page = same_site_forwarding_page(request.console, path_after_sign_in(entered, begun.next))
    return with_session_cookies(page, entered)


def _read_sign_in_begun_in_browser(http_request: Request, console: ConsoleContext) -> BegunOidcSignIn | None:
    """Returns the sign-in that this browser has begun; None if there is none, or it was begun too long ago.

    One that another version of ours has begun may have other fields. It is begun again.
    """
    held = http_request.cookies.get(console.cookie_name(_COOKIE), "")[:MAX_CODE]
    text = console.secrets.open_sign_in(held) if held else None
    kept = json.loads(text) if text else None
    if isinstance(kept, dict) and kept.keys() == {field.name for field in fields(BegunOidcSignIn)}:
        return BegunOidcSignIn(**kept)
    return None


def _set_sign_in_cookie(answer: Response, console: ConsoleContext, value: str, lasts: timedelta) -> None:
    """Sets the cookie of a begun sign-in. It is lax: the provider leads back from another site."""
    answer.set_cookie(
        console.cookie_name(_COOKIE),
        value,
        max_age=round(lasts.total_seconds()),
        path="/",
        secure=console.is_https,
        httponly=True,
        samesite="lax",
    )


def _delete_sign_in_cookie(answer: Response, console: ConsoleContext) -> Response:
    """Returns an answer that takes the cookie of a begun sign-in back: it is good for one answer."""
    _set_sign_in_cookie(answer, console, "", timedelta())
    return answer


def _provider_unavailable_page(console: ConsoleContext, error: OidcUnavailable) -> Response:
    log.warning("nobody can sign in by the identity provider", reason=str(error))
    page = console_problem_page(console, 503, "oidc_away")
    page.headers["retry-after"] = str(RETRY_SECONDS)
    return page
