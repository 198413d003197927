"""`mailer policy diff`: shows the differences between two policies."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mailer.bundled_files import read_texts_of_toml_files
from mailer.cli.policy_check import load_policies_or_exit
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, print_table, read_command_settings
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_differences import differences_between_policies
from mailer.policy.policy_file import Policy, PolicyError, parse_policy

Which = Annotated[str, typer.Argument(help="A brand, BRAND@VERSION, or a file that ends in .toml.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(diff)


def diff(before: Which, after: Which, json: AsJson = False) -> None:
    """The keys in which two policies differ, such as two versions, or a draft and what is in force."""
    known = load_policies_or_exit()
    found = differences_between_policies(_policy_or_exit(known, before), _policy_or_exit(known, after))
    if json:
        print_json([asdict(one) for one in found])
    elif found:
        print_table(("key", before, after), [(one.key, one.before or "", one.after or "") for one in found])
    else:
        out.print("They say the same.")


def _policy_or_exit(known: dict[str, Policy], which: str) -> Policy:
    if which.endswith(".toml"):
        return _policy_of_file_or_exit(Path(which))
    brand, _, version = which.partition("@")
    for policy in known[brand].all_versions if brand in known else ():
        if version in ("", policy.version):
            return policy
    have = ", ".join(f"{name}@{policy.version}" for name in known for policy in known[name].all_versions)
    exit_with_error(f"there is no policy {which}; there are {have}", 2)


def _policy_of_file_or_exit(file: Path) -> Policy:
    law = parse_law_by_country(read_texts_of_toml_files(read_command_settings().jurisdictions))
    try:
        return parse_policy(file.read_text("utf-8"), file.name, law)
    except (OSError, UnicodeDecodeError, PolicyError) as error:
        exit_with_error(str(error), 2)
