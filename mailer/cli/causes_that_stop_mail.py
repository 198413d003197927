"""`mailer policy causes`: the effect of each cause on mail of each category. It writes docs/causes.md."""

import typer

from mailer import bundled_files
from mailer.cli.shared import AsJson, out, print_json
from mailer.policy.category import CATEGORIES
from mailer.policy.decision_by_cause_table import CAUSES, decision_words_by_category
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_file import Policy, parse_policy

_INTRODUCTION = """\
# What stops which mail

Each row is one thing that is so, where nothing else is in the way; each column is a category. `mailer policy causes`
writes this page from the rules; `tests/unit/causes.toml` says by hand what has to stand in each cell. Under the
switches that allow most, a mail is sent. A code such as `opted_out` is the reason why it is not, and stands in the
ledger. *held* mail is decided again later, and *→* is another channel, where somebody works through a
[queue](rights.md).

Mail of the category `updates` is published as `service`: it is what service mail is under `service_scope = "paid"` to
who does not pay for the product it is about. In all other columns the person pays.

**No opt-out stops it** means: `sent` in the rows of opt-outs, complaints, objections, refusals, caps and hours. A
complaint is recorded as an opt-out of what was complained about.

"""
_REST = """
## What is not about a person

| what | does |
|---|---|
| a brand, a mailing or everything is stopped | all of it waits, whatever its category |
| no processor may have it | it waits and fails in time; a breach notice is written after a day |
| all processors are paused, or none answers | it waits; a breach notice is written after five days, if none answers |
| a relay refuses for now | it is tried again, for as long as its category says: five days, two or one |
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("causes")(print_what_each_cause_does_to_mail)


def print_what_each_cause_does_to_mail(json: AsJson = False) -> None:
    """Says what each cause does to mail of each category: the page docs/causes.md."""
    policy = shipped_policy()
    if json:
        print_json({cause.says: dict(decision_words_by_category(cause, policy)) for cause in CAUSES})
    else:
        for line in causes_page_in_markdown(policy).splitlines():
            out.print(line)


def shipped_policy() -> Policy:
    """Returns the model policy that comes with mailer, under the laws that come with mailer."""
    text = (bundled_files.bundled_folder("policies") / "default.toml").read_text("utf-8")
    return parse_policy(
        text, "default.toml", parse_law_by_country(bundled_files.read_texts_of_toml_files("jurisdictions"))
    )


def causes_page_in_markdown(policy: Policy) -> str:
    """Returns the page docs/causes.md in Markdown."""
    head = f"| | {' | '.join(name.replace('_', ' ') for name in CATEGORIES)} |\n|---|{'---|' * len(CATEGORIES)}\n"
    rows = "".join(
        f"| {cause.says} | {' | '.join(_decision_in_markdown(words) for _, words in decided)} |\n"
        for cause in CAUSES
        for decided in [decision_words_by_category(cause, policy)]
    )
    return f"{_INTRODUCTION}{head}{rows}{_REST}"


def _decision_in_markdown(outcome: str) -> str:
    kind, _, why = outcome.partition(": ")
    match kind:
        case "suppressed":
            return f"`{why}`"
        case "held":
            return f"held, `{why}`"
        case "diverted":
            return f"→ {why.replace('_', ' ')}"
        case _:
            return kind
