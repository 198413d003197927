"""The pages of the console as HTML, and their texts."""

import re
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from mailer.policy.moment_wording import (
    MOMENT_IN_WORDS,
    datetime_attribute_of_words,
    day_in_words,
    moment_in_words,
)
from mailer.policy.staff_rights import StaffRight, needs_second_factor
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.console_context import HOME, ConsoleContext

_FOLDER = Path(__file__).parent


def passkey_id_as_text(passkey_id: bytes) -> str:
    """Returns the id of a passkey for a form."""
    return urlsafe_b64encode(passkey_id).decode()


def mark_moments(sentence: str) -> Markup:
    """Returns a sentence as HTML in which each moment in words says to machines which it is."""
    return Markup(  # noqa: S704 - the sentence is escaped
        MOMENT_IN_WORDS.sub(
            lambda found: f'<time datetime="{datetime_attribute_of_words(*found.groups())}">{found[0]}</time>',
            escape(sentence),
        )
    )


def refusal_as_sentence(refusal: str) -> str:
    """Returns a refusal such as `reason: is missing` as a sentence for people, such as `Reason is missing.`."""
    said = re.sub(r"^(\w+): (is|has) ", r"\1 \2 ", refusal).replace(".;", ";").replace(".:", ":").rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."


@pass_context
def _brand_name_with_id_if_they_differ(page: Context, brand: str) -> str:
    request: ConsoleRequest = page["request"]
    return request.console.brand_name_with_id_if_they_differ(brand)


def _read_texts() -> dict[str, Any]:
    """Returns the texts of all files, with the sections of one name put together."""
    texts: dict[str, Any] = {}
    for file in sorted(_FOLDER.glob("texts*.toml")):
        for name, section in tomllib.loads(file.read_text("utf-8")).items():
            texts[name] = {**texts.get(name, {}), **section} if isinstance(section, dict) else section
    return texts


TEXTS: Mapping[str, Any] = _read_texts()
"""The English texts of the console."""
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    auto_reload=False,  # it would look at each file for each page
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "passkey_id": passkey_id_as_text,
    "moment_in_words": moment_in_words,
    "day_in_words": day_in_words,
    "mark_moments": mark_moments,
    "brand_name": _brand_name_with_id_if_they_differ,
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # With `no-referrer`, browsers would send `Origin: null` with our own forms (Fetch, 3.2).
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "vary": "cookie",
}


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """An entry of the navigation. Without a right, everybody who is signed in sees it."""

    path: str
    text: str
    right: StaffRight | None = None


@dataclass(frozen=True, slots=True)
class NavigationGroup:
    """Entries of the navigation that belong together. The heading is the name of a text; None: there is no heading."""

    heading: str | None
    entries: Sequence[NavigationEntry]


NAVIGATION: list[NavigationGroup] = [
    NavigationGroup(None, [NavigationEntry(HOME, "home")]),
    NavigationGroup(
        "group_people",
        [
            NavigationEntry(f"{HOME}/people", "people", StaffRight.PEOPLE_READ),
            NavigationEntry(f"{HOME}/suppressions", "suppressions", StaffRight.PEOPLE_READ),
            NavigationEntry(f"{HOME}/letters", "letters", StaffRight.PEOPLE_READ),
            NavigationEntry(f"{HOME}/imports", "imports", StaffRight.CAMPAIGNS_WRITE),
        ],
    ),
    NavigationGroup(
        "group_mail",
        [
            NavigationEntry(f"{HOME}/campaigns", "campaigns", StaffRight.MAILINGS_READ),
            NavigationEntry(f"{HOME}/pictures", "pictures", StaffRight.CAMPAIGNS_WRITE),
            NavigationEntry(f"{HOME}/mailings", "mailings", StaffRight.MAILINGS_READ),
            NavigationEntry(f"{HOME}/breaches", "breaches", StaffRight.BREACH_READ),
            NavigationEntry(f"{HOME}/halts", "halts", StaffRight.MAILINGS_READ),
            NavigationEntry(f"{HOME}/dead", "dead", StaffRight.MAILINGS_READ),
            NavigationEntry(f"{HOME}/breach-letters", "breach_letters", StaffRight.NOTICES_WORK),
        ],
    ),
    NavigationGroup(
        "group_campaigns",
        [
            NavigationEntry(f"{HOME}/segments", "segments", StaffRight.CAMPAIGNS_WRITE),
            NavigationEntry(f"{HOME}/lists", "lists", StaffRight.CAMPAIGNS_WRITE),
        ],
    ),
    NavigationGroup(
        "group_delivery",
        [
            NavigationEntry(f"{HOME}/processors", "processors", StaffRight.PROCESSORS_READ),
            NavigationEntry(f"{HOME}/flow", "flow", StaffRight.PROCESSORS_READ),
        ],
    ),
    NavigationGroup(
        "group_evidence",
        [
            NavigationEntry(f"{HOME}/policies", "policies", StaffRight.POLICIES_READ),
            NavigationEntry(f"{HOME}/ledger", "ledger", StaffRight.LEDGER_VERIFY),
        ],
    ),
    NavigationGroup(
        "group_access",
        [
            NavigationEntry(f"{HOME}/publishers", "publishers", StaffRight.PUBLISHERS_MANAGE),
            NavigationEntry(f"{HOME}/staff", "staff", StaffRight.STAFF_MANAGE),
        ],
    ),
]
"""The groups of the navigation, in their order."""


def console_page(
    request: ConsoleRequest,
    template: str,
    status: int = 200,
    error: str | None = None,
    *,
    problem: str | None = None,
    **values: Any,
) -> HTMLResponse:
    """Returns a page of the console. Its template gets `t` (the texts), `request`, `base` and `values`.

    Args:
        request: of the person who gets the page.
        template: the name of the template.
        status: of the answer.
        error: the key of a text in `[errors]`, which is shown first.
        problem: a text that is shown in its place: why an action refused something.
        values: for the template.
    """
    html = _TEMPLATES.get_template(template).render(
        **values,
        t=TEXTS,
        request=request,
        base=request.console.base_path,
        navigation=_navigation_open_to_person(request),
        brands=_brands_with_a_role(request),
        error=TEXTS["errors"][error] if error else problem and refusal_as_sentence(problem),
    )
    page = HTMLResponse(html, status, _HEADERS)
    if request.new_form_cookie is not None:
        set_console_cookie(page, request.console, "-form", request.new_form_cookie)
    return page


def console_fragment(request: ConsoleRequest, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Returns a part of a page, by which the script replaces an older one."""
    html = _TEMPLATES.get_template(template).render(**values, t=TEXTS, request=request, base=request.console.base_path)
    return HTMLResponse(html, status, _HEADERS)


def console_problem_page(
    console: ConsoleContext,
    status: int,
    problem: str,
    values: Mapping[str, str | int] = MappingProxyType({}),
    request: ConsoleRequest | None = None,
) -> HTMLResponse:
    """Returns a page that names a problem. The values fill the text in.

    Args:
        console: the console.
        status: of the answer.
        problem: the key of a text in `[errors]`; for another one, the text of the status is shown.
        values: fill the text in.
        request: of somebody who is signed in, who keeps the menu; None: nobody is known to be.
    """
    known = problem if problem in TEXTS["errors"] else f"status_{status}"
    says = TEXTS["errors"].get(known, TEXTS["errors"]["failed"]).format_map(values)
    html = _TEMPLATES.get_template("problem.html.j2").render(
        t=TEXTS,
        request=request,
        base=console.base_path,
        navigation=_navigation_open_to_person(request) if request else [],
        brands=_brands_with_a_role(request) if request else [],
        problem=says,
    )
    return HTMLResponse(html, status, _HEADERS)


def same_site_forwarding_page(console: ConsoleContext, path: str) -> HTMLResponse:
    """Returns a page of ours that leads on to a path of ours, with which the browser then sends its cookie."""
    html = _TEMPLATES.get_template("lead_on.html.j2").render(t=TEXTS, base=console.base_path, path=path)
    return HTMLResponse(html, 200, _HEADERS)


def redirect_within_console(console: ConsoleContext, path: str) -> Response:
    """Returns a redirect to a path of the console; a browser gets it by GET (RFC 9110 15.4.4)."""
    return RedirectResponse(f"{console.base_path}{path}", 303)


def set_console_cookie(
    answer: Response, console: ConsoleContext, purpose: str, value: str, lasts: timedelta | None = None
) -> None:
    """Sets a cookie that scripts cannot read and other sites cannot send. Without `lasts` it ends with the browser."""
    answer.set_cookie(
        console.cookie_name(purpose),
        value,
        max_age=round(lasts.total_seconds()) if lasts else None,
        path="/",
        secure=console.is_https,
        httponly=True,
        samesite="strict",
    )


def delete_session_cookie(answer: Response, console: ConsoleContext) -> None:
    """Deletes the cookie of a session."""
    answer.delete_cookie(console.cookie_name(), path="/", secure=console.is_https, httponly=True, samesite="strict")


def _is_fully_signed_in(request: ConsoleRequest) -> bool:
    session = request.session
    if session is None:
        return False
    return session.has_second_factor or not (session.is_factor_set_up or needs_second_factor(session.member))


def _navigation_open_to_person(request: ConsoleRequest) -> list[NavigationGroup]:
    """Returns the groups with the entries that the person may open; none before the person is fully signed in."""
    if not _is_fully_signed_in(request):
        return []
    rights = request.rights
    seen = [
        replace(group, entries=[entry for entry in group.entries if entry.right is None or entry.right in rights])
        for group in NAVIGATION
    ]
    return [group for group in seen if group.entries]


def _brands_with_a_role(request: ConsoleRequest) -> list[str]:
    """Returns the brands that the person has a role for, for the chooser."""
    if not _is_fully_signed_in(request):
        return []
    held = {role.brand for role in request.member.roles}
    return sorted(request.console.brands if "*" in held else held & request.console.brands)
