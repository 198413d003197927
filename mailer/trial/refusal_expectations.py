"""Statements about refusals before any decision: of events, of hand-overs, and of figures about few people."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailer.events import EventRefused, validate_event
from mailer.policy.advertiser_figures import (
    hidden_or_rounded_figure,
    may_subtraction_reveal_small_group,
    publishable_cells,
)
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Mailing, Send
from mailer.policy.policy_file import Policy
from mailer.policy.processor_rules import ProcessorUse, refusal_of_processor_use
from mailer.policy.third_parties import PermittedProcessor
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.template_library import Template, TemplateLibrary
from mailer.trial.sample_people import ADDRESS, base_people, person_with_traits, trait_of_many_mails

Knock = Callable[[Policy, TemplateLibrary, datetime], Iterator[str]]


@dataclass(frozen=True, slots=True)
class RefusalExpectation:
    """A statement that a promise with a rule makes of something that must be refused.

    Attributes:
        rules: the rules whose promises it expresses. says: the statement in one sentence.
        knock: tries it, and yields a text for each attempt: the problem, or an empty text if it was refused.
    """

    rules: tuple[str, ...]
    says: str
    knock: Knock


DOORS: list[RefusalExpectation] = []
"""Every statement about refusals."""


def register_refusal_expectation(*rules: str) -> Callable[[Knock], Knock]:
    """Registers a function as a statement of some rules."""

    def note(knock: Knock) -> Knock:
        DOORS.append(RefusalExpectation(rules, (knock.__doc__ or "").splitlines()[0], knock))
        return knock

    return note


@register_refusal_expectation("processor-known")
def try_unlisted_processors(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """Nothing is handed to a processor that the policy does not list, or in another country than it says."""
    if not policy.processors:
        yield "lists no processor, so that anybody who is configured may be handed data"
    for purpose in policy.purposes if policy.processors else ():
        stranger = ProcessorUse("a-relay-of-nobody", "US", True, purpose, now.date())
        yield (
            ""
            if refusal_of_processor_use(policy, stranger)
            else f"mail for {purpose} goes to a processor that is not listed"
        )
    for terms in policy.processors:
        moved = ProcessorUse(terms.name, "XX", True, terms.purposes[0], now.date())
        yield (
            ""
            if refusal_of_processor_use(policy, moved)
            else f"mail goes to {terms.name} in another country than {terms.country}"
        )
        if terms.until is not None and terms.until < now.date():
            yield (
                ""
                if refusal_of_processor_use(policy, _sample_use_of_listed_processor(terms, now))
                else f"mail goes to {terms.name}, which has ended"
            )


@register_refusal_expectation("no-retention")
def try_processor_that_may_retain(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """Nothing is handed to a processor that has not stated that it retains nothing."""
    for terms in policy.processors:
        silent = tuple(one.model_copy(update={"no_retention": None}) for one in policy.processors)
        unstated = policy.model_copy(update={"processors": silent})
        may_retain = refusal_of_processor_use(unstated, _sample_use_of_listed_processor(terms, now)) is None
        yield f"mail goes to {terms.name} without its statement that it retains nothing" if may_retain else ""


@register_refusal_expectation("service-reason")
def try_service_mail_without_reason(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """A service announcement that gives no reason is refused."""
    for template in _templates_of_brand(policy, templates):
        if template.category == "service":
            said = _build_event_of_template(template, to={"refs": ["user-1"]})
            yield f"{template.name} is accepted without a reason" if _is_event_accepted(said, policy, templates) else ""


@register_refusal_expectation("service-rate")
def try_alarm_of_service_mail_over_rate(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """A service announcement beyond the rate that the policy calls rare still goes, and raises an alarm."""
    person = person_with_traits(base_people(policy)[0], trait_of_many_mails(policy))
    if "service" in policy.terms:
        decision = decide(Mailing(CATEGORIES["service"], policy.purposes[0]), person.standing, policy, now)
        is_noticed = isinstance(decision, Send) and decision.alarm
        yield "" if is_noticed else "an account gets any number of service mails, and nobody is alarmed"


@register_refusal_expectation("primary-address")
def try_change_notice_with_own_addresses(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """A change of the policy or the owner that brings addresses of its own is refused."""
    for template in _templates_of_brand(policy, templates):
        if template.category in ("policy_change", "business_transition"):
            said = _build_event_of_template(template, to={"people": [{"ref": "user-1", "email": ADDRESS}]})
            yield (
                f"{template.name} takes addresses from its event" if _is_event_accepted(said, policy, templates) else ""
            )


@register_refusal_expectation("inviter")
def try_invitation_without_inviter(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """An invitation that names no inviter is refused."""
    for template in _templates_of_brand(policy, templates):
        if template.category == "invitation":
            said = _build_event_of_template(
                template, to={"people": [{"ref": "guest-1", "email": ADDRESS, "source": "invitation"}]}
            )
            yield (
                f"{template.name} is accepted without an inviter" if _is_event_accepted(said, policy, templates) else ""
            )


@register_refusal_expectation("aggregates", "figures-of-many")
def try_figures_of_few_people(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """No figure is shown of fewer people than the policy's smallest group, and none can be computed."""
    least = policy.minimum_cell
    for few in (1, least - 1):
        shown = publishable_cells({"one": few, "another": 3 * least, "a third": 5 * least}, least)
        yield f"a figure of {few} people is shown" if any(n < least for n in shown.values()) else ""
        yield (
            f"a mailing that {few} people opened shows it"
            if hidden_or_rounded_figure(few, least, True) is not None
            else ""
        )
    running = hidden_or_rounded_figure(least + 1, least, False)
    yield "the opens of a running mailing are shown one by one" if running == least + 1 else ""


@register_refusal_expectation("no-subtraction")
def try_audiences_with_small_difference(policy: Policy, templates: TemplateLibrary, now: datetime) -> Iterator[str]:
    """Two audiences that differ by fewer people than the smallest group are not both shown."""
    least = policy.minimum_cell
    for few in (1, least - 1):
        apart = may_subtraction_reveal_small_group({("all", "all"): 10 * least, ("all", None): few}, least)
        yield "" if apart else f"the difference between two audiences tells of {few} people"


def _sample_use_of_listed_processor(terms: PermittedProcessor, now: datetime) -> ProcessorUse:
    return ProcessorUse(terms.name, terms.country, True, terms.purposes[0], now.date())


def _templates_of_brand(policy: Policy, templates: TemplateLibrary) -> Iterator[Template]:
    return (template for template in templates if template.brand == policy.brand)


def _build_event_of_template(template: Template, to: dict[str, Any]) -> dict[str, Any]:
    return {
        "v": 1,
        "id": f"trial-{template.name}",
        "brand": template.brand,
        "category": template.category,
        "template": template.name,
        "to": to,
        "context": dict(template.example),
    }


def _is_event_accepted(said: dict[str, Any], policy: Policy, templates: TemplateLibrary) -> bool:
    try:
        check_event_and_get_template(validate_event(said), {policy.brand: policy}, templates)
    except EventRefused:
        return False
    return True
