"""The gate of each route of the console: the right that it needs, and the check that a form is the person's own.

A route without a gate does not start (`require_gate_of_each_route`).
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from mailer.actions.requests_identified_by_address import network_of_client
from mailer.policy.sign_in_rules import PASSWORD_IS_RECENT, masked_network
from mailer.policy.staff_rights import (
    EVERY_BRAND,
    StaffMember,
    StaffRight,
    brands_with_right,
    has_staff_right,
    needs_second_factor,
    rights_at_any_brand,
)
from mailer.ports.halts import HaltInForce, HaltScope
from mailer.ports.operator_stores import OperatorStores
from mailer.ports.staff import RightInSession, StaffActor, StaffSession
from mailer.web.console.console_context import HOME, ConsoleContext, TheConsole, console_path_or_home
from mailer.web.form_posts import Form

SIGN_IN, SECOND_STEP, SECOND_FACTORS = f"{HOME}/sign-in", f"{HOME}/second-step", f"{HOME}/second-factors"
MAX_FIELDS = 4000
"""The most fields of a form. The editor of a campaign has a few for each block."""
_COOKIE_LENGTH = 200
_HALTS_READ = 200


class GateKind(StrEnum):
    """The kinds of gates, from open to narrow."""

    EVERYBODY = "everybody"
    """Anybody, such as on the page for signing in."""
    HALF = "half"
    """Somebody who has shown a password, and whose second step is to come."""
    ENROLLING = "enrolling"
    """Somebody signed in, who may still have to set a second factor up."""
    SIGNED_IN = "signed-in"
    """Somebody signed in, with a second factor if their rights need one."""
    RIGHT = "right"
    """Somebody signed in, with a right."""


class RedirectWithinConsole(Exception):
    """Raised to answer with a redirect to a path of the console."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class FieldRefused(Exception):
    """Raised for a field of a form that nobody can have meant. `values` fill its text in `[errors]` in."""

    def __init__(self, key: str, **values: str | int) -> None:
        super().__init__(key)
        self.key, self.values = key, values


class NeedsSameSiteForwarding(Exception):
    """Raised for a link from elsewhere: browsers withhold the cookie, so our own page has to lead on."""


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """A request to the console, with its form, its session and the brand that its page is of.

    Attributes:
        form: the fields of the form; its token was checked.
        form_token: the token for the forms of the answer.
        network: the masked network, for the ledger.
        counted_network: the network that failures are counted for; None if nobody knows it, as behind a proxy of ours.
        device: the token of the browser, in which somebody has signed in before; empty if there is none.
        token: of the session.
        new_form_cookie: the cookie that the answer has to set, so that the next form can be checked.
        brand: the brand that the address of the page names; empty if it names none.
        halts: the stops of everything, brands and processors that the person has to know of.
    """

    console: ConsoleContext
    form: Form
    form_token: str
    network: str
    counted_network: str | None = None
    device: str = ""
    session: StaffSession | None = None
    token: str | None = None
    new_form_cookie: str | None = None
    brand: str = ""
    halts: Sequence[HaltInForce] = ()

    @property
    def member(self) -> StaffMember:
        """The person who is signed in."""
        if self.session is None:
            raise RedirectWithinConsole(SIGN_IN)
        return self.session.member

    @property
    def actor(self) -> StaffActor:
        """The person and the network, for the ledger."""
        return StaffActor(self.member.identity, self.network, self.session.id if self.session else None)

    def bind_right_to_session(self, right: StaffRight, brands: Collection[str] | None) -> RightInSession | None:
        """Returns a right in this session, which is checked again where a change is stored.

        Args:
            right: the right.
            brands: the brands at which it is needed; None: at every brand.
        """
        session_id = self.actor.session_id
        if session_id is None:
            return None
        return RightInSession(session_id, right, None if brands is None else frozenset(brands))

    def open_stores(self, right: StaffRight, brands: Collection[str] | None) -> OperatorStores:
        """Returns the stores that the person changes by a right. Who has lost it meanwhile changes nothing."""
        return self.console.operations.open_stores(
            str(self.member.identity), self.network, self.bind_right_to_session(right, brands)
        )

    @property
    def has_to_give_password_again(self) -> bool:
        """True if a change of second factors needs the password: they have one, or have not just signed in."""
        session = self.session
        return (
            session is None or session.is_factor_set_up or datetime.now(UTC) - session.created_at > PASSWORD_IS_RECENT
        )

    @property
    def rights(self) -> frozenset[StaffRight]:
        """The rights that the person has somewhere."""
        return rights_at_any_brand(self.member)

    def require_form_token(self, token: str) -> None:
        """Refuses the token of a form that no page of ours has given to this session.

        Raises:
            HTTPException: 403.
        """
        if not self.token or not self.console.secrets.is_form_token(self.token, token):
            raise HTTPException(403, "form_old")

    def require_right(self, right: StaffRight, brand: str | None = None) -> None:
        """Refuses a person who lacks a right at a brand.

        Raises:
            HTTPException: 403.
        """
        if not has_staff_right(self.member, right, brand):
            raise HTTPException(403, "right_missing")

    def visible_brands_with_right(self, right: StaffRight) -> frozenset[str]:
        """Returns the brands at which the person has a right; of the page's brand, if its address names one."""
        brands = brands_with_right(self.member, right, self.console.brands)
        return brands & {self.brand} if self.brand else brands

    def field(self, name: str, longest: int = 200) -> str:
        """Returns a field of the form, without blanks around it; an empty text if it is missing.

        Raises:
            FieldRefused: it is too long, or has a character that cannot be shown.
        """
        text = self.form.get(name, [""])[0].strip()
        if len(text) > longest:
            raise FieldRefused("field_long", name=name, length=len(text), longest=longest)
        if not text.isprintable():
            raise FieldRefused("field_unprintable", name=name)
        return text

    def field_or_empty(self, name: str, longest: int = 200) -> str:
        """Returns a field as `field` does; an empty text if that would refuse it, as for strangers."""
        text = self.raw_field(name, longest).strip()
        return text if text.isprintable() else ""

    def raw_field(self, name: str, longest: int = 1000) -> str:
        """Returns a field of the form as it was typed, such as a password; empty if it is missing or too long."""
        text = self.form.get(name, [""])[0]
        return text if len(text) <= longest else ""


@dataclass(frozen=True)
class StaffGate:
    """A dependency of a route that lets some requests in.

    Attributes:
        kind: of the gate. right: that the person needs.
        is_upload: True if the form has a file. The route reads its body, and checks its token before the file.
    """

    kind: GateKind
    right: StaffRight | None = None
    is_upload: bool = False

    async def __call__(self, http_request: Request, console: TheConsole) -> ConsoleRequest:
        """Returns the request, with the halts that its sender has to know of.

        Raises:
            RedirectWithinConsole: they have to sign in first, or to set a second factor up.
            HTTPException: 403: the form is not ours, or a right is missing.
        """
        request = await _read_console_request(http_request, console, self.is_upload)
        if self.kind is GateKind.EVERYBODY:
            return request
        if request.session is None:
            if http_request.method != "POST" and http_request.headers.get("sec-fetch-site") == "cross-site":
                raise NeedsSameSiteForwarding
            raise RedirectWithinConsole(f"{SIGN_IN}?next={quote(console_path_or_home(http_request.scope['path']))}")
        self._require_sign_in_stage(request.session)
        if self.right is not None:
            self._require_right_at_named_brands(http_request, request, self.right)
        if self.kind in (GateKind.SIGNED_IN, GateKind.RIGHT):
            halts = await console.operations.halts.list_halts_except_those_of_mailings(_HALTS_READ)
            return replace(request, halts=filter_halts_shown_to_member(request.session.member, halts))
        return request

    def _require_sign_in_stage(self, session: StaffSession) -> None:
        if session.is_half_signed_in != (self.kind is GateKind.HALF):
            raise RedirectWithinConsole(SECOND_STEP if session.is_half_signed_in else HOME)
        is_factor_known = session.has_second_factor or session.is_factor_set_up
        must_enrol = not is_factor_known and needs_second_factor(session.member)
        if must_enrol and self.kind in (GateKind.SIGNED_IN, GateKind.RIGHT):
            raise RedirectWithinConsole(SECOND_FACTORS)

    def _require_right_at_named_brands(self, http_request: Request, request: ConsoleRequest, right: StaffRight) -> None:
        """Requires the right at each brand that path, query and form name; somewhere, if they name none."""
        named = {http_request.path_params.get("brand"), request.brand, *request.form.get("brand", [])} - {None, ""}
        for brand in named:
            request.require_right(right, str(brand))
        if right not in request.rights:
            raise HTTPException(403, "right_missing")


def filter_halts_shown_to_member(member: StaffMember, halts: Sequence[HaltInForce]) -> list[HaltInForce]:
    """Returns the halts that each page tells a person of.

    Everybody has to know that all mail stands still. A brand's stop is told to whoever has a role for the brand, and a
    processor's to whoever sees processors.
    """
    held = {role.brand for role in member.roles}
    sees_processors = StaffRight.PROCESSORS_READ in rights_at_any_brand(member)
    return [
        one
        for one in halts
        if one.halt.scope is HaltScope.EVERYTHING
        or (
            one.halt.scope in (HaltScope.BRAND, HaltScope.PROMOTIONAL)
            and not held.isdisjoint({EVERY_BRAND, one.halt.key})
        )
        or (one.halt.scope is HaltScope.PROCESSOR and sees_processors)
    ]


def require_staff_right(right: StaffRight) -> Any:
    """Returns the dependency of a route that needs a right; see `StaffGate`."""
    return Depends(StaffGate(GateKind.RIGHT, right))


Anybody = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.EVERYBODY))]
HalfSignedIn = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.HALF))]
Enrolling = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.ENROLLING))]
SignedIn = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.SIGNED_IN))]


def require_gate_of_each_route(routes: Sequence[BaseRoute]) -> None:
    """Refuses to start with a route of the console that declares not exactly one gate.

    Raises:
        RuntimeError: names the routes.
    """
    if open_ones := [str(getattr(route, "path", route)) for route in routes if len(list(gates_of_route(route))) != 1]:
        raise RuntimeError(f"routes of the console without a declared right: {', '.join(open_ones)}")


def gates_of_route(route: BaseRoute) -> Iterator[StaffGate]:
    """Yields the gates that a route declares."""
    if isinstance(route, APIRoute):
        yield from _gates_among_dependencies(route.dependant)


def _gates_among_dependencies(dependant: Dependant) -> Iterator[StaffGate]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, StaffGate):
            yield inner.call
        yield from _gates_among_dependencies(inner)


async def read_request_of_signed_in_person(http_request: Request, console: ConsoleContext) -> ConsoleRequest | None:
    """Returns the request without its form; None if it has no session of somebody signed in."""
    request, _ = await _read_request_and_held_cookie(http_request, console)
    return request if request.session else None


async def _read_console_request(http_request: Request, console: ConsoleContext, is_upload: bool) -> ConsoleRequest:
    request, held = await _read_request_and_held_cookie(http_request, console)
    if is_upload and not _is_same_origin_request(http_request, console):
        raise HTTPException(403, "form_foreign")
    if http_request.method == "POST" and not is_upload:
        return replace(request, form=await _read_csrf_checked_form(http_request, console, held))
    return request


async def _read_request_and_held_cookie(http_request: Request, console: ConsoleContext) -> tuple[ConsoleRequest, str]:
    """Returns the request without its form, and the cookie that its form is checked by."""
    token = http_request.cookies.get(console.cookie_name(), "")[:_COOKIE_LENGTH]
    session = await console.staff.sign_in.find_session(token) if token else None
    held = token if session else http_request.cookies.get(console.cookie_name("-form"), "")[:_COOKIE_LENGTH]
    cookie = held or secrets.token_urlsafe(16)
    host = http_request.client.host if http_request.client else ""
    request = ConsoleRequest(
        console,
        {},
        console.secrets.form_token(cookie),
        masked_network(host),
        network_of_client(host),
        http_request.cookies.get(console.cookie_name("-device"), "")[:_COOKIE_LENGTH],
        session,
        token if session else None,
        None if held else cookie,
        http_request.query_params.get("brand", ""),
    )
    return request, held


async def _read_csrf_checked_form(http_request: Request, console: ConsoleContext, cookie: str) -> Form:
    """Returns the form of a page of ours.

    Raises:
        HTTPException: 403: another site has sent it, or its token is not that of the cookie. 400: it is no form.
    """
    if not _is_same_origin_request(http_request, console):
        raise HTTPException(403, "form_foreign")
    body = await http_request.body()
    if http_request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(400, "form_foreign")
    try:
        form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400, "form_foreign") from None
    if any("\0" in value for values in form.values() for value in values):
        raise HTTPException(400, "form_foreign")
    token = form.get("form_token", [""])[0]
    if not cookie or not console.secrets.is_form_token(cookie, token):
        raise HTTPException(403, "form_old")
    return form


def _is_same_origin_request(http_request: Request, console: ConsoleContext) -> bool:
    """Tells whether the browser says that a page of ours sent a request (Fetch metadata, or else RFC 6454 Origin)."""
    if site := http_request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = http_request.headers.get("origin", "")
    return origin == console.origin or (origin != "" and urlsplit(origin).netloc == http_request.headers.get("host"))
