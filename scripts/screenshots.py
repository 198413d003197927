"""Makes a screenshot of every recipients' page: 390 and 1280 px wide, light, dark, and in Arabic.

Usage: python -m scripts.screenshots [FOLDER]; the folder is build/screenshots without one. The pages are those of the
web app over a made-up person, with no database. It needs Chromium, and does nothing without it.
"""

import asyncio
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from playwright.async_api import Browser, Error, Page, Playwright, Route, async_playwright
from prometheus_client import CollectorRegistry

from mailer import bundled_files
from mailer.look_loading import load_brand_looks
from mailer.policy.data_requests import DataRequest, DataRequestKind, deadline_of_data_request
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.public_notices import PublicNotice
from mailer.policy.standing import Standing
from mailer.ports.mail_origins import MailAndAddressOrigin
from mailer.ports.pending_requests import PendingRequest
from mailer.ports.request_stores import RequestStores
from mailer.ports.standings import OptOutResult
from mailer.rendering.link_tokens import (
    ConfirmToken,
    DataRequestToken,
    MailReportToken,
    PreferencesToken,
    UnsubscribeToken,
)
from mailer.rendering.signed_links import SERVICE, SignedLinks
from mailer.web.app import WebContext, create_app
from mailer.web.languages import choose_language
from mailer.web.personal_data_html import personal_data_as_html

SITE = "https://mail.example"
FOLDER = Path("build/screenshots")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
OLD = 2
"""The id of a person whose links are for an older address."""
_ASKED = datetime.now(UTC) - timedelta(hours=2)


def _data_request(number: int, wanted: str, **more: Any) -> DataRequest:
    kind, due = DataRequestKind(wanted), deadline_of_data_request(_ASKED)
    return DataRequest(UUID(int=number), "interpals", 1, "ada", kind, 1, _ASKED, due, **more)


_DONE: dict[str, Any] = {"confirmed_at": _ASKED, "answer": "done", "answered_at": _ASKED}
DATA_REQUESTS = {
    request.id: request
    for request in (
        _data_request(1, "copy"),
        _data_request(2, "correction"),
        _data_request(3, "erasure"),
        _data_request(4, "copy", **_DONE),
        _data_request(5, "erasure", **_DONE),
        _data_request(6, "correction", confirmed_at=_ASKED),
        _data_request(7, "restriction", **(_DONE | {"answer": "refused", "reason": "We need your data for a case."})),
    )
}
"""Requests for data, at several steps."""
_PARTS = {
    "what_happened": "On 20 November somebody read a backup of our mail database.\n\nWe found it two days later.",
    "what_information": "E-mail addresses and names. No passwords.",
    "what_we_do": "We have closed the way in, and told the authority.",
    "what_you_can_do": "Be careful with mail that asks for your password.",
    "more_information": "Write to privacy@interpals.example, or call +1 555 010 0199.",
}
NOTICE = PublicNotice(
    UUID(int=8),
    "interpals",
    {"en": {"title": "Notice of Data Breach", **_PARTS}},
    _ASKED.date(),
    _ASKED.date() + timedelta(days=90),
    "Ada",
    "Dana",
    _ASKED,
)
"""A notice that stands today."""
DATA_COPY = f"{SITE}/a-copy-of-data"
"""The address under which a browser is shown the copy that a person would save."""


@dataclass(frozen=True)
class View:
    """The size, the colours and the language in which a page is shown."""

    name: str
    width: int
    scheme: str
    language: str


VIEWS = [
    View(f"{width}-{scheme}{'' if language == 'en' else '-' + language}", width, scheme, language)
    for width in (390, 1280)
    for scheme, language in (("light", "en"), ("dark", "en"), ("light", "ar"))
]


@dataclass(frozen=True)
class Shot:
    """A page: its path, and what is typed (by field), ticked and pressed before the screenshot, if anything."""

    name: str
    path: str
    typed: Mapping[str, str] = field(default_factory=dict)
    ticked: str | None = None
    pressed: str | None = None


_ENTRY = {"mailing": str(MAILING), "at": "2026-11-02T09:00:00+00:00", "category": "newsletter", "policy": "2024"}
SAMPLE_COPY: dict[str, Any] = {
    **{key: [] for key in ("wishes", "disclosures", "holds", "notices", "postal_addresses", "clicks", "inbound")},
    "brand": "interpals",
    "exported_at": NOW.isoformat(),
    "controller": {"name": "Interpals", "postal_address": "1 Example Plaza", "authority": None, "seal": None},
    "data": {"email": "ada@people.example", "name": "Ada", "country": "US", "collected_at": "2026-01-01T00:00:00Z"},
    "standing": {"version": 3, "consents": ["newsletter"], "opted_out": ["promotional"], "channel": "email"},
    "basis": {"retention_days": 1095},
    "audiences": ["everyone"],
    "consents": [{"at": "2026-01-01T10:00:00Z", "given": True, "scope": "newsletter", "words": "Yes, write to me."}],
    "data_requests": [{"wanted": "copy", "asked_at": NOW.isoformat(), "due_at": "2026-12-29T12:00:00Z"}],
    "suppressions": [{"at": "2026-03-01T10:00:00Z", "scope": "promotional", "reason": "opt_out", "source": "page"}],
    "recipients_of_data": [
        {"processor": "relay-us", "country": "US", "fields": ["email", "name"], "last_at": "2026-11-02T09:00:00Z"}
    ],
    "deliveries": [
        {
            "mailing": str(MAILING),
            "category": "newsletter",
            "template": "weekly",
            "created_at": "2026-11-02T09:00:00Z",
            "state": "handed_over",
            "context": {"headline": "News of the week"},
            "own_context": None,
            "entries": [
                {**_ENTRY, "kind": "decision", "reason": "", "rule": "opt-in", "processor": None},
                {**_ENTRY, "kind": "hand_over", "processor": "relay-us", "country": "US", "fields": ["email"]},
                {**_ENTRY, "kind": "outcome", "reason": "accepted", "processor": "relay-us"},
            ],
        }
    ],
    "entries": [{**_ENTRY, "mailing": None, "kind": "action", "reason": "opt_out", "rule": "action:page"}],
    "also": {},
    "links": {"unsubscribe": "", "preferences": "", "report": ""},
    "opens": [{"day": "2026-11-02", "mailing": str(MAILING)}],
}
"""The data of a person, as a copy has them."""


class _Person:
    """The stores of one made-up person. What a page changes stays changed until the next page."""

    def __init__(self) -> None:
        consents = frozenset({"newsletter", "notification", "newsletter/chat-rooms"})
        self.standing = Standing(1, 1, "ada@people.example", consents=consents, country="US", source="sign-up")

    async def get_standing(self, brand: str, recipient_id: int) -> Standing:
        return replace(self.standing, generation=2) if recipient_id == OLD else self.standing

    async def record_opt_out(self, brand: str, recipient_id: int, scope: str, *more: object) -> OptOutResult:
        self.standing = replace(self.standing, opted_out=self.standing.opted_out | {scope})
        return OptOutResult(1, NOW)

    async def find_data_request(self, request_id: UUID) -> DataRequest | None:
        return DATA_REQUESTS[request_id]

    async def list_notices(self, brand: str | None) -> list[PublicNotice]:
        return [NOTICE] if brand == "interpals" else []

    async def store_request_within_limits(self, *which: object) -> None:
        return None

    async def read_mail_and_address_origin(self, *which: object) -> MailAndAddressOrigin:
        return MailAndAddressOrigin("invitation", "member-9", "sign-up", NOW, "2024", False)

    async def read_wishes_of_confirmation_mail(self, *which: object) -> list[PendingRequest]:
        return [PendingRequest("newsletter", "2024", "Newsletter", NOW), PendingRequest("promotional", "2024", "", NOW)]


def _site(person: _Person, links: SignedLinks) -> WebContext:
    folder = bundled_files.bundled_folder("policies")
    policies = parse_policies_in_force(bundled_files.read_texts_of_toml_files(folder), date(2026, 11, 29))
    none = cast(Any, SimpleNamespace())
    stores = dict.fromkeys(("consents", "suppressions", "inviters", "opens", "mailings", "reports", "rights"), none)
    return WebContext(
        public_url=SITE,
        links=links,
        policies=policies,
        standings=cast(Any, person),
        wishes=cast(Any, person),
        origins=cast(Any, person),
        requests=RequestStores(cast(Any, person), cast(Any, person)),
        public_notices=cast(Any, person),
        **stores,
        desks=none,
        outbox=none,
        publishers=none,
        console=none,
        admit=lambda event: None,
        registry=CollectorRegistry(),
        looks=load_brand_looks(folder, policies),
    )


def _email(text: str) -> dict[str, str]:
    return {"input[name=email]": text}


def _shots(links: SignedLinks) -> Iterator[Shot]:
    """Yields every recipients' page."""
    leave = links.unsubscribe_link(UnsubscribeToken("interpals", 1, "newsletter", MAILING, 1))
    yield Shot("leave-ask", leave)
    yield Shot("leave-done", leave, pressed="button[value=category]")
    yield Shot("leave-old-link", links.unsubscribe_link(UnsubscribeToken("interpals", OLD, "newsletter", MAILING, 1)))
    preferences = links.preferences_link(PreferencesToken("paltalk-2006", 1, 1))
    yield Shot("preferences", preferences)
    yield Shot("preferences-saved", preferences, ticked="[name=stop][value=newsletter]", pressed="button.main")
    yield Shot("confirm", links.confirmation_link(ConfirmToken("peerstream", 1, MAILING, 1)))
    yield Shot("report", links.recipient_report_link(MailReportToken("interpals", 1, MAILING, 1)))
    report = links.recipient_report_link(MailReportToken("paltalk-2002", 1, MAILING, 1))
    yield Shot("report-not-mine", report, pressed="button[name=not_mine]")
    yield Shot("close", links.unsubscribe_link(UnsubscribeToken("paltalk-2002", 1, SERVICE, MAILING, 1)))
    yield Shot("problem-stale", links.confirmation_link(ConfirmToken("paltalk-2006", OLD, MAILING, 1)))
    yield Shot("problem-bad-link", f"{SITE}/u/bad")
    yield Shot("problem-cut-off-link", leave[:-5])
    by_address = f"{SITE}/leave/interpals"
    yield Shot("leave-by-address", by_address)
    yield Shot(
        "leave-by-address-fault",
        by_address,
        typed=_email("ada at people.example"),
        pressed="button.main",
    )
    yield Shot("leave-by-address-done", by_address, typed=_email("ada@people.example"), pressed="button.main")
    form, typed = f"{SITE}/data/interpals", _email("ada@people.example")
    yield Shot("data-form", form)
    yield Shot("data-form-fault", form, typed=_email("ada at people.example"), pressed="button.main")
    yield Shot("data-form-done", form, typed=typed, ticked="[value=copy]", pressed="button.main")
    names = ("copy-ask", "correction-ask", "erasure-ask", "copy-done", "erasure-done", "waiting", "refused")
    for name, id_ in zip(names, DATA_REQUESTS, strict=True):
        yield Shot(f"data-{name}", links.data_request_link(DataRequestToken("interpals", 1, id_, 1)))
    correction = links.data_request_link(DataRequestToken("interpals", 1, UUID(int=2), 1))
    yield Shot("data-correction-fault", correction, pressed="button.main")
    yield Shot("data-copy", DATA_COPY)
    yield Shot("notices", f"{SITE}/notices/interpals")
    yield Shot("notices-none", f"{SITE}/notices/peerstream")


async def take_screenshot(
    browser: Browser, shot: Shot, view: View, app: FastAPI, folder: Path, headers: Mapping[str, str] = {}
) -> None:
    """Makes one screenshot of a page of an app, and prints what is wrong with it. `headers` go with each request."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=SITE, headers=headers) as client:
        page = await browser.new_page(
            viewport={"width": view.width, "height": 800}, color_scheme=cast(Any, view.scheme), locale=view.language
        )
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))

        async def answer(route: Route) -> None:
            asked = route.request
            if asked.url == DATA_COPY:
                page_of_data = personal_data_as_html(SAMPLE_COPY, choose_language(view.language))
                await route.fulfill(body=page_of_data, headers={"content-type": "text/html; charset=utf-8"})
                return
            sent = {name: value for name, value in asked.headers.items() if name in ("accept-language", "content-type")}
            got = await client.request(asked.method, asked.url, content=asked.post_data_buffer, headers=sent)
            await route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

        await page.route("**/*", answer)
        await page.goto(shot.path)
        await _press(page, shot)
        await page.screenshot(path=folder / f"{shot.name}-{view.name}.png", full_page=True)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > view.width:
            faults.append(f"is {wide} px wide")
        refused = [fault for fault in faults if "Failed to load resource" not in fault]  # a problem page has its status
        if refused:
            print(f"screenshots: {shot.name}-{view.name}: {'; '.join(refused)}", file=sys.stderr)
        await page.close()


async def _press(page: Page, shot: Shot) -> None:
    for where, text in shot.typed.items():
        await page.fill(where, text)
    if shot.ticked:
        await page.check(shot.ticked)
    if shot.pressed:
        await page.click(shot.pressed)


async def launch_chromium(playwright: Playwright) -> Browser | None:
    """Starts Playwright's Chromium, or that of the machine. Returns None if there is none."""
    for program in (None, shutil.which("chromium"), shutil.which("google-chrome")):
        try:
            return await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error:
            continue
    return None


async def make_screenshots(folder: Path) -> int:
    """Makes all screenshots, and returns their number; 0 if there is no Chromium."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        if browser is None:
            return 0
        links = SignedLinks(SITE, ["a secret for screenshots"])
        pairs = [(shot, view) for shot in _shots(links) for view in VIEWS]
        for shot, view in pairs:
            await take_screenshot(browser, shot, view, create_app(_site(_Person(), links)), folder)
        await browser.close()
        return len(pairs)


if __name__ == "__main__":
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    to.mkdir(parents=True, exist_ok=True)
    made = asyncio.run(make_screenshots(to))
    print(
        f"screenshots: {made} in {to}"
        if made
        else "screenshots: skipped, as there is no Chromium; install it, or run `playwright install chromium`"
    )
