"""`/confirm/{token}`: the second half of a double opt-in."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions.consent import confirm
from mailer.policy.scopes import can_be_asked
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.web.pages import Problem, brand_page, language_of, problem_page
from mailer.web.preferences import titled
from mailer.web.pressing import METHODS, acts
from mailer.web.site import TheSite

router = APIRouter(include_in_schema=False)


@router.api_route("/confirm/{token}", methods=METHODS)
async def confirming(request: Request, token: str, site: TheSite) -> Response:
    """Shows what was asked for, and gives the consent once its button is pressed."""
    link = site.links.read_confirm(token)
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, Problem.BAD_LINK, 400)
    standing = await site.standings.get(link.brand, link.recipient_id)
    if standing is None or standing.erased or not can_be_asked(policy, link.scope):
        return problem_page(request, Problem.GONE, 410)
    step = "done" if link.scope in standing.consents else "ask"
    if acts(request.method):
        recorded = await confirm(site.consents, site.policies, link, token)
        step = "late" if not recorded.left.isdisjoint({link.scope, EVERYTHING_OPTIONAL}) else "done"
    title, description = titled(policy, link.scope, language_of(request, policy))
    return brand_page(request, policy, "confirm.html.j2", step=step, title=title, description=description)
