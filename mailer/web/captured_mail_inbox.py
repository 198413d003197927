"""The inbox: shows captured mail as HTML, text, headers and raw message. It runs on the operators' port."""

import asyncio
from dataclasses import asdict, dataclass
from math import ceil
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from mailer.policy.category import CATEGORIES
from mailer.ports.captured_mail import CapturedMail, CapturedMailReader
from mailer.web.inbox_filter import InboxFilter, brands_of_mails, kind_of_mail, mails_in_filter, newest_of_each_kind
from mailer.web.middleware import SecurityHeaders
from mailer.web.page_rendering import render_inbox_template
from mailer.web.web_copy_page import MAIL_IN_FRAME_HEADERS, open_links_in_new_tabs

router = APIRouter(include_in_schema=False)

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class _MailListLine:
    """A mail in the list. `badge` is its category, or None if its headers name none."""

    mail: CapturedMail
    badge: str | None


def create_inbox_app(inbox: CapturedMailReader) -> FastAPI:
    """Returns the application that shows captured mail."""
    app = FastAPI(
        routes=router.routes,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[Middleware(SecurityHeaders, https=False)],
    )
    app.state.inbox = inbox
    return app


async def _inbox_of_request(request: Request) -> CapturedMailReader:
    inbox: CapturedMailReader = request.app.state.inbox
    return inbox


TheInbox = Annotated[CapturedMailReader, Depends(_inbox_of_request)]


async def _require_mail(id: str, inbox: TheInbox) -> CapturedMail:
    mail = await asyncio.to_thread(inbox.get_mail, id)
    if mail is None:
        raise HTTPException(404)
    return mail


TheMail = Annotated[CapturedMail, Depends(_require_mail)]


Text = Annotated[str, Query(max_length=200)]


@router.get("/inbox")
async def mail_list_page(
    inbox: TheInbox,
    page: Annotated[int, Query(ge=1)] = 1,
    text: Text = "",
    brand: Text = "",
    category: Text = "",
    person: Text = "",
) -> Response:
    """Shows the captured mails that fit, newest first. The first page without a filter begins with one of each kind."""
    chosen = InboxFilter(*(given.strip() for given in (text, brand, category, person)))
    return render_inbox_template(
        "inbox.html.j2", await asyncio.to_thread(_mail_list_template_values, inbox, chosen, page)
    )


def _mail_list_template_values(inbox: CapturedMailReader, chosen: InboxFilter, page: int) -> dict[str, object]:
    """Returns the values for the list. It reads files."""
    mails = inbox.list_mails()
    found = mails_in_filter(mails, chosen)
    is_filtered = chosen != InboxFilter()
    kinds = newest_of_each_kind(mails) if page == 1 and not is_filtered else []
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    return {
        "lines": [_MailListLine(mail, _category_badge_of_mail(mail)) for mail in shown],
        "newest": [_MailListLine(mail, _category_badge_of_mail(mail)) for mail in kinds]
        if len(kinds) < len(found)
        else [],
        "total": len(found),
        "page": page,
        "pages": max(1, ceil(len(found) / PER_PAGE)),
        "chosen": chosen,
        "is_filtered": is_filtered,
        "query": urlencode({name: value for name, value in asdict(chosen).items() if value}),
        "brands": brands_of_mails(mails),
        "categories": list(CATEGORIES),
    }


@router.get("/inbox/{id}")
async def html_part_page(mail: TheMail) -> Response:
    """Shows one mail with its HTML part in a frame."""
    return _mail_page(mail, "html")


@router.get("/inbox/{id}/text")
async def text_part_page(mail: TheMail) -> Response:
    """Shows the text part of one mail."""
    return _mail_page(mail, "text")


@router.get("/inbox/{id}/headers")
async def headers_page(mail: TheMail) -> Response:
    """Shows the header fields of one mail."""
    return _mail_page(mail, "headers")


@router.get("/inbox/{id}/html")
async def html_part_for_frame(mail: TheMail) -> Response:
    """Returns the HTML part itself, for the frame."""
    return HTMLResponse(open_links_in_new_tabs(mail.html or ""), headers=MAIL_IN_FRAME_HEADERS)


@router.get("/inbox/{id}/raw")
async def raw_message(mail: TheMail) -> Response:
    """Returns the message as it was received."""
    name = f'attachment; filename="{mail.id}.eml"'
    return Response(mail.raw, media_type="message/rfc822", headers={"content-disposition": name})


def _category_badge_of_mail(mail: CapturedMail) -> str | None:
    kind = kind_of_mail(mail)
    return kind.category if kind else None


def _mail_page(mail: CapturedMail, view: str) -> Response:
    return render_inbox_template("mail.html.j2", {"mail": mail, "view": view, "badge": _category_badge_of_mail(mail)})
