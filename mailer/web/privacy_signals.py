"""The words of a browser about its owner's wishes with each request: Global Privacy Control, and Do Not Track."""

from collections.abc import Mapping

from fastapi import Request

from mailer.actions import record_opt_out
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import SHARING
from mailer.web.form_posts import is_button_press
from mailer.web.site import WebContext

SIGNAL = "privacy-signal"
"""The way in which such a wish was said, as the ledger has it."""


def has_privacy_signal(headers: Mapping[str, str]) -> bool:
    """Tells whether a request carries `Sec-GPC: 1` or `DNT: 1`; whatever begins so is meant so, as `1, 1`."""
    return any(headers.get(name, "").lstrip().startswith("1") for name in ("sec-gpc", "dnt"))


@rule("privacy-signal", "peerstream-11; Global Privacy Control 3; CCPA Regulations 7025", idle=None)
async def apply_privacy_signal(request: Request, site: WebContext, policy: Policy, recipient_id: int) -> None:
    """A press in a browser that asks not to share ends partners' mail, and is on the partners' lists.

    Following a link records nothing. The wish is of a person whom the link names, whether or not it is their newest.
    """
    if not is_button_press(request.method) or not has_privacy_signal(request.headers):
        return
    standing = await site.standings.get_standing(policy.brand, recipient_id)
    if standing is not None and SHARING not in standing.opted_out:
        await record_opt_out(site.standings, policy, recipient_id, SHARING, SIGNAL)
