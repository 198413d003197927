"""Stand-ins for what the pipeline gives a template, to look at it with before anybody gets it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.document import Policy
from mailer.policy.switches import ServiceFooter
from mailer.rendering.compiled import Addressee, Identity, Rendered, Template, footer_for

LINK = "https://mail.example/u/sample"
"""Stands for the unsubscribe link."""
LEAVE = "https://mail.example/u/leave"
"""Stands for the link that closes the account."""
CLICK = "https://mail.example/c/sample"

SAMPLE: dict[str, Any] = {
    "recipient": Addressee("Sam Example"),
    "unsubscribe_url": LINK,
    "preferences_url": "https://mail.example/preferences/sample",
    "report_url": "https://mail.example/report/sample",
    "leave_url": None,
    "pixel_url": "https://mail.example/o/sample.gif",
    "tracked": lambda url: CLICK,
    "profile": {},
    "inviter": "Alex Example",
    "partner": Identity("example-partner", "Example Partner"),
    "reason": "Needed to keep your account working",
}
"""As in optional mail."""

_UNTRACKED = {"unsubscribe_url": None, "pixel_url": None, "tracked": None}


@dataclass(frozen=True, slots=True)
class Face:
    """What a template may have to look like: as mail of a category, with a footer."""

    category: Category
    footer: ServiceFooter

    def values(self, template: Template, *, profile: bool = True) -> dict[str, Any]:
        """The template's example with what the pipeline would give; `profile`: whether there is anything in it."""
        values = {**template.example, **SAMPLE, "service_footer": self.footer}
        values["profile"] = template.profile if profile else {}
        if not self.category.invites:
            values["inviter"] = None
        if not self.category.partners:
            values["partner"] = None
        if self.category.mandatory:
            values |= _UNTRACKED | {"leave_url": LEAVE if self.footer == "leave" else None}
        return values


def faces(policy: Policy, category: Category) -> Iterator[Face]:
    """All that a template of a category has to look like, over versions and jurisdictions; the usual face first."""
    usual = footer_for(category, policy.switches)
    yield Face(category, usual)
    for switches in policy.every_switches():
        footer = footer_for(category, switches)
        if footer != usual:
            yield Face(category, footer)
    if two_faced(policy, category):
        yield Face(CATEGORIES["notification"], "none")


def two_faced(policy: Policy, category: Category) -> bool:
    """Whether mail of a category is a notification to some people, who can leave it."""
    return category.follows_service_scope and any(
        switches.service_scope == "paid" for switches in policy.every_switches()
    )


def preview(template: Template, locale: str | None = None) -> Rendered:
    """A template with its example context, as most people get it.

    Raises:
        RenderError: the example lacks a value.
    """
    values = Face(CATEGORIES[template.category], template.service_footer).values(template)
    return template.render(locale, {**values, "recipient": Addressee("Sam Example", locale)})
