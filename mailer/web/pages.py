"""The pages as HTML: self-contained, without scripts, in the reader's language."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.web.address_masking import mask_address
from mailer.web.broken_links import brand_in_broken_link
from mailer.web.languages import DEFAULT, PageLanguage, choose_language

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _content_security_policy(stylesheet: str) -> str:
    """Returns a policy that allows only this inline stylesheet, data images, and our own forms and frames (CSP 3)."""
    digest = hashlib.sha256(_TEMPLATES.get_template(stylesheet).render().encode()).digest()
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; img-src data:; "
        "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


_POLICIES = {sheet: _content_security_policy(sheet) for sheet in ("page.css", "inbox.css")}


class ProblemName(StrEnum):
    """The problems that a page without a brand can show. The values are the names of texts."""

    BAD_LINK = "bad_link"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAILED = "failed"
    GONE = "gone"
    STALE = "stale"


class UnsubscribeStep(StrEnum):
    """The steps of unsubscribing by a link. The values are the names of texts."""

    ASK = "ask"
    DONE = "done"
    LEFT = "left"
    UNDONE = "undone"
    LATE = "undo_late"
    MAILED = "mailed"


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
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

    @property
    def is_resubscribing_possible(self) -> bool:
        """Tells whether the person may ask for the mail again, which sends a confirmation mail."""
        return self.about is not None and self.step in (
            UnsubscribeStep.DONE,
            UnsubscribeStep.LEFT,
            UnsubscribeStep.LATE,
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


def unsubscribe_page(request: Request, leaving: UnsubscribePage) -> HTMLResponse:
    """Returns the page of an unsubscribe link, before or after the press of its button."""
    values = {"leaving": leaving, "everything": EVERYTHING_OPTIONAL}
    return brand_page(request, leaving.policy, "leaving.html.j2", leaving.about, **values)


def brand_page(
    request: Request, policy: Policy, template: str, address: str | None = None, **values: Any
) -> HTMLResponse:
    """Returns a page in a brand's name. Its template gets `t` (the texts), `brand`, `controller` and `values`.

    `address` is the address of the person; the page shows it masked.
    """
    language = reader_or_brand_language(request, policy)
    values["about"] = language.isolate_name(mask_address(address)) if address else None
    values["leave_page"] = _leave_page_link(request, policy, language)
    names = {"brand": language.isolate_name(policy.name), "controller": language.isolate_name(policy.controller.name)}
    return _render_page(template, "page.css", 200, language=language, t=language.texts, **names, **values)


def problem_page(request: Request, problem: ProblemName, status: int) -> HTMLResponse:
    """Returns a page that names a problem. If the link still names a brand, the page leads to leaving by address."""
    language, policies = _request_language(request, DEFAULT), _policies_of_site(request)
    brand = brand_in_broken_link(request.scope.get("path_params", {}).get("token", ""), policies)
    leave_page = _leave_page_link(request, policies[brand], language) if brand else None
    texts = language.texts
    return _render_page(
        "problem.html.j2", "page.css", status, language=language, t=texts, problem=problem, leave_page=leave_page
    )


def render_inbox_template(template: str, values: Mapping[str, Any]) -> HTMLResponse:
    """Renders a template of the inbox."""
    return _render_page(template, "inbox.css", 200, **values)


def reader_or_brand_language(request: Request, policy: Policy) -> PageLanguage:
    """Returns the language of the reader, or else of the brand."""
    return _request_language(request, policy.default_locale)


def category_titles_and_descriptions(language: PageLanguage, names: Sequence[str], brand: str) -> list[tuple[str, str]]:
    """Returns title and description of each category."""
    texts = language.texts["kinds"]
    return [(texts[name][0], texts[name][1].format(brand=brand)) for name in names]


_TEMPLATES.filters["kinds"] = lambda names, language, brand: category_titles_and_descriptions(language, names, brand)


def _policies_of_site(request: Request) -> Mapping[str, Policy]:
    policies: Mapping[str, Policy] = request.app.state.site.policies
    return policies


def _leave_page_link(request: Request, policy: Policy, language: PageLanguage) -> tuple[str, str]:
    """Returns the URL of the page where everybody can leave a brand by an address, and the text of the link to it."""
    url = f"{request.app.state.site.public_url.rstrip('/')}/leave/{policy.brand}"
    return url, language.texts["by_address_link"].format(brand=language.isolate_name(policy.name))


def _request_language(request: Request, fallback: str) -> PageLanguage:
    return choose_language(request.headers.get("accept-language", ""), fallback)


def _render_page(template: str, stylesheet: str, status: int, **values: Any) -> HTMLResponse:
    html = _TEMPLATES.get_template(template).render(values)
    headers = {"content-security-policy": _POLICIES[stylesheet], "vary": "accept-language"}
    return HTMLResponse(html, status, headers)
