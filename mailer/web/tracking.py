"""The pixel and tracked links: what is counted, what more may be kept of it, and of whom."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from mailer.policy.registry import rule
from mailer.policy.switches import Tracking
from mailer.policy.tracking import tracking_level
from mailer.ports.counts import Opens, Trace
from mailer.rendering.links import ClickToken, OpenToken
from mailer.telemetry import log
from mailer.web.machines import is_machine
from mailer.web.pages import Problem, problem_page
from mailer.web.site import Site, TheMeters, TheSite

router = APIRouter(include_in_schema=False)

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One clear pixel, 43 octets."""

_COUNT_SECONDS = 2
"""How long a reader waits while the database does not answer."""


@router.api_route("/o/{token}.gif", methods=["GET", "HEAD"])
async def open_(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Counts an open of the mailing. A mail program gets its image whatever happens."""
    found = site.links.read_open(token)
    if found is not None and request.method == "GET":
        trace = await _counted(site, found, request.headers, lambda trace: opened(site.opens, trace))
        if trace is not None:
            meters.opens.labels("machine" if trace.machine else "person").inc()
    return Response(GIF, media_type="image/gif", headers={"cache-control": "no-store"})


@router.api_route("/c/{token}", methods=["GET", "HEAD"])
async def click(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Counts a click and leads on, whatever happens; only to the URL that we signed (CWE-601)."""
    found = site.links.read_click(token)
    if found is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    if request.method == "GET":
        link = countable(found.url)
        trace = await _counted(site, found, request.headers, lambda trace: site.opens.clicked(trace, link))
        if trace is not None:
            meters.clicks.labels("machine" if trace.machine else "person").inc()
    return RedirectResponse(found.url, 302)


async def _counted(
    site: Site,
    token: OpenToken | ClickToken,
    headers: Mapping[str, str],
    count: Callable[[Trace], Awaitable[object]],
) -> Trace | None:
    """Counts what a request may tell; None where nothing was counted, which is no reason to keep a reader waiting."""
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            trace = await _trace(site, token, headers)
            if trace is not None:
                await count(trace)
    except Exception as error:
        log.error("an open or click was not counted", error=type(error).__name__)
        return None
    return trace


async def _trace(site: Site, token: OpenToken | ClickToken, headers: Mapping[str, str]) -> Trace | None:
    """What may be kept; None where even the mailing's own count would tell of one person, as too few had it."""
    machine = is_machine(headers)
    asks_nobody = machine or do_not_track(headers)
    if token.recipient_id is None:
        return Trace(token.mailing_id, machine, None if asks_nobody else token.nonce)
    reader = await site.opens.reader(token.mailing_id, token.recipient_id)
    policy = site.policies.get(reader.brand) if reader else None
    if reader is None or policy is None:
        return None
    switches = policy.switches_for(reader.standing.collected_under, reader.standing.country)
    whose = None if asks_nobody else opener(token.recipient_id, tracking_level(switches, reader.standing))
    if whose is None and reader.audience_size < policy.minimum_cell:
        return None
    return Trace(token.mailing_id, machine, recipient_id=whose)


@rule("opens-counted", "paltalk06-19")
async def opened(opens: Opens, trace: Trace) -> None:
    """Which mailings are opened is known: each fetch of a pixel counts for its mailing."""
    await opens.opened(trace)


@rule("nobodys-opens", "paltalk06-18; invariant 6; the floor", idle=lambda recipient_id, level: recipient_id)
def opener(recipient_id: int, level: Tracking) -> int | None:
    """An open is nobody's, unless that very person consents to it, as of now and also for mail sent before."""
    return recipient_id if level == "individual" else None


@rule("do-not-track", "peerstream-11; W3C Tracking Preference Expression; Global Privacy Control", idle=False)
def do_not_track(headers: Mapping[str, str]) -> bool:
    """A request that asks not to be tracked counts for its mailing only."""
    return headers.get("dnt") == "1" or headers.get("sec-gpc") == "1"


def countable(url: str) -> str:
    """A link as it is counted: without user, query and fragment, which may name somebody."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
