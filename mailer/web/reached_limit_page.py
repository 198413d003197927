"""The page for requests by an address over a limit that tells of no address: `/leave/{brand}` and `/data/{brand}`."""

from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.requests_identified_by_address import RequestLimitKind
from mailer.web.page_rendering import brand_page

_HOUR, _DAY = 3600, 86400
_TEXTS = {RequestLimitKind.BRAND: "by_address_busy", RequestLimitKind.NETWORK: "by_address_busy_network"}
"""The limits that whoever asks is told of, each with its text. That of a mailbox would tell what others have asked."""


def page_of_reached_limit(request: Request, policy: Policy, limit: RequestLimitKind | None) -> Response | None:
    """Returns the page that says that nothing was stored. It is the same for each address, so it tells of none.

    Returns:
        None if no limit was reached, or that of a mailbox.
    """
    if limit not in _TEXTS:
        return None
    if limit is RequestLimitKind.BRAND:
        log.warning("requests by an address are refused: the brand has had its number of this hour", brand=policy.brand)
    page = brand_page(request, policy, "reached_limit.html.j2", text=_TEXTS[limit])
    page.status_code = 429
    page.headers["retry-after"] = str(_HOUR if limit is RequestLimitKind.BRAND else _seconds_until_tomorrow())
    return page


def _seconds_until_tomorrow() -> int:
    """Returns the seconds until the next day in UTC begins, at which the limit of a network begins anew."""
    return _DAY - int(datetime.now(UTC).timestamp()) % _DAY
