"""The pixel and tracked links: counts opens and clicks, and keeps a person's id only with consent."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from mailer.metrics_and_logger import log
from mailer.policy.rule_registry import rule
from mailer.policy.switches import Tracking
from mailer.policy.tracking import tracking_level
from mailer.ports.open_and_click_counts import OpenAndClickCounter, PixelOrLinkFetchToCount
from mailer.rendering.link_tokens import ClickToken, OpenToken
from mailer.web.form_posts import is_link_for_address_on_record
from mailer.web.machine_detection import is_machine
from mailer.web.page_rendering import ProblemName, problem_page
from mailer.web.privacy_signals import has_privacy_signal
from mailer.web.web_context import TheSite, WebContext, WebCounters

router = APIRouter(include_in_schema=False)

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One clear pixel, 43 octets."""

_COUNT_SECONDS = 2
"""Seconds that a reader waits at most while the database does not answer."""
_AGAIN_SECONDS = 60
"""Seconds before counts that could not be written are written again."""
_PARK_SECONDS = 5
"""Seconds that an ending process waits for the database."""


@router.api_route("/o/{token}.gif", methods=["GET", "HEAD"])
async def count_open_and_send_pixel(request: Request, token: str, site: TheSite) -> Response:
    """Counts an open of the mailing. The mail program gets its image also if counting fails."""
    found = site.links.read_open_token(token)
    if found is not None and request.method == "GET":
        await _count_machine_or_person_fetch(
            site, found, request.headers, lambda trace: count_open_for_mailing(site.opens, trace)
        )
    return Response(GIF, media_type="image/gif", headers={"cache-control": "no-store"})


@router.api_route("/c/{token}", methods=["GET", "HEAD"])
async def count_click_and_redirect(request: Request, token: str, site: TheSite) -> Response:
    """Counts a click and redirects, also if counting fails; only to the URL that we signed (CWE-601)."""
    found = site.links.read_click_token(token)
    if found is None:
        return problem_page(request, ProblemName.BAD_LINK, 400)
    if request.method == "GET":
        link = url_without_personal_parts(found.url)
        await _count_machine_or_person_fetch(
            site, found, request.headers, lambda trace: site.opens.count_click(trace, link)
        )
    return RedirectResponse(found.url, 302)


async def write_counts_each_hour(opens: OpenAndClickCounter, meters: WebCounters, stop: asyncio.Event) -> None:
    """Writes the counts of each hour until `stop` is set; then stores the rest for the next process.

    The metrics rise when counts are written, not with each fetch, which would show its time.
    """
    wait = opens.seconds_to_next_hour()
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
            break
        try:
            written = await opens.write_counts_of_finished_hours()
            wait = opens.seconds_to_next_hour()
        except Exception as error:
            log.error("opens and clicks were not written; they are kept", error=type(error).__name__)
            wait = _AGAIN_SECONDS
            continue
        for meter, counts in ((meters.opens, written.opens), (meters.clicks, written.clicks)):
            for machine, n in counts.items():
                meter.labels("machine" if machine else "person").inc(n)
    try:
        async with asyncio.timeout(_PARK_SECONDS):
            await opens.save_counts_for_next_process()
    except Exception as error:
        log.error("opens and clicks of the last hour are lost", error=type(error).__name__)


async def _count_machine_or_person_fetch(
    site: WebContext,
    token: OpenToken | ClickToken,
    headers: Mapping[str, str],
    count: Callable[[PixelOrLinkFetchToCount], object],
) -> None:
    """Counts an open or a click as far as it may be counted. An error is logged, and never delays the reader."""
    try:
        if token.recipient_id is None:
            count(_build_anonymous_fetch_to_count(token, headers))
            return
        async with asyncio.timeout(_COUNT_SECONDS):
            trace = await _build_fetch_naming_person_if_consented(site, token, token.recipient_id, headers)
        if trace is not None:
            count(trace)
    except Exception as error:
        log.error("an open or click was not counted", error=type(error).__name__)


def count_open_that_names_nobody(opens: OpenAndClickCounter, token: OpenToken, headers: Mapping[str, str]) -> None:
    """Counts an open by a token that names nobody. An error is logged: the mail program gets its image anyway."""
    try:
        count_open_for_mailing(opens, _build_anonymous_fetch_to_count(token, headers))
    except Exception as error:
        log.error("an open or click was not counted", error=type(error).__name__)


def _build_anonymous_fetch_to_count(
    token: OpenToken | ClickToken, headers: Mapping[str, str]
) -> PixelOrLinkFetchToCount:
    """Returns the trace of a link that names nobody."""
    machine = is_machine(headers)
    nonce = None if machine or has_do_not_track_signal(headers) else token.nonce
    return PixelOrLinkFetchToCount(token.mailing_id, machine, nonce)


async def _build_fetch_naming_person_if_consented(
    site: WebContext, token: OpenToken | ClickToken, recipient_id: int, headers: Mapping[str, str]
) -> PixelOrLinkFetchToCount | None:
    """Returns the trace of a link that names a person, or None if the person is not known any more.

    The trace names the person only if they consented, and if the link was made for their address on record.
    """
    machine = is_machine(headers)
    reader = await site.opens.find_standing_of_mailed_recipient(token.mailing_id, recipient_id)
    policy = site.policies.get(reader.brand) if reader else None
    if reader is None or policy is None:
        return None
    switches = policy.strictest_switches_for_person(reader.standing.collected_under, reader.standing.country)
    nobodys = (
        machine
        or has_do_not_track_signal(headers)
        or not is_link_for_address_on_record(token.generation, reader.standing)
    )
    whose = None if nobodys else recipient_to_keep_with_open(recipient_id, tracking_level(switches, reader.standing))
    return PixelOrLinkFetchToCount(token.mailing_id, machine, recipient_id=whose)


@rule("opens-counted", "paltalk06-19")
def count_open_for_mailing(opens: OpenAndClickCounter, trace: PixelOrLinkFetchToCount) -> None:
    """Each fetch of a pixel counts for its mailing, so it is known which mailings are opened."""
    opens.count_open(trace)


@rule("nobodys-opens", "paltalk06-18; invariant 6; the floor", idle=lambda recipient_id, level: recipient_id)
def recipient_to_keep_with_open(recipient_id: int, level: Tracking) -> int | None:
    """An open belongs to a person only while that person consents to it, even if the mail was sent before."""
    return recipient_id if level == "individual" else None


@rule("do-not-track", "peerstream-11; W3C Tracking Preference Expression; Global Privacy Control", idle=False)
def has_do_not_track_signal(headers: Mapping[str, str]) -> bool:
    """A request that asks not to be tracked counts for its mailing only."""
    return has_privacy_signal(headers)


def url_without_personal_parts(url: str) -> str:
    """Returns a link for counting: without user, query and fragment, which may name a person."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
