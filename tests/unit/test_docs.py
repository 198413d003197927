"""The documents say what is true: events, settings, commands, links."""

import ast
import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mailer.cli import app
from mailer.cli.causes_that_stop_mail import shipped_policy
from mailer.events import parse_event
from mailer.policy.decision_by_cause_table import CAUSES, decision_by_category_for_cause
from mailer.policy.decision_types import EXPIRED
from mailer.policy.delivery_reason_explanations import REASONS
from mailer.policy.policy_library import parse_policies_in_force
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.template_library import TemplateLibrary
from mailer.settings import Settings
from scripts.publish_reference import pages
from tests.factories import policies, templates

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docker/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
TEXTS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in DOCUMENTS}
OPERATIONS = TEXTS["docs/operations.md"]
GROUP = typer.main.get_command(app)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Every `mailer …` in a shell block or in a code span, as words."""
    spans = re.findall(r"`(mailer [^`]+)`", text)
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    for command in [*spans, *lines]:
        for found in re.finditer(r"(?:^|\s|&)mailer ((?:[^&|;#>]|\|-)+)", command):
            yield found[1].split()


def anchors(text: str) -> set[str]:
    """The fragments by which the headings of a document can be linked."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_event_can_be_mailed() -> None:
    """An event that a document shows keeps to the schema, and is admitted with what we ship."""
    events = [block for text in TEXTS.values() for block in blocks(text, "json") if '"template"' in block]
    assert events, "the README shows an event"
    for event in events:
        assert (
            check_event_and_get_template(parse_event(event), policies(), templates()).name
            == json.loads(event)["template"]
        )


def test_every_setting_is_documented() -> None:
    """The reference has each setting there is, once, and no document names another."""
    settings = {f"MAILER_{name.upper()}" for name in Settings.model_fields}
    table = re.findall(r"^\| `(MAILER_\w+)` \|", TEXTS["docs/reference/settings.md"], re.MULTILINE)
    assert sorted(table) == sorted(settings)
    assert set(re.findall(r"MAILER_\w+", OPERATIONS)) <= settings


@pytest.mark.parametrize(("file", "text"), pages().items(), ids=lambda value: getattr(value, "stem", ""))
def test_the_reference_is_what_the_code_says(file: Path, text: str) -> None:
    """Each page of docs/reference/ is what `make reference` writes."""
    assert file.read_text("utf-8") == text, "run `make reference`"


def test_every_reason_of_the_rules_is_documented() -> None:
    """The table of reasons has each reason that a rule gives; the code knows each reason of the table."""
    policy = shipped_policy()
    given = {
        getattr(decision, "reason", EXPIRED)
        for cause in CAUSES
        for _, decision in decision_by_category_for_cause(cause, policy)
    }
    code = "\n".join(
        path.read_text("utf-8")
        for path in sorted((ROOT / "mailer").rglob("*"))
        if path.suffix in (".py", ".sql") and path.name != "reasons.py"
    )
    assert given - REASONS.keys() == set()
    assert [name for name in REASONS if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("document", TEXTS)
def test_every_command_exists(document: str) -> None:
    """A command that a document names, and each option that it gives, exists."""
    for words in commands(TEXTS[document]):
        command, rest = GROUP, list(words)
        while isinstance(command, typer.core.TyperGroup) and rest and re.fullmatch(r"[a-z-]+", rest[0]):
            assert rest[0] in command.commands, f"{document}: there is no `mailer {' '.join(words)}`"
            command = command.commands[rest.pop(0)]
        assert command is not GROUP, f"{document}: `mailer {' '.join(words)}` names no command"
        options = {option for parameter in command.params for option in parameter.opts}
        given = {word for word in rest if word.startswith("--")}
        assert given <= options, f"{document}: `mailer {' '.join(words)}` has no {', '.join(given - options)}"


def test_every_command_is_documented() -> None:
    """Each command of mailer stands in the operations page."""
    assert isinstance(GROUP, typer.core.TyperGroup)
    named = {" ".join(words) for words in commands(OPERATIONS)}
    for name, command in GROUP.commands.items():
        inner = command.commands if isinstance(command, typer.core.TyperGroup) else {"": command}
        for wanted in (f"{name} {sub}".strip() for sub in inner):
            assert any(f"{words} ".startswith(f"{wanted} ") for words in named), f"`mailer {wanted}` is not documented"


@pytest.mark.parametrize("document", TEXTS)
def test_every_make_target_exists(document: str) -> None:
    """A target that a document names can be made."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shell = "\n".join(blocks(TEXTS[document], "sh"))
    named = set(re.findall(r"`make ([\w-]+)", TEXTS[document])) | set(
        re.findall(r"^make ([\w-]+)", shell, re.MULTILINE)
    )
    assert named <= targets


@pytest.mark.parametrize("document", TEXTS)
def test_every_import_exists(document: str) -> None:
    """Python that a document shows is Python, and what it imports from mailer is there."""
    for block in blocks(TEXTS[document], "python"):
        for node in ast.walk(ast.parse(textwrap.dedent(block))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mailer"):
                module = import_module(node.module)
                assert all(hasattr(module, name.name) for name in node.names), ast.unparse(node)


@pytest.mark.parametrize("document", TEXTS)
def test_every_link_resolves(document: str) -> None:
    """A relative link leads to a file that is there, and its fragment to a heading in it."""
    here = ROOT / document
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (here.parent / path).resolve() if path else here
        assert file.exists(), f"{document}: {target} leads nowhere"
        assert not fragment or fragment in anchors(file.read_text("utf-8")), f"{document}: {target} has no such heading"


def test_every_decision_is_listed() -> None:
    """The list of decisions has each of them, under its title."""
    listed = dict(re.findall(r"^\| \[\d+\]\(([^)]+)\) \| (.+) \|$", TEXTS["docs/adr/README.md"], re.MULTILINE))
    files = {path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    assert set(listed) == files


def test_the_page_of_jurisdictions_is_what_the_command_writes() -> None:
    """docs/jurisdictions.md is the output of `mailer policy jurisdictions --page`."""
    page = TEXTS["docs/jurisdictions.md"]
    assert page == CliRunner().invoke(app, ["policy", "jurisdictions", "--page"]).output
    assert "not legal advice" in page


def test_the_page_of_the_rules_of_breaches_is_what_the_command_writes() -> None:
    """docs/breach-rules.md is the output of `mailer policy breach-rules --page`."""
    page = TEXTS["docs/breach-rules.md"]
    assert page == CliRunner().invoke(app, ["policy", "breach-rules", "--page"]).output
    assert "not legal advice" in page


def test_the_first_brand_can_be_mailed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of the tutorial keep to the schema, and are admitted for the brand that it makes."""
    tutorial = TEXTS["docs/first-brand.md"]
    command = next(line for line in tutorial.splitlines() if line.startswith("mailer init"))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, shlex.split(command)[1:]).exit_code == 0
    file = tmp_path / "policies" / "harbor.toml"
    made = parse_policies_in_force({str(file): file.read_text("utf-8")}, datetime.now(UTC).date())
    events = re.findall(r"^cat >[\w-]+\.json <<'END'\n(.*?)^END$", tutorial, re.MULTILINE | re.DOTALL)
    assert len(events) == 3
    library = TemplateLibrary.load_library(tmp_path / "templates", made)
    assert [check_event_and_get_template(parse_event(event), made, library).name for event in events] == [
        "welcome",
        "weekly",
        "weekly",
    ]
