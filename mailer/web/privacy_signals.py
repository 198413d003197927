"""Privacy signals that a browser sends with each request: Global Privacy Control and Do Not Track."""

from collections.abc import Mapping

from fastapi import Request

from mailer.actions import record_opt_out
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import SHARING
from mailer.web.form_posts import is_post_method
from mailer.web.web_context import WebContext

SIGNAL = "privacy-signal"
"""The source of such an opt-out in the ledger."""


def has_privacy_signal(headers: Mapping[str, str]) -> bool:
    """Tells whether a request has `Sec-GPC: 1` or `DNT: 1`. A value that begins with 1, such as `1, 1`, counts too."""
    return any(headers.get(name, "").lstrip().startswith("1") for name in ("sec-gpc", "dnt"))


@rule("privacy-signal", "peerstream-11; Global Privacy Control 3; CCPA Regulations 7025", idle=None)
async def opt_out_of_sharing_by_privacy_signal(
    request: Request, site: WebContext, policy: Policy, recipient_id: int
) -> None:
    """A press in a browser that asks not to share ends partners' mail, and is on the partners' lists.

    To follow a link records nothing. The opt-out is of the person whom the link names, also if the link is an old one.
    """
    if not is_post_method(request.method) or not has_privacy_signal(request.headers):
        return
    standing = await site.standings.get_standing(policy.brand, recipient_id)
    if standing is not None and SHARING not in standing.opted_out:
        await record_opt_out(site.standings, policy, recipient_id, SHARING, SIGNAL)
