"""`mailer policy`: shows the promises of the brands, and checks them."""

from typing import Annotated, Any

import typer

from mailer.cli import (
    breach_rules,
    causes_that_stop_mail,
    jurisdictions,
    policy_check,
    policy_diff,
    policy_explain,
    policy_trial_on_made_up_people,
)
from mailer.cli.policy_check import load_policies_or_exit, rules_of_promise_in_words
from mailer.cli.shared import AsJson, exit_with_error, print_facts, print_json, print_table
from mailer.policy.breach.rule_set import changes_of_terms
from mailer.policy.policy_file import Policy
from mailer.policy.switches import ORDER

app = typer.Typer(
    help="Policies: list, show, diff, check, try, explain, jurisdictions, breach-rules, causes.", no_args_is_help=True
)
causes_that_stop_mail.register(app)
policy_check.register(app)
policy_diff.register(app)
policy_explain.register(app)
jurisdictions.register(app)
breach_rules.register(app)
policy_trial_on_made_up_people.register(app)

Brand = Annotated[str, typer.Argument(help="Such as interpals.")]


@app.command("list")
def list_(json: AsJson = False) -> None:
    """The policies in force, with their switches."""
    rows = [
        (brand, policy.version, policy.effective, *policy.switches.model_dump().values(), len(policy.promises))
        for brand, policy in load_policies_or_exit().items()
    ]
    columns = ("brand", "version", "effective", *ORDER, "promises")
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


@app.command()
def show(brand: Brand, json: AsJson = False) -> None:
    """All that a policy says."""
    policies = load_policies_or_exit()
    if brand not in policies:
        exit_with_error(f"there is no policy of {brand}; there are {', '.join(policies)}", 2)
    policy = policies[brand]
    if json:
        print_json(policy.model_dump(mode="json", by_alias=True))
        return
    print_facts(_policy_facts(policy))
    print_table(
        ("switch", "value", "strictest first"),
        [(name, value, ", ".join(ORDER[name])) for name, value in policy.switches.model_dump().items()],
    )
    print_table(("category", "kind", "lane", "terms"), [_category_row(policy, name) for name in policy.terms])
    for title, entries in (("processors", policy.processors), ("partners", policy.partners)):
        if entries:
            said = [entry.model_dump(exclude_none=True, mode="json") for entry in entries]
            columns = tuple(dict.fromkeys(key for entry in said for key in entry))
            print_table(columns, [[_format_value(entry.get(key)) for key in columns] for entry in said], title)
    print_table(
        ("promise", "says", "where", "needs", "rules"),
        [
            (line.id, line.promise, line.source, list(line.needs.needs_in_words), rules_of_promise_in_words(line))
            for line in policy.promises
        ],
    )


def _policy_facts(policy: Policy) -> dict[str, object]:
    return {
        "brand": f"{policy.brand} ({policy.name})",
        "version": f"{policy.version}, in force since {policy.effective}",
        "controller": f"{policy.controller.id} ({policy.controller.name}, {policy.controller.postal_address})",
        "complaints": policy.controller.authority,
        "mandatory mail": policy.senders.mandatory,
        "optional mail": policy.senders.optional,
        "opt-out mailbox": policy.opt_out_mailbox,
        "support mailbox": policy.support_mailbox,
        "privacy mailbox": policy.privacy_mailbox,
        "seal": policy.seal and f"{policy.seal.name} ({policy.seal.url})",
        "purposes": ", ".join(policy.purposes),
        "cap": _format_value(policy.cap and policy.cap.model_dump()),
        "hours": policy.hours and f"optional mail from {policy.hours.opens} to {policy.hours.closes}",
        "smallest group": policy.minimum_cell,
        "attachments": ", ".join(policy.attachments) or "none",
        "stricter floors": _format_value(
            {name: floor.model_dump(exclude_none=True) for name, floor in policy.jurisdictions.items()}
        ),
        "no retention": "processors must have stated it" if policy.no_retention else None,
        "breach rules": "; ".join(changes_of_terms(policy.breach)) or None,
        "kept for": f"{policy.retention_days} days",
    }


def _category_row(policy: Policy, name: str) -> tuple[str, ...]:
    category = policy.get_category(name)
    terms = policy.terms[name].model_dump(exclude_defaults=True)
    return name, "mandatory" if category.mandatory else "optional", category.lane.value, _format_value(terms) or ""


def _format_value(value: Any) -> str | None:
    """Returns a value of a policy on one line, or None if the value is empty."""
    match value:
        case dict():
            return ", ".join(f"{key} {_format_value(entry)}" for key, entry in value.items()) or None
        case list():
            return ", ".join(map(str, value))
        case None:
            return None
        case _:
            return str(value).lower() if isinstance(value, bool) else str(value)
