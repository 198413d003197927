"""Answers one-click opt-outs of mail programs (RFC 8058) before the routes see the request: they come in bursts."""

from typing import Final

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.policy.policy_file import Policy
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.rendering.link_tokens import TEST_RECIPIENT, UnsubscribeToken
from mailer.web.unsubscribe import (
    ONE_CLICK_BODY,
    answer_to_one_click,
    find_unsubscribe_token_and_policy,
    is_link_to_close_account,
    record_one_click_opt_out,
    router,
)
from mailer.web.web_context import WebContext, WebCounters

_BEGIN: Final = "/u/"
_TYPE: Final = b"application/x-www-form-urlencoded"
_LENGTH: Final = str(len(ONE_CLICK_BODY)).encode()
_ASKS_FOR_MORE: Final = frozenset({b"sec-gpc", b"dnt", b"accept-language", b"expect"})
"""Header fields by which the answer or the opt-out can be another one."""
_ROUTE: Final = router.routes[0]
"""The route of `/u/{token}`, under whose path log and metrics name the request, also one that fails."""


class OneClickShortcut:
    """Answers a one-click POST as its route does (`unsubscribe.handle_unsubscribe_link`), in a third of the time.

    Any other request goes on to the routes: another body, a privacy signal, a wished language, a token that is none,
    and one of a test mail or of mail that cannot be left. So does one whose database is away.

    Args:
        app: the routes.
        site: the stores and links.
        meters: the site's counters.
    """

    def __init__(self, app: ASGIApp, site: WebContext, meters: WebCounters) -> None:
        self._app = app
        self._site = site
        self._meters = meters
        self._answers: dict[tuple[str, str], Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        found = self._find_one_click_link(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        read = await _read_short_body(receive)
        if b"".join(one.get("body", b"") for one in read) == ONE_CLICK_BODY and await self._opt_out(*found):
            await self._answer_for_link(scope, *found)(scope, receive, send)
            return
        await self._app(scope, _receive_with_read_messages_first(read, receive), send)

    def _find_one_click_link(self, scope: Scope) -> tuple[UnsubscribeToken, Policy] | None:
        """Returns the token and policy of a request that looks like a one-click POST by its head; else None."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_BEGIN):
            return None
        headers = dict(scope["headers"])
        is_plain = headers.get(b"content-length") == _LENGTH and headers.get(b"content-type", b"").startswith(_TYPE)
        if not is_plain or scope["query_string"] or not _ASKS_FOR_MORE.isdisjoint(headers):
            return None
        token = scope["path"].removeprefix(_BEGIN)
        found = find_unsubscribe_token_and_policy(self._site.links, self._site.policies, token)
        if found is None or is_link_to_close_account(found[0]) or found[0].recipient_id == TEST_RECIPIENT:
            return None
        return found

    async def _opt_out(self, link: UnsubscribeToken, policy: Policy) -> bool:
        """Records the opt-out. Returns False if the database is away: the route tries again, and tells it."""
        try:
            await record_one_click_opt_out(self._site, self._meters, policy, link)
        except DatabaseUnavailable:
            return False
        return True

    def _answer_for_link(self, scope: Scope, link: UnsubscribeToken, policy: Policy) -> Response:
        """Returns the page, which is the same for all links of a brand and category. It is rendered once."""
        key = (link.brand, link.category)
        if key not in self._answers:
            self._answers[key] = answer_to_one_click(Request(scope), policy, link)
        return self._answers[key]


async def _read_short_body(receive: Receive) -> list[Message]:
    """Returns the messages of a body, up to its end or the first that makes it longer than a one-click body."""
    read = [await receive()]
    while read[-1].get("more_body") and sum(len(one.get("body", b"")) for one in read) <= len(ONE_CLICK_BODY):
        read.append(await receive())
    return read


def _receive_with_read_messages_first(read: list[Message], receive: Receive) -> Receive:
    """Returns a `receive` that begins with messages that were received already."""
    again = iter(read)

    async def received() -> Message:
        message = next(again, None)
        return await receive() if message is None else message

    return received
