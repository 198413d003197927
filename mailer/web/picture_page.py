"""`/m/{picture_id}`: the pictures of campaigns, for mail programs. No reader is counted or logged."""

import re
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.web.page_rendering import ProblemName, problem_page
from mailer.web.web_context import TheSite

router = APIRouter(include_in_schema=False)
_ID: Final = re.compile(r"[0-9a-f]{32}")
_HEADERS: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "cross-origin-resource-policy": "cross-origin",  # mail programs in a browser show it on their own site
    "content-disposition": "inline",
}


@router.api_route("/m/{picture_id}", methods=["GET", "HEAD"])
async def send_picture(request: Request, picture_id: str, site: TheSite) -> Response:
    """Sends a picture. Its address is of its contents, so that it may be kept for ever."""
    found = await site.pictures.find_content(picture_id) if _ID.fullmatch(picture_id) else None
    if found is None:
        return problem_page(request, ProblemName.NOT_FOUND, 404)
    headers = {**_HEADERS, "etag": f'"{picture_id}"'}
    asked = request.headers.get("if-none-match", "")
    if asked.strip() == "*" or picture_id in re.findall(r'(?:W/)?"([^"]*)"', asked):
        return Response(None, 304, headers)
    return Response(found.content, media_type=found.content_type, headers=headers)
