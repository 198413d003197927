"""`/leave/{brand}`: a person without a link or a login asks for a mail with a link to leave.

The answer is the same for each address: this process looks for no recipient, and the timekeeper sends the mail. Where a
brand has had too many requests, whatever their addresses, the page says so, since nothing will come.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions.leave_requests import ask_for_link_to_leave, network_of_client
from mailer.input_types import MAX_ADDRESS, parse_address
from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.leave_requests import LeaveRequestLimit
from mailer.web.form_posts import METHODS, is_post_method, read_form
from mailer.web.page_reader import set_page_brand
from mailer.web.pages import ProblemName, brand_page, problem_page
from mailer.web.web_context import TheMeters, TheSite

router = APIRouter(include_in_schema=False)
RETRY_SECONDS = 3600
"""Seconds after which somebody should try again whom a busy brand has refused: the limit is one of an hour."""


@router.api_route("/leave/{brand}", methods=METHODS)
async def leave_by_address_page(request: Request, brand: str, site: TheSite, meters: TheMeters) -> Response:
    """Shows a field for an address. Its button asks for the mail, with the same page after it for each address."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    if not is_post_method(request.method):
        return _page(request, policy)
    typed = "".join((await read_form(request)).get("email", [])).strip()
    address = _parse_typed_address(typed)
    if address is None:
        meters.leave_requests.labels("no_address").inc()
        page = _page(request, policy, typed=typed[:MAX_ADDRESS], is_faulty=True)
        page.status_code = 400
        return page
    network = network_of_client(request.client.host if request.client else None)
    limit = await ask_for_link_to_leave(site.leave_requests, policy, address, network)
    meters.leave_requests.labels("stored" if limit is None else f"over_{limit}_limit").inc()
    if limit is LeaveRequestLimit.BRAND:
        return _page_of_busy_brand(request, policy)
    return _page(request, policy, step="by_address_done")


def _parse_typed_address(typed: str) -> str | None:
    """Returns an address in its normal form, or None if the text is none."""
    try:
        return parse_address(typed) if len(typed) <= MAX_ADDRESS else None
    except ValueError:
        return None


def _page_of_busy_brand(request: Request, policy: Policy) -> Response:
    """Returns the page that says that nothing was stored. It is the same for each address, so it tells of none."""
    log.warning("requests to leave are refused: the brand has had its number of this hour", brand=policy.brand)
    page = _page(request, policy, step="by_address_busy")
    page.status_code = 429
    page.headers["retry-after"] = str(RETRY_SECONDS)
    return page


def _page(
    request: Request, policy: Policy, *, step: str = "by_address", typed: str = "", is_faulty: bool = False
) -> Response:
    """Returns the page before or after the press of its button; with the typed text only if that is no address."""
    return brand_page(request, policy, "by_address.html.j2", step=step, typed=typed, is_faulty=is_faulty)
