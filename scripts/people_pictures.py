"""The console's pages about people and suppressions for pictures: over made-up people, with no database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from prometheus_client import CollectorRegistry

from mailer import bundled_files
from mailer.actions.people_look_up import PersonLookUpAndActStores
from mailer.policy.history_paging import HistoryPlace
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.staff_rights import RoleAtBrand, StaffMember, StaffRole
from mailer.policy.standing import Standing
from mailer.ports.consents import Consent, StoredConsent
from mailer.ports.halts import HaltInForce
from mailer.ports.person_history import (
    ConsentOfHistory,
    HistoryPage,
    LedgerEntryOfHistory,
    ListedRecipient,
    MailOfHistory,
    PendingRequestOfHistory,
)
from mailer.ports.staff import StaffSession
from mailer.ports.suppressions import Suppression
from mailer.rendering.signed_links import SignedLinks
from mailer.web.app import WebContext, create_app
from mailer.web.console.console_context import build_console_context
from scripts.picture_taking import SITE, Shot, Sitting

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BRAND = "interpals"
_MAILING = UUID("019acf2c-0000-7000-8000-000000000001")
_ADA = ListedRecipient(
    17, BRAND, "user-17", "ada@people.example", "Ada Lovelace", "en-GB", "GB", "active", ["newsletter"], NOW
)
_LAYLA = ListedRecipient(
    19, BRAND, "مستخدم-19", "layla@people.example", "ليلى حداد (Layla)", "ar-EG", "EG", "active", ["newsletter"], NOW
)
"""A person whose name is written from right to left."""


def _at(hours: int, key: str) -> HistoryPlace:
    return HistoryPlace(NOW - timedelta(hours=hours), key)


def _mail(number: int, template: str, category: str, state: str, reason: str, rule: str | None) -> MailOfHistory:
    at = int((NOW - timedelta(hours=number)).timestamp() * 1000)
    said = NOW - timedelta(hours=number) + timedelta(seconds=4)
    mailing, ended = UUID(int=at << 80), (said, reason, rule, "2024", "relay-us")
    return MailOfHistory(mailing, f"event-{number}", category, template, "spring", None, state, reason, None, *ended)


_HISTORY = HistoryPage(
    (
        LedgerEntryOfHistory(
            _at(0, "l9"), "access", "looked-up", None, "access:console", "person:Dana Duty", (),
            "from 192.0.2.0/24: ticket 4711, asks why no newsletter comes",
        ),
        _mail(20, "weekly", "newsletter", "suppressed", "opted_out", "opt-out"),
        LedgerEntryOfHistory(_at(40, "l8"), "action", "opt_out", "newsletter", "action:page", None, (), None),
        PendingRequestOfHistory(_at(50, "r1"), "promotional", "2024", "Yes, send me offers.", NOW, None, False),
        _mail(90, "weekly", "newsletter", "handed_over", "accepted", None),
        ConsentOfHistory(
            _at(120, "c1"),
            StoredConsent(
                "user-17",
                Consent(
                    "newsletter", True, "confirmed", "2024", "Yes, send me the newsletter.", "recipient",
                    NOW - timedelta(hours=120), "confirmation 019acf2c",
                ),
                BRAND, NOW, True,
            ),
        ),
        _mail(130, "confirm-subscription", "rights", "handed_over", "accepted", None),
    ),
    _at(130, "m1"),
)  # fmt: skip


def _stop(number: int, scope: str, reason: str, brand: str | None = BRAND) -> Suppression:
    at, hashed = NOW - timedelta(hours=40 * number), f"{number:x}" * 64
    return Suppression(number, brand, scope, reason, "page", "recipient", at, None, None, None, None, hashed[:64], "k1")


_STOPS = [_stop(3, "newsletter", "opt_out"), _stop(2, "*", "objection", None), _stop(1, "promotional", "complaint")]


class _Desk:
    """The stores of one made-up person, and of the person who looks."""

    async def find_people(self, brands: object, text: str) -> list[ListedRecipient]:
        return [_ADA, _ADA] if text == "ada@people.example" else []

    async def find_recipient_by_id(self, brand: str, recipient_id: int) -> ListedRecipient:
        return _LAYLA if recipient_id == _LAYLA.id else _ADA

    async def read_history_page(self, *which: object) -> HistoryPage:
        return _HISTORY

    async def read_template_names(self, *which: object) -> dict[UUID, str]:
        return {}

    async def record_look_up(self, *what: object) -> None:
        return None

    async def has_looked_person_up_within(self, brand: str, recipient_id: int, *more: object) -> bool:
        return recipient_id in (_ADA.id, _LAYLA.id)

    async def get_standing(self, *which: object) -> Standing:
        consents = frozenset({"notification"})
        left = frozenset({"newsletter"})
        return Standing(17, 4, _ADA.email, opted_out=left, consents=consents, source="sign-up", collected_under="2024")

    async def all_suppressions_of_recipient(self, *which: object) -> list[Suppression]:
        return _STOPS[:1]

    async def all_suppressions_of_address(self, *which: object) -> list[Suppression]:
        return _STOPS

    async def list_suppressions_in_force(self, *which: object) -> list[Suppression]:
        return _STOPS

    async def get_suppression_by_id(self, *which: object) -> Suppression:
        return _STOPS[0]

    async def lift_suppression(self, *which: object, **more: object) -> bool:
        return True

    async def set_standing_flag(self, *which: object) -> bool:
        return True

    async def list_halts_except_those_of_mailings(self, *which: object) -> list[HaltInForce]:
        return []

    async def find_session(self, token: str) -> StaffSession:
        roles = frozenset({RoleAtBrand(StaffRole.PRIVACY_OFFICER)})
        member = StaffMember(1, parse_person_identity("Dana Duty"), "dana@work.example", roles)
        return StaffSession(1, member, True, True, NOW, NOW, NOW + timedelta(days=1), "192.0.2.0/24")


def site_of_made_up_person(links: SignedLinks) -> WebContext:
    """Returns a site whose console is over a made-up person."""
    folder = bundled_files.bundled_folder("policies")
    policies = parse_policies_in_force(bundled_files.read_texts_of_toml_files(folder), date(2026, 11, 29))
    desk, none = cast(Any, _Desk()), cast(Any, SimpleNamespace(read_attention_figures=None))
    stores = SimpleNamespace(standings=desk, suppressions=desk, rights=desk)
    people = PersonLookUpAndActStores(policies, desk, desk, desk, desk, cast(Any, lambda *which: stores))
    staff, operations = cast(Any, SimpleNamespace(sign_in=desk)), cast(Any, SimpleNamespace(halts=desk))
    names = (
        "standings",
        "consents",
        "suppressions",
        "wishes",
        "inviters",
        "requests",
        "public_notices",
        "pictures",
        "origins",
        "opens",
    )
    more = ("web_copies", "newsletters", "webhooks", "mailings", "reports", "rights", "desks", "outbox", "publishers")
    return WebContext(
        public_url=SITE,
        links=links,
        policies=policies,
        **dict.fromkeys((*names, *more), none),
        admit=lambda event: None,
        registry=CollectorRegistry(),
        console=build_console_context(SITE, ["a secret for pictures"], people, staff, none, operations),
    )


def _typed(who: str, reason: str = "ticket 7") -> dict[str, str]:
    return {"[name=who]": who, "#reason": reason}


def _shots() -> Iterator[Shot]:
    """Yields every page of people and suppressions."""
    people, person = f"{SITE}/console/people", f"{SITE}/console/people/{BRAND}/17"
    yield Shot("people", people)
    yield Shot(
        "people-found", people, {"[name=who]": "ada@people.example", "#reason": "ticket 7"}, pressed="button.main"
    )
    yield Shot(
        "people-nobody", people, {"[name=who]": "eve@people.example", "#reason": "ticket 7"}, pressed="button.main"
    )
    yield Shot("people-refused", people, {"[name=who]": "user-17", "#reason": " "}, pressed="button.main")
    yield Shot("person", person)
    yield Shot("person-rtl-name", f"{people}/{BRAND}/{_LAYLA.id}")
    yield Shot("person-reason", f"{people}/{BRAND}/18")
    for act in ("opt_out", "rectify", "hold", "erase"):
        yield Shot(f"person-{act.replace('_', '-')}", f"{person}/acts/{act}")
    yield Shot("person-done", f"{person}/acts/restrict", {"#reason": "ticket 7"}, pressed="button.main")
    stops = f"{SITE}/console/suppressions"
    yield Shot("suppression-brands", stops)
    yield Shot("suppressions", f"{stops}/{BRAND}")
    yield Shot("suppressions-explained", f"{stops}/{BRAND}", _typed("ada@people.example"), pressed="main form button")
    yield Shot("suppression", f"{stops}/{BRAND}/3")
    yield Shot("suppression-lifted", f"{stops}/{BRAND}/3", {"#reason": "ticket 9"}, pressed="button.main")


def people_sitting() -> Sitting:
    """Returns the console's pages of people and suppressions, over made-up people."""
    app = create_app(site_of_made_up_person(SignedLinks(SITE, ["a secret for pictures"])))
    shots = [replace(shot, name=f"console-{shot.name}") for shot in _shots()]
    return Sitting(app, shots, {"__Host-mailer": "any"}, {"sec-fetch-site": "same-origin"})
