"""`/archive/{brand}`: newsletters for everybody, with a feed. Nothing about a reader is kept or counted."""

import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from mailer.actions.newsletter_archive import ShownNewsletter
from mailer.policy.policy_file import Policy
from mailer.web.page_brand_and_locale import set_page_brand
from mailer.web.page_rendering import (
    ProblemName,
    brand_page,
    problem_page,
    reader_or_brand_language,
    render_feed,
)
from mailer.web.web_context import TheSite, WebContext
from mailer.web.web_copy_page import MAIL_IN_FRAME_HEADERS, open_links_in_new_tabs

router = APIRouter(include_in_schema=False)
ROWS: Final = 20
"""The newsletters of a page or a feed."""
_CACHED: Final = {"cache-control": "public, max-age=300"}
"""A newsletter that is taken out of the archive is gone from caches after five minutes."""
_READ_ONLY: Final = ["GET", "HEAD"]
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that XML cannot hold (XML 1.0, 2.2)."""


@router.api_route("/archive/{brand}", methods=_READ_ONLY)
async def archive_page(
    request: Request, brand: str, site: TheSite, before: Annotated[UUID | None, Query()] = None
) -> Response:
    """Shows the newest newsletters, or those before one."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    language = reader_or_brand_language(request, policy)
    page = await site.newsletters.list_newsletters(policy, language.code, before, ROWS)
    listed = [(one, language.format_day_of_moment(one.entry.sent_at)) for one in page.newsletters]
    archive = site.newsletters.path_of_archive(brand)
    return _cached(brand_page(request, policy, "newsletters.html.j2", listed=listed, page=page, archive=archive))


@router.api_route("/archive/{brand}/feed.xml", methods=_READ_ONLY)
async def archive_feed(request: Request, brand: str, site: TheSite) -> Response:
    """Returns the newest newsletters as a feed (RFC 4287)."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    code = reader_or_brand_language(request, policy).code
    page = await site.newsletters.list_newsletters(policy, code, None, ROWS)
    entries = [(one.entry, _NOT_XML.sub("", one.copy.subject), one.copy.locale) for one in page.newsletters]
    values = {"entries": entries, "url": site.newsletters.url_of_archive(brand), "name": policy.name, "code": code}
    return _cached(render_feed("newsletters.atom.j2", values))


@router.api_route("/archive/{brand}/{campaign_id}", methods=_READ_ONLY)
async def newsletter_page(request: Request, brand: str, campaign_id: str, site: TheSite) -> Response:
    """Shows one newsletter in a frame."""
    found = await _newsletter_or_problem(request, site, brand, campaign_id)
    if isinstance(found, Response):
        return found
    policy, newsletter = found
    sent = reader_or_brand_language(request, policy).format_day_of_moment(newsletter.entry.sent_at)
    archive = site.newsletters.path_of_archive(brand)
    page = brand_page(request, policy, "newsletter.html.j2", newsletter=newsletter, sent=sent, archive=archive)
    return _cached(page)


@router.api_route("/archive/{brand}/{campaign_id}/mail", methods=_READ_ONLY)
async def newsletter_for_frame(request: Request, brand: str, campaign_id: str, site: TheSite) -> Response:
    """Returns the text of the newsletter itself, for the frame."""
    found = await _newsletter_or_problem(request, site, brand, campaign_id)
    if isinstance(found, Response):
        return found
    headers = MAIL_IN_FRAME_HEADERS | {"vary": "accept-language"}
    return _cached(HTMLResponse(open_links_in_new_tabs(found[1].copy.html), headers=headers))


async def _newsletter_or_problem(
    request: Request, site: WebContext, brand: str, campaign_id: str
) -> tuple[Policy, ShownNewsletter] | Response:
    policy = site.policies.get(brand)
    if policy is None or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", campaign_id):
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    language = reader_or_brand_language(request, policy)
    found = await site.newsletters.find_newsletter(policy, UUID(campaign_id), language.code)
    return (policy, found) if found else problem_page(request, ProblemName.NOT_FOUND, 404)


def _cached(answer: Response) -> Response:
    answer.headers.update(_CACHED)
    return answer
