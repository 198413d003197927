"""What a template must keep to beyond being readable: its category's traits and its brand's policy."""

import html
import re
from collections.abc import Iterator

from mailer.policy.category import Lane
from mailer.policy.document import Policy
from mailer.rendering.compiled import RESERVED, Addressee, Rendered, RenderError, Template
from mailer.rendering.sources import Fault, TemplateFiles

_TRACKED = re.compile(r"<a\b[^>]*\bhref=\"[^\"]*(?:/c/|[?&;](?:utm_|mc_|gclid|fbclid))", re.IGNORECASE)
_REMOTE_IMAGE = re.compile(r"<img\b[^>]*\bsrc=\"(?!cid:|data:)|\bbackground=\"|url\(", re.IGNORECASE)

_LINK = "https://mail.example/u/sample"
SAMPLE = {
    "recipient": Addressee("Sam Example"),
    "unsubscribe_url": _LINK,
    "pixel_url": "https://mail.example/o/sample.gif",
    "reason": "Needed to keep your account working",
}
"""Stand-ins for what the pipeline gives, to look at a template with."""


def preview(template: Template, locale: str | None = None) -> Rendered:
    """A template with its example context.

    Raises:
        RenderError: the example lacks a value.
    """
    return template.render(locale, {**template.example, **SAMPLE})


def check(template: Template, files: TemplateFiles) -> Iterator[Fault]:
    """What a compiled template does wrong, each with the file to mend."""
    policy, manifest = files.brand.policy, files.folder / "template.toml"
    for problem in _manifest_problems(template, policy):
        yield Fault(manifest, problem)
    if template.category not in policy.categories:
        return
    for locale in template.locales:
        try:
            sample = preview(template, locale)
        except RenderError as error:
            yield Fault(manifest, f"example: {error}")
            continue
        problems = _optional_problems if policy.categories[template.category].optional else _mandatory_problems
        for problem in problems(template, sample, policy):
            yield Fault(files.folder, f"({locale}) {problem}")


def _manifest_problems(template: Template, policy: Policy) -> Iterator[str]:
    category = policy.categories.get(template.category)
    if category is None:
        known = ", ".join(policy.category_names)
        yield f"category: the policy of {policy.brand} has no {template.category}; it has {known}"
    elif template.promotional and category.lane is not Lane.PROMOTIONAL:
        yield f"category: a promotional block makes it promotional, not {category.name}; remove the block or change it"
    if template.purpose not in policy.purposes:
        yield f"purpose: {template.purpose} is not in the policy's closed list: {', '.join(policy.purposes)}"
    if taken := RESERVED & set(template.example):
        yield f"example: {', '.join(sorted(taken))} is reserved for the pipeline; rename it"


def _optional_problems(template: Template, sample: Rendered, policy: Policy) -> Iterator[str]:
    address = policy.controller.postal_address
    parts = (("text", sample.text), ("HTML", html.unescape(sample.html)))
    for name, content in parts:
        if _LINK not in content:
            yield f"the {name} part has no unsubscribe_url; optional mail can always be left"
        if address not in content:
            yield f"the {name} part has no postal_address; optional mail needs it"


def _mandatory_problems(template: Template, sample: Rendered, policy: Policy) -> Iterator[str]:
    names = frozenset().union(*template.variants[sample.locale].names.values())
    if "unsubscribe_url" in names:
        yield f"uses unsubscribe_url; {template.category} mail cannot be left"
    if "pixel_url" in names or _REMOTE_IMAGE.search(sample.html):
        yield f"has a pixel or another image that is fetched; {template.category} mail is not tracked"
    if _TRACKED.search(sample.html):
        yield f"has a tracked link; {template.category} mail is not tracked"
