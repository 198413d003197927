"""Checks of compiled templates: each check looks at one page and yields what is wrong with it.

A page is a template in one language as one rendition (see `template_samples`), rendered with its example.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.rendering.allowed_markup import markup_faults
from mailer.rendering.localized_texts import find_texts_given_by_language
from mailer.rendering.named_party_checks import (
    forbidden_partner_name_faults,
    missing_privacy_seal_name_faults,
    unnamed_brand_or_controller_faults,
)
from mailer.rendering.names_used_by_templates import TRACKED
from mailer.rendering.newsletter_like_value_checks import newsletter_like_value_faults
from mailer.rendering.promotional_words import find_promotional_words
from mailer.rendering.template import PERSONAL, RESERVED, Piece, RenderedTemplate, RenderError, Template
from mailer.rendering.template_files import TAG, TemplateFileFault, TemplateFiles
from mailer.rendering.template_samples import (
    CategoryWithFooter,
    is_category_optional_for_some,
    possible_categories_with_footers,
    variants_without_optional_values,
)
from mailer.rendering.text_glued_to_links import (
    faults_of_links_glued_to_text,
    faults_of_links_glued_to_text_in_branches,
)
from mailer.rendering.value_types import FORMS, SingleType, value_type_mismatch
from mailer.rendering.visible_text import VisibleTextAndLinks, visible_text
from mailer.rendering.way_to_leave_template_checks import (
    render_with_given_values,
    way_to_leave_faults_for_any_values_or_branches,
    way_to_leave_faults_when_rendered,
)

_TRACKED_LINK = re.compile(r"<a\b[^>]*\bhref=\"[^\"]*(?:/c/|[?&;](?:utm_|mc_|gclid|fbclid))", re.IGNORECASE)
_REMOTE_IMAGE = re.compile(r"<img\b[^>]*\bsrc=\"(?!cid:|data:)|\bbackground=\"|url\(", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME = re.compile(r"[A-Za-z_]\w*")
_HTML_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")
_WEB_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|mailto:)[^\s<>\"]*", re.IGNORECASE)

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|passcode|pin|cvv|cvc|ssn)(?:_|$)"
    r"|card_?number|credit_?card|security_?code|social_?security",
    re.IGNORECASE,
)
_ASKED = (
    r"pass(?:word|phrase|code)|pin|cvv|cvc|credit card|card number|security code|social security number"
    r"|passwort|kennwort|geheimzahl|kreditkarte\w*|kartennummer"
)
_ASKS_FOR_SECRET = re.compile(
    r"\b(?:send|reply|answer|respond|tell|give|enter|type|provide|confirm|verify"
    r"|sende?|schicke?|antworte|nenne?|gib|bestätige|schreibe?)\b[^.!?\n]*\b(?:" + _ASKED + r")\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"\b(?:never|not|no|nobody|nie|niemals|nicht|kein\w*|niemand)\b|n['\u2019]t\b", re.IGNORECASE)
_INPUT = re.compile(r"<\s*(?:form|input|textarea|select)\b", re.IGNORECASE)

BREACH_FACTS = {
    "what happened": "happened",
    "which data are concerned": "information",
    "the likely consequences": "consequences",
    "the measures taken": "doing",
    "whom to ask": "contact",
}
"""The facts that a breach notice must state (GDPR Art. 34(2), Cal. Civ. Code 1798.82(d)), each with the prefix of the
names of its texts and values."""


@dataclass(frozen=True)
class RenderedTemplateUnderCheck:
    """A template in one language as one rendition, rendered with its example."""

    files: TemplateFiles
    template: Template
    policy: Policy
    face: CategoryWithFooter
    values: Mapping[str, Any]
    rendered: RenderedTemplate

    @cached_property
    def visible_text_and_links(self) -> VisibleTextAndLinks:
        """The text and links of its HTML that a reader sees."""
        return visible_text(self.rendered.html)

    @property
    def pieces_with_all_branches(self) -> Mapping[Piece, str]:
        """Its pieces with all branches (see `literal_text_with_value_and_branch_marks`)."""
        return self.template.variants[self.rendered.locale].literal

    @property
    def is_mandatory(self) -> bool:
        """Tells whether the template's category is mandatory, even if some people get it as updates."""
        return self.policy.get_category(self.template.category).mandatory

    @property
    def unescaped_text_and_html(self) -> tuple[tuple[str, str], ...]:
        """The name and the unescaped contents of both parts."""
        return ("text", self.rendered.text), ("HTML", html.unescape(self.rendered.html))

    @property
    def used_names(self) -> frozenset[str]:
        """The top-level names that it uses in this language."""
        return frozenset().union(*self.template.variants[self.rendered.locale].names.values())

    @property
    def jinja_sources(self) -> Mapping[Piece, str]:
        """Its whole Jinja2 source, by piece."""
        return self.template.jinja_sources_in_locale(self.rendered.locale)


def find_template_faults(template: Template, files: TemplateFiles) -> Iterator[TemplateFileFault]:
    """Yields the faults of a compiled template, each with the file to correct."""
    policy, manifest = files.brand.policy, files.folder / "template.toml"
    for problem in _manifest_problems(template, policy):
        yield TemplateFileFault(manifest, problem)
    if template.category not in policy.categories:
        return
    misplaced = list(_faults_of_values_unfit_for_mandatory_mail(template, policy))
    yield from (TemplateFileFault(files.folder, problem) for problem in misplaced)
    if misplaced:
        return
    found: dict[str, list[str]] = {}
    for locale in template.locales:
        try:
            pages = list(_render_example_for_each_category_and_footer(template, files, locale))
            problems = {
                problem for page in pages for problem in (*_page_problems(page), *_faults_without_optional_values(page))
            }
        except RenderError as error:
            yield TemplateFileFault(manifest, f"example: {error}")
            continue
        for problem in sorted(problems):
            found.setdefault(problem, []).append(locale)
    for problem, locales in found.items():
        yield TemplateFileFault(files.folder, f"({', '.join(locales)}) {problem}")


def _render_example_for_each_category_and_footer(
    template: Template, files: TemplateFiles, locale: str
) -> Iterator[RenderedTemplateUnderCheck]:
    policy = files.brand.policy
    for face in possible_categories_with_footers(policy, policy.get_category(template.category)):
        # People who refused personalisation get the same template without a profile.
        for profile in (True, False) if "profile" in template.uses else (True,):
            values = face.sample_values(template, locale, profile=profile)
            yield RenderedTemplateUnderCheck(files, template, policy, face, values, template.render(locale, values))


def _faults_without_optional_values(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Yields the faults of a page rendered without its optional values. Such a fault would stop a whole mailing."""
    for left_out, values in variants_without_optional_values(page.template, page.values):
        try:
            rendered = page.template.render(page.rendered.locale, values)
        except RenderError as error:
            yield f"cannot be rendered without {left_out}: {error}"
        else:
            yield from faults_of_links_glued_to_text(rendered.text, rendered.html, values)
            yield from (
                f"without {left_out}, {fault}"
                for fault in way_to_leave_faults_when_rendered(page, render_with_given_values, values)
            )


def _manifest_problems(template: Template, policy: Policy) -> Iterator[str]:
    if template.category not in policy.categories:
        known = ", ".join(policy.category_names)
        yield f"category: the policy of {policy.brand} has no {template.category}; it has {known}"
    if template.purpose not in policy.purposes:
        yield f"purpose: {template.purpose} is not in the policy's closed list: {', '.join(policy.purposes)}"
    if template.answers and (category := CATEGORIES.get(template.category)) and not category.may_answer:
        yield f"answers: {template.category} mail answers no inquiries; remove it, or use a category that does"
    if taken := RESERVED & set(template.example):
        yield f"example: {', '.join(sorted(taken))} is reserved for the pipeline; rename it"
    if not isinstance(template.profile, dict):
        yield "example: profile is a table of what is known about a person; write [example.profile]"
    yield from _value_type_problems(template)


def _value_type_problems(template: Template) -> Iterator[str]:
    """Yields values of plain mail that have no type or make several subjects, unused types, and unfit examples."""
    category, used = CATEGORIES.get(template.category), template.uses - RESERVED
    for name in sorted(used - set(template.types)) if category and category.is_forbidden_to_promote else ():
        yield (
            f"values: {name} has no type, as each value of {template.category} mail; "
            f'write {name} = "…" below [values]: {FORMS}'
        )
    if category and category.is_forbidden_to_promote:
        yield from newsletter_like_value_faults(template.types, template.category)
    for name in sorted(set(template.types) - used):
        yield f"values: {name} is not used by the template; remove it"
    for name, _ in sorted(template.linked):
        if (kind := template.types.get(name)) and not (isinstance(kind, SingleType) and kind.is_address):
            yield f"values: {name} is made a link of; declare it as url, url anywhere, mailbox or telephone"
    texts = find_texts_given_by_language(template.example, template)
    for name, kind in sorted(template.types.items()):
        said = texts[name].values() if name in texts else (template.example.get(name),)
        yield from (f"example: {wrong}" for value in said if (wrong := value_type_mismatch(kind, value, name)))


@rule("not-promotional", "paltalk06-05, paltalk06-10; the floor; CAN-SPAM 3(2)(B)", idle=())
def forbidden_promotion_in_template_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Any promotional block makes a template promotional; other mail has none, and plain mail no word of it."""
    category = page.policy.get_category(page.template.category)
    if page.template.promotional and not category.promotes:
        yield f"category: a promotional block makes it promotional, not {category.name}; remove the block or change it"
    if category.is_forbidden_to_promote:
        for word in sorted(_promotional_words_of_page(page)):
            yield f'says "{word}", which promotes; {category.name} mail never does: say it in promotional mail'


def _promotional_words_of_page(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    rendered, literals, locale = page.rendered, page.pieces_with_all_branches, page.rendered.locale
    for said in (rendered.subject, literals["subject"], rendered.text, literals["text"]):
        yield from find_promotional_words(said, locale)
    for said in (rendered.html, literals["html"]):
        yield from find_promotional_words(said, locale, markup=True)


@rule("no-secrets", "paltalk06-07, paltalk02-05", idle=())
def carried_or_asked_secret_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """No mail contains or asks for a password, PIN or card number. A link to set one, such as `pin_url`, is allowed."""
    names = {name for source in page.jinja_sources.values() for name in _names_in_source(source)}
    for name in sorted(names):
        if _SECRET_NAME.search(name) and not name.endswith("_url"):
            yield f"uses {name}; no mail carries a secret: send a link on which it is chosen, as {name}_url"
    if _INPUT.search(page.jinja_sources["html"]):
        yield "has a form; no mail asks for data: link to a page that does"
    for name, content in (("text", page.rendered.text), ("HTML", html.unescape(_MARKUP.sub(" ", page.rendered.html)))):
        for asked in _ASKS_FOR_SECRET.finditer(content):
            if not _DENIAL.search(_sentence_up_to(content, asked)):
                yield f"the {name} part asks for a secret ({asked[0].split()[-1]}); no mail does"


@rule("breach-alone", "interpals-16; GDPR Art. 34(2)", idle=())
def missing_breach_fact_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """A breach notice states five facts in each part. Everything forbidden in mandatory mail is forbidden in it too."""
    if not page.face.category.written_fallback or page.files.is_of_breach_case:
        return
    for (_, part), body in page.files.bodies.items():
        names = {name for name in _names_in_source(body) if name not in ("strings", "block", "endblock")}
        for fact, name in BREACH_FACTS.items():
            if not any(used.startswith(name) for used in names):
                yield f"the {part} body does not say {fact}; use strings.{name}… or a value {name}…"


@rule("profile-stays", "paltalk06-09", idle=())
def profile_misuse_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """A profile changes only words in the text of promotions. No other mail uses it, and no address contains it."""
    if "profile" not in page.used_names:
        return
    if page.policy.get_category(page.template.category).is_forbidden_to_promote:
        yield f"uses profile; {page.template.category} mail is the same for everyone"
    for piece, source in page.jinja_sources.items():
        marked = TAG.sub(lambda found: _MARK if _is_profile_mentioned(found[0]) else "", source)
        inside = _HTML_TAG.findall(marked) if piece == "html" else []
        if any(_MARK in place for place in [*inside, *_WEB_ADDRESS.findall(marked)]):
            yield f"the {piece} has profile in an address or attribute, which would tell others; write it as text"
        if any(_is_profile_assigned_or_joined(tag) for tag in TAG.findall(source)):
            yield f"the {piece} passes profile on (set, for, with, tracked, ~); only test it, or write it as text"


def _faults_of_values_unfit_for_mandatory_mail(template: Template, policy: Policy) -> Iterator[str]:
    """Yields forbidden names in mandatory mail: tracking, and the unsubscribe link if nobody may leave the mail."""
    category = policy.get_category(template.category)
    if category.is_optional:
        return
    if "unsubscribe_url" in template.uses and not is_category_optional_for_some(policy, category):
        yield f"uses unsubscribe_url; {category.name} mail cannot be left"
    if "pixel_url" in template.uses:
        yield f"has a pixel; {category.name} mail is not tracked"
    if TRACKED in template.uses:
        yield f"has a tracked link; {category.name} mail is not tracked"


def _mandatory_mail_tracking_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Yields pixels, fetched images and tracked links in mandatory mail: nothing in it may report an open."""
    if not page.is_mandatory:
        return
    for content in (page.rendered.html, page.pieces_with_all_branches["html"]):
        if _REMOTE_IMAGE.search(content):
            yield f"has a pixel or another image that is fetched; {page.template.category} mail is not tracked"
        if _TRACKED_LINK.search(content):
            yield f"has a tracked link; {page.template.category} mail is not tracked"


def _markup_faults_of_page(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Yields markup that is not on the lists of `allowed_markup`, in the rendered page and in all its branches."""
    for content in (page.rendered.html, page.pieces_with_all_branches["html"]):
        yield from markup_faults(content, mandatory=page.is_mandatory)


def _personal_values_in_fetched_content_faults(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Yields personal values in addresses of images and in CSS: the fetch would tell who opens the mail, and when."""
    for name in sorted(page.template.fetched & {*PERSONAL, TRACKED}):
        yield (
            f"has {name} in an image's address or in CSS, which would tell who opens the mail; "
            'remove it, and write the pixel as src="{{ pixel_url }}" by itself'
        )
    if page.is_mandatory and page.template.fetched:
        yield "has a value within CSS, where it may fetch something; write CSS out"


def _faults_of_links_glued_to_text_on_page(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    """Yields links that have other text directly before or after them, in the example and in every branch."""
    yield from faults_of_links_glued_to_text(page.rendered.text, page.rendered.html, page.values)
    yield from faults_of_links_glued_to_text_in_branches(
        page.pieces_with_all_branches["text"], page.pieces_with_all_branches["html"]
    )


_DEMANDS: tuple[Callable[[RenderedTemplateUnderCheck], Iterable[str]], ...] = (
    way_to_leave_faults_for_any_values_or_branches,
    forbidden_promotion_in_template_faults,
    carried_or_asked_secret_faults,
    missing_breach_fact_faults,
    missing_privacy_seal_name_faults,
    profile_misuse_faults,
    unnamed_brand_or_controller_faults,
    forbidden_partner_name_faults,
    _mandatory_mail_tracking_faults,
    _markup_faults_of_page,
    _personal_values_in_fetched_content_faults,
    _faults_of_links_glued_to_text_on_page,
)

_MARK = "\x01"


def _page_problems(page: RenderedTemplateUnderCheck) -> Iterator[str]:
    for demand in _DEMANDS:
        yield from demand(page)


def _names_in_source(source: str) -> Iterator[str]:
    """Yields every name in the Jinja2 of a source, attributes too."""
    for tag in TAG.findall(source):
        if not tag.startswith("{#"):
            yield from _NAME.findall(_LITERAL.sub("", tag))


def _sentence_up_to(content: str, found: re.Match[str]) -> str:
    start = max(content.rfind(end, 0, found.start()) for end in ".!?\n") + 1
    return content[start : found.end()]


def _is_profile_mentioned(tag: str) -> bool:
    return not tag.startswith("{#") and "profile" in _NAME.findall(_LITERAL.sub("", tag))


def _is_profile_assigned_or_joined(tag: str) -> bool:
    if not _is_profile_mentioned(tag):
        return False
    plain = _LITERAL.sub("", tag)
    return bool(re.match(r"\{%-?\s*(?:set|for|with)\b", plain)) or "~" in plain or TRACKED in _NAME.findall(plain)
