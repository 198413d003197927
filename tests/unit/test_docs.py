"""The documents say what is true: events, settings, commands, links."""

import ast
import json
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mailer.cli import app
from mailer.events import parse_event
from mailer.rendering.event_checks import check_event
from mailer.settings import Settings
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
        assert check_event(parse_event(event), policies(), templates()).name == json.loads(event)["template"]


def test_every_setting_is_documented() -> None:
    """The table of settings has each setting there is, once, and the text names no other."""
    settings = {f"MAILER_{name.upper()}" for name in Settings.model_fields}
    table = re.findall(r"^\| `(MAILER_\w+)` \|", OPERATIONS, re.MULTILINE)
    assert sorted(table) == sorted(settings)
    assert set(re.findall(r"MAILER_\w+", OPERATIONS)) == settings


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_default_is_the_documented_one(name: str) -> None:
    """A default that can be written down stands in the table as it is."""
    row = re.search(rf"^\| `MAILER_{name.upper()}` \| (.+?) \|", OPERATIONS, re.MULTILINE)
    default = Settings.model_fields[name].default
    assert row
    match name, default:
        case "templates" | "policies" | "jurisdictions", _:
            assert row[1] == "those that come with mailer"
        case "secret_keys" | "address_key" | "ledger_key", _:
            assert row[1] == "a development key"
        case _, ():
            assert row[1] == "empty"
        case _, tuple():
            assert row[1] == f"`{','.join(default)}`"
        case _, bool():
            assert row[1] == f"`{str(default).lower()}`"
        case _:
            assert row[1] == f"`{default}`"


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
    """Whoever runs mailer finds each command in the operations page."""
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
