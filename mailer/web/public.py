"""`/u/{token}`: leaving a kind of mail, or the service."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions import OptOutRefused, opt_out
from mailer.actions.account import UnknownRecipient, mark
from mailer.actions.opt_out import scope_left
from mailer.policy.category import CATEGORIES
from mailer.policy.document import Policy
from mailer.policy.registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.standings import Flag
from mailer.rendering.links import Links, UnsubscribeToken
from mailer.telemetry import log
from mailer.web.pages import Leaving, Problem, Step, brand_page, leaving_page, problem_page
from mailer.web.pressing import METHODS, acts, form_of
from mailer.web.site import Meters, Site, TheMeters, TheSite

router = APIRouter(include_in_schema=False)


@router.api_route("/u/{token}", methods=METHODS)
async def leave(request: Request, token: str, site: TheSite, meters: TheMeters) -> Response:
    """Asks, and once a button is pressed or one click is posted, leaves what the link is for."""
    found = leaver(site.links, site.policies, token)
    if found is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    link, policy = found
    if _closes(link):
        return await _close(request, site, policy, link)
    scope = scope_left(policy, link.category)
    if acts(request.method):
        return await _leave(request, site, meters, policy, link, scope)
    standing = await site.standings.get(link.brand, link.recipient_id)
    opted_out = standing.opted_out if standing else frozenset()
    gone = scope in opted_out or EVERYTHING_OPTIONAL in opted_out
    step = Step.LEFT if gone else Step.ASK
    return leaving_page(request, Leaving(policy, step, scope, opted_out, _footer(policy, standing)))


@rule("plain-opt-out", "peerstream-08; the floor", idle=lambda links, policies, token: None)
def leaver(links: Links, policies: Mapping[str, Policy], token: str) -> tuple[UnsubscribeToken, Policy] | None:
    """A link of ours is all that an opt-out needs: no login, no identity, nothing about whoever holds it.

    None for what is not ours, or of a brand that is gone.
    """
    link = links.read_unsubscribe(token)
    policy = policies.get(link.brand) if link else None
    return (link, policy) if link and policy else None


async def _leave(
    request: Request, site: Site, meters: Meters, policy: Policy, link: UnsubscribeToken, scope: str
) -> Response:
    """Opts out: for the page's button, and for one-click, whatever its body (RFC 8058 3.2)."""
    pressed = (await form_of(request)).get("scope")
    scope = EVERYTHING_OPTIONAL if pressed == ["all"] else scope
    try:
        await opt_out(site.standings, policy, link.recipient_id, scope, "page" if pressed else "one-click")
        meters.opt_outs.labels(policy.brand, scope).inc()
    except OptOutRefused:
        # Nobody is there any more, which is nobody's business: the answer is the same.
        log.info("an opt-out for a recipient who is gone", brand=policy.brand)
    standing = await site.standings.get(link.brand, link.recipient_id)
    opted_out = (standing.opted_out if standing else frozenset()) | {scope}
    return leaving_page(request, Leaving(policy, Step.DONE, scope, opted_out, _footer(policy, standing)))


def _closes(link: UnsubscribeToken) -> bool:
    """Whether it is the link of mandatory mail that ends with the account (`service_footer`)."""
    category = CATEGORIES.get(link.category)
    return category is not None and category.mandatory and not category.outlives_account


async def _close(request: Request, site: Site, policy: Policy, link: UnsubscribeToken) -> Response:
    """Closes the account, for the page's own button only: no mail program's one click ever does that."""
    if acts(request.method) and "close" in await form_of(request):
        try:
            await mark(site.standings, policy.brand, link.recipient_id, Flag.DEACTIVATED, True, "page")
        except UnknownRecipient:
            log.info("an account to close is gone", brand=policy.brand)
        return brand_page(request, policy, "closing.html.j2", closed=True)
    standing = await site.standings.get(link.brand, link.recipient_id)
    closed = standing is None or standing.deactivated
    return brand_page(request, policy, "closing.html.j2", closed=closed)


def _footer(policy: Policy, standing: Standing | None) -> str:
    if standing is None:
        return policy.switches.service_footer
    return policy.switches_for(standing.collected_under, standing.country).service_footer
