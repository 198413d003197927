"""Sample values for templates, with which they are checked and previewed before anybody gets the mail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mailer.events import MessageEvent, People
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.policy_file import Policy
from mailer.policy.switches import ServiceFooter
from mailer.rendering.localized_texts import context_in_locale, find_texts_given_by_language, locales_with_all_texts
from mailer.rendering.mentioned_members import SAMPLE_NAME, context_with_sample_members
from mailer.rendering.template import (
    OrganizationIdAndName,
    RecipientNameAndLocale,
    RenderedTemplate,
    Template,
    service_footer_of_category,
)

LINK = "https://mail.example/u/sample"
"""The sample unsubscribe link."""
LEAVE = "https://mail.example/u/leave"
"""The sample link that closes the account."""
CLICK = "https://mail.example/c/sample"

SAMPLE: dict[str, Any] = {
    "recipient": RecipientNameAndLocale("Sam Example"),
    "unsubscribe_url": LINK,
    "preferences_url": "https://mail.example/preferences/sample",
    "report_url": "https://mail.example/report/sample",
    "unsubscribe_all_url": "https://mail.example/u/all",
    "view_url": "https://mail.example/view/sample",
    "leave_url": None,
    "pixel_url": "https://mail.example/o/sample.gif",
    "tracked": lambda url: CLICK,
    "profile": {},
    "inviter": "Alex Example",
    "partner": OrganizationIdAndName("example-partner", "Example Partner"),
    "reason": "Needed to keep your account working",
}
"""Sample values of the reserved names, as optional mail has them."""

_UNTRACKED = {"unsubscribe_url": None, "pixel_url": None, "tracked": None}


@dataclass(frozen=True, slots=True)
class CategoryWithFooter:
    """One form in which a template may be sent: its category and its service footer."""

    category: Category
    footer: ServiceFooter

    def sample_values(self, template: Template, locale: str | None = None, *, profile: bool = True) -> dict[str, Any]:
        """Returns the template's example with sample values for the reserved names.

        Args:
            template: the template.
            locale: one of its locales, for texts by language; None: the default.
            profile: whether the profile has its sample values; if not, it is empty.

        Raises:
            RenderError: the example lacks this language.
        """
        example = context_with_sample_members(
            context_in_locale(
                template.example,
                find_texts_given_by_language(template.example, template),
                locale or template.default_locale,
            )
        )
        values = {**example, **SAMPLE, "service_footer": self.footer}
        values["profile"] = template.profile if profile else {}
        if not self.category.invites:
            values["inviter"] = None
        if not self.category.partners:
            values["partner"] = None
        if self.category.mandatory:
            values |= _UNTRACKED | {"leave_url": LEAVE if self.footer == "leave" else None}
        return values


def possible_categories_with_footers(policy: Policy, category: Category) -> Iterator[CategoryWithFooter]:
    """Yields all renditions of a category, over the versions and jurisdictions of a policy; the usual one first."""
    usual = service_footer_of_category(category, policy.switches)
    yield CategoryWithFooter(category, usual)
    for switches in policy.all_possible_switches():
        footer = service_footer_of_category(category, switches)
        if footer != usual:
            yield CategoryWithFooter(category, footer)
    if is_category_optional_for_some(policy, category):
        yield CategoryWithFooter(CATEGORIES[category.without_product], "none")


def is_category_optional_for_some(policy: Policy, category: Category) -> bool:
    """Tells whether mail of a category is optional for some people, who can leave it."""
    return bool(category.without_product) and any(
        switches.service_scope == "paid" for switches in policy.all_possible_switches()
    )


def variants_without_optional_values(
    template: Template, values: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the values without each optional one, then without all of them; each with the omitted name."""
    given, least, left_out = dict(values), dict(values), 0
    for name in sorted(_NULLABLE & template.uses):
        if given.get(name) is not None:
            yield name, given | {name: None}
            least, left_out = least | {name: None}, left_out + 1
    if "recipient" in template.uses and given["recipient"].name:
        yield "recipient.name", given | {"recipient": _NOBODY}
        least, left_out = least | {"recipient": _NOBODY}, left_out + 1
    traits = {f"profile.{name}" for name in given.get("profile", {})}
    for name in sorted(traits | {name for name in template.optional if name.partition(".")[0] in template.example}):
        path = name.split(".")
        if (less := _remove_path_from_value(path, given)) != given:
            yield name, less
            least, left_out = _remove_path_from_value(path, least), left_out + 1
    if left_out > 1:
        yield "all that is optional", least


_NULLABLE = frozenset({"reason", "pixel_url", "tracked"})
"""Reserved values that some mails have and others lack."""
_NOBODY = RecipientNameAndLocale(None)


def _remove_path_from_value(path: Sequence[str], value: Any) -> Any:
    """Returns a value without the part at a path. In a list, that part is removed from each element."""
    match value, path:
        case dict(), [name]:
            return {key: inner for key, inner in value.items() if key != name}
        case dict(), [name, *rest]:
            return {key: _remove_path_from_value(rest, inner) if key == name else inner for key, inner in value.items()}
        case list(), _:
            return [_remove_path_from_value(path, inner) for inner in value]
        case _:
            return value


def render_template_preview(template: Template, locale: str | None = None) -> RenderedTemplate:
    """Renders a template with its example, in its usual rendition.

    Raises:
        RenderError: the example lacks a value.
    """
    values = _own_category_with_usual_footer(template).sample_values(template, template.choose_locale(locale))
    return template.render(locale, {**values, "recipient": RecipientNameAndLocale("Sam Example", locale)})


def render_preview_with_event_values(
    template: Template, policy: Policy, event: MessageEvent, locale: str | None = None
) -> RenderedTemplate:
    """Renders a template with an event's values for its first person, or for a sample person if it names none.

    Raises:
        RenderError: a value is missing or does not fit.
    """
    person = event.to.people[0] if isinstance(event.to, People) else None
    wanted, texts = locale or (person.locale if person else None), find_texts_given_by_language(event.context, template)
    chosen = template.choose_locale(wanted, locales_with_all_texts(template, texts))
    context = context_with_sample_members(
        {**context_in_locale(event.context, texts, chosen), **(person.context if person else {})}
    )
    told = replace(template, example=_remove_path_from_value(["profile"], context), profile=context.get("profile", {}))
    values = _own_category_with_usual_footer(template).sample_values(told) | {"reason": event.reason}
    values["recipient"] = RecipientNameAndLocale(person.name if person else "Sam Example", wanted)
    if event.inviter:
        values["inviter"] = SAMPLE_NAME
    if partner := next((one for one in policy.partners if one.id == event.partner), None):
        values["partner"] = OrganizationIdAndName(partner.id, partner.name)
    return template.render(chosen, values)


def _own_category_with_usual_footer(template: Template) -> CategoryWithFooter:
    return CategoryWithFooter(CATEGORIES[template.category], template.service_footer)
