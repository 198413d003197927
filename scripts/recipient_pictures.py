"""The recipients' pages for pictures: those of the web app over a made-up person, with no database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from prometheus_client import CollectorRegistry

from mailer import bundled_files
from mailer.brand_look_loading import load_brand_looks
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
from mailer.web.languages import choose_language_by_accept_language
from mailer.web.personal_data_html import personal_data_as_html
from scripts.picture_taking import NARROW, SAVED_DATA, SITE, VIEWS, WIDE, Shot, Sitting

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

    async def list_public_notices_in_force(self, brand: str | None, today: date) -> list[PublicNotice]:
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
    stores = dict.fromkeys(
        (
            "consents",
            "suppressions",
            "inviters",
            "opens",
            "mailings",
            "reports",
            "rights",
            "web_copies",
            "webhooks",
            "newsletters",
        ),
        none,
    )
    return WebContext(
        public_url=SITE,
        links=links,
        policies=policies,
        standings=cast(Any, person),
        wishes=cast(Any, person),
        origins=cast(Any, person),
        requests=RequestStores(cast(Any, person), cast(Any, person)),
        public_notices=cast(Any, person),
        pictures=none,
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


def _shots(links: SignedLinks, language: str) -> Iterator[Shot]:
    """Yields every recipients' page."""
    leave = links.unsubscribe_link(UnsubscribeToken("interpals", 1, "newsletter", MAILING, 1))
    yield Shot("leave-ask", leave)
    yield Shot("leave-done", leave, pressed="button[value=category]")
    yield Shot("leave-old-link", links.unsubscribe_link(UnsubscribeToken("interpals", OLD, "newsletter", MAILING, 1)))
    preferences = links.preferences_link(PreferencesToken("paltalk-2006", 1, 1))
    yield Shot("preferences", preferences)
    yield Shot("preferences-saved", preferences, ticked="[name=stop][value=newsletter]", pressed="button.main")
    yield Shot("confirm", links.confirmation_link(ConfirmToken("peerstream", 1, MAILING, 1)))
    yield Shot("report", links.link_to_report_mail(MailReportToken("interpals", 1, MAILING, 1)))
    report = links.link_to_report_mail(MailReportToken("paltalk-2002", 1, MAILING, 1))
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
    yield Shot(
        "data-copy",
        SAVED_DATA,
        page=personal_data_as_html(SAMPLE_COPY, "InterPals", choose_language_by_accept_language(language)),
    )
    yield Shot("notices", f"{SITE}/notices/interpals")
    yield Shot("notices-none", f"{SITE}/notices/peerstream")


def recipient_sittings() -> Iterator[Sitting]:
    """Yields every recipients' page, in English, and in Arabic from right to left. What is pressed has its own app."""
    links = SignedLinks(SITE, ["a secret for pictures"])
    for language, views in (("en", VIEWS), ("ar", (NARROW, WIDE))):
        name_end = "" if language == "en" else f"-{language}"
        shots = [
            replace(shot, name=f"{shot.name}{name_end}", language=language, views=views)
            for shot in _shots(links, language)
        ]
        yield Sitting(create_app(_site(_Person(), links)), [shot for shot in shots if not shot.pressed])
        for shot in shots:
            if shot.pressed:
                yield Sitting(create_app(_site(_Person(), links)), [shot])
