"""The explanation of a decision: the facts and the answer of each rule in words. Never the person's address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from pydantic import BaseModel

from mailer.policy import rules
from mailer.policy.category import Category
from mailer.policy.deciding import answers_of_all_rules
from mailer.policy.decision_types import Decision, Divert, FactsForRules, Hold, Send, Suppress
from mailer.policy.mail_still_received import missing_fields_blocking_promotions
from mailer.policy.policy_file import Policy
from mailer.policy.policy_versions import describe_versions
from mailer.policy.rule_registry import RULES
from mailer.policy.standing import Standing
from mailer.policy.switches import Switches, SwitchFloor
from mailer.policy.unpaid_product_category import category_if_product_unpaid

SILENT = "nothing"
NOT_ASKED = "is not asked about such mail"


@dataclass(frozen=True, slots=True)
class ExplainedRuleAnswer:
    """The part of one rule in a decision, in words.

    Attributes:
        rule, source, says: as the registry has them.
        saw: what it looked at, in words.
        said: its verdict, in words.
        decides: whether it is the one that decides.
    """

    rule: str
    source: str
    says: str
    saw: Mapping[str, str]
    said: str
    decides: bool = False


def explain_rules_of_decision(facts: FactsForRules) -> Iterator[ExplainedRuleAnswer]:
    """Yields an explanation of each rule: first `service-scope`, then the rules of `decide`, last `service-rate`."""
    scoped = category_if_product_unpaid(facts.mailing, facts.standing, facts.switches)
    yield _explain_rule("service-scope", facts, f"to this person it is {scoped.name} mail" if scoped else SILENT)
    for answer in answers_of_all_rules(facts):
        said = _decision_in_words(answer.verdict) if answer.asked else NOT_ASKED
        yield _explain_rule(answer.rule, facts, said, decides=answer.decides)
    yield _explain_rule("service-rate", facts, "alarm" if rules.is_service_mail_alarm_rate_exceeded(facts) else SILENT)


def policy_switches_and_value_sources(policy: Policy, standing: Standing) -> Iterator[tuple[str, str, str]]:
    """Yields each switch, its value for a person, and the first source (version or floor) that has this value."""
    for name, value in policy.strictest_switches_for_person(standing.collected_under, standing.country):
        yield (
            name,
            value,
            next(
                place
                for place, said in _switches_by_version_and_legal_floor(policy, standing)
                if getattr(said, name) == value
            ),
        )


def missing_fields_behind_decision(facts: FactsForRules, decision: Decision) -> tuple[str, ...]:
    """Returns the unknown fields of the person, as an event names them, if the reason is `unknown_basis`; else none."""
    unknown = isinstance(decision, Suppress) and decision.reason == "unknown_basis"
    return missing_fields_blocking_promotions(facts.policy, facts.standing) if unknown else ()


def _explain_rule(name: str, facts: FactsForRules, said: str, *, decides: bool = False) -> ExplainedRuleAnswer:
    rule = RULES[name]
    saw = {path: _brief_value(attrgetter(path)(facts), facts.category) for path in rule.sees}
    return ExplainedRuleAnswer(name, rule.source, rule.says, saw, said, decides)


def _decision_in_words(verdict: Decision | None) -> str:
    match verdict:
        case None | Send():
            return SILENT
        case Suppress(reason=reason):
            return f"suppress: {reason}"
        case Hold(until=until, reason=reason):
            return f"hold until {until.isoformat()}: {reason}"
        case Divert(channel=channel, reason=reason):
            return f"divert to {channel}: {reason}"


def _brief_value(value: Any, category: Category) -> str:
    """Returns a value in a few words. Addresses are only counted, never shown."""
    match value:
        case None | () | "":
            return "none"
        case str():
            return describe_versions(value) or "none"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case frozenset():
            return ", ".join(sorted(value)) or "none"
        case BaseModel():
            said = value.model_dump(exclude_defaults=True)
            return ", ".join(f"{key} {_brief_value(part, category)}" for key, part in said.items()) or "nothing special"
        case Mapping() if category.name in value:
            return f"{category.name}: {_brief_value(value[category.name], category)}"
        case Mapping():
            return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
        case ((str(), int()), *_):
            return ", ".join(f"{name} {n}" for name, n in value)
        case tuple():
            return f"{len(value)} addresses or domains"
        case _:
            return str(value)


def _switches_by_version_and_legal_floor(
    policy: Policy, standing: Standing
) -> Iterator[tuple[str, Switches | SwitchFloor]]:
    yield f"policy {policy.version}, in force", policy.switches
    for then in policy.binding_versions(standing.collected_under):
        yield f"policy {then.version}, under which the address was collected", then.switches
    yield (
        f"the floor of {countries_in_words(policy, standing.country)}",
        policy.law.switch_floor(standing.country),
    )
    said = ", ".join((standing.country or "any country").split("\n"))
    yield f"the policy's own floor of {said}", policy.law_and_policy_switch_floor(standing.country)


def countries_in_words(policy: Policy, said: str | None) -> str:
    """Returns the countries of a person in words, and says which of them are not reviewed."""
    if said is None:
        return "an unknown country"
    each = [
        country if policy.law.reviewed_jurisdiction_or_none(country) else f"{country}, which is not reviewed"
        for country in said.split("\n")
    ]
    return ", ".join(each)
