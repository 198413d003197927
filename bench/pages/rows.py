"""Each page with the address at which the benchmark opens it. A page without a row fails the benchmark."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi.routing import APIRoute

from bench.pages.fill import Filled
from mailer.rendering.link_tokens import (
    ClickToken,
    ConfirmToken,
    DataRequestToken,
    MailReportToken,
    OpenToken,
    PreferencesToken,
    UnsubscribeToken,
    WebCopyToken,
)
from mailer.rendering.signed_links import SignedLinks
from mailer.web.app import page_routes
from mailer.web.console.console_app import ROUTERS

BRAND = "interpals"
PICTURE = f"{100:032x}"
"""The id of one of the pictures with which the database is filled."""
NOT_LARGE = frozenset(
    {
        *("/console/static/{name}", "/healthz"),
        *("/console/sign-in/oidc", "/console/sign-in/oidc/callback", "/console/sign-in/oidc/out"),
    }
)
"""Pages that ask the database for nothing but a session; those of an identity provider wait for it."""


@dataclass(frozen=True)
class Known:
    """The figures that the pages show.

    Attributes:
        filled: the database.
        waiting: a mailing that waits for its release.
        person, letter, suppression, staff: ids.
        publisher: an identity, as text.
        policy: a brand's version, as the page of differences names it.
        confirmation, request: ids of a wish and of a request for data of the first person.
        received: the id of a letter that waits.
        imported: the id of an uploaded file whose columns were read.
        draft: the id of a campaign with revisions 1 and 2 that waits for its release.
        campaign: the id of a released campaign.
        breach: the id of a breach case whose first phase waits for its release, and its check.
        breach_check: the id of the check.
        told_breach: the id of a breach case whose first phase is released.
    """

    filled: Filled
    waiting: UUID
    letter: int
    suppression: int
    staff: int
    publisher: str
    policy: str
    join: str
    confirmation: UUID
    request: UUID
    received: UUID
    imported: UUID
    draft: UUID
    campaign: UUID
    breach: UUID
    breach_check: UUID
    told_breach: UUID


def get_routes() -> Iterator[str]:
    """The path of each page that is opened by GET, as its route has it."""
    console = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    for route in (*page_routes(), *console):
        if "GET" in (route.methods or ()):
            yield route.path


def console_rows(known: Known) -> dict[str, list[str]]:
    """The pages of the console: the paths to open, by the route's path."""
    mailing, first = f"/console/mailings/{known.filled.large}", f"/console/people/{BRAND}/{known.filled.first}"
    older = f"?before={known.filled.small}"
    return {
        "/console": ["/console", f"/console?brand={BRAND}"],
        "/console/sign-in": ["/console/sign-in"],
        "/console/second-step": ["/console/second-step"],
        "/console/join/{token}": [f"/console/join/{known.join}"],
        "/console/sessions": ["/console/sessions"],
        "/console/second-factors": ["/console/second-factors"],
        "/console/staff": ["/console/staff"],
        "/console/staff/{staff_id}": [f"/console/staff/{known.staff}"],
        "/console/people": ["/console/people"],
        "/console/people/{brand}/{person}": [first, f"{first}?before="],
        "/console/people/{brand}/{person}/acts/{act}": [f"{first}/acts/restrict", f"{first}/acts/erase"],
        "/console/suppressions": ["/console/suppressions"],
        "/console/suppressions/{brand}": [
            f"/console/suppressions/{BRAND}",
            f"/console/suppressions/{BRAND}?before={known.suppression}",
        ],
        "/console/suppressions/{brand}/{number}": [f"/console/suppressions/{BRAND}/{known.suppression}"],
        "/console/mailings": [
            "/console/mailings",
            f"/console/mailings{older}",
            "/console/mailings?state=OPEN",
            "/console/mailings?state=FINISHED&brand=peerstream",
            "/console/mailings?state=CANCELLED",
        ],
        "/console/mailings/{mailing_id}": [mailing, f"/console/mailings/{known.waiting}"],
        "/console/mailings/{mailing_id}/progress": [f"{mailing}/progress"],
        "/console/mailings/{mailing_id}/cancel": [f"/console/mailings/{known.waiting}/cancel"],
        "/console/mailings/{mailing_id}/reschedule": [f"/console/mailings/{known.waiting}/reschedule"],
        "/console/mailings/{mailing_id}/release": [f"/console/mailings/{known.waiting}/release"],
        "/console/pictures": ["/console/pictures"],
        "/console/pictures/to/{brand}": [
            f"/console/pictures/to/{BRAND}",
            f"/console/pictures/to/{BRAND}?before={PICTURE}",
        ],
        **_segment_and_list_rows(known),
        "/console/halts": ["/console/halts"],
        "/console/processors": ["/console/processors"],
        "/console/flow": ["/console/flow"],
        "/console/policies": ["/console/policies"],
        "/console/policies/compare": [f"/console/policies/compare?before={known.policy}&after={known.policy}"],
        "/console/policies/effects": [f"/console/policies/effects?before={known.policy}&after={known.policy}"],
        "/console/policies/{brand}": [f"/console/policies/{BRAND}"],
        "/console/ledger": ["/console/ledger"],
        "/console/publishers": ["/console/publishers"],
        "/console/publishers/one": [f"/console/publishers/one?who={known.publisher}"],
        "/console/publishers/revoke": [f"/console/publishers/revoke?who={known.publisher}"],
        "/console/letters": ["/console/letters"],
        "/console/letters/{mail_id}": [f"/console/letters/{known.received}"],
        **_import_rows(known),
        **_campaign_rows(known),
        **_breach_rows(known),
        "/console/dead": ["/console/dead", "/console/dead?kind=refused", f"/console/dead?before={known.letter}"],
        "/console/dead/replay": ["/console/dead/replay?kind=refused"],
        "/console/dead/{letter_id}": [f"/console/dead/{known.letter}"],
    }


def _campaign_rows(known: Known) -> dict[str, list[str]]:
    """The pages of campaigns: of one that waits for its release, and of a released one."""
    draft, campaign = f"/console/campaigns/{known.draft}", f"/console/campaigns/{known.campaign}"
    return {
        "/console/campaigns": [
            "/console/campaigns",
            f"/console/campaigns?brand={BRAND}&state=draft",
            "/console/campaigns?state=archived",
        ],
        "/console/campaigns/new": ["/console/campaigns/new", f"/console/campaigns/new?brand={BRAND}"],
        "/console/campaigns/{campaign_id}": [draft, campaign],
        "/console/campaigns/{campaign_id}/edit": [f"{draft}/edit?text=a@en&text=a@de"],
        "/console/campaigns/{campaign_id}/history": [f"{draft}/history", f"{draft}/history?before=1&after=2"],
        "/console/campaigns/{campaign_id}/preview": [f"{draft}/preview"],
        "/console/campaigns/{campaign_id}/preview-body": [f"{draft}/preview-body?locale=en"],
        "/console/campaigns/{campaign_id}/test": [f"{draft}/test"],
        "/console/campaigns/{campaign_id}/report": [f"{campaign}/report"],
        "/console/campaigns/{campaign_id}/report.csv": [f"{campaign}/report.csv"],
        "/console/campaigns/{campaign_id}/winner": [f"{campaign}/winner"],
        **_sending_rows(known.draft),
    }


def _breach_rows(known: Known) -> dict[str, list[str]]:
    """The pages of the breach desk: of a case that waits for its release, and of a released one."""
    route, own, told = "/console/breaches/{case_id}", f"/console/breaches/{known.breach}", known.told_breach
    phases = ("", "/preview", "/preview-body", "/test", "/audience", "/audience/files", "/check", "/check/progress")
    after = ("outcomes", "outcomes.csv", "public-notice", "reports", "samples", "letters", "pack")
    people = f"{own}/phases/1/people?manifest={known.breach_check}"
    return {
        "/console/breaches": ["/console/breaches", f"/console/breaches?brand={BRAND}"],
        "/console/breaches/new": ["/console/breaches/new"],
        "/console/breach-letters": ["/console/breach-letters"],
        route: [own, f"/console/breaches/{told}"],
        f"{route}/history": [f"{own}/history"],
        f"{route}/facts": [f"{own}/facts?step=when"],
        f"{route}/decision": [f"{own}/decision"],
        **{f"{route}/phases/{{phase}}{name}": [f"{own}/phases/1{name}"] for name in phases},
        f"{route}/phases/{{phase}}/people": [f"{people}&channel=mail", f"{people}&channel=letter&after=1000"],
        f"{route}/phases/{{phase}}/release": [f"{own}/phases/1/release", f"/console/breaches/{told}/phases/1/release"],
        f"{route}/phases/{{phase}}/second-look": [f"/console/breaches/{told}/phases/1/second-look"],
        f"{route}/phases/{{phase}}/stop": [f"/console/breaches/{told}/phases/1/stop"],
        **{f"{route}/{name}": [f"/console/breaches/{told}/{name}"] for name in after},
        f"{route}/reports/{{name}}": [f"/console/breaches/{told}/reports/gdpr-art-33"],
        f"{route}/samples/{{phase}}/{{variant}}/{{locale}}.{{kind}}": [
            f"/console/breaches/{told}/samples/1/elsewhere/en.html"
        ],
    }


def _import_rows(known: Known) -> dict[str, list[str]]:
    """The pages of imports."""
    return {
        "/console/imports": ["/console/imports", f"/console/imports?brand={BRAND}&before={known.imported}"],
        "/console/imports/to/{brand}": [f"/console/imports/to/{BRAND}"],
        "/console/imports/{import_id}": [f"/console/imports/{known.imported}"],
        "/console/imports/{import_id}/progress": [f"/console/imports/{known.imported}/progress"],
    }


def _segment_and_list_rows(known: Known) -> dict[str, list[str]]:
    """The pages of segments and lists: the paths to open, by the route's path."""
    segment, audience = f"/console/segments/{BRAND}/segment-1", f"/console/lists/{BRAND}/half"
    return {
        "/console/segments": ["/console/segments", f"/console/segments?brand={BRAND}"],
        "/console/segments/{brand}": [f"/console/segments/{BRAND}", f"/console/segments/{BRAND}?after=segment-150"],
        "/console/segments/{brand}/_new": [f"/console/segments/{BRAND}/_new"],
        "/console/segments/{brand}/{name}": [segment],
        "/console/segments/{brand}/{name}/edit": [f"{segment}/edit"],
        "/console/segments/{brand}/{name}/people": [f"{segment}/people"],
        "/console/segments/{brand}/{name}/delete": [f"{segment}/delete"],
        "/console/lists": ["/console/lists", f"/console/lists?brand={BRAND}"],
        "/console/lists/{brand}": [f"/console/lists/{BRAND}"],
        "/console/lists/{brand}/{name}": [audience, f"{audience}?after={known.filled.first}"],
        "/console/lists/{brand}/{name}/delete": [f"{audience}/delete"],
    }


def _sending_rows(campaign_id: UUID) -> dict[str, list[str]]:
    """The pages from the check to the sending of a campaign, whose check has the same id."""
    route, own = "/console/campaigns/{campaign_id}", f"/console/campaigns/{campaign_id}"
    names = ("check", "check/progress", "schedule", "release", "sending", "sending/progress", "cancel")
    people = f"{own}/audience?manifest={campaign_id}"
    return {
        **{f"{route}/{name}": [f"{own}/{name}"] for name in names},
        f"{route}/audience": [f"{people}&result=send", f"{people}&result=suppress&reason=opted_out&after=1000"],
    }


def recipient_rows(known: Known, links: SignedLinks) -> dict[str, list[str]]:
    """The pages for recipients: the addresses to open, by the route's path."""
    first, large = known.filled.first, known.filled.large
    view = links.web_copy_link(WebCopyToken(BRAND, first, large, 1))
    return {
        "/u/{token}": [links.unsubscribe_link(UnsubscribeToken(BRAND, first, "newsletter", large, 1))],
        "/preferences/{token}": [links.preferences_link(PreferencesToken(BRAND, first, 1))],
        "/confirm/{token}": [links.confirmation_link(ConfirmToken(BRAND, first, known.confirmation, 1))],
        "/report/{token}": [links.link_to_report_mail(MailReportToken(BRAND, first, large, 1))],
        "/data-request/{token}": [links.data_request_link(DataRequestToken(BRAND, first, known.request, 1))],
        "/o/{token}.gif": [
            links.pixel_url(OpenToken(large, "nonce")),
            links.pixel_url(OpenToken(large, None, first, 1)),
        ],
        "/c/{token}": [links.click_url(ClickToken(large, "https://interpals.example/", "nonce"))],
        "/view/{token}": [view],
        "/view/{token}/mail": [f"{view}/mail"],
        "/m/{picture_id}": [f"/m/{PICTURE}"],
        "/leave/{brand}": [f"/leave/{BRAND}"],
        "/data/{brand}": [f"/data/{BRAND}"],
        "/notices/{brand}": [f"/notices/{BRAND}"],
        "/notices/{brand}/feed.atom": [f"/notices/{BRAND}/feed.atom"],
        "/archive/{brand}": [f"/archive/{BRAND}"],
        "/archive/{brand}/feed.xml": [f"/archive/{BRAND}/feed.xml"],
        "/archive/{brand}/{campaign_id}": [f"/archive/{BRAND}/{known.campaign}"],
        "/archive/{brand}/{campaign_id}/mail": [f"/archive/{BRAND}/{known.campaign}/mail"],
    }


def routes_without_row(rows: dict[str, Any]) -> list[str]:
    """The pages that nobody has written a row for, and rows of pages that are gone."""
    return sorted(({*get_routes()} - NOT_LARGE) ^ rows.keys())
