"""Somebody who takes the tour that `mailer demo --stay` prints: they sign in by each link, and open each page."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from html import unescape

import httpx
import pyotp

from mailer.embedded.demo_tour import SAM, TOUR, TOUR_STAFF
from tests.integration.console_browser import OWN, token_of
from tests.processes import SECONDS
from tests.staff import PASSWORD

_REASON = {"reason": "ticket 1"}


async def take_tour(printed: str) -> None:
    """Takes each step of the tour: its page opens with the role, and shows what the tour says."""
    pages = re.findall(r"^ +(?:\d+  .+\n +)(http://localhost:\d+/console\S*)$", printed, re.MULTILINE)
    assert len(pages) == len(TOUR)
    async with AsyncExitStack() as stack:
        people = {name: await stack.enter_async_context(signed_in(printed, name)) for name in TOUR_STAFF}
        for step, page in zip(TOUR, pages, strict=True):
            shown = await open_page(people[step.person], page)
            assert [text for text in step.shows if text not in shown] == [], (step, shown)
        await release_by_second_person(people, pages)


@asynccontextmanager
async def signed_in(printed: str, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yields a browser in which a person has signed in by their link. The link opens nothing a second time."""
    found = re.search(rf"{re.escape(name)} +(http://localhost:\d+/console/join/\S+)$", printed, re.MULTILINE)
    assert found is not None
    # The server closes a connection that was idle for five seconds, as on a busy machine, perhaps amid a request.
    anew = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=SECONDS, limits=anew, follow_redirects=True) as client:
        site = found[1].partition("/console")[0]
        await post(client, found[1], {"password": PASSWORD, "again": PASSWORD})
        if name != SAM:
            await set_up_app(client, f"{site}/console/second-factors")
        assert (await client.get(f"{site}/console")).status_code == 200
        assert (await client.get(found[1])).status_code == 410
        yield client


async def set_up_app(client: httpx.AsyncClient, page: str) -> None:
    """Sets an authenticator app up, as everybody must who may release, manage, lift or act."""
    assert str((await client.get(page.replace("second-factors", "mailings"))).url) == page
    shown = await post(client, page, {}, to=f"{page}/app")
    [key] = re.findall(r'class="key">([A-Z2-7]+)<', shown.text)
    await post(client, page, {"code": pyotp.TOTP(key).now()}, to=f"{page}/app/confirm")


async def open_page(client: httpx.AsyncClient, page: str) -> str:
    """Opens a page of the tour; that of a person asks for a reason first."""
    if "/console/people/" in page:
        await post(client, page, _REASON)
    answer = await client.get(page)
    assert answer.status_code == 200, page
    return unescape(answer.text)


async def release_by_second_person(people: dict[str, httpx.AsyncClient], pages: list[str]) -> None:
    """Presses the button to release: it does nothing for the publisher, and works for somebody else."""
    [(mine, own), (theirs, page)] = [(step.person, page) for step, page in zip(TOUR, pages, strict=True)][3:5]
    refused = await post(people[mine], own, {}, to=page)
    assert refused.status_code == 409
    done = await post(people[theirs], page, {})
    assert done.status_code == 200
    assert ">Release…<" not in done.text


async def post(client: httpx.AsyncClient, page: str, fields: dict[str, str], to: str = "") -> httpx.Response:
    """Sends a form that stands on a page."""
    token = token_of(await client.get(page))
    return await client.post(to or page, data={"form_token": token, **fields}, headers=OWN)
