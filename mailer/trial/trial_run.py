"""The trial: it asks each statement about all people and mailings, and compares the answer with the decision."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from mailer.policy.deciding import decide
from mailer.policy.decision_types import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.promise import Promise
from mailer.policy.standing import WRITTEN
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.template_library import RenderError, TemplateLibrary
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave
from mailer.trial.case_facts import ExpectedFate, PersonMailingCase, make_person_mailing_case
from mailer.trial.decision_expectation import DecisionExpectation
from mailer.trial.decision_expectations import FLOOR, STATEMENTS
from mailer.trial.message_expectations import SIGHTS, MessageExpectation
from mailer.trial.parsed_messages import ParsedMessage
from mailer.trial.promise_need_expectations import decision_expectations_from_needs, message_expectations_from_needs
from mailer.trial.refusal_expectations import DOORS, RefusalExpectation
from mailer.trial.rendered_sample_mailings import render_and_parse_messages
from mailer.trial.sample_mailings import SampleMailing, sample_mailings
from mailer.trial.sample_people import SamplePerson, sample_people, single_trait_people
from mailer.trial.untriable_rules import UNTRIED


@dataclass(slots=True)
class ExpectationResult:
    """The finding about one statement.

    Attributes:
        says: the statement. people, mailings: those it spoke of.
        messages: how many printed ones it looked at. attempts: how often it tried what has to be refused.
        failures: how often it was contradicted. first: the first time, in words.
    """

    says: str
    people: set[int] = field(default_factory=set)
    mailings: set[str] = field(default_factory=set)
    messages: int = 0
    attempts: int = 0
    failures: int = 0
    first: str | None = None

    @property
    def is_tried(self) -> bool:
        """True if the statement was about at least one person, message or attempt."""
        return bool(self.people) or self.messages + self.attempts > 0

    def add_contradiction(self, words: str) -> None:
        """Counts a contradiction, and keeps the words of the first."""
        self.failures += 1
        self.first = self.first or words


@dataclass(frozen=True, slots=True)
class PromiseResult:
    """The result of a promise, or of the floor.

    Attributes:
        id, promise: as in the policy. result: holds, fails or not tried.
        people, mailings, messages, attempts: those that its statements spoke of.
        failure: the first person or message that contradicts it, in words.
        not_tried: the things that the trial cannot try, in words.
        statements: what was asked, in words. contradicted: those of them that somebody or some message contradicts.
    """

    id: str
    promise: str
    result: str
    people: int
    mailings: int
    messages: int
    attempts: int
    failure: str | None
    not_tried: tuple[str, ...]
    statements: tuple[str, ...]
    contradicted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a brand's trial. `at` is the time used as now; `people` and `mailings` count the made-up ones."""

    brand: str
    version: str
    at: datetime
    people: int
    mailings: int
    lines: tuple[PromiseResult, ...]

    @property
    def failed_promises(self) -> tuple[PromiseResult, ...]:
        """The promises that do not hold."""
        return tuple(line for line in self.lines if line.result == FAILS)


_WAYS_OUT = frozenset({"way-out", "service-footer"})
"""The rules whose statements fail if a message cannot be sent because it shows no way to opt out."""


class AllExpectationResults:
    """The findings about each statement that a promise needs.

    Args:
        promises: the brand's.

    Attributes:
        by_rule: for each rule and each need of a promise, what was found about its statements.
    """

    def __init__(self, promises: Iterable[Promise]) -> None:
        self.by_rule: defaultdict[str, list[ExpectationResult]] = defaultdict(list)
        wanted = {FLOOR, *(rule for promise in promises for rule in promise.rules)}
        needed = {one.rules: one for promise in promises for one in decision_expectations_from_needs(promise.needs)}
        shown = {one.rules: one for promise in promises for one in message_expectations_from_needs(promise.needs)}
        spoken = (one for one in STATEMENTS if not wanted.isdisjoint(one.rules))
        seen = (one for one in SIGHTS if not wanted.isdisjoint(one.rules))
        self._statements = [
            (one.speak, self._create_empty_expectation_result(one)) for one in (*spoken, *needed.values())
        ]
        self._sights = [(one, self._create_empty_expectation_result(one)) for one in (*seen, *shown.values())]
        self._doors = [
            (one.knock, self._create_empty_expectation_result(one)) for one in DOORS if not wanted.isdisjoint(one.rules)
        ]

    def _create_empty_expectation_result(
        self, one: DecisionExpectation | MessageExpectation | RefusalExpectation
    ) -> ExpectationResult:
        tally = ExpectationResult(one.says)
        for rule in one.rules:
            self.by_rule[rule].append(tally)
        return tally

    def check_decision(self, case: PersonMailingCase, index: int, decision: Decision) -> None:
        """Compares a decision with each statement about it."""
        for speak, tally in self._statements:
            expected = speak(case)
            if expected is None:
                continue
            tally.people.add(index)
            tally.mailings.add(case.mail.says)
            if not _is_fate_met_by_decision(expected, decision, case):
                tally.add_contradiction(
                    f"{case.person.person_in_words}, {_decision_in_words(decision)} {case.mail.says};"
                    f" they {expected.value} it"
                )

    def check_messages_of_mailing(self, mail: SampleMailing, policy: Policy, now: datetime) -> None:
        """Renders the messages of one mailing, and checks each against the statements about messages."""
        try:
            for letter in render_and_parse_messages(mail, policy, now):
                self._check_message(letter, mail)
        except NoVisibleWayToLeave as error:
            for sight, tally in self._sights:
                if not _WAYS_OUT.isdisjoint(sight.rules):
                    tally.add_contradiction(f"{mail.says} is not sent, as {error}")
        except (RenderError, HeaderRefused) as error:
            for _, tally in self._sights:
                tally.add_contradiction(f"{mail.says} cannot be printed: {error}")

    def _check_message(self, letter: ParsedMessage, mail: SampleMailing) -> None:
        for sight, tally in self._sights:
            problems = sight.look(letter)
            if problems is None:
                continue
            tally.messages += 1
            tally.mailings.add(mail.says)
            if problems:
                language = f" in {letter.case.person.locale}" if letter.case.person.locale else ""
                tally.add_contradiction(
                    f"{mail.says}{language}, to {letter.case.person.person_in_words}, {problems[0]}"
                )

    def check_refusals(self, policy: Policy, templates: TemplateLibrary, now: datetime) -> None:
        """Tries the events, processors and figures that must be refused before any decision."""
        for door, tally in self._doors:
            for tried in door(policy, templates, now):
                tally.attempts += 1
                if tried:
                    tally.add_contradiction(tried)


HOLDS, FAILS, NOT_TRIED = "holds", "fails", "not tried"
Step = Callable[[int, int], None]
"""Is called with the number of finished mailings and the number of all mailings."""


def try_promises_of_brand(
    policy: Policy,
    templates: TemplateLibrary,
    now: datetime,
    step: Step = lambda done, of: None,
    people: Sequence[SamplePerson] | None = None,
) -> TrialResult:
    """Tries everything that a brand promises.

    Args:
        policy: the brand's, with its other versions beside it.
        templates: holds the brand's.
        now: an aware datetime.
        step: is told of the progress.
        people: the people to ask about; None: all of `sample_people`.
    """
    policy = policy.model_copy(update={"only_deliver_to": None})
    everybody = list(enumerate(sample_people(policy) if people is None else people))
    few = everybody[: len(single_trait_people(policy))]
    mails = sample_mailings(policy, templates, now)
    tallies = AllExpectationResults(policy.promises)
    decided = set[Mailing]()
    for number, mail in enumerate(mails, 1):
        # To a decision, two templates of one category and purpose are the same.
        alike = replace(mail.mailing, id=None)
        is_new = mail.usual and alike not in decided
        decided.add(alike)
        for index, person in everybody if is_new else few:
            decision = decide(mail.mailing, person.standing, policy, now)
            tallies.check_decision(make_person_mailing_case(person, mail, policy), index, decision)
        tallies.check_messages_of_mailing(mail, policy, now)
        step(number, len(mails))
    tallies.check_refusals(policy, templates, now)
    lines = [_promise_result(promise, tallies.by_rule) for promise in policy.promises]
    floor = Promise(id="the-floor", promise=_OF_ALL, source="PROMISES")
    lines.append(_promise_result_from_statements(floor, tallies.by_rule[FLOOR], ()))
    return TrialResult(policy.brand, policy.version, now, len(everybody), len(mails), tuple(lines))


_OF_ALL = "what holds for every brand: optional mail can be left, mandatory mail arrives, unknown is never the laxest"


def _is_fate_met_by_decision(expected: ExpectedFate, decision: Decision, case: PersonMailingCase) -> bool:
    match expected:
        case ExpectedFate.GOES:
            waits = isinstance(decision, Hold) and decision.rule == "mail-hours" and case.is_optional
            return isinstance(decision, Send) or waits
        case ExpectedFate.STAYS:
            return isinstance(decision, (Suppress, Divert))
        case ExpectedFate.WRITTEN:
            return isinstance(decision, Divert) and decision.channel == WRITTEN
        case ExpectedFate.NOT_NOW:
            return not isinstance(decision, Send)


def _decision_in_words(decision: Decision) -> str:
    match decision:
        case Send():
            return "would get"
        case Hold():
            return "would later get"
        case Divert(channel=channel):
            return f"would be told by {channel.replace('_', ' ')} of"
        case Suppress(reason=reason):
            return f"would not get (because: {reason.replace('_', ' ')})"


def _promise_result(promise: Promise, by_rule: dict[str, list[ExpectationResult]]) -> PromiseResult:
    """Returns the result of a promise, from the findings of the statements of its rules and needs."""
    if promise.waits_for:
        return _promise_result_from_statements(promise, (), (f"it waits for {promise.waits_for}",))
    needs = [
        *(one.rules for one in decision_expectations_from_needs(promise.needs)),
        *(one.rules for one in message_expectations_from_needs(promise.needs)),
    ]
    tallies = [tally for rule in (*promise.rules, *chain(*needs)) for tally in by_rule.get(rule, ())]
    return _promise_result_from_statements(promise, tallies, tuple(_reasons_promise_not_tried(promise, by_rule)))


def _reasons_promise_not_tried(promise: Promise, by_rule: dict[str, list[ExpectationResult]]) -> Iterator[str]:
    """Yields the reasons why the trial cannot try a promise, or a rule of it."""
    for rule in promise.rules:
        found = by_rule.get(rule, ())
        if not found:
            yield UNTRIED.get(rule, f"the trial has no statement of the rule {rule}")
        elif not any(tally.is_tried for tally in found):
            yield f"the brand has no mail and no template of which {rule} speaks"


def _promise_result_from_statements(
    promise: Promise, tallies: Iterable[ExpectationResult], not_tried: tuple[str, ...]
) -> PromiseResult:
    unique = list({id(tally): tally for tally in tallies if tally.is_tried or tally.failures}.values())
    failed = [tally for tally in unique if tally.failures]
    return PromiseResult(
        promise.id,
        promise.promise,
        FAILS if failed else HOLDS if unique else NOT_TRIED,
        len(set().union(*(tally.people for tally in unique))),
        len(set().union(*(tally.mailings for tally in unique))),
        sum(tally.messages for tally in unique),
        sum(tally.attempts for tally in unique),
        failed[0].first if failed else None,
        not_tried,
        tuple(tally.says for tally in unique),
        tuple(tally.says for tally in failed),
    )
