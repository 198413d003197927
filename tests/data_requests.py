"""Requests for data as people make them: by the form of a brand and the link in the mail."""

import re
from email.message import EmailMessage
from typing import cast

import httpx

from tests.factories import BRAND, World
from tests.integration.web_world import PUBLIC_URL
from tests.letters import ADA, answers, parts

SCRIPT = '"><script>alert(1)</script>'


def link_of(mail: EmailMessage) -> str:
    """The link to the request, on which text and HTML agree."""
    in_text, in_html = (set(re.findall(rf"{PUBLIC_URL}/data-request/[\w.-]+", part)) for part in parts(mail))
    assert in_text == in_html
    [link] = in_text
    return str(link)


async def asked(world: World, client: httpx.AsyncClient, wanted: str, brand: str = BRAND) -> str:
    """Asks by the form of a brand; the link of the one mail."""
    answer = await client.post(f"/data/{brand}", data={"email": ADA["email"], "wanted": wanted})
    assert answer.status_code == 200
    [mail] = await answers(world)
    return link_of(mail)


async def waiting(world: World) -> int:
    """Returns the number of requests by an address that wait."""
    return cast(int, await world.pool.fetchval("SELECT count(*) FROM leave_requests"))


async def steps(world: World) -> list[str]:
    """The steps of data requests in the ledger, in order."""
    entries = [entry for entry in await world.entries(kind="action") if str(entry["reason"]).startswith("data_request")]
    return [str(entry["reason"]).removeprefix("data_request ") for entry in entries]
