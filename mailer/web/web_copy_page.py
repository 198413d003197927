"""`/view/{token}`: the web copy of a mail, in a frame of its own. The page around it is the brand's.

The frame has a policy by which nothing in it runs, loads or is sent; its links open in new tabs. Nothing is counted.
"""

import re

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from mailer.actions.web_copies import NoWebCopyReason, ShownMail
from mailer.policy.policy_file import Policy
from mailer.rendering.link_tokens import WebCopyToken
from mailer.web.form_posts import is_link_for_address_on_record
from mailer.web.page_rendering import ProblemName, brand_page, problem_page, reader_or_brand_language
from mailer.web.person_of_link import person_of_link_or_problem
from mailer.web.web_context import TheSite, WebContext

router = APIRouter(include_in_schema=False)

MAIL_IN_FRAME_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    ),
    "x-frame-options": "SAMEORIGIN",
}
"""The header fields of a mail in its frame: it may open links in new tabs, and run no script."""
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_READ_ONLY = ["GET", "HEAD"]


@router.api_route("/view/{token}", methods=_READ_ONLY)
async def web_copy_page(request: Request, token: str, site: TheSite) -> Response:
    """Shows the mail of a link in a frame, in the reader's language."""
    found = await _shown_mail_or_problem(request, site, token)
    if isinstance(found, Response):
        return found
    policy, link, mail = found
    language = reader_or_brand_language(request, policy)
    sent = language.format_day_of_moment(mail.sent_at) if mail.sent_at else None
    frame = f"{site.links.web_copy_link(link).rpartition('/')[2]}/mail"
    return brand_page(request, policy, "web_copy.html.j2", mail=mail, sent=sent, frame=frame)


@router.api_route("/view/{token}/mail", methods=_READ_ONLY)
async def web_copy_for_frame(request: Request, token: str, site: TheSite) -> Response:
    """Returns the text of the mail itself, for the frame."""
    found = await _shown_mail_or_problem(request, site, token)
    if isinstance(found, Response):
        return found
    return HTMLResponse(open_links_in_new_tabs(found[2].copy.html), headers=MAIL_IN_FRAME_HEADERS)


def open_links_in_new_tabs(html: str) -> str:
    """Returns HTML whose links open in new tabs, as our pages refuse to be shown in a frame."""
    base = '<base target="_blank">'
    return _HEAD.sub(lambda found: found[0] + base, html, count=1) if _HEAD.search(html) else base + html


async def _shown_mail_or_problem(
    request: Request, site: WebContext, token: str
) -> tuple[Policy, WebCopyToken, ShownMail] | Response:
    """Returns the mail of a link; else the page that says why it is not shown.

    The mail is shown as long as its link is for the person's current address.
    """
    found = await person_of_link_or_problem(request, site, site.links.read_web_copy_token(token))
    if isinstance(found, Response):
        return found
    link, policy, standing = found
    if not is_link_for_address_on_record(link.generation, standing):
        return problem_page(request, ProblemName.STALE, 410)
    shown = await site.web_copies.render_copy(policy, link.recipient_id, link.mailing_id)
    if isinstance(shown, NoWebCopyReason):
        return problem_page(request, ProblemName(shown.value), 410)
    return policy, link, shown
