"""`mailer policy check`: checks whether the promises of the brands are kept, as far as a program can know."""

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

import mailer
from mailer.app import load_templates
from mailer.brand_look_loading import load_brand_looks
from mailer.cli.policy_version_notice_mailings import examine_policy_version_notices
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    exit_with_errors,
    out,
    print_json,
    print_table,
    read_command_settings,
)
from mailer.cli.terminal_layout import Cell
from mailer.policy.breach.rule_set import changes_of_terms
from mailer.policy.policy_file import Policy, PolicyError
from mailer.policy.promise import Promise
from mailer.policy.promise_report import (
    PromiseReport,
    PromiseRow,
    PromiseStatus,
    RecordedTestRun,
    build_promise_report,
    parse_proof_record,
)
from mailer.policy.rule_registry import RULES, Rule
from mailer.policy.uncheckable_facts import policy_keys_without_promise, uncheckable_facts
from mailer.policy.version_changes import version_changes
from mailer.policy_loading import load_policies
from mailer.promise_proof_loading import RECORD
from mailer.rendering.template_library import TemplateError, TemplateLibrary
from mailer.settings import Settings, SettingsError
from mailer.source_tree_digests import digests_by_source_tree_part
from mailer.trial.sample_people import single_trait_people
from mailer.trial.trial_run import TrialResult, try_promises_of_brand


def register(app: typer.Typer) -> None:
    """Adds the command to those of `mailer policy`."""
    app.command()(check)


def check(
    json: AsJson = False,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Of the last run of all tests, which the pytest plugin mailer.testing.proofs writes;"
            f" {RECORD} if it is there. One that is named must be there.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Tells whether each promise is kept: what it needs, the rules behind it, the tests that proved it.

    The needs of every promise hold, or the policies could not be read. The looks of the pages are checked, too. Rules
    are looked up. Tests are those of a record; without one no promise is called kept, and each is tried on fewer people
    than by `mailer policy try`. Mailings that told people of a new version are looked for in the database, where one is
    given. Status 1 if something is wrong.
    """
    policies, run, rules = load_policies_or_exit(), _read_record_of_proof_tests(record), import_all_rules()
    if run is None and record is not None:
        exit_with_error(f"{record} is missing, and nothing is proven without it; {_HOW}", 1)
    files = read_command_settings()
    _check_page_looks_or_exit(files, policies)
    at_hand = digests_by_source_tree_part(files.policies, files.templates, files.jurisdictions)
    found = build_promise_report(policies.values(), rules, run, at_hand)
    trials = (
        {} if run and not run.parts_changed_since_test_run(at_hand) else _try_promises_of_all_brands(policies, files)
    )
    changed = [change for policy in policies.values() for change in version_changes(policy)]
    notices = examine_policy_version_notices(changed, policies, files)
    unsaid = (change.missing_notice_fault for change in changed if change.missing_notice_fault)
    faults = (
        *found.all_faults,
        *_faults_in_trial_results(trials),
        *unsaid,
        *(notice.words for notice in notices if notice.is_fault),
    )
    if json:
        print_json(
            _promise_report_as_json(policies, found, run, rules, trials)
            | {
                "faults": faults,
                "loosened": [change.loosening_consequence for change in changed if change.loosening_consequence],
            }
            | {"notices": [notice.words for notice in notices]}
            | {"breach_rules": {brand: changes_of_terms(policy.breach) for brand, policy in policies.items()}}
        )
    else:
        _print_promise_report(policies, found, run, trials)
        for change in changed:
            if change.loosening_consequence:
                out.print(change.loosening_consequence)
        for notice in notices:
            if not notice.is_fault:
                out.print(notice.words)
        if faults:
            print_table(("fault",), [(fault,) for fault in faults])
    if faults:
        exit_with_error(f"{_count_with_noun(faults, 'fault')} in {_count_with_noun(found.rows, 'promise')}", 1)


def _try_promises_of_all_brands(
    policies: Mapping[str, Policy], files: Settings
) -> dict[str, TrialResult | TemplateError]:
    """Tries each brand's promises on made-up people with one trait each. Returns a trial or an error by brand."""
    trials: dict[str, TrialResult | TemplateError] = {}
    for brand, policy in policies.items():
        try:
            templates, everyone = load_templates_or_empty_library(files, brand), single_trait_people(policy)
            trials[brand] = try_promises_of_brand(policy, templates, datetime.now(UTC), people=everyone)
        except TemplateError as error:
            trials[brand] = error
    return trials


def _faults_in_trial_results(trials: Mapping[str, TrialResult | TemplateError]) -> Iterator[str]:
    for brand, trial in trials.items():
        if isinstance(trial, TemplateError):
            faults = _count_with_noun(trial.faults, "fault")
            yield f"{brand} cannot be tried: its templates have {faults}, which mailer templates check lists"
        else:
            yield from (f"{line.id}: its trial fails: {line.failure}" for line in trial.failed_promises)


_HOW = (
    "your tests write it under the pytest plugin mailer.testing.proofs (docs/policies.md, Proving promises),"
    " mailer's own by `make test-all` in its checkout"
)


def _print_promise_report(
    policies: Mapping[str, Policy],
    found: PromiseReport,
    run: RecordedTestRun | None,
    trials: Mapping[str, TrialResult | TemplateError],
) -> None:
    for brand, policy in policies.items():
        rows = [row for row in found.rows if row.brand == brand]
        trial = trials.get(brand)
        tried = {line.id: line.result for line in trial.lines} if isinstance(trial, TrialResult) else {}
        title = f"{brand}, version {policy.version}: {_status_counts_in_words(rows)}"
        print_table(
            ("promise", "says", "needs", "rules", "proofs", "status"), [_promise_row(row, tried) for row in rows], title
        )
        print_table((f"what no check can know of {brand}",), [(line,) for line in uncheckable_facts(policy)])
        if changed := changes_of_terms(policy.breach):
            print_table((f"what {brand} has otherwise than the rules of breaches",), [(line,) for line in changed])
        if free := list(policy_keys_without_promise(policy)):
            out.print(f"no promise of {brand} rests on {', '.join(free)}")
    if run:
        out.print(f"tests of {run.when}, commit {run.commit or 'unknown'}")
    else:
        ruled = sum(row.promise_status is PromiseStatus.UNPROVEN for row in found.rows)
        promises = _count_with_noun(found.rows, "promise")
        out.print(
            f"nothing is proven here, as there is no {RECORD}: what {promises} need stands in the policies, and"
            f" behind {ruled} of them stand rules that exist; a trial on made-up people is no proof,"
            f" and that these rules keep them is for tests to show; {_HOW}"
        )


def _count_with_noun(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def import_all_rules() -> Mapping[str, Rule]:
    """Imports every module of mailer, which registers its rules, and returns the registry."""
    for module in pkgutil.walk_packages(mailer.__path__, f"{mailer.__name__}."):
        if not module.name.startswith(f"{mailer.__name__}.testing"):  # modules for tests need pytest, and have no rules
            import_module(module.name)
    return RULES


def load_policies_or_exit() -> dict[str, Policy]:
    """Returns the policies in force, by brand. A policy that cannot be read ends the command."""
    try:
        return load_policies(read_command_settings())
    except (PolicyError, SettingsError) as error:
        exit_with_errors(str(error).splitlines(), 2)


def _check_page_looks_or_exit(files: Settings, policies: Mapping[str, Policy]) -> None:
    """Loads the looks of the brands' pages, as `mailer web` does. A look that cannot be used ends the command."""
    try:
        load_brand_looks(files.policies, policies)
    except PolicyError as error:
        exit_with_errors(str(error).splitlines(), 2)


def load_templates_or_empty_library(current: Settings, brand: str) -> TemplateLibrary:
    """Returns a brand's templates. A brand without a folder has none, so its policy can be tried without templates."""
    if not (current.templates / brand).is_dir():
        return TemplateLibrary({})
    return load_templates(current, brand)


def _read_record_of_proof_tests(file: Path | None) -> RecordedTestRun | None:
    try:
        return parse_proof_record((file or RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        exit_with_error(f"{file or RECORD}: {error}", 2)


def rules_of_promise_in_words(promise: Promise) -> str:
    """Returns the names of a promise's rules, or the thing that the promise waits for, as text."""
    return f"waits for {promise.waits_for}" if promise.waits_for else ", ".join(promise.rules)


def _promise_row(row: PromiseRow, tried: Mapping[str, str]) -> tuple[Cell, ...]:
    promise = row.promise
    proofs = [proof.test.removeprefix("tests/") for proof in row.proofs]
    if promise.id in tried:
        proofs.append(f"trial: {tried[promise.id]}")
    return (
        promise.id,
        promise.promise,
        list(promise.needs.needs_in_words),
        rules_of_promise_in_words(promise),
        proofs,
        row.promise_status.value,
    )


def _status_counts_in_words(rows: list[PromiseRow]) -> str:
    statuses = [row.promise_status.value for row in rows]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(sorted(statuses))) or "none"


def _promise_report_as_json(
    policies: Mapping[str, Policy],
    found: PromiseReport,
    run: RecordedTestRun | None,
    rules: Mapping[str, Rule],
    trials: Mapping[str, TrialResult | TemplateError],
) -> dict[str, object]:
    return {
        "record": {"when": run.when, "commit": run.commit, "whole": run.whole} if run else None,
        "promises": [
            {
                "brand": row.brand,
                "id": row.promise.id,
                "promise": row.promise.promise,
                "source": row.promise.source,
                "needs": row.promise.needs.needs_in_words,
                "rules": [
                    {"name": name, "home": rules[name].home if name in rules else None} for name in row.promise.rules
                ],
                "proofs": [{"test": proof.test, "outcome": proof.outcome} for proof in row.proofs],
                "status": row.promise_status.value,
                "waits_for": row.promise.waits_for,
                "faults": row.faults,
            }
            for row in found.rows
        ],
        "unknown": {brand: list(uncheckable_facts(policy)) for brand, policy in policies.items()},
        "unneeded": {brand: list(policy_keys_without_promise(policy)) for brand, policy in policies.items()},
        "trials": {
            brand: {line.id: line.result for line in trial.lines}
            for brand, trial in trials.items()
            if isinstance(trial, TrialResult)
        },
    }
