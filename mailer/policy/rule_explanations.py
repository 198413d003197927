"""Why a person does (not) get a mailing: what each rule saw and said, in words. Never the person's address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from pydantic import BaseModel

from mailer.policy import rules
from mailer.policy.category import Category
from mailer.policy.deciding import explain
from mailer.policy.decision import Decision, Divert, Facts, Hold, Send, Suppress
from mailer.policy.expected_mail import missing_basis
from mailer.policy.policy_file import Policy
from mailer.policy.policy_versions import describe
from mailer.policy.rule_registry import RULES
from mailer.policy.standing import Standing
from mailer.policy.switches import Floor, Switches

SILENT = "nothing"
NOT_ASKED = "is not asked about such mail"


@dataclass(frozen=True, slots=True)
class Line:
    """What one rule had to do with it.

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


def lines(facts: Facts) -> Iterator[Line]:
    """Every rule in the order in which they are asked, between what makes the category and what raises the alarm."""
    scoped = rules.service_scope(facts.mailing, facts.standing, facts.switches)
    yield _line("service-scope", facts, f"to this person it is {scoped.name} mail" if scoped else SILENT)
    for answer in explain(facts):
        said = _said(answer.verdict) if answer.asked else NOT_ASKED
        yield _line(answer.rule, facts, said, decides=answer.decides)
    yield _line("service-rate", facts, "alarm" if rules.over_rate(facts) else SILENT)


def switches(policy: Policy, standing: Standing) -> Iterator[tuple[str, str, str]]:
    """Each switch, the value that holds for a person, and the first place that asks for one so strict."""
    for name, value in policy.switches_for(standing.collected_under, standing.country):
        yield name, value, next(place for place, said in _places(policy, standing) if getattr(said, name) == value)


def missing(facts: Facts, decision: Decision) -> tuple[str, ...]:
    """Names what nobody knows of the person, where that is the reason: fields of a person in an event."""
    unknown = isinstance(decision, Suppress) and decision.reason == "unknown_basis"
    return missing_basis(facts.policy, facts.standing) if unknown else ()


def _line(name: str, facts: Facts, said: str, *, decides: bool = False) -> Line:
    rule = RULES[name]
    saw = {path: _brief(attrgetter(path)(facts), facts.category) for path in rule.sees}
    return Line(name, rule.source, rule.says, saw, said, decides)


def _said(verdict: Decision | None) -> str:
    match verdict:
        case None | Send():
            return SILENT
        case Suppress(reason=reason):
            return f"suppress: {reason}"
        case Hold(until=until, reason=reason):
            return f"hold until {until.isoformat()}: {reason}"
        case Divert(channel=channel, reason=reason):
            return f"divert to {channel}: {reason}"


def _brief(value: Any, category: Category) -> str:
    """Says a value in a few words; addresses are only counted."""
    match value:
        case None | () | "":
            return "none"
        case str():
            return describe(value) or "none"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case frozenset():
            return ", ".join(sorted(value)) or "none"
        case BaseModel():
            said = value.model_dump(exclude_defaults=True)
            return ", ".join(f"{key} {_brief(part, category)}" for key, part in said.items()) or "nothing special"
        case Mapping() if category.name in value:
            return f"{category.name}: {_brief(value[category.name], category)}"
        case Mapping():
            return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
        case ((str(), int()), *_):
            return ", ".join(f"{name} {n}" for name, n in value)
        case tuple():
            return f"{len(value)} addresses or domains"
        case _:
            return str(value)


def _places(policy: Policy, standing: Standing) -> Iterator[tuple[str, Switches | Floor]]:
    yield f"policy {policy.version}, in force", policy.switches
    for then in policy.binding(standing.collected_under):
        yield f"policy {then.version}, under which the address was collected", then.switches
    yield f"the floor of {named(policy, standing.country)}", policy.law.floor(standing.country)
    said = ", ".join((standing.country or "any country").split("\n"))
    yield f"the policy's own floor of {said}", policy.floor(standing.country)


def named(policy: Policy, said: str | None) -> str:
    """Names the countries that were said of somebody, as far as their law is known."""
    if said is None:
        return "an unknown country"
    each = [country if policy.law.of(country) else f"{country}, which is not reviewed" for country in said.split("\n")]
    return ", ".join(each)
