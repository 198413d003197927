"""Packages: an application that publishes needs few of them, and its own type checker understands its calls."""

import ast
import json
import re
import subprocess
import sys
import textwrap
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mailer

ROOT = Path(__file__).parents[2]
HEAVY = {
    *("aiosmtplib", "asyncpg", "css_inline", "dbmate", "fastapi", "granian", "jinja2", "prometheus_client", "rich"),
    *("starlette", "structlog", "typer", "uvloop"),
}
EXPORTED = f"from mailer import {', '.join(mailer.__all__)}"
PUBLISHING = f"""
{EXPORTED}
from mailer import testing
from mailer.broker.event_publisher import EventPublisher
from mailer.broker.rabbitmq import RabbitBroker
from mailer.policy_loading import load_broker_topology
from mailer.settings import read_settings

assert load_broker_topology(read_settings(broker_url="amqp://127.0.0.1/")).queues
"""
"""All that `publish` does over RabbitMQ, but for RabbitMQ."""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


def loaded(code: str) -> set[str]:
    """The modules that code loads, besides those that the interpreter starts with."""
    told = run(
        f"import sys\nbefore = set(sys.modules)\n{code}\nimport json\nprint(json.dumps([*set(sys.modules) - before]))"
    )
    assert told.returncode == 0, told.stderr
    return set(json.loads(told.stdout))


def without(module: str, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code as if a package were not installed."""
    return run(f"import sys\nsys.modules[{module!r}] = None\n{code}")


def required(package: str, extra: str = "") -> set[str]:
    """The distributions that one needs by its own metadata."""
    wanted = map(Requirement, requires(package) or [])
    return {
        canonicalize_name(each.name) for each in wanted if each.marker is None or each.marker.evaluate({"extra": extra})
    }


def imported(modules: set[str]) -> set[str]:
    """The packages of others that modules of mailer import at their top."""
    found = set[str]()
    for name in modules:
        file = sys.modules[name].__file__ if name in sys.modules else None
        path = Path(file) if file else ROOT / f"{name.replace('.', '/')}.py"
        path = path if path.exists() else ROOT / name.replace(".", "/") / "__init__.py"
        for node in ast.parse(path.read_text("utf-8")).body:
            match node:
                case ast.Import():
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom(module=str(module), level=0):
                    found.add(module.partition(".")[0])
                case _:
                    pass
    return found - set(sys.stdlib_module_names) - {"mailer"}


@pytest.mark.parametrize("code", [EXPORTED, PUBLISHING], ids=["imports", "publishes"])
def test_an_application_loads_no_server(code: str) -> None:
    """The functions that applications use load no web server, template engine, database driver, terminal or metrics."""
    assert not {name.partition(".")[0] for name in loaded(code)} & HEAVY


def test_the_bare_package_needs_what_publishing_imports_and_nothing_else() -> None:
    """The metadata without an extra name exactly the packages that publishing over RabbitMQ imports."""
    owners = packages_distributions()
    ours = {name for name in loaded(PUBLISHING) if name.partition(".")[0] == "mailer"}
    needed = {canonicalize_name(owner) for name in imported(ours) for owner in owners[name]}
    assert required("pactmail") == needed


def test_every_loaded_package_comes_with_the_bare_one() -> None:
    """Nothing is loaded that only an extra, or only development, installs."""
    comes, left = set[str](), required("pactmail")
    while left:
        comes |= left
        left = {each for name in left for each in required(name)} - comes
    owners = packages_distributions()
    tops = {name.partition(".")[0] for name in loaded(PUBLISHING)} - set(sys.stdlib_module_names) - {"mailer"}
    strangers = {top for top in tops if top in owners and not {*map(canonicalize_name, owners[top])} & comes}
    assert not strangers


def test_the_demo_brings_the_server() -> None:
    """The extra `demo` includes `server`, so that `mailer demo` finds everything."""
    server = required("pactmail", "server")
    assert {"granian", "asyncpg", "jinja2", "typer"} <= server
    assert server < required("pactmail", "demo")


def test_a_missing_server_is_said_by_the_command_in_one_line() -> None:
    """The command says in one line what to install, if the extra is missing."""
    told = without("typer", "from mailer.__main__ import main\nmain()")
    assert (told.returncode, told.stdout) == (1, "")
    assert re.fullmatch(r"mailer: the command needs typer: pip install 'pactmail\[server\]'\n", told.stderr)


def test_a_missing_driver_is_said_by_publish() -> None:
    """An application on the in-process broker is told to install the extra, or to name RabbitMQ."""
    code = """
from mailer import MessageEvent, Refs, SettingsError, publish_blocking

event = MessageEvent(id="a", brand="interpals", category="service", template="t", to=Refs(refs=["user-17"]))
try:
    publish_blocking(event)
except SettingsError as error:
    print(error)
"""
    told = without("asyncpg", f"import os\nos.environ['MAILER_BROKER_URL'] = 'memory://'\n{code}")
    assert "pip install 'pactmail[server]'" in told.stdout, told.stderr


def test_an_own_fault_is_not_taken_for_a_missing_package() -> None:
    """A module of mailer that is missing is a bug, and not hidden by an advice."""
    told = without("mailer.cli", "from mailer.__main__ import main\nmain()")
    assert "ModuleNotFoundError" in told.stderr


def test_the_first_call_in_the_readme_type_checks(tmp_path: Path) -> None:
    """An application's mypy, strict and without pydantic's plugin, takes the README's first call."""
    found = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    imports, _, call = found[1].partition("\n\n")
    file = tmp_path / "application.py"
    file.write_text(f"{imports}\n\n\nasync def main() -> None:\n{textwrap.indent(call, '    ')}", "utf-8")
    cache = ROOT / ".mypy_cache" / "readme"
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    told = subprocess.run(
        [*mypy, "--cache-dir", cache, file], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert told.returncode == 0, told.stdout


def test_hooks_are_local() -> None:
    """The hooks before a commit fetch nothing: each is of this repository, and runs what it has installed."""
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    hooks = [(repo["repo"], hook) for repo in yaml.safe_load(text)["repos"] for hook in repo["hooks"]]
    assert "://" not in text
    assert {(repo, hook["language"]) for repo, hook in hooks} == {("local", "system")}
    assert all(hook["entry"].startswith((".venv/bin/", "make check")) for _, hook in hooks)


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/deprecation.md"])
def test_a_page_of_the_package_is_linked_and_leads_somewhere(page: str) -> None:
    """The README or the changelog links it, and each of its own links leads to a file."""
    assert any(f"]({page})" in (ROOT / name).read_text("utf-8") for name in ("README.md", "CHANGELOG.md"))
    file = ROOT / page
    links = re.findall(r"\]\((?!https:)([^)#]+)", file.read_text("utf-8"))
    assert links
    assert all((file.parent / link).exists() for link in links)


def test_requirements_name_no_address() -> None:
    """Locked requirements have a hash for every package, and no index, registry or path of a machine."""
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text("utf-8")
        assert not re.search(r"://|^-|^/|\s@\s", text, re.MULTILINE), file
        packages = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in package for package in packages), file
