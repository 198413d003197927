"""What a template must keep to beyond being readable: each demand looks at one page and says what is wrong with it.

A page is a template in one language with one face (see `samples`), rendered with its example.
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
from mailer.rendering.link_ends import branching_links, glued_links
from mailer.rendering.localized_texts import texts_of
from mailer.rendering.promotional_words import promotional_words
from mailer.rendering.sender_names import both_named, partner_unwritten, seal_named
from mailer.rendering.single_subject import stories
from mailer.rendering.template import PERSONAL, RESERVED, Piece, Rendered, RenderError, Template
from mailer.rendering.template_files import TAG, Fault, TemplateFiles
from mailer.rendering.template_names import TRACKED
from mailer.rendering.template_samples import Face, faces, going_without, two_faced
from mailer.rendering.value_types import FORMS, Single, misfit
from mailer.rendering.visible_text import Visible, visible
from mailer.rendering.way_out_checks import as_usual, leavable, leaving_faults

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
"""What a breach notice must say (GDPR Art. 34(2), Cal. Civ. Code 1798.82(d)), and how the names begin that say it."""


@dataclass(frozen=True)
class Page:
    """A template in one language with one face, rendered with its example."""

    files: TemplateFiles
    template: Template
    policy: Policy
    face: Face
    values: Mapping[str, Any]
    rendered: Rendered

    @cached_property
    def shown(self) -> Visible:
        """The part of its HTML that a reader sees."""
        return visible(self.rendered.html)

    @property
    def literals(self) -> Mapping[Piece, str]:
        """Its pieces with all branches (see `literal`)."""
        return self.template.variants[self.rendered.locale].literal

    @property
    def mandatory(self) -> bool:
        """Tells whether the template is one of mandatory mail, though some may get it as updates."""
        return self.policy.category(self.template.category).mandatory

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Name and contents of both parts, as somebody reads them."""
        return ("text", self.rendered.text), ("HTML", html.unescape(self.rendered.html))

    @property
    def names(self) -> frozenset[str]:
        """The top-level names that it uses in this language."""
        return frozenset().union(*self.template.variants[self.rendered.locale].names.values())

    @property
    def sources(self) -> Mapping[Piece, str]:
        """Its whole Jinja2 source, by piece."""
        return self.template.sources(self.rendered.locale)


def check(template: Template, files: TemplateFiles) -> Iterator[Fault]:
    """What a compiled template does wrong, each with the file to mend."""
    policy, manifest = files.brand.policy, files.folder / "template.toml"
    for problem in _manifest_problems(template, policy):
        yield Fault(manifest, problem)
    if template.category not in policy.categories:
        return
    misplaced = list(_misplaced(template, policy))
    yield from (Fault(files.folder, problem) for problem in misplaced)
    if misplaced:
        return
    found: dict[str, list[str]] = {}
    for locale in template.locales:
        try:
            pages = list(_pages(template, files, locale))
            problems = {problem for page in pages for problem in (*_problems(page), *_lacking(page))}
        except RenderError as error:
            yield Fault(manifest, f"example: {error}")
            continue
        for problem in sorted(problems):
            found.setdefault(problem, []).append(locale)
    for problem, locales in found.items():
        yield Fault(files.folder, f"({', '.join(locales)}) {problem}")


def _pages(template: Template, files: TemplateFiles, locale: str) -> Iterator[Page]:
    policy = files.brand.policy
    for face in faces(policy, policy.category(template.category)):
        # Who refused personalisation gets the same template, without a profile.
        for profile in (True, False) if "profile" in template.uses else (True,):
            values = face.values(template, locale, profile=profile)
            yield Page(files, template, policy, face, values, template.render(locale, values))


def _lacking(page: Page) -> Iterator[str]:
    """Whatever a mail may go without, it can go without: a template that cannot fails a whole mailing."""
    for left_out, values in going_without(page.template, page.values):
        try:
            rendered = page.template.render(page.rendered.locale, values)
        except RenderError as error:
            yield f"cannot be rendered without {left_out}: {error}"
        else:
            yield from glued_links(rendered.text, rendered.html, values)
            yield from (f"without {left_out}, {fault}" for fault in leaving_faults(page, as_usual, values))


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
    yield from _type_problems(template)


def _type_problems(template: Template) -> Iterator[str]:
    """Values of plain mail without a type, or of a letter; types without a value; an example that does not fit."""
    category, used = CATEGORIES.get(template.category), template.uses - RESERVED
    for name in sorted(used - set(template.types)) if category and category.is_plain else ():
        yield (
            f"values: {name} has no type, as each value of {template.category} mail; "
            f'write {name} = "…" below [values]: {FORMS}'
        )
    if category and category.is_plain:
        yield from stories(template.types, template.category)
    for name in sorted(set(template.types) - used):
        yield f"values: {name} is not used by the template; remove it"
    for name, _ in sorted(template.linked):
        if (kind := template.types.get(name)) and not (isinstance(kind, Single) and kind.is_address):
            yield f"values: {name} is made a link of; declare it as url, url anywhere, mailbox or telephone"
    texts = texts_of(template.example, template)
    for name, kind in sorted(template.types.items()):
        said = texts[name].values() if name in texts else (template.example.get(name),)
        yield from (f"example: {wrong}" for value in said if (wrong := misfit(kind, value, name)))


@rule("not-promotional", "paltalk06-05, paltalk06-10; the floor; CAN-SPAM 3(2)(B)", idle=())
def not_promotional(page: Page) -> Iterator[str]:
    """Any promotional block makes a template promotional; other mail has none, and plain mail no word of it."""
    category = page.policy.category(page.template.category)
    if page.template.promotional and not category.promotes:
        yield f"category: a promotional block makes it promotional, not {category.name}; remove the block or change it"
    if category.is_plain:
        for word in sorted(_promotions(page)):
            yield f'says "{word}", which promotes; {category.name} mail never does: say it in promotional mail'


def _promotions(page: Page) -> Iterator[str]:
    rendered, literals, locale = page.rendered, page.literals, page.rendered.locale
    for said in (rendered.subject, literals["subject"], rendered.text, literals["text"]):
        yield from promotional_words(said, locale)
    for said in (rendered.html, literals["html"]):
        yield from promotional_words(said, locale, markup=True)


@rule("no-secrets", "paltalk06-07, paltalk02-05", idle=())
def no_secrets(page: Page) -> Iterator[str]:
    """No mail carries a password, PIN or card number, or asks for one; what ends in `_url` is a link."""
    names = {name for source in page.sources.values() for name in _names(source)}
    for name in sorted(names):
        if _SECRET_NAME.search(name) and not name.endswith("_url"):
            yield f"uses {name}; no mail carries a secret: send a link on which it is chosen, as {name}_url"
    if _INPUT.search(page.sources["html"]):
        yield "has a form; no mail asks for data: link to a page that does"
    for name, content in (("text", page.rendered.text), ("HTML", html.unescape(_MARKUP.sub(" ", page.rendered.html)))):
        for asked in _ASKS_FOR_SECRET.finditer(content):
            if not _DENIAL.search(_sentence(content, asked)):
                yield f"the {name} part asks for a secret ({asked[0].split()[-1]}); no mail does"


@rule("breach-alone", "interpals-16; GDPR Art. 34(2)", idle=())
def breach_alone(page: Page) -> Iterator[str]:
    """A breach notice says five things; what all mandatory mail must not have, it has not either."""
    if not page.face.category.written_fallback:
        return
    for (_, part), body in page.files.bodies.items():
        names = {name for name in _names(body) if name not in ("strings", "block", "endblock")}
        for fact, name in BREACH_FACTS.items():
            if not any(used.startswith(name) for used in names):
                yield f"the {part} body does not say {fact}; use strings.{name}… or a value {name}…"


@rule("profile-stays", "paltalk06-09", idle=())
def profile_stays(page: Page) -> Iterator[str]:
    """A profile tailors promotions, as words in their text: no plain mail uses it, no address carries it off."""
    if "profile" not in page.names:
        return
    if page.policy.category(page.template.category).is_plain:
        yield f"uses profile; {page.template.category} mail is the same for everyone"
    for piece, source in page.sources.items():
        marked = TAG.sub(lambda found: _MARK if _mentions_profile(found[0]) else "", source)
        inside = _HTML_TAG.findall(marked) if piece == "html" else []
        if any(_MARK in place for place in [*inside, *_WEB_ADDRESS.findall(marked)]):
            yield f"the {piece} has profile in an address or attribute, which would tell others; write it as text"
        if any(_lends_profile(tag) for tag in TAG.findall(source)):
            yield f"the {piece} passes profile on (set, for, with, tracked, ~); only test it, or write it as text"


def _misplaced(template: Template, policy: Policy) -> Iterator[str]:
    """Mandatory mail uses nothing that leaves it, unless it is updates to some, and nothing that counts."""
    category = policy.category(template.category)
    if category.optional:
        return
    if "unsubscribe_url" in template.uses and not two_faced(policy, category):
        yield f"uses unsubscribe_url; {category.name} mail cannot be left"
    if "pixel_url" in template.uses:
        yield f"has a pixel; {category.name} mail is not tracked"
    if TRACKED in template.uses:
        yield f"has a tracked link; {category.name} mail is not tracked"


def _untracked(page: Page) -> Iterator[str]:
    """Nothing in mandatory mail tells that it was opened, whatever it is written with."""
    if not page.mandatory:
        return
    for content in (page.rendered.html, page.literals["html"]):
        if _REMOTE_IMAGE.search(content):
            yield f"has a pixel or another image that is fetched; {page.template.category} mail is not tracked"
        if _TRACKED_LINK.search(content):
            yield f"has a tracked link; {page.template.category} mail is not tracked"


def _well_marked_up(page: Page) -> Iterator[str]:
    """A page has nothing that is not on the lists of `markup`, neither as it is rendered nor in any branch."""
    for content in (page.rendered.html, page.literals["html"]):
        yield from markup_faults(content, mandatory=page.mandatory)


def _fetched_alike(page: Page) -> Iterator[str]:
    """Finds what is fetched when a mail is opened and differs by person: it would tell who opens it, and when."""
    for name in sorted(page.template.fetched & {*PERSONAL, TRACKED}):
        yield (
            f"has {name} in an image's address or in CSS, which would tell who opens the mail; "
            'remove it, and write the pixel as src="{{ pixel_url }}" by itself'
        )
    if page.mandatory and page.template.fetched:
        yield "has a value within CSS, where it may fetch something; write CSS out"


def _ending_links(page: Page) -> Iterator[str]:
    """A link ends where it ends, in the example and in every branch."""
    yield from glued_links(page.rendered.text, page.rendered.html, page.values)
    yield from branching_links(page.literals["text"], page.literals["html"])


_DEMANDS: tuple[Callable[[Page], Iterable[str]], ...] = (
    leavable,
    not_promotional,
    no_secrets,
    breach_alone,
    seal_named,
    profile_stays,
    both_named,
    partner_unwritten,
    _untracked,
    _well_marked_up,
    _fetched_alike,
    _ending_links,
)

_MARK = "\x01"


def _problems(page: Page) -> Iterator[str]:
    for demand in _DEMANDS:
        yield from demand(page)


def _names(source: str) -> Iterator[str]:
    """Every name in the Jinja2 of a source, attributes too."""
    for tag in TAG.findall(source):
        if not tag.startswith("{#"):
            yield from _NAME.findall(_LITERAL.sub("", tag))


def _sentence(content: str, found: re.Match[str]) -> str:
    start = max(content.rfind(end, 0, found.start()) for end in ".!?\n") + 1
    return content[start : found.end()]


def _mentions_profile(tag: str) -> bool:
    return not tag.startswith("{#") and "profile" in _NAME.findall(_LITERAL.sub("", tag))


def _lends_profile(tag: str) -> bool:
    if not _mentions_profile(tag):
        return False
    plain = _LITERAL.sub("", tag)
    return bool(re.match(r"\{%-?\s*(?:set|for|with)\b", plain)) or "~" in plain or TRACKED in _NAME.findall(plain)
