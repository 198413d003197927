"""`/data/{brand}`: a person asks for a copy of their data, or for a correction, an erasure or a restriction.

The answer is the same for each address: this process looks for no recipient, and the timekeeper sends the mail. Where a
brand or a network has had too many requests, whatever their addresses, the page says so, since nothing will come.
"""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.actions.requests_identified_by_address import network_of_client, store_request_for_data_request_link
from mailer.policy.data_requests import DataRequestKind, deadline_of_data_request
from mailer.policy.policy_file import Policy
from mailer.web.form_posts import METHODS, Form, is_post_method, read_form
from mailer.web.page_brand_and_locale import set_page_brand
from mailer.web.page_rendering import ProblemName, brand_page, problem_page, reader_or_brand_language
from mailer.web.reached_limit_page import page_of_reached_limit
from mailer.web.typed_address import read_typed_address
from mailer.web.web_context import TheMeters, TheSite

router = APIRouter(include_in_schema=False)


@router.api_route("/data/{brand}", methods=METHODS)
async def data_request_form_page(request: Request, brand: str, site: TheSite, meters: TheMeters) -> Response:
    """Shows the choices and a field for an address. Its button asks for the mail; each address gets the same page."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    if not is_post_method(request.method):
        return _form_page(request, policy)
    form = await read_form(request)
    (typed, address), wanted = read_typed_address(form), _read_chosen_request_kind(form)
    if address is None or wanted is None:
        meters.requests_by_address.labels("no_address" if address is None else "no_choice").inc()
        page = _form_page(
            request, policy, typed=typed, wanted=wanted, is_no_address=address is None, is_no_choice=wanted is None
        )
        page.status_code = 400
        return page
    network = network_of_client(request.client.host if request.client else None)
    limit = await store_request_for_data_request_link(site.requests.by_address, policy, address, network, wanted)
    meters.count_request_with_typed_address(limit)
    return page_of_reached_limit(request, policy, limit) or _form_page(request, policy, is_asked=True)


def _read_chosen_request_kind(form: Form) -> DataRequestKind | None:
    """Returns the chosen kind of request; None if there is none, or more than one."""
    chosen = form.get("wanted", [])
    return DataRequestKind(chosen[0]) if len(chosen) == 1 and chosen[0] in set(DataRequestKind) else None


def _form_page(
    request: Request,
    policy: Policy,
    *,
    typed: str = "",
    wanted: DataRequestKind | None = None,
    is_no_address: bool = False,
    is_no_choice: bool = False,
    is_asked: bool = False,
) -> Response:
    """Returns the page before or after the press; what was typed and chosen stays if one of them is faulty."""
    day = reader_or_brand_language(request, policy).format_day_of_moment(deadline_of_data_request(datetime.now(UTC)))
    return brand_page(
        request,
        policy,
        "data_form.html.j2",
        kinds=list(DataRequestKind),
        typed=typed,
        wanted=wanted,
        is_no_address=is_no_address,
        is_no_choice=is_no_choice,
        is_asked=is_asked,
        day=day,
    )
