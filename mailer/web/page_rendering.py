"""The pages as HTML: self-contained, without scripts, in the reader's language."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.policy.moment_wording import moment_in_words
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.web.address_masking import mask_address
from mailer.web.brand_look import PLAIN_LOOK, BrandLook
from mailer.web.broken_link_brand import brand_in_broken_link
from mailer.web.languages import DEFAULT, LANGUAGES, LanguagePreferences, PageLanguage, choose_preferred_language
from mailer.web.page_brand_and_locale import page_brand_and_locale_of_request
from mailer.web.web_context import WebContext

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    auto_reload=False,  # it would look at each file for each page
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@lru_cache(maxsize=1000)
def _content_security_policy(styles: str) -> str:
    """Returns a policy that allows only this inline stylesheet, data images, and our own forms and frames (CSP 3)."""
    digest = hashlib.sha256(styles.encode()).digest()
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; img-src data:; "
        "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


_STYLES = {sheet: _TEMPLATES.get_template(sheet).render() for sheet in ("page.css", "inbox.css")}


class ProblemName(StrEnum):
    """The problems that a page without a brand can show. The values are the names of texts."""

    BAD_LINK = "bad_link"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAILED = "failed"
    GONE = "gone"
    STALE = "stale"
    VIEW_NOT_SENT = "view_not_sent"
    TEST_LINK = "test_link"
    VIEW_UNSHOWABLE = "view_unshowable"


class UnsubscribeStep(StrEnum):
    """The steps of unsubscribing by a link. The values are the names of texts."""

    ASK = "ask"
    DONE = "done"
    LEFT = "left"
    UNDONE = "undone"
    LATE = "undo_late"
    MAILED = "mailed"
    PAUSED = "own_pause"
    WEEKLY = "own_cap_weekly"
    MONTHLY = "own_cap_monthly"


@dataclass(frozen=True, slots=True)
class UnsubscribePageValues:
    """The values of an unsubscribe page.

    Attributes:
        scope: the scope of the link: a category or `EVERYTHING_OPTIONAL`.
        opted_out: the scopes that the person has left; `EVERYTHING_OPTIONAL` may be among them.
        footer: the value of the switch `service_footer` for this person.
        about: the person's address; None if the link is not for the address on record. The page then shows nothing
            about the mail that the person gets.
        undo: the value that undoes the opt-out of this page; None if there is nothing to undo.
        gets: the optional categories that the person gets at present.
        announced: the name of the text about announcements that cannot be left; None if the person gets none.
        paused_until, own_cap: the person's own limits; None if there are none, or if the page may not show them.
    """

    policy: Policy
    step: UnsubscribeStep
    scope: str
    opted_out: frozenset[str]
    footer: str
    about: str | None = None
    undo: str | None = None
    gets: frozenset[str] = frozenset()
    announced: str | None = None
    paused_until: datetime | None = None
    own_cap: str | None = None

    @property
    def is_resubscribing_possible(self) -> bool:
        """Tells whether the person may ask for the mail again, which sends a confirmation mail."""
        return self.about is not None and self.step in (
            UnsubscribeStep.DONE,
            UnsubscribeStep.LEFT,
            UnsubscribeStep.LATE,
        )

    @property
    def is_pausing_offered(self) -> bool:
        """Tells whether the page offers a pause or an own cap: there is optional mail left, and no pause shown yet."""
        return (
            self.step in (UnsubscribeStep.DONE, UnsubscribeStep.LEFT)
            and bool(self.leavable_categories)
            and self.paused_until is None
        )

    @property
    def has_left_or_leaves_everything(self) -> bool:
        """Tells whether the person has left all optional mail, or would leave it by this page's button."""
        return EVERYTHING_OPTIONAL in self.opted_out or (
            self.step is UnsubscribeStep.ASK and self.scope == EVERYTHING_OPTIONAL
        )

    @property
    def optional_categories(self) -> list[str]:
        """Returns the names of the brand's optional categories."""
        return [category.name for category in self.policy.categories.values() if category.is_optional]

    @property
    def left_or_leaving_categories(self) -> list[str]:
        """Returns the categories that the person has left; before the press, those that the button leaves."""
        if self.has_left_or_leaves_everything:
            return self.optional_categories
        return [name for name in self.optional_categories if name in self._left_or_leaving_scopes]

    @property
    def leavable_categories(self) -> list[str]:
        """Returns the optional categories that can still be left."""
        return (
            []
            if self.has_left_or_leaves_everything
            else [name for name in self.optional_categories if name not in self._left_or_leaving_scopes]
        )

    @property
    def currently_received_categories(self) -> list[str]:
        """Returns the categories of `leavable_categories` that the person gets at present."""
        return [name for name in self.leavable_categories if name in self.gets]

    @property
    def _left_or_leaving_scopes(self) -> frozenset[str]:
        return frozenset({self.scope}) if self.step is UnsubscribeStep.ASK else self.opted_out


def unsubscribe_page(request: Request, leaving: UnsubscribePageValues) -> HTMLResponse:
    """Returns the page of an unsubscribe link, before or after the press of its button."""
    language = reader_or_brand_language(request, leaving.policy)
    until = language.format_day_of_moment(leaving.paused_until) if leaving.paused_until else ""
    values = {"leaving": leaving, "everything": EVERYTHING_OPTIONAL, "until": until}
    return brand_page(request, leaving.policy, "leaving.html.j2", leaving.about, **values)


def brand_page(
    request: Request, policy: Policy, template: str, address: str | None = None, **values: Any
) -> HTMLResponse:
    """Returns a page in a brand's name. Its template gets `t` (the texts), `brand`, `controller` and `values`.

    `address` is the address of the person; the page shows it masked.
    """
    language = reader_or_brand_language(request, policy)
    values["about"] = language.isolate_name_in_rtl_text(mask_address(address)) if address else None
    values["elsewhere"] = _links_to_pages_for_everybody(request, policy, language)
    return _render_reader_page(template, 200, language, look_of_brand(request, policy), policy, values)


def problem_page(request: Request, problem: ProblemName, status: int) -> HTMLResponse:
    """Returns a page that names a problem, in the brand's name if the link was ours.

    If a link that was cut off still names a brand, the page leads to leaving it by an address.
    """
    reader = page_brand_and_locale_of_request(request)
    policy = reader.policy if reader else None
    look = look_of_brand(request, policy) if policy else PLAIN_LOOK
    language = _language_of_reader(request, look, policy.default_locale if policy else DEFAULT)
    named = policy or _policy_named_by_broken_link(request)
    values = {"problem": problem, "elsewhere": _links_to_pages_for_everybody(request, named, language) if named else []}
    return _render_reader_page("problem.html.j2", status, language, look, policy, values)


def render_inbox_template(template: str, values: Mapping[str, Any]) -> HTMLResponse:
    """Renders a template of the inbox."""
    return _render_page(template, _STYLES["inbox.css"], 200, **values)


def render_feed(template: str, values: Mapping[str, Any]) -> Response:
    """Returns a feed (RFC 4287). Its template escapes every value."""
    text = _TEMPLATES.get_template(template).render(values)
    return Response(text, media_type="application/atom+xml", headers={"vary": "accept-language"})


def look_of_brand(request: Request, policy: Policy) -> BrandLook:
    """Returns the look of a brand's pages."""
    site: WebContext = request.app.state.site
    return site.looks.get(policy.brand, PLAIN_LOOK)


def reader_or_brand_language(request: Request, policy: Policy) -> PageLanguage:
    """Returns the language of the reader, or else of the brand, with the brand's own texts."""
    return _language_of_reader(request, look_of_brand(request, policy), policy.default_locale)


def category_titles_and_descriptions(language: PageLanguage, names: Sequence[str], brand: str) -> list[tuple[str, str]]:
    """Returns title and description of each category."""
    texts = language.texts["kinds"]
    return [(texts[name][0], texts[name][1].format(brand=brand)) for name in names]


_TEMPLATES.filters["moment_in_words"] = moment_in_words
_TEMPLATES.filters["kinds"] = lambda names, language, brand: category_titles_and_descriptions(language, names, brand)


_TEMPLATES.filters["joined"] = lambda words, language: language.join_words(list(words))


def _policy_named_by_broken_link(request: Request) -> Policy | None:
    site: WebContext = request.app.state.site
    brand = brand_in_broken_link(request.path_params.get("token", ""), site.policies)
    return site.policies[brand] if brand else None


def _links_to_pages_for_everybody(
    request: Request, policy: Policy, language: PageLanguage
) -> list[tuple[str, str, str]]:
    """Returns the pages of a brand that take an address instead of a link: the name, the URL, the text of the link."""
    site: WebContext = request.app.state.site
    base, brand = site.public_url.rstrip("/"), language.isolate_name_in_rtl_text(policy.name)
    return [
        ("leave", f"{base}/leave/{policy.brand}", language.texts["by_address_title"].format(brand=brand)),
        ("data", f"{base}/data/{policy.brand}", language.texts["data_title"].format(brand=brand)),
    ]


def _language_of_reader(request: Request, look: BrandLook, fallback: str) -> PageLanguage:
    """Returns the language that the reader chose by the page's switch, or has on record, or that the browser asks for.

    A link to an older address has no locale on record, since its reader may be somebody else.
    """
    reader = page_brand_and_locale_of_request(request)
    wishes = LanguagePreferences(
        chosen=request.query_params.get("lang", ""),
        own=reader.locale if reader else None,
        accepted=request.headers.get("accept-language", ""),
        fallback=fallback,
    )
    return choose_preferred_language(wishes, look.languages)


def _render_reader_page(
    template: str,
    status: int,
    language: PageLanguage,
    look: BrandLook,
    policy: Policy | None,
    values: Mapping[str, Any],
) -> HTMLResponse:
    """Renders a page for recipients. Without a policy it has no brand."""
    name, controller = (policy.name, policy.controller.name) if policy else ("", "")
    shown = {
        "language": language,
        "languages": LANGUAGES.values(),
        "t": language.texts,
        "look": look,
        "postal_address": policy.controller.postal_address if policy else "",
        "brand": language.isolate_name_in_rtl_text(name) if name else "",
        "controller": language.isolate_name_in_rtl_text(controller),
    }
    return _render_page(template, _STYLES["page.css"] + look.accent_css, status, **shown, **values)


def _render_page(template: str, styles: str, status: int, **values: Any) -> HTMLResponse:
    html = _TEMPLATES.get_template(template).render(values, styles=styles)
    headers = {"content-security-policy": _content_security_policy(styles), "vary": "accept-language"}
    return HTMLResponse(html, status, headers)
