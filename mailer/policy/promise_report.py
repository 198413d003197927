"""The report that shows for each promise if it is kept: the rules that enforce it, and the tests that prove it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.policy.policy_file import Policy
from mailer.policy.promise import Promise
from mailer.policy.rule_registry import Rule

WAITS = ("inbound mail", "pages")
"""The things that a pending promise may wait for. Details can follow after a colon: `pages: the public notice`."""

PASSED = "passed"


class PromiseStatus(StrEnum):
    """The state of a promise; one that waits, or that no test has shown to be kept, is never shown as kept."""

    KEPT = "kept"
    UNPROVEN = "unproven"
    PENDING = "pending"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ProofTest:
    """A test, all cases of which passed if its outcome is `passed`."""

    test: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ProofCase:
    """One case of a test, with the promises and the rules that it proves, as its markers say."""

    id: str
    promises: tuple[str, ...]
    rules: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class RecordedTestRun:
    """A run of the tests.

    Attributes:
        when: ISO 8601, UTC. commit: what was tested; None where there was no git.
        whole: the whole suite was run, and no part of it.
        tests: those with a marker.
        own: it was mailer's own suite, which has to prove every rule.
        digests: of the code, the policies, the templates and the jurisdictions that were tested, by these words.
    """

    when: str
    commit: str | None
    whole: bool
    tests: tuple[ProofCase, ...]
    own: bool = True
    digests: Mapping[str, str] = field(default_factory=dict)

    def parts_changed_since_test_run(self, at_hand: Mapping[str, str]) -> tuple[str, ...]:
        """Returns the names of the parts whose digest differs from the recorded one."""
        return tuple(part for part, digest in at_hand.items() if self.digests.get(part) != digest)


@dataclass(frozen=True, slots=True)
class RecordedProofs:
    """The proofs of a recorded run.

    Attributes:
        when: ISO 8601, UTC. commit: what was tested; None where there was no git.
        is_whole: the whole suite was run.
        differs: the parts of the tree that have changed since; with one of them, nothing is proven.
        by_promise: the tests of each promise, by its id.
    """

    when: str
    commit: str | None
    is_whole: bool
    differs: tuple[str, ...]
    by_promise: Mapping[str, tuple[ProofTest, ...]]


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """A promise of a brand, with what keeps it.

    Attributes:
        proofs: the tests that name it. faults: why it is not kept, each with a remedy.
    """

    brand: str
    promise: Promise
    proofs: tuple[ProofTest, ...]
    faults: tuple[str, ...]

    @property
    def promise_status(self) -> PromiseStatus:
        """Kept only if nothing is wrong, nothing is waited for, and a test has shown it."""
        if self.faults:
            return PromiseStatus.BROKEN
        if self.promise.waits_for:
            return PromiseStatus.PENDING
        return PromiseStatus.KEPT if self.proofs else PromiseStatus.UNPROVEN


@dataclass(frozen=True, slots=True)
class PromiseReport:
    """Every promise with its faults, and the faults that belong to no single promise."""

    rows: tuple[PromiseRow, ...]
    general: tuple[str, ...]

    @property
    def all_faults(self) -> tuple[str, ...]:
        """All of them; none if every promise is kept or waits."""
        return (*(f"{row.promise.id}: {fault}" for row in self.rows for fault in row.faults), *self.general)


def parse_proof_record(text: str) -> RecordedTestRun:
    """Reads the record that a run of the tests has written.

    Raises:
        ValueError: it is none.
    """
    try:
        said = json.loads(text)
        tests = tuple(
            ProofCase(test["id"], tuple(test["promises"]), tuple(test["rules"]), test["outcome"])
            for test in said["tests"]
        )
        return RecordedTestRun(
            said["when"], said["commit"], said["whole"], tests, said.get("own", True), dict(said.get("digests", {}))
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "it is no record of a test run; run all tests under the plugin mailer.testing.proofs, which writes one"
        ) from error


def build_promise_report(
    policies: Iterable[Policy],
    rules: Mapping[str, Rule],
    record: RecordedTestRun | None,
    at_hand: Mapping[str, str] | None = None,
) -> PromiseReport:
    """Builds the report of all promises, with their rules, their tests and their faults.

    Args:
        policies: those in force.
        rules: every rule there is, with all rooms imported.
        record: the last run of the whole suite; None if there was none.
        at_hand: the digests of the present code and files. A record of other code or files proves nothing. None: the
            digests are not compared.
    """
    differs = record.parts_changed_since_test_run(at_hand or {}) if record else ()
    if record and differs:
        record = None
    tests = record.tests if record else ()
    proofs = proofs_by_promise(tests)
    found = proofs if record else None
    rows = tuple(
        PromiseRow(
            policy.brand,
            promise,
            proofs.get(promise.id, ()),
            tuple(_promise_faults(promise, rules, found)),
        )
        for policy in policies
        for promise in policy.promises
    )
    unproven = _unproven_rule_faults(tests, rows, rules) if record and record.own else ()
    return PromiseReport(
        rows, (*_test_run_record_faults(record, differs), *_test_marker_faults(tests, rows, rules), *unproven)
    )


def proofs_by_promise(tests: Iterable[ProofCase]) -> dict[str, tuple[ProofTest, ...]]:
    """Returns the proofs of each promise. A test is one proof, which has passed if all of its cases have."""
    outcomes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for test in tests:
        name = test.id.partition("[")[0]
        for promise in test.promises:
            before = outcomes[promise].get(name, PASSED)
            outcomes[promise][name] = test.outcome if before == PASSED else before
    return {promise: tuple(ProofTest(*found) for found in sorted(named.items())) for promise, named in outcomes.items()}


def _promise_faults(
    promise: Promise, rules: Mapping[str, Rule], proofs: Mapping[str, tuple[ProofTest, ...]] | None
) -> Iterator[str]:
    """Yields the faults of a promise. If `proofs` is None (no test run), it does not look at the proofs."""
    if promise.waits_for:
        if promise.waits_for.partition(":")[0] not in WAITS:
            yield f'waits for "{promise.waits_for}"; write {" or ".join(WAITS)}, or give it a rule and a proof'
        return
    if not promise.rules:
        yield "has no rule; name in `rules` what enforces it"
    for name in promise.rules:
        if name not in rules:
            yield f"names the rule {name}, which nobody registers; register it with @rule, or mend its name"
    if proofs is None:
        return
    found = proofs.get(promise.id, ())
    if not found:
        yield f'has no proof; mark a test that looks at the outside with promise("{promise.id}")'
    for proof in found:
        if proof.outcome != PASSED:
            yield f"its proof {proof.test} has not passed ({proof.outcome}); mend it, and run `make test-all`"


def _test_run_record_faults(record: RecordedTestRun | None, differs: Sequence[str]) -> Iterator[str]:
    if differs:
        yield f"the record is of another tree, with other {' and '.join(differs)}, and proves nothing: run all tests"
    if record is not None and not record.whole:
        yield "the record is of a part of the tests; run all of them"


def _test_marker_faults(
    tests: Iterable[ProofCase], rows: Iterable[PromiseRow], rules: Mapping[str, Rule]
) -> Iterator[str]:
    known = {row.promise.id for row in rows}
    for test in tests:
        for promise in test.promises:
            if promise not in known:
                yield f"{test.id} proves {promise}, which no policy promises; mend the marker"
        for name in test.rules:
            if name not in rules:
                yield f"{test.id} proves the rule {name}, which nobody registers; mend the marker"


def _unproven_rule_faults(
    tests: Iterable[ProofCase], rows: Iterable[PromiseRow], rules: Mapping[str, Rule]
) -> Iterator[str]:
    passed = [test for test in tests if test.outcome == PASSED]
    for name in sorted(rules):
        promises = promises_of_rule(name, rows)
        if not any(name in test.rules or not promises.isdisjoint(test.promises) for test in passed):
            yield f'the rule {name} has no proof; name it in a proven promise, or mark a test with rule("{name}")'


def promises_of_rule(rule: str, rows: Iterable[PromiseRow]) -> frozenset[str]:
    """The ids of the promises that a rule enforces."""
    return frozenset(row.promise.id for row in rows if rule in row.promise.rules)
