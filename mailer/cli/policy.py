"""`mailer policy`: what the brands have promised, and whether it is kept."""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

import mailer
from mailer.app import load_policies
from mailer.cli import explain, trial
from mailer.cli.layout import Cell
from mailer.cli.shared import AsJson, facts, fail, out, print_json, settings, table
from mailer.policy.document import Policy, PolicyError
from mailer.policy.promises import Record, Report, Row, Status, read_record, report
from mailer.policy.registry import RULES, Rule
from mailer.policy.switches import ORDER
from mailer.settings import SettingsError

app = typer.Typer(help="Policies: list, show, check, try, explain.", no_args_is_help=True)
explain.register(app)
trial.register(app)

Brand = Annotated[str, typer.Argument(help="Such as interpals.")]


@app.command("list")
def list_(json: AsJson = False) -> None:
    """The policies in force, with their switches."""
    rows = [
        (brand, policy.version, policy.effective, *policy.switches.model_dump().values(), len(policy.promises))
        for brand, policy in _policies().items()
    ]
    columns = ("brand", "version", "effective", *ORDER, "promises")
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(columns, rows)


@app.command()
def show(brand: Brand, json: AsJson = False) -> None:
    """All that a policy says."""
    policies = _policies()
    if brand not in policies:
        fail(f"there is no policy of {brand}; there are {', '.join(policies)}", 2)
    policy = policies[brand]
    if json:
        print_json(policy.model_dump(mode="json", by_alias=True))
        return
    facts(_facts(policy))
    table(
        ("switch", "value", "strictest first"),
        [(name, value, ", ".join(ORDER[name])) for name, value in policy.switches.model_dump().items()],
    )
    table(("category", "kind", "lane", "terms"), [_category(policy, name) for name in policy.terms])
    for title, entries in (("processors", policy.processors), ("partners", policy.partners)):
        if entries:
            said = [entry.model_dump(exclude_none=True, mode="json") for entry in entries]
            columns = tuple(dict.fromkeys(key for entry in said for key in entry))
            table(columns, [[_shown(entry.get(key)) for key in columns] for entry in said], title)
    table(
        ("promise", "says", "where", "rules"),
        [(line.id, line.promise, line.source, _by(line.rules, line.waits_for)) for line in policy.promises],
    )


@app.command()
def check(
    json: AsJson = False,
    record: Annotated[
        Path,
        typer.Option(
            help="Of the last run of all tests; the pytest plugin mailer.testing.proofs writes it.", metavar="FILE"
        ),
    ] = Path(".cache/promises.json"),
) -> None:
    """Tells whether each promise has a rule that exists and a test that passed; status 1 if one does not.

    Without a record of tests, as where mailer was installed, it says which promises have rules, and how to prove them.
    """
    policies, run, rules = _policies(), _record(record), every_rule()
    found = report(policies.values(), rules, run)
    if json:
        print_json(_as_json(found, run, rules))
    else:
        for brand, policy in policies.items():
            rows = [row for row in found.rows if row.brand == brand]
            title = f"{brand}, version {policy.version}: {_summary(rows)}"
            table(("promise", "says", "rules", "proofs", "status"), [_row(row) for row in rows], title)
        if run:
            out.print(f"tests of {run.when}, commit {run.commit or 'unknown'}")
        if found.faults:
            table(("fault",), [(fault,) for fault in found.faults])
    if run is None:
        fail(_nothing_proven(found, record), 1)
    if found.faults:
        fail(f"{_count(found.faults, 'fault')} in {_count(found.rows, 'promise')}", 1)


def _nothing_proven(found: Report, record: Path) -> str:
    """Returns what can be said of promises without a run of tests, and how to prove them."""
    faults = f"{_count(found.faults, 'fault')}, and " if found.faults else ""
    ruled = sum(row.status is Status.UNPROVEN for row in found.rows)
    return (
        f"{faults}nothing is proven here, as {record} is missing:"
        f" behind {ruled} of {_count(found.rows, 'promise')} stand rules that exist; that they are kept is for tests to"
        " show. Yours show it under the pytest plugin mailer.testing.proofs, which writes that file (docs/policies.md,"
        " Proving promises); mailer's own do so by `make test` in its checkout"
    )


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def every_rule() -> Mapping[str, Rule]:
    """The registry, once every room has been imported: a rule is known when its module is."""
    for module in pkgutil.walk_packages(mailer.__path__, f"{mailer.__name__}."):
        if not module.name.startswith(f"{mailer.__name__}.testing"):  # what is for tests needs pytest, and has no rule
            import_module(module.name)
    return RULES


def _policies() -> dict[str, Policy]:
    try:
        return load_policies(settings())
    except (PolicyError, SettingsError) as error:
        fail(str(error), 2)


def _record(file: Path) -> Record | None:
    try:
        return read_record(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        fail(f"{file}: {error}", 2)


def _facts(policy: Policy) -> dict[str, object]:
    return {
        "brand": f"{policy.brand} ({policy.name})",
        "version": f"{policy.version}, in force since {policy.effective}",
        "controller": f"{policy.controller.id} ({policy.controller.name}, {policy.controller.postal_address})",
        "complaints": policy.controller.authority,
        "mandatory mail": policy.senders.mandatory,
        "optional mail": policy.senders.optional,
        "opt-out mailbox": policy.opt_out_mailbox,
        "seal": policy.seal and f"{policy.seal.name} ({policy.seal.url})",
        "purposes": ", ".join(policy.purposes),
        "cap": _shown(policy.cap and policy.cap.model_dump()),
        "hours": policy.hours and f"optional mail from {policy.hours.opens} to {policy.hours.closes}",
        "smallest group": policy.minimum_cell,
        "attachments": ", ".join(policy.attachments) or "none",
        "jurisdiction": policy.default_jurisdiction,
        "stricter floors": _shown(
            {name: floor.model_dump(exclude_none=True) for name, floor in policy.jurisdictions.items()}
        ),
        "no retention": "processors must have stated it" if policy.no_retention else None,
        "kept for": f"{policy.retention_days} days",
    }


def _category(policy: Policy, name: str) -> tuple[str, ...]:
    category = policy.categories[name]
    terms = policy.terms[name].model_dump(exclude_defaults=True)
    return name, "mandatory" if category.mandatory else "optional", category.lane.value, _shown(terms) or ""


def _shown(value: Any) -> str | None:
    """A value of a policy in a line, None if there is nothing in it."""
    match value:
        case dict():
            return ", ".join(f"{key} {_shown(entry)}" for key, entry in value.items()) or None
        case list():
            return ", ".join(map(str, value))
        case None:
            return None
        case _:
            return str(value).lower() if isinstance(value, bool) else str(value)


def _by(rules: tuple[str, ...], waits_for: str | None) -> str:
    return f"waits for {waits_for}" if waits_for else ", ".join(rules)


def _row(row: Row) -> tuple[Cell, ...]:
    promise = row.promise
    proofs = [proof.test.removeprefix("tests/") for proof in row.proofs]
    return promise.id, promise.promise, _by(promise.rules, promise.waits_for), proofs, row.status.value


def _summary(rows: list[Row]) -> str:
    statuses = [row.status.value for row in rows]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(sorted(statuses))) or "none"


def _as_json(found: Report, run: Record | None, rules: Mapping[str, Rule]) -> dict[str, object]:
    return {
        "record": {"when": run.when, "commit": run.commit, "whole": run.whole} if run else None,
        "promises": [
            {
                "brand": row.brand,
                "id": row.promise.id,
                "promise": row.promise.promise,
                "source": row.promise.source,
                "rules": [
                    {"name": name, "home": rules[name].home if name in rules else None} for name in row.promise.rules
                ],
                "proofs": [{"test": proof.test, "outcome": proof.outcome} for proof in row.proofs],
                "status": row.status.value,
                "waits_for": row.promise.waits_for,
                "faults": row.faults,
            }
            for row in found.rows
        ],
        "faults": found.faults,
    }
