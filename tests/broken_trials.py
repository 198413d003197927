"""Faults that break one promise at a time, for the tests of the trial."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import pytest

from mailer.policy import deciding
from mailer.policy.category import CATEGORIES
from mailer.policy.decision_types import FactsForRules, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.promise import Promise
from mailer.rendering.template_library import TemplateLibrary, compile_stored_source
from mailer.trial.decision_expectations import FLOOR, STATEMENTS
from mailer.trial.message_expectations import SIGHTS
from mailer.trial.refusal_expectations import DOORS
from mailer.trial.sample_people import SamplePerson, sample_people, single_trait_people
from mailer.trial.trial_run import PromiseResult, try_promises_of_brand
from tests.factories import policies, templates

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOTHING = TemplateLibrary({})


Break = Callable[[pytest.MonkeyPatch], None]


NAMED = (*(one.rules for one in STATEMENTS), *(one.rules for one in SIGHTS), *(one.rules for one in DOORS))
"""The rules of each statement."""


def trial_of(
    policy: Policy,
    library: TemplateLibrary,
    rules: Iterable[str],
    people: Sequence[SamplePerson] | None = None,
    more: Sequence[Promise] = (),
) -> Mapping[str, PromiseResult]:
    """The lines of a policy that promises each of some rules by itself, by rule, and more by their ids.

    Those who are special in one way only are asked about, unless others are named.
    """
    first = policy.promises[0]
    own = tuple(first.model_copy(update={"id": rule, "rules": (rule,), "waits_for": None}) for rule in rules)
    told = policy.model_copy(update={"promises": (*own, *more)})
    trial = try_promises_of_brand(told, library, NOW, people=single_trait_people(policy) if people is None else people)
    return {FLOOR if line.id == "the-floor" else line.id: line for line in trial.lines}


@cache
def whole(brand: str) -> Mapping[str, PromiseResult]:
    """A shipped brand's, with nothing broken."""
    policy = policies()[brand]
    return trial_of(policy, templates(), set[str]().union(*NAMED) - {FLOOR}, more=policy.promises)


def without(*rules: str) -> Break:
    """Takes rules out of those that are asked."""

    def cut(patch: pytest.MonkeyPatch) -> None:
        assert deciding.ASKED.keys() >= set(rules)
        asked = [entry for name, entry in deciding.ASKED.items() if name not in rules]
        kept = {name: tuple(ask for concerns, ask in asked if concerns(one)) for name, one in CATEGORIES.items()}
        patch.setattr(deciding, "_ASKED_OF", kept)

    return cut


def stopping(who: Callable[[FactsForRules], object]) -> Break:
    """Adds a rule that stops mail which has to go."""

    def stop(facts: FactsForRules) -> Suppress | None:
        return Suppress("stopped", "stopping", facts.policy.version) if who(facts) else None

    def add(patch: pytest.MonkeyPatch) -> None:
        longer = {name: (stop, *asked) for name, asked in deciding._ASKED_OF.items()}
        patch.setattr(deciding, "_ASKED_OF", longer)

    return add


def setting(owner: object, name: str, value: object) -> Break:
    """Puts something else in the place of a function."""
    return lambda patch: patch.setattr(owner, name, value)


def edited(brand: str, name: str, piece: str, old: str, new: str) -> TemplateLibrary:
    """One template of a brand, with other words in one of its pieces."""
    made = templates().find_template(brand, name)
    assert made is not None
    source = json.loads(made.source)
    for locale, pieces in source["sources"].items():
        assert old in pieces[piece], (locale, old)
        pieces[piece] = pieces[piece].replace(old, new)
    spoiled = compile_stored_source(policies()[brand], name, json.dumps(source))
    return TemplateLibrary({(brand, name): replace(spoiled, example=made.example, profile=made.profile)})


class Case(NamedTuple):
    """A fault that contradicts one statement.

    Attributes:
        rule: the one that the promise names. brand: the policy that is tried.
        broken: what is broken in the rules; None: nothing is.
        template: the only one that the brand has; None: none is printed.
        edit: a piece of that template, what stands there, and what is put in its place.
        policy: changes to the policy. earlier: changes that make an earlier version of it.
        everybody: those who are special in two ways are asked about, too.
    """

    rule: str
    brand: str = "interpals"
    broken: Break | None = None
    template: str | None = None
    edit: tuple[str, str, str] = ("text", "", "")
    policy: Mapping[str, object] = MappingProxyType({})
    earlier: Mapping[str, object] = MappingProxyType({})
    everybody: bool = False

    def try_it(self, patch: pytest.MonkeyPatch | None) -> PromiseResult:
        """The line of the promise; without `patch`, nothing is broken."""
        policy = policies()[self.brand].model_copy(update=dict(self.policy))
        if self.earlier:
            old = policy.model_copy(update={"version": "earlier", **self.earlier})
            policy = policy.with_earlier_versions({"earlier": old})
        if patch is None and not self.policy and not self.earlier:
            return whole(self.brand)[self.rule]
        if self.broken and patch:
            self.broken(patch)
        if self.template is None:
            return trial_of(policy, NOTHING, [self.rule], sample_people(policy) if self.everybody else None)[self.rule]
        return trial_of(policy, edited(self.brand, self.template, *self.edit), [self.rule], ())[self.rule]
