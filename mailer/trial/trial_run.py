"""The trial itself: each statement is asked about everybody and every mailing, and compared with what is done."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from mailer.policy.deciding import decide
from mailer.policy.decision import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.promise import Promise
from mailer.policy.standing import WRITTEN
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.template_library import RenderError, TemplateLibrary
from mailer.rendering.way_out import NoWayOut
from mailer.trial.case_facts import Case, Expect, case_of
from mailer.trial.decision_statements import FLOOR, STATEMENTS, Statement
from mailer.trial.message_statements import SIGHTS, Sight
from mailer.trial.need_statements import sights_of, statements_of
from mailer.trial.parsed_messages import Letter
from mailer.trial.refusal_statements import DOORS, Door
from mailer.trial.sample_mailings import Mail, mails_of
from mailer.trial.sample_messages import letters_of
from mailer.trial.sample_people import Person, people_of, singles_of
from mailer.trial.untried_rules import UNTRIED


@dataclass(slots=True)
class Tally:
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
        """Tells that it spoke of somebody."""
        return bool(self.people) or self.messages + self.attempts > 0

    def fail(self, words: str) -> None:
        """Notes a contradiction."""
        self.failures += 1
        self.first = self.first or words


@dataclass(frozen=True, slots=True)
class Line:
    """A promise, or the floor, and how it did.

    Attributes:
        id, promise: as in the policy. result: holds, fails or not tried.
        people, mailings, messages, attempts: those that its statements spoke of.
        failure: the first person or message that contradicts it, in words.
        not_tried: what the trial cannot know of it, in words.
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
class Trial:
    """A brand's trial. `at` is the time that was taken for now; `people` and `mailings` are all that were made up."""

    brand: str
    version: str
    at: datetime
    people: int
    mailings: int
    lines: tuple[Line, ...]

    @property
    def failed(self) -> tuple[Line, ...]:
        """The promises that do not hold."""
        return tuple(line for line in self.lines if line.result == FAILS)


_WAYS_OUT = frozenset({"way-out", "service-footer"})
"""Rules by which a message that shows no way out is not sent."""


class Tallies:
    """The findings about each statement that a promise needs.

    Args:
        promises: the brand's.

    Attributes:
        by_rule: for each rule and each need of a promise, what was found about its statements.
    """

    def __init__(self, promises: Iterable[Promise]) -> None:
        self.by_rule: defaultdict[str, list[Tally]] = defaultdict(list)
        wanted = {FLOOR, *(rule for promise in promises for rule in promise.rules)}
        needed = {one.rules: one for promise in promises for one in statements_of(promise.needs)}
        shown = {one.rules: one for promise in promises for one in sights_of(promise.needs)}
        spoken = (one for one in STATEMENTS if not wanted.isdisjoint(one.rules))
        seen = (one for one in SIGHTS if not wanted.isdisjoint(one.rules))
        self._statements = [(one.speak, self._tally(one)) for one in (*spoken, *needed.values())]
        self._sights = [(one, self._tally(one)) for one in (*seen, *shown.values())]
        self._doors = [(one.knock, self._tally(one)) for one in DOORS if not wanted.isdisjoint(one.rules)]

    def _tally(self, one: Statement | Sight | Door) -> Tally:
        tally = Tally(one.says)
        for rule in one.rules:
            self.by_rule[rule].append(tally)
        return tally

    def ask(self, case: Case, index: int, decision: Decision) -> None:
        """Compares a decision with each statement about it."""
        for speak, tally in self._statements:
            expected = speak(case)
            if expected is None:
                continue
            tally.people.add(index)
            tally.mailings.add(case.mail.says)
            if not _is_met(expected, decision, case):
                tally.fail(f"{case.person.words}, {_did(decision)} {case.mail.says}; they {expected.value} it")

    def look(self, mail: Mail, policy: Policy, now: datetime) -> None:
        """Looks at each message of one mailing."""
        try:
            for letter in letters_of(mail, policy, now):
                self._look_at(letter, mail)
        except NoWayOut as error:
            for sight, tally in self._sights:
                if not _WAYS_OUT.isdisjoint(sight.rules):
                    tally.fail(f"{mail.says} is not sent, as {error}")
        except (RenderError, HeaderRefused) as error:
            for _, tally in self._sights:
                tally.fail(f"{mail.says} cannot be printed: {error}")

    def _look_at(self, letter: Letter, mail: Mail) -> None:
        for sight, tally in self._sights:
            problems = sight.look(letter)
            if problems is None:
                continue
            tally.messages += 1
            tally.mailings.add(mail.says)
            if problems:
                language = f" in {letter.case.person.locale}" if letter.case.person.locale else ""
                tally.fail(f"{mail.says}{language}, to {letter.case.person.words}, {problems[0]}")

    def knock(self, policy: Policy, templates: TemplateLibrary, now: datetime) -> None:
        """Tries what is refused before anything is decided: events, and processors."""
        for door, tally in self._doors:
            for tried in door(policy, templates, now):
                tally.attempts += 1
                if tried:
                    tally.fail(tried)


HOLDS, FAILS, NOT_TRIED = "holds", "fails", "not tried"
Step = Callable[[int, int], None]
"""Told how many mailings of how many are done."""


def try_brand(
    policy: Policy,
    templates: TemplateLibrary,
    now: datetime,
    step: Step = lambda done, of: None,
    people: Sequence[Person] | None = None,
) -> Trial:
    """Tries everything that a brand promises.

    Args:
        policy: the brand's, with its other versions beside it.
        templates: holds the brand's.
        now: an aware datetime.
        step: is told of the progress.
        people: those about whom it asks; None: everybody, see `people_of`.
    """
    policy = policy.model_copy(update={"only_deliver_to": None})
    everybody = list(enumerate(people_of(policy) if people is None else people))
    few = everybody[: len(singles_of(policy))]
    mails = mails_of(policy, templates, now)
    tallies = Tallies(policy.promises)
    decided = set[Mailing]()
    for number, mail in enumerate(mails, 1):
        # To a decision, two templates of one category and purpose are the same.
        alike = replace(mail.mailing, id=None)
        is_new = mail.usual and alike not in decided
        decided.add(alike)
        for index, person in everybody if is_new else few:
            decision = decide(mail.mailing, person.standing, policy, now)
            tallies.ask(case_of(person, mail, policy), index, decision)
        tallies.look(mail, policy, now)
        step(number, len(mails))
    tallies.knock(policy, templates, now)
    lines = [_line(promise, tallies.by_rule) for promise in policy.promises]
    floor = Promise(id="the-floor", promise=_OF_ALL, source="PROMISES")
    lines.append(_judged(floor, tallies.by_rule[FLOOR], ()))
    return Trial(policy.brand, policy.version, now, len(everybody), len(mails), tuple(lines))


_OF_ALL = "what holds for every brand: optional mail can be left, mandatory mail arrives, unknown is never the laxest"


def _is_met(expected: Expect, decision: Decision, case: Case) -> bool:
    match expected:
        case Expect.GOES:
            waits = isinstance(decision, Hold) and decision.rule == "mail-hours" and case.is_optional
            return isinstance(decision, Send) or waits
        case Expect.STAYS:
            return isinstance(decision, (Suppress, Divert))
        case Expect.WRITTEN:
            return isinstance(decision, Divert) and decision.channel == WRITTEN
        case Expect.NOT_NOW:
            return not isinstance(decision, Send)


def _did(decision: Decision) -> str:
    match decision:
        case Send():
            return "would get"
        case Hold():
            return "would later get"
        case Divert(channel=channel):
            return f"would be told by {channel.replace('_', ' ')} of"
        case Suppress(reason=reason):
            return f"would not get (because: {reason.replace('_', ' ')})"


def _line(promise: Promise, by_rule: dict[str, list[Tally]]) -> Line:
    """The result of a promise, by what the statements of its rules found."""
    if promise.waits_for:
        return _judged(promise, (), (f"it waits for {promise.waits_for}",))
    needs = [*(one.rules for one in statements_of(promise.needs)), *(one.rules for one in sights_of(promise.needs))]
    tallies = [tally for rule in (*promise.rules, *chain(*needs)) for tally in by_rule.get(rule, ())]
    return _judged(promise, tallies, tuple(_unknown(promise, by_rule)))


def _unknown(promise: Promise, by_rule: dict[str, list[Tally]]) -> Iterator[str]:
    """The reasons for which the trial cannot know of a promise."""
    for rule in promise.rules:
        found = by_rule.get(rule, ())
        if not found:
            yield UNTRIED.get(rule, f"the trial has no statement of the rule {rule}")
        elif not any(tally.is_tried for tally in found):
            yield f"the brand has no mail and no template of which {rule} speaks"


def _judged(promise: Promise, tallies: Iterable[Tally], not_tried: tuple[str, ...]) -> Line:
    unique = list({id(tally): tally for tally in tallies if tally.is_tried or tally.failures}.values())
    failed = [tally for tally in unique if tally.failures]
    return Line(
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
