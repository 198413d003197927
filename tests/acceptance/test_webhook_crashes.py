"""Web and inbound are killed again and again while webhooks arrive: what was accepted is handled, each once."""

import asyncio
import random
import re
from collections import Counter

import httpx

from mailer.processors.capture.folder import CapturedMessage
from mailer.rendering.signed_links import RETURN_PATH_METADATA
from tests.acceptance.samples import event, people
from tests.processes import Stack, until
from tests.webhook_payloads import postmark
from tests.webhook_requests import PASSWORD, Request, postmark_request

PEOPLE = 15
"""Fewer than the number of bounces at which the quarantine begins."""
KILLS = 2


def metadata_of(mail: CapturedMessage) -> str:
    """The return path in the field that Postmark takes out and gives back."""
    (found,) = re.findall(rb"^X-PM-Metadata-mailer_return_path: (\S+)\r?$", mail.file.read_bytes(), re.MULTILINE)
    return str(found.decode())


async def _send_until_killed(client: httpx.AsyncClient, waiting: list[Request]) -> None:
    """Sends requests, each again until it is accepted, as services do. Takes those off the list that were accepted."""
    while waiting:
        request = waiting[0]
        try:
            answer = await client.post("/webhooks/postmark/main", content=request.body, headers=list(request.headers))
        except httpx.TransportError:
            return
        assert answer.status_code in (200, 503), answer
        if answer.status_code == 200:
            waiting.pop(0)


async def test_an_accepted_webhook_is_handled_once(stack: Stack) -> None:
    """The token goes out in the service's own field, comes back by webhook, and each bounce acts once."""
    relay = f"{stack.env['MAILER_PROCESSORS']}&service=postmark"
    stack = stack.having(PROCESSORS=relay, WEBHOOKS=f"postmark://main?user=mailer&password={PASSWORD}")
    async with stack.running("worker", "timekeeper"):
        news = event("news", "interpals", "newsletter", people(*(f"user-{number}" for number in range(PEOPLE))))
        await stack.application("publish", news)
        await stack.finished("news")
    told = [(mail.recipients[0], metadata_of(mail)) for mail in stack.mails()]
    assert len({token for _, token in told}) == PEOPLE
    waiting = [
        postmark_request(postmark("Bounce", Type="HardBounce", Email=to, ID=n, Metadata={RETURN_PATH_METADATA: token}))
        for n, (to, token) in enumerate(told)
    ]
    chance = random.Random(17)
    for _ in range(KILLS):
        async with stack.starting("web", "inbound") as both, stack.client() as client:
            sending = asyncio.create_task(_send_until_killed(client, waiting))
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            await asyncio.gather(*(process.kill() for process in both))
            await sending
    async with stack.starting("web", "inbound"), stack.client() as client:
        await _send_until_killed(client, waiting)
        assert waiting == []
        await until(lambda: _all_handled(stack), "all events to be handled")
    rows = await stack.query("SELECT recipient_id, effect FROM received_mail")
    assert Counter(row["effect"] for row in rows) == {"address_dead": PEOPLE}
    entries = await stack.query("SELECT recipient_id FROM ledger WHERE kind = 'action' AND reason = 'address_dead'")
    assert Counter(row["recipient_id"] for row in entries) == Counter(row["recipient_id"] for row in rows)
    assert len({row["recipient_id"] for row in entries}) == PEOPLE


async def _all_handled(stack: Stack) -> bool:
    return not await stack.value("SELECT count(*) FROM received_mail WHERE state = 'received'")
