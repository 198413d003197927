"""`/notices/{brand}`: the public notices of a brand, for everybody, with a feed. Nothing about a reader is kept."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.policy.policy_file import Policy
from mailer.policy.public_notices import PARTS, PublicNotice, heading_key, is_notice_visible
from mailer.web.brand_look import BrandLook
from mailer.web.languages import DEFAULT, PageLanguage, primary_subtag
from mailer.web.page_brand_and_locale import set_page_brand
from mailer.web.page_rendering import (
    ProblemName,
    brand_page,
    look_of_brand,
    problem_page,
    reader_or_brand_language,
    render_feed,
)
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)


@router.api_route("/notices/{brand}", methods=["GET", "HEAD"])
async def public_notices_page(request: Request, brand: str, site: TheSite) -> Response:
    """Shows the notices that stand today, in the reader's language where they have it."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    set_page_brand(request, policy)
    language = reader_or_brand_language(request, policy)
    look = look_of_brand(request, policy)
    shown = [
        _notice_for_template(notice, _language_of_notice(notice, language.code, policy), language, look)
        for notice in await _notices_of_today(site, policy)
    ]
    feed = f"{site.public_url.rstrip('/')}/notices/{brand}/feed.atom"
    return brand_page(request, policy, "notices.html.j2", notices=shown, parts=PARTS, feed=feed)


@router.api_route("/notices/{brand}/feed.atom", methods=["GET", "HEAD"])
async def public_notices_feed(request: Request, brand: str, site: TheSite) -> Response:
    """Returns the same notices as a feed (RFC 4287)."""
    policy = site.policies.get(brand)
    if policy is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    code = reader_or_brand_language(request, policy).code
    notices = [(one, _language_of_notice(one, code, policy)) for one in await _notices_of_today(site, policy)]
    page = f"{site.public_url.rstrip('/')}/notices/{brand}"
    updated = max((one.visible_from for one, _ in notices), default=datetime(2026, 1, 1, tzinfo=UTC))
    values = {"notices": notices, "page": page, "name": policy.name, "parts": PARTS, "updated": updated, "code": code}
    return render_feed("notices.atom.j2", values)


def _notice_for_template(notice: PublicNotice, code: str, reader: PageLanguage, look: BrandLook) -> dict[str, Any]:
    """Returns the values of a notice. Its headings and days are in its own language, if the pages have that one."""
    own = reader if code == reader.code else look.languages.get(code, reader)
    return {
        "id": str(notice.id),
        "digest": notice.digest,
        "language": code,
        "page_language": own,
        "text": notice.texts[code],
        "headings": {part: notice.texts[code].get(heading_key(part)) for part in PARTS},
        "first": own.isolate_name_in_rtl_text(own.format_day(notice.first_day)),
        "last": own.isolate_name_in_rtl_text(own.format_day(notice.last_day)),
    }


async def _notices_of_today(site: WebContext, policy: Policy) -> list[PublicNotice]:
    today = datetime.now(UTC).date()
    standing = await site.public_notices.list_public_notices_in_force(policy.brand, today)
    return [one for one in standing if is_notice_visible(one, today)]


def _language_of_notice(notice: PublicNotice, wanted: str, policy: Policy) -> str:
    """Returns the wanted language if the notice has it; else that of the brand, English, or any."""
    in_order = (wanted, primary_subtag(policy.default_locale), DEFAULT, *sorted(notice.texts))
    return next(code for code in in_order if code in notice.texts)
