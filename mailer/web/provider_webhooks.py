"""The endpoints for webhooks of e-mail services. Their answers are a status, and no other words."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mailer.ports.received_webhooks import WEBHOOKS_PATH, WebhookAnswer
from mailer.web.web_context import TheSite

router = APIRouter(include_in_schema=False)


@router.post("/webhooks/{provider}/{name}")
async def receive_provider_webhook(request: Request, provider: str, name: str, site: TheSite) -> Response:
    """Receives a request of an e-mail service. A status of 2xx says that it is stored."""
    body = await request.body()
    return _as_response(await site.webhooks.receive_request(provider, name, request.headers.items(), body))


def is_webhook_path(path: str) -> bool:
    """Tells whether a path is that of an endpoint."""
    return path.startswith(WEBHOOKS_PATH)


def answer_failed_webhook(request: Request, status: int) -> Response:
    """Returns the answer to a request that failed outside its route. The service sends it again if it is our fault."""
    if status < 500:
        return _as_response(WebhookAnswer(HTTPStatus(status)))
    site = request.scope["app"].state.site
    provider = request.scope["path"].removeprefix(WEBHOOKS_PATH).partition("/")[0]
    return _as_response(site.webhooks.answer_for_failure(provider))


def _as_response(answer: WebhookAnswer) -> Response:
    """Returns an answer with the words of its status: a stranger learns no more."""
    phrase = HTTPStatus(answer.status).phrase
    return Response(phrase, answer.status, dict(answer.headers), "text/plain")
