"""The stores and counters of the web, and the dependencies that pass them to routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.exceptions import HTTPException

from mailer.actions.account_events import AccountEventStoresOpener
from mailer.actions.confirmation_requests import ConfirmationRequestDependencies
from mailer.actions.confirmed_requests import ConfirmationStores
from mailer.actions.data_requests import DataRequestStores
from mailer.actions.newsletter_archive import NewsletterArchive
from mailer.actions.web_copies import WebCopyRenderer
from mailer.events import MessageEvent
from mailer.nonblocking_event_parser import NonblockingEventParser
from mailer.policy.policy_file import Policy
from mailer.ports.consents import ConsentStore
from mailer.ports.inviter_pauses import InviterPauseStore
from mailer.ports.mail_origins import MailAndAddressOriginReader
from mailer.ports.mailings import MailingStore
from mailer.ports.open_and_click_counts import OpenAndClickCounter
from mailer.ports.outbox import Outbox
from mailer.ports.pending_requests import PendingRequestStore
from mailer.ports.privacy_rights import PrivacyRightsStore
from mailer.ports.public_notices import PublicNoticeStore
from mailer.ports.publishers import PublisherStore
from mailer.ports.received_webhooks import WebhookReceiver
from mailer.ports.reports import ReportStore
from mailer.ports.request_stores import RequestStores
from mailer.ports.requests_identified_by_address import RequestLimitKind
from mailer.ports.standings import StandingStore
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.signed_links import SignedLinks
from mailer.web.brand_look import BrandLook
from mailer.web.console.console_context import ConsoleContext
from mailer.web.kept_pictures import KeptPictures


@dataclass(frozen=True, slots=True)
class WebContext:
    """The stores, policies and links that the pages and the API use.

    Attributes:
        public_url: the public address of the site, such as `https://mail.example.org`.
        policies: the current policies, by brand.
        desks: opens the stores that account events change.
        admit: checks an event against policies and templates; raises `EventRefused`.
        registry: the registry of the site's own counters.
        looks: the looks of the brands' pages, by brand; a brand without one has a plain look.
        console: what the pages of staff need.
    """

    public_url: str
    links: SignedLinks
    policies: Mapping[str, Policy]
    standings: StandingStore
    consents: ConsentStore
    suppressions: SuppressionStore
    wishes: PendingRequestStore
    inviters: InviterPauseStore
    requests: RequestStores
    public_notices: PublicNoticeStore
    pictures: KeptPictures
    origins: MailAndAddressOriginReader
    opens: OpenAndClickCounter
    mailings: MailingStore
    reports: ReportStore
    rights: PrivacyRightsStore
    desks: AccountEventStoresOpener
    outbox: Outbox
    publishers: PublisherStore
    admit: Callable[[MessageEvent], object]
    registry: CollectorRegistry
    console: ConsoleContext
    web_copies: WebCopyRenderer
    webhooks: WebhookReceiver
    newsletters: NewsletterArchive
    reader: NonblockingEventParser = field(default_factory=NonblockingEventParser)
    looks: Mapping[str, BrandLook] = field(default_factory=dict)

    @property
    def is_https(self) -> bool:
        """True if the site is reached by HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def links_and_store_to_ask_confirmation(self) -> ConfirmationRequestDependencies:
        """Returns the links and the store that a confirmation request needs."""
        return ConfirmationRequestDependencies(self.links, self.wishes)

    @property
    def confirmation_stores(self) -> ConfirmationStores:
        """Returns the stores that a confirmation may change."""
        return ConfirmationStores(self.wishes, self.consents, self.standings, self.suppressions)

    @property
    def data_request_stores(self) -> DataRequestStores:
        """Returns the stores that a data request may read or change."""
        return DataRequestStores(self.requests.data, self.rights, self.desks)


class WebCounters:
    """The site's counters. Labels come from short fixed lists: never a token, an address or a path."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Registers the counters."""
        self.requests = Counter(
            "mailer_http_requests", "Requests, by route and status.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "mailer_http_request_seconds",
            "Duration of requests, by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self.opt_outs = Counter(
            "mailer_opt_outs", "Opt-outs by link; * is everything optional.", ["brand", "scope"], registry=registry
        )
        self.opens = Counter(
            "mailer_opens",
            "Fetches of a pixel, by people and by machines, counted once their hour is over.",
            ["by"],
            registry=registry,
        )
        self.clicks = Counter(
            "mailer_clicks",
            "Clicks on tracked links, by people and by machines, counted once their hour is over.",
            ["by"],
            registry=registry,
        )
        self.requests_by_address = Counter(
            "mailer_leave_requests",
            "Requests by an address, to leave or for data: stored, without an address or choice, or over which limit.",
            ["result"],
            registry=registry,
        )
        for result in ("stored", "no_address", "no_choice", *(f"over_{limit}_limit" for limit in RequestLimitKind)):
            self.requests_by_address.labels(result)

    def count_request_with_typed_address(self, limit: RequestLimitKind | None) -> None:
        """Counts a request with an address: stored, or over a limit."""
        self.requests_by_address.labels("stored" if limit is None else f"over_{limit}_limit").inc()


async def _context_of_request(request: Request) -> WebContext:
    site: WebContext = request.app.state.site
    return site


async def _counters_of_request(request: Request) -> WebCounters:
    meters: WebCounters = request.app.state.meters
    return meters


TheSite = Annotated[WebContext, Depends(_context_of_request)]
TheMeters = Annotated[WebCounters, Depends(_counters_of_request)]


async def find_policy_and_recipient_or_404(site: WebContext, brand: str, ref: str) -> tuple[Policy, int]:
    """Returns the policy of a brand, and the id of its recipient with a ref.

    Raises:
        HTTPException: 404, with the same words whether the brand or the recipient is unknown.
    """
    policy = site.policies.get(brand)
    recipient_id = await site.standings.find_recipient_id(brand, ref) if policy else None
    if policy is None or recipient_id is None:
        raise HTTPException(404, f"{brand} has no recipient {ref}; events and imports make people known")
    return policy, recipient_id
