"""`/leave/{brand}`: a person without a link or a login asks for a mail with a link to leave.

The answer is the same for each address: this process looks for no recipient, and the timekeeper sends the mail. Where a
brand or a network has had too many requests, whatever their addresses, the page says so, since nothing will come.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions.requests_identified_by_address import network_of_client, store_request_for_leave_link
from mailer.policy.policy_file import Policy
from mailer.web.form_posts import METHODS, is_post_method, read_form
from mailer.web.page_brand_and_locale import set_page_brand
from mailer.web.page_rendering import ProblemName, brand_page, problem_page
from mailer.web.reached_limit_page import page_of_reached_limit
from mailer.web.typed_address import read_typed_address
from mailer.web.web_context import TheMeters, TheSite

router = APIRouter(include_in_schema=False)


@router.api_route("/leave/{brand}", methods=METHODS)
async def unsubscribe_link_request_page(request: Request, brand: str, site: TheSite, meters: TheMeters) -> Response:
    """Shows a field for an address. Its button asks for the mail, with the same page after it for each address."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    if not is_post_method(request.method):
        return _unsubscribe_link_request_form_page(request, policy)
    typed, address = read_typed_address(await read_form(request))
    if address is None:
        meters.requests_by_address.labels("no_address").inc()
        page = _unsubscribe_link_request_form_page(request, policy, typed=typed, is_faulty=True)
        page.status_code = 400
        return page
    network = network_of_client(request.client.host if request.client else None)
    limit = await store_request_for_leave_link(site.requests.by_address, policy, address, network)
    meters.count_request_with_typed_address(limit)
    return page_of_reached_limit(request, policy, limit) or _unsubscribe_link_request_form_page(
        request, policy, is_asked=True
    )


def _unsubscribe_link_request_form_page(
    request: Request, policy: Policy, *, typed: str = "", is_faulty: bool = False, is_asked: bool = False
) -> Response:
    """Returns the page before or after the press of its button; with the typed text only if that is no address."""
    return brand_page(request, policy, "by_address.html.j2", typed=typed, is_faulty=is_faulty, is_asked=is_asked)
