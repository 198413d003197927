"""The public routes: the unsubscribe link and the pixel."""

import asyncio
import logging
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import OptOutRefused, opt_out
from mailer.policy.document import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.rendering.links import UnsubscribeToken
from mailer.web.machines import is_machine
from mailer.web.pages import Leaving, Problem, Step, leaving_page, problem_page
from mailer.web.site import Site, TheMeters, TheSite

_log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One clear pixel, 43 octets."""

_COUNT_SECONDS = 2
"""How long a mail program waits for its image while the database does not answer."""


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
async def show(request: Request, token: str, site: TheSite) -> Response:
    """Asks for confirmation, and changes nothing (invariant 5)."""
    found = _read(site, token)
    if found is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    link, policy = found
    standing = await site.standings.get(link.brand, link.recipient_id)
    opted_out = standing.opted_out if standing else frozenset()
    scope = _scope(policy, link)
    gone = scope in opted_out or EVERYTHING_OPTIONAL in opted_out
    return leaving_page(request, Leaving(policy, Step.LEFT if gone else Step.ASK, scope, opted_out))


@router.post("/u/{token}")
async def leave(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Opts out: for the page's button, and for one-click, whatever its body (RFC 8058 3.2)."""
    found = _read(site, token)
    if found is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    link, policy = found
    pressed = await _pressed(request)
    scope = EVERYTHING_OPTIONAL if pressed == "all" else _scope(policy, link)
    try:
        await opt_out(site.standings, policy, link.recipient_id, scope, "page" if pressed else "one-click")
        meters.opt_outs.labels(policy.brand, scope).inc()
    except OptOutRefused:
        # Nobody is there any more, which is nobody's business: the answer is the same.
        _log.info("an opt-out at %s for a recipient who is gone", policy.brand)
    standing = await site.standings.get(link.brand, link.recipient_id)
    opted_out = (standing.opted_out if standing else frozenset()) | {scope}
    return leaving_page(request, Leaving(policy, Step.DONE, scope, opted_out))


@router.api_route("/o/{token}.gif", methods=["GET", "HEAD"])
async def open_(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Counts an open of the mailing. A mail program gets its image whatever happens."""
    found = site.links.read_open(token)
    if found is not None and request.method == "GET":
        machine = is_machine(request.headers)
        try:
            async with asyncio.timeout(_COUNT_SECONDS):
                await site.opens.count(found.mailing_id, machine=machine)
            meters.opens.labels("machine" if machine else "person").inc()
        except Exception as error:
            _log.error("an open was not counted: %s", type(error).__name__)
    return Response(GIF, media_type="image/gif", headers={"cache-control": "no-store"})


def _read(site: Site, token: str) -> tuple[UnsubscribeToken, Policy] | None:
    """The link and the policy of its brand; None for what is not ours, or of a brand that is gone."""
    link = site.links.read_unsubscribe(token)
    policy = site.policies.get(link.brand) if link else None
    return (link, policy) if link and policy else None


def _scope(policy: Policy, link: UnsubscribeToken) -> str:
    """What a link leaves. Its category may have gone from the policy since: then all that is optional."""
    category = policy.categories.get(link.category)
    return link.category if category and category.optional else EVERYTHING_OPTIONAL


async def _pressed(request: Request) -> str | None:
    """Which button of the page was pressed; None for a one-click request."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    return parse_qs(body.decode("latin-1")).get("scope", [None])[0]
