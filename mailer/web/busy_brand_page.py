"""The page for requests by an address of which a brand has had too many: `/leave/{brand}` and `/data/{brand}`."""

from fastapi import Request
from fastapi.responses import Response

from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.web.pages import brand_page

RETRY_SECONDS = 3600
"""Seconds after which somebody should try again whom a busy brand has refused: the limit is one of an hour."""


def page_of_busy_brand(request: Request, policy: Policy) -> Response:
    """Returns the page that says that nothing was stored. It is the same for each address, so it tells of none."""
    log.warning("requests by an address are refused: the brand has had its number of this hour", brand=policy.brand)
    page = brand_page(request, policy, "busy_brand.html.j2")
    page.status_code = 429
    page.headers["retry-after"] = str(RETRY_SECONDS)
    return page
