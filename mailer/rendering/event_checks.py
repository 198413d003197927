"""Checks an event before it is accepted: it must be possible to render it. The publisher gets the problems."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from pydantic_core import to_json

from mailer.events import Audience, EventRefused, MessageEvent, People, Person
from mailer.policy.attachments import attachment_faults
from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.rendering.allowed_markup import link_or_image_url_fault
from mailer.rendering.autolinks import has_autolink, texts_and_keys_in_json
from mailer.rendering.event_texts import EventValuesWithWords, collect_event_values_with_words, event_text_faults
from mailer.rendering.headers import CONTROL
from mailer.rendering.languages import is_known_locale
from mailer.rendering.localized_texts import (
    Texts,
    context_in_locale,
    find_texts_given_by_language,
    locales_with_all_texts,
    missing_locales_by_text_name,
)
from mailer.rendering.mail_merge import NAME
from mailer.rendering.mentioned_members import context_with_sample_members
from mailer.rendering.template_library import (
    RESERVED,
    SAMPLE,
    RecipientNameAndLocale,
    RenderError,
    Template,
    TemplateLibrary,
)
from mailer.rendering.value_types import SingleType, ValueType, parts_of_value_with_free_text, value_type_mismatch

_GOOD: set[tuple[object, ...]] = set()
_MOST_GOOD = 1000
"""The number of successful trials that are kept, so that similar events are not all rendered twice."""
_NAMES = (NAME, "recipient")
"""Values that print the reader's name."""


def check_event_and_get_template(
    event: MessageEvent, policies: Mapping[str, Policy], templates: TemplateLibrary
) -> Template:
    """Returns the template of an event, after checking that the event can be rendered.

    Args:
        event: an event that is valid by the schema.
        policies: by brand.
        templates: those of all brands.

    Raises:
        EventRefused: brand, category, template or a locale is unknown, the category is not the template's, the
            context does not fit, or the event lacks a field that the category requires.
    """
    policy = policies.get(event.brand)
    if policy is None:
        raise EventRefused([f"brand: there is no {event.brand}; there are {_join_names(policies)}"])
    template = templates.find_template(event.brand, event.template)
    if template is None:
        raise EventRefused(
            [
                _unknown_template_problem(event, templates.template_names_of_brand(event.brand)),
                *_unknown_category_problems(event, policy),
            ]
        )
    people, texts = _people_in_to(event), find_texts_given_by_language(event.context, template)
    problems = [*_unknown_category_problems(event, policy), *_person_problems(people, policy)]
    problems += _attachment_problems(event, policy)
    if not problems and event.category != template.category:
        problems.append(
            f"category: template {template.name} is {template.category}, not {event.category}; "
            f"publish it as {template.category}, or use another template"
        )
    if event.category == template.category:
        category, worded = policy.get_category(event.category), collect_event_values_with_words(event, template)
        problems += _problems_with_requirements_of_category(event, policy, category)
        problems += _autolink_problems(event, people, template, category, worded)
        problems += event_text_faults(event, policy, category, template, worded)
        problems += _problems_of_personal_values_in_images(people, template)
        problems += _problems_of_values_that_begin_urls(event, people, template)
    problems += _context_problems(event, people, template, texts)
    problems += _texts_by_language_problems(event, people, template, texts)
    if not problems:
        problems += _trial_rendering_problems(event, people, template, texts)
    if problems:
        raise EventRefused(problems)
    return template


def _join_names(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _unknown_template_problem(event: MessageEvent, names: list[str]) -> str:
    near = get_close_matches(event.template, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_join_names(names)}"
    return f"template: {event.brand} has no {event.template}; {hint}"


def _unknown_category_problems(event: MessageEvent, policy: Policy) -> Iterator[str]:
    if event.category not in policy.terms:
        yield f"category: {event.brand} does not send {event.category}; it sends {_join_names(policy.categories)}"


def _problems_with_requirements_of_category(event: MessageEvent, policy: Policy, category: Category) -> Iterator[str]:
    yield from audience_problems_of_mail_about_change(event, category)
    yield from missing_service_reason_problems(event, policy)
    if category.invites and event.inviter is None:
        yield "inviter: is missing; an invitation names the member who invites"
    if category.partners and event.partner not in (known := {partner.id: partner for partner in policy.partners}):
        said = f"{event.brand} has no partner {event.partner}" if event.partner else "is missing"
        yield f"partner: {said}; the policy names {_join_names(known)}"
    yield from forbidden_expiry_problems(event, category)
    if category.written_fallback and event.attachments:
        yield f"attachments: {category.name} mail is a message of its own; put what it says in the template"


@rule("primary-address", "interpals-15, paltalk06-23, paltalk06-24, peerstream-03", idle=())
def audience_problems_of_mail_about_change(event: MessageEvent, category: Category) -> Iterator[str]:
    """Mail about a change for everyone goes to the address on record; the event cannot bring an address of its own."""
    if category.tells_everyone and event.to != Audience(audience="everyone"):
        yield f'to: {category.name} mail reaches all accounts; write {{"audience": "everyone"}}'
    elif category.tells_change and isinstance(event.to, People):
        yield f"to.people: {category.name} mail goes to the address on record; name refs or an audience"


@rule("lasting-notice", "interpals-16; GDPR Art. 34; invariant 3", idle=())
def forbidden_expiry_problems(event: MessageEvent, category: Category) -> Iterator[str]:
    """A notice that everyone must get never expires: an event cannot give it a time after which it is not sent."""
    if category.written_fallback and event.expires_at is not None:
        yield f"expires_at: {category.name} mail never expires: it is tried, and then written; leave the field out"


@rule("service-reason", "paltalk06-04", idle=())
def missing_service_reason_problems(event: MessageEvent, policy: Policy) -> Iterator[str]:
    """Service mail is necessary: where the policy says so, each event tells why."""
    if policy.terms[event.category].reason == "required" and event.reason is None:
        yield f"reason: is missing; {event.brand} sends {event.category} mail only where it is necessary: say why"


def _people_in_to(event: MessageEvent) -> tuple[Person, ...]:
    return event.to.people if isinstance(event.to, People) else ()


def _person_problems(people: Sequence[Person], policy: Policy) -> Iterator[str]:
    """Yields unknown locales, sources that the policy does not list, and sources that lack a required field."""
    fault_of = policy.source_vocabulary.refusal_of_address_from_source
    for index, person in enumerate(people):
        if person.locale is not None and not is_known_locale(person.locale):
            yield f"to.people.{index}.locale: there is no {person.locale}; write one such as en, de-AT or zh-Hant"
        if wrong := fault_of(person.source, person.collected_at, person.purpose):
            yield f"to.people.{index}: {wrong}"


def _attachment_problems(event: MessageEvent, policy: Policy) -> Iterator[str]:
    for index, file in enumerate(event.attachments):
        for problem in attachment_faults(policy.attachments, file.filename, file.content_type):
            yield f"attachments.{index}.{problem}"


def _context_problems(event: MessageEvent, people: Sequence[Person], template: Template, texts: Texts) -> Iterator[str]:
    yield from _reserved_name_problems("context", event.context)
    for index, person in enumerate(people):
        if not person.context:
            continue
        own = {name: value for name, value in person.context.items() if name != "profile"}
        yield from _reserved_name_problems(f"to.people.{index}.context", own)
        if not isinstance(person.context.get("profile", {}), dict):
            yield f"to.people.{index}.context.profile: is no object; write what is known about the person by name"
    yield from _value_type_problems(event, people, template, texts)
    for name in sorted(name for name in template.required if event.context.get(name) is None):
        without = [
            index for index, person in enumerate(people) if name not in _names_of_non_null_values(person.context)
        ]
        if not people or len(without) == len(people):
            yield f"context: {name} is missing; template {template.name} needs it"
        elif without:
            also = f", and from {len(without) - 1} more" if len(without) > 1 else ""
            yield f"to.people.{without[0]}.context: {name} is missing{also}; template {template.name} needs it"


def _value_type_problems(
    event: MessageEvent, people: Sequence[Person], template: Template, texts: Texts
) -> Iterator[str]:
    """Yields values that do not fit the type that the template declares; one problem for each name."""
    if not template.types:  # as most of optional mail
        return
    places = [("context", event.context)]
    places += [(f"to.people.{index}.context", one.context) for index, one in enumerate(people) if one.context]
    wrong: dict[str, str] = {}
    for place, context in places:
        for name, given in context.items():
            kind = template.types.get(name)
            if kind is None or (isinstance(kind, SingleType) and kind.fits(given)) or name in wrong:
                continue
            for value in texts[name].values() if context is event.context and name in texts else (given,):
                if unfit := value_type_mismatch(kind, value, name):
                    wrong[name] = f"{place}: {unfit}; template {template.name} declares its type"
                    break
    yield from (said for _, said in sorted(wrong.items()))


def _autolink_problems(
    event: MessageEvent, people: Sequence[Person], template: Template, category: Category, worded: EventValuesWithWords
) -> Iterator[str]:
    """Yields texts of plain mail that mail programs would turn into links. Only the template may make a link there."""
    if not category.is_forbidden_to_promote:
        return
    shown = template.uses
    if event.reason and "reason" in shown and has_autolink(event.reason):
        yield "reason: holds an address; write it without"
    for name in _names_with_undeclared_links(worded.shared, template):
        yield f"context: {name} {_HOLDS_LINK.format(template.name)}"
    for index, (person, own) in enumerate(zip(people, worded.own, strict=True)):
        if person.name and "recipient" in shown and has_autolink(person.name):
            yield f"to.people.{index}.name: holds an address; write the name without"
        for name in _names_with_undeclared_links(own, template):
            yield f"to.people.{index}.context: {name} {_HOLDS_LINK.format(template.name)}"


def _problems_of_personal_values_in_images(people: Sequence[Person], template: Template) -> Iterator[str]:
    """Yields personal values in images and CSS. They must be the same for everyone, or they tell who opens the mail."""
    for index, person in enumerate(people) if template.fetched else ():
        if own := ", ".join(sorted(template.fetched & _names_of_non_null_values(person.context))):
            yield (
                f"to.people.{index}.context: {own} is fetched when the mail is opened, which would tell who opens it; "
                "give it in the event's context, the same for everyone, or make a link of it"
            )
            return


def _problems_of_values_that_begin_urls(
    event: MessageEvent, people: Sequence[Person], template: Template
) -> Iterator[str]:
    """Yields values at the beginning of an address that lead to no page and no mailbox; the first for each address."""
    if not template.leading:  # as most
        return
    places = [("context", event.context)]
    places += [(f"to.people.{index}.context", one.context) for index, one in enumerate(people)]
    for attribute, before, path in sorted(template.leading):
        wrong = (
            f"{place}: {path}: {_UNADDRESSED[attribute]}"
            for place, context in places
            for value in _texts_at_path(path, context)
            if value and link_or_image_url_fault(attribute, before + value)
        )
        yield from islice(wrong, 1)


_UNADDRESSED = {
    "href": "is no address; write https:// and the host, mailto: or tel:",
    "src": "is no address of an image; write https:// and the host",
}


def _texts_at_path(path: str, context: Mapping[str, Any]) -> Iterator[str]:
    """Yields the texts at a path such as `items.url`, in all elements of lists and in each language."""
    found: list[Any] = [context]
    for name in path.split("."):
        found = [one.get(name) for one in _flatten_lists(found) if isinstance(one, Mapping)]
    yield from (one for one in _flatten_lists(found) if isinstance(one, str))
    yield from (text for one in found if isinstance(one, Mapping) for text in one.values() if isinstance(text, str))


def _flatten_lists(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flatten_lists(value)
        else:
            yield value


_HOLDS_LINK = (
    "holds an address, of which mail programs make a link; write it without, or use a value that template {} declares "
    "as a URL"
)


def _names_with_undeclared_links(values: Mapping[str, Any], template: Template) -> list[str]:
    """Returns the names of the values with a link in a text that the template does not declare as an address."""
    return [name for name, value in values.items() if _has_undeclared_link(template.types.get(name), value)]


def _has_undeclared_link(kind: ValueType | None, value: Any) -> bool:
    if isinstance(value, str) and (kind is None or (isinstance(kind, SingleType) and kind.is_text)):
        return has_autolink(value)  # quicker, and holds for most
    return any(
        has_autolink(text)
        for words in parts_of_value_with_free_text(kind, value)
        for text in texts_and_keys_in_json(words)
    )


def _names_of_non_null_values(context: Mapping[str, Any]) -> set[str]:
    return {name for name, value in context.items() if value is not None}


def _reserved_name_problems(place: str, context: Mapping[str, Any]) -> list[str]:
    taken = sorted(RESERVED.intersection(context))
    return [f"{place}: {', '.join(taken)} is reserved for the pipeline; rename it"] if taken else []


def _texts_by_language_problems(
    event: MessageEvent, people: Sequence[Person], template: Template, texts: Texts
) -> Iterator[str]:
    """Yields texts by language that have a language twice, lack the default language, or are one person's own."""
    default = template.default_locale
    for name, by_code in texts.items():
        if len(by_code) < sum(text is not None for text in event.context[name].values()):
            yield f"context.{name}: has a language twice; write each once, such as en-GB"
    for name, codes in missing_locales_by_text_name(template, texts).items():
        if default in codes:
            yield f"context.{name}: lacks {default}, the brand's default, which is for all who read none of the others"
    for index, person in enumerate(people):
        if person.context and (own := find_texts_given_by_language(person.context, template)):
            yield f"to.people.{index}.context: {', '.join(own)} is by language; write the text in the person's own"


def _trial_rendering_problems(
    event: MessageEvent, people: Sequence[Person], template: Template, texts: Texts
) -> Iterator[str]:
    """Yields the errors of a trial rendering for the first person: missing or wrong values, a subject of two lines."""
    first = people[0] if people else None
    chosen = template.choose_locale(first.locale if first else None, locales_with_all_texts(template, texts))
    for locale in locales_with_all_texts(template, texts) if texts else (chosen,):
        yield from _trial_problems_in_locale(template, first, locale, context_in_locale(event.context, texts, locale))


def _trial_problems_in_locale(
    template: Template, first: Person | None, locale: str, shared: Mapping[str, Any]
) -> Iterator[str]:
    context = context_with_sample_members({**shared, **first.context} if first and first.context else shared)
    name = first.name if first else None
    plain = template.variants[locale].bent.isdisjoint(_NAMES)
    tried = _trial_cache_key(template, locale, bool(name) if plain else name, context)
    if tried in _GOOD:
        return
    try:
        values = {**context, **SAMPLE, "recipient": RecipientNameAndLocale(name), "profile": context.get("profile", {})}
        template.render(locale, values)
    except RenderError as error:
        yield f"context: {error}"
    else:
        if len(_GOOD) >= _MOST_GOOD:
            _GOOD.clear()
        _GOOD.add(tried)


def _trial_cache_key(template: Template, locale: str, named: object, context: Mapping[str, Any]) -> tuple[object, ...]:
    """Returns the key under which a successful trial is kept.

    Texts on one line that the template only prints do not change the result, so the key has their names only. The other
    values are part of the key.
    """
    bent = template.variants[locale].bent
    plain = [
        name
        for name, value in context.items()
        if isinstance(value, str) and value and name not in bent and (value.isprintable() or not CONTROL.search(value))
    ]
    rest = {name: value for name, value in context.items() if name not in plain}
    return template.version, locale, named, *plain, to_json(rest) if rest else None
