"""A site whose every dependency is in memory, for the tests of the web room. The fakes do what the web asks of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest

import mailer.ports.mailings
import mailer.ports.outbox
import mailer.ports.publishers
import mailer.ports.reports
import mailer.ports.standings
from mailer.actions.newsletter_archive import NewsletterArchive
from mailer.actions.web_copies import WebCopyRenderer
from mailer.brand_look_loading import load_brand_looks
from mailer.events import EventRefused, MessageEvent
from mailer.policy.limits_set_by_recipient import OwnLimit, OwnPause
from mailer.policy.policy_file import parse_policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import Publisher
from mailer.policy.standing import Standing
from mailer.ports.broker import BrokerMessage
from mailer.ports.captured_mail import CapturedMail
from mailer.ports.mailings import MailingStatus
from mailer.ports.open_and_click_counts import (
    MailedRecipientStanding,
    PixelOrLinkFetchToCount,
    WrittenOpenAndClickCounts,
)
from mailer.ports.reports import AdvertiserCampaignReport
from mailer.ports.standings import OptOutResult
from mailer.postgres.account_event_stores import build_account_event_stores_opener
from mailer.postgres.attention_figures import PostgresAttentionFigures
from mailer.postgres.campaign_reports import PostgresCampaignReports
from mailer.postgres.mail_and_address_origins import PostgresMailAndAddressOrigins
from mailer.postgres.newsletter_archive import PostgresArchivedNewsletters
from mailer.postgres.pictures import PostgresPictures
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.link_tokens import OpenToken, UnsubscribeToken
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.web.app import WebContext, create_app
from mailer.web.console.console_context import build_console_context
from mailer.web.kept_pictures import KeptPictures
from tests import factories
from tests.console_operations import console_operations_over
from tests.hours import opens_of
from tests.publishers import everything
from tests.webhooks import webhook_reception_over

MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
POLICIES = Path(__file__).parents[2] / "policies"
KEY = "key-of-the-shop"
PUBLIC_URL = "https://mail.example"


class Standings:
    """Standings of a brand's recipients, and a log of their changes."""

    def __init__(self) -> None:
        self.rows = {("interpals", 17): Standing(17, 1, "ada@people.example")}
        self.changes: list[tuple[str, int, str, str]] = []
        self.broken = False

    async def get_standing(self, brand: str, recipient_id: int) -> Standing | None:
        """The person's standing."""
        return self.rows.get((brand, recipient_id))

    async def record_opt_out(
        self, brand: str, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
    ) -> OptOutResult | None:
        """Adds to the opt-outs."""
        if self.broken:
            raise ConnectionError("no route to ada@people.example")
        standing = self.rows.get((brand, recipient_id))
        if standing is None:
            return None
        self.changes.append((brand, recipient_id, scope, source))
        self.rows[brand, recipient_id] = replace(standing, opted_out=standing.opted_out | {scope})
        return OptOutResult()

    async def record_own_limit(
        self,
        brand: str,
        recipient_id: int,
        limit: OwnLimit,
        source: str,
        actor: str,
        mailing_id: UUID | None = None,
        since: datetime | None = None,
    ) -> OptOutResult | None:
        """Adds to the limits."""
        standing = self.rows.get((brand, recipient_id))
        if standing is None:
            return None
        if isinstance(limit, OwnPause):
            until = datetime.now(UTC) + timedelta(days=limit.days)
            self.rows[brand, recipient_id] = replace(standing, paused_until=until)
        else:
            self.rows[brand, recipient_id] = replace(standing, own_cap=limit)
        return OptOutResult()


class Opens:
    """Counted opens, as (mailing, machine)."""

    def __init__(self) -> None:
        self.counted: list[tuple[UUID, bool]] = []
        self.parked: list[tuple[UUID, bool]] = []
        self.wrote = asyncio.Event()
        self.broken = self.away = False

    def count_open(self, trace: PixelOrLinkFetchToCount) -> None:
        """Counts one open."""
        if self.broken:
            raise ConnectionError("the database is gone")
        self.counted.append((trace.mailing_id, trace.machine))

    def count_click(self, trace: PixelOrLinkFetchToCount, link: str) -> None:
        """Counts nothing: the tests of clicks have a real database."""

    async def find_standing_of_mailed_recipient(
        self, mailing_id: UUID, recipient_id: int
    ) -> MailedRecipientStanding | None:
        """Finds nobody: the tests of individual opens have a real database."""
        return None

    def seconds_to_next_hour(self) -> float:
        """Returns 0: the hour is over."""
        return 0

    async def write_counts_of_finished_hours(self) -> WrittenOpenAndClickCounts:
        """Writes all counts, unless the database is away."""
        if self.away:
            raise ConnectionError("the database is gone")
        written = Counter(machine for _, machine in self.counted)
        self.counted.clear()
        self.wrote.set()
        return WrittenOpenAndClickCounts(written, {})

    async def save_counts_for_next_process(self) -> None:
        """Keeps the counts."""
        self.parked = list(self.counted)


class Mailings:
    """Mailings that were taken in, by brand and event."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], MailingStatus] = {}
        self.differs: tuple[str, ...] = ()

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """A mailing that a test put there."""
        return self.rows.get((brand, event_id))

    async def fields_differing_from_known_event(self, event: MessageEvent) -> tuple[str, ...]:
        """Returns what a test says."""
        return self.differs


class Reports:
    """Reports that a test put there, by brand and campaign."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], AdvertiserCampaignReport] = {}

    async def get_or_issue_campaign_report(
        self, brand: str, campaign: str, minimum: int
    ) -> AdvertiserCampaignReport | None:
        """Finds a report."""
        return self.rows.get((brand, campaign))


class Outbox:
    """A stand-in for the outbox. It keeps the parked messages."""

    def __init__(self) -> None:
        self.parked: list[tuple[str, BrokerMessage]] = []

    async def add_messages(self, exchange: str, messages: Sequence[BrokerMessage]) -> None:
        """Keeps messages."""
        self.parked.extend((exchange, message) for message in messages)


class Keys:
    """One key, for one brand."""

    async def find_publisher_by_api_key(self, key: str) -> Publisher | None:
        """The shop, for its key."""
        return Publisher(Identity.parse_identity("key:shop"), everything("interpals")) if key == KEY else None


@dataclass(frozen=True)
class Mail:
    """A captured mail."""

    id: str
    subject: str
    html: str | None
    text: str | None
    headers: Sequence[tuple[str, str]]
    at: datetime = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    recipients: Sequence[str] = ("ada@people.example",)
    author: str = "InterPals Letters <letters@mail.interpals.example>"
    raw: bytes = b"Subject: raw\r\n\r\nraw\r\n"

    @property
    def feedback_id(self) -> str | None:
        """The field of that name."""
        return next((value for name, value in self.headers if name.lower() == "feedback-id"), None)


class Mails:
    """An inbox of such mails."""

    def __init__(self, mails: Sequence[Mail]) -> None:
        self.mails = mails

    def list_mails(self) -> Sequence[CapturedMail]:
        """Lists all mails."""
        return self.mails

    def get_mail(self, id: str) -> CapturedMail | None:
        """Finds a mail."""
        return next((mail for mail in self.mails if mail.id == id), None)


_elsewhere: Any = None
"""A part that only pages need. Their tests have a real database (`site_over`)."""


@dataclass
class World:
    """All parts that a site stands on."""

    public_url: str = "https://mail.example"
    standings: Standings = field(default_factory=Standings)
    opens: Opens = field(default_factory=Opens)
    mailings: Mailings = field(default_factory=Mailings)
    reports: mailer.ports.reports.ReportStore = field(default_factory=Reports)
    outbox: Outbox = field(default_factory=Outbox)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    on_admit: Callable[[MessageEvent], object] = lambda event: None

    def __post_init__(self) -> None:
        self.links = SignedLinks(self.public_url, ["a secret for tests"])
        policies = [parse_policy(file.read_text(), file.name, factories.law()) for file in POLICIES.glob("*.toml")]
        self.policies = {policy.brand: policy for policy in policies}

    @cached_property
    def app(self) -> FastAPI:
        """The application over this world."""
        return create_app(
            WebContext(
                public_url=self.public_url,
                links=self.links,
                policies=self.policies,
                standings=cast(mailer.ports.standings.StandingStore, self.standings),
                consents=_elsewhere,
                suppressions=_elsewhere,
                wishes=_elsewhere,
                inviters=_elsewhere,
                requests=_elsewhere,
                public_notices=_elsewhere,
                pictures=_elsewhere,
                origins=_elsewhere,
                opens=self.opens,
                mailings=cast(mailer.ports.mailings.MailingStore, self.mailings),
                reports=self.reports,
                rights=_elsewhere,
                desks=_elsewhere,
                outbox=cast(mailer.ports.outbox.Outbox, self.outbox),
                publishers=cast(mailer.ports.publishers.PublisherStore, Keys()),
                admit=self._admit,
                console=_elsewhere,
                web_copies=_elsewhere,
                webhooks=_elsewhere,
                newsletters=_elsewhere,
                registry=self.registry,
                looks=load_brand_looks(POLICIES, self.policies),
            )
        )

    def unsubscribe(
        self,
        category: str = "newsletter",
        brand: str = "interpals",
        recipient_id: int = 17,
        generation: int | None = 1,
    ) -> str:
        """The path of an unsubscribe link."""
        link = self.links.unsubscribe_link(UnsubscribeToken(brand, recipient_id, category, MAILING, generation))
        return link.removeprefix(self.public_url)

    def pixel(self) -> str:
        """The path of the mailing's pixel."""
        return self.links.pixel_url(OpenToken(MAILING)).removeprefix(self.public_url)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that speaks to the application directly."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            yield client

    @property
    def metrics(self) -> str:
        """The count, as `/metrics` shows it."""
        return generate_latest(self.registry).decode()

    def _admit(self, event: MessageEvent) -> object:
        if event.template == "unknown":
            raise EventRefused(["template: interpals has no template unknown; there are weekly"])
        return self.on_admit(event)


@asynccontextmanager
async def browse(
    world: factories.World, keys: Sequence[str] = (factories.KEY,), **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a site over a real database; it sends these header fields."""
    transport = httpx.ASGITransport(create_app(site_over(world, keys)))
    agent = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=agent | headers) as client:
        yield client


def site_over(world: factories.World, keys: Sequence[str] = (factories.KEY,)) -> WebContext:
    """A site over a real database."""
    links = SignedLinks(PUBLIC_URL, keys)
    web_copies = WebCopyRenderer(
        PostgresMailAndAddressOrigins(world.pool),
        world.mailings,
        world.deliveries,
        lambda: MailingRendererCache(world.policies, factories.templates(), links, None),
    )
    return WebContext(
        public_url=PUBLIC_URL,
        links=links,
        policies=world.policies,
        standings=world.standings,
        consents=world.consents,
        suppressions=world.suppressions,
        wishes=world.wishes,
        inviters=world.inviters,
        requests=world.requests,
        public_notices=PostgresPublicNotices(world.pool, world.writers),
        pictures=KeptPictures(PostgresPictures(world.pool, world.writers)),
        origins=PostgresMailAndAddressOrigins(world.pool),
        opens=opens_of(world),
        mailings=world.mailings,
        reports=PostgresCampaignReports(world.pool),
        rights=world.rights,
        desks=build_account_event_stores_opener(
            world.pool, world.writers, world.hasher, links, factories.controllers()
        ),
        outbox=world.outbox,
        publishers=world.publishers,
        admit=partial(check_event_and_get_template, policies=world.policies, templates=factories.templates()),
        registry=CollectorRegistry(),
        looks=load_brand_looks(POLICIES, world.policies),
        console=build_console_context(
            PUBLIC_URL,
            keys,
            world.people,
            world.staff,
            PostgresAttentionFigures(world.pool),
            console_operations_over(world),
        ),
        web_copies=web_copies,
        webhooks=webhook_reception_over(world),
        newsletters=NewsletterArchive(PostgresArchivedNewsletters(world.pool), web_copies, PUBLIC_URL),
    )
