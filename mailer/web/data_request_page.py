"""`/data-request/{token}`: the page of a request for data. Only readers of the address on record have its link.

Its button does what was asked for, once. The page then shows what became of the request, and by when it is answered.
"""

import json
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from mailer.actions.data_requests import carry_out_data_request, hand_out_copy_of_personal_data
from mailer.actions.privacy_rights import BASIS
from mailer.policy.data_requests import (
    COPY_LASTS,
    DataRequest,
    DataRequestKind,
    DataRequestStep,
    is_copy_available,
    step_of_data_request,
)
from mailer.policy.policy_file import Policy
from mailer.rendering.link_tokens import TEST_RECIPIENT, DataRequestToken
from mailer.web.correction_form import TypedCorrection, country_choices, locale_choices, read_typed_correction
from mailer.web.form_posts import METHODS, is_link_for_address_on_record, is_post_method, read_form
from mailer.web.page_brand_and_locale import set_page_brand, set_page_brand_and_reader_locale
from mailer.web.page_rendering import ProblemName, brand_page, problem_page, reader_or_brand_language
from mailer.web.personal_data_html import personal_data_as_html
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)


@router.api_route("/data-request/{token}", methods=METHODS)
async def data_request_page(request: Request, token: str, site: TheSite) -> Response:
    """Shows a request for data; carries out the press of its button, and hands out the copy."""
    link = site.links.read_data_request_token(token)
    policy = site.policies.get(link.brand) if link else None
    if link is None or policy is None:
        return problem_page(request, ProblemName.BAD_LINK, 400)
    set_page_brand(request, policy)
    if link.recipient_id == TEST_RECIPIENT:
        return problem_page(request, ProblemName.TEST_LINK, 200)
    found = await _data_request_of_link_or_problem(request, site, policy, link)
    if isinstance(found, ProblemName):
        return problem_page(request, found, 410)
    address = await _address_to_show(site, found)
    if not is_post_method(request.method):
        return _page_of_data_request(request, policy, found, address)
    form = await read_form(request)
    if "save" in form:
        copy = await _answer_with_copy(request, site, policy, found, is_for_programs=form["save"] == ["json"])
        return copy or _page_of_data_request(request, policy, found, address)
    if "confirm" not in form or step_of_data_request(found, datetime.now(UTC)) is not DataRequestStep.ASKED:
        return _page_of_data_request(request, policy, found, address)
    typed = read_typed_correction(form) if found.wanted is DataRequestKind.CORRECTION else TypedCorrection()
    if typed.faults:
        page = _page_of_data_request(request, policy, found, address, typed)
        page.status_code = 400
        return page
    await carry_out_data_request(site.data_request_stores, policy, found, typed.values, typed.note)
    found = await site.requests.data.find_data_request(found.id) or found
    return _page_of_data_request(request, policy, found, await _address_to_show(site, found))


async def _data_request_of_link_or_problem(
    request: Request, site: WebContext, policy: Policy, link: DataRequestToken
) -> DataRequest | ProblemName:
    """Returns the request that a link leads to, or the problem of the link.

    After a change of the address the link leads nowhere. After an erasure, it shows the answer, which names nobody.
    """
    found = await site.requests.data.find_data_request(link.request)
    standing = await site.standings.get_standing(link.brand, link.recipient_id)
    if found is None or standing is None or (found.brand, found.recipient_id) != (link.brand, link.recipient_id):
        return ProblemName.GONE if standing is None or standing.erased else ProblemName.STALE
    if standing.erased:
        return found if found.wanted is DataRequestKind.ERASURE else ProblemName.GONE
    set_page_brand_and_reader_locale(request, policy, standing, link.generation)
    is_current = is_link_for_address_on_record(link.generation, standing) and found.generation == link.generation
    is_late = step_of_data_request(found, datetime.now(UTC)) is DataRequestStep.EXPIRED
    return ProblemName.STALE if is_late or not is_current else found


async def _address_to_show(site: WebContext, found: DataRequest) -> str | None:
    """Returns the address that the page shows masked; None after an erasure."""
    standing = await site.standings.get_standing(found.brand, found.recipient_id)
    return standing.address if standing and not standing.erased else None


async def _answer_with_copy(
    request: Request, site: WebContext, policy: Policy, found: DataRequest, *, is_for_programs: bool
) -> Response | None:
    """Returns the copy as a file; None if there is none to be had."""
    now = datetime.now(UTC)
    archive = await hand_out_copy_of_personal_data(site.data_request_stores, policy, found, now)
    if archive is None:
        return None
    name = f"{policy.brand}-{now:%Y-%m-%d}"
    if is_for_programs:
        text = json.dumps(archive, ensure_ascii=False, indent=1)
        return Response(text, media_type="application/json", headers=_save_as_file_header(f"{name}.json"))
    page = personal_data_as_html(archive, policy.name, reader_or_brand_language(request, policy))
    return HTMLResponse(page, headers=_save_as_file_header(f"{name}.html"))


def _save_as_file_header(name: str) -> dict[str, str]:
    """Returns the header that has a browser save a response, instead of showing it (RFC 6266)."""
    return {"content-disposition": f'attachment; filename="{name}"'}


def _page_of_data_request(
    request: Request, policy: Policy, found: DataRequest, address: str | None, typed: TypedCorrection | None = None
) -> Response:
    """Returns the page of a request, as it stands now."""
    language, now = reader_or_brand_language(request, policy), datetime.now(UTC)
    dates = {
        name: language.format_day_of_moment(at) if at else None
        for name, at in (
            ("asked", found.asked_at),
            ("confirmed", found.confirmed_at),
            ("due", found.due_at),
            ("answered", found.answered_at),
            ("saved_until", found.confirmed_at and found.confirmed_at + COPY_LASTS),
        )
    }
    return brand_page(
        request,
        policy,
        "data_request.html.j2",
        address,
        found=found,
        step=step_of_data_request(found, now),
        dates=dates,
        may_save=is_copy_available(found, now),
        typed=typed or TypedCorrection(),
        countries=country_choices(language) if found.wanted is DataRequestKind.CORRECTION else [],
        locales=locale_choices(),
        days=language.format_number(policy.retention_days),
        law=BASIS.partition(":")[0],
        authority=policy.controller.authority,
        seal=policy.seal,
    )
