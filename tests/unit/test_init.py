"""A new brand by `mailer init`: its files are whole, checked and tried, as a user without Python would do it."""

import re
import shlex
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer import cli
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.rendering.template_library import TemplateLibrary
from mailer.trial.sample_people import single_trait_people
from mailer.trial.trial_run import HOLDS, try_promises_of_brand

KNOWN = ("--domain", "harbor.example", "--controller", "Harbor Ltd.", "--address", "1 Quay Street, Hamburg")
PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def run(*words: str) -> int:
    """A command, in this process; its exit status."""
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.app(list(words), standalone_mode=False) or 0)
    return int(str(ended.value.code))


def files_in(folder: Path) -> dict[Path, str]:
    """Every file below a folder."""
    return {path.relative_to(folder): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands are run, with no settings but those of its own `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in ("MAILER_POLICIES", "MAILER_TEMPLATES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def loaded(folder: Path) -> tuple[Policy, TemplateLibrary]:
    """The policy and the templates of harbor, as a process reads them."""
    file = folder / "policies" / "harbor.toml"
    policies: Mapping[str, Policy] = parse_policies_in_force(
        {str(file): file.read_text("utf-8")}, datetime.now(UTC).date()
    )
    return policies["harbor"], TemplateLibrary.load_library(folder / "templates", policies)


def test_a_new_brand_is_whole_and_keeps_its_promises(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each category has a template in each language; nothing of other brands is left; each promise holds."""
    assert run("init", "harbor", *KNOWN) == 0
    said = capsys.readouterr().out
    policy, templates = loaded(here)
    made = {template.category for template in templates}
    assert made == set(policy.terms) - {category.without_product for category in CATEGORIES.values()}
    assert {template.locales for template in templates} == {("en", "de")}
    for path, text in files_in(here).items():
        left = r"(?i:paltalk|peerstream|interpals|pen pal)|= \"FILL IN|@fill-in|//fill-in|[\u0600-\u06ff]"
        assert not re.search(left, text), path
    trial = try_promises_of_brand(policy, templates, datetime.now(UTC), people=single_trait_people(policy))
    assert {line.id: (line.result, line.failure) for line in trial.lines} == {
        line.id: (HOLDS, None) for line in trial.lines
    }
    assert len(trial.lines) > 10
    assert len(re.findall(r"\n  \S*mailer (?:policy|templates) ", said)) == 3
    assert "To be filled in" not in said


def test_what_is_not_filled_in_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command and the check name each line that was not filled in, and nothing can be sent."""
    assert run("init", "harbor") == 0
    told = capsys.readouterr().out
    assert re.search(r'\n  policies/harbor\.toml:\d+: postal_address = "FILL IN: street, town and country"\n', told)
    assert re.search(r'\n  templates/harbor/policy-change/template\.toml:\d+: url = "https://fill-in.invalid/', told)
    assert run("policy", "check") == 2
    said = capsys.readouterr().err.splitlines()
    lines = (here / "policies" / "harbor.toml").read_text("utf-8").splitlines()
    places = [
        re.fullmatch(r"mailer: policies/harbor\.toml:(\d+): ([\w.]+) is .*; write your own", line) for line in said
    ]
    keys = [(place[2], lines[int(place[1]) - 1]) for place in places if place]
    assert [key for key, _ in keys] == [
        "domain", "opt_out_mailbox", "controller.name", "controller.postal_address", "senders.mandatory",
        "senders.optional",
    ]  # fmt: skip
    assert all("FILL IN" in line or "fill-in.invalid" in line for _, line in keys)
    assert len(said) == len(keys)
    for path, text in files_in(here).items():
        (here / path).write_text(re.sub("FILL IN: ", "", text).replace("fill-in.invalid", "harbor.example"), "utf-8")
    assert loaded(here)[1].template_names_of_brand("harbor")


def test_nothing_is_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that has one of the files is left as it is, whole; a `.env` that is there is not touched."""
    (here / "policies").mkdir()
    (here / "policies" / "harbor.toml").write_text("mine")
    assert run("init", "harbor") == 2
    assert "policies/harbor.toml is there already; nothing was made" in capsys.readouterr().err
    assert files_in(here) == {Path("policies/harbor.toml"): "mine"}
    (here / "new").mkdir()
    (here / "new" / ".env").write_text("MAILER_METRICS_PORT=9000\n")
    assert run("init", "harbor", "--to", "new") == 0
    assert "it needs these two lines:\n  MAILER_POLICIES=policies\n" in capsys.readouterr().out
    assert (here / "new" / ".env").read_text() == "MAILER_METRICS_PORT=9000\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Harbor",), "BRAND is 'Harbor'; write lower case letters, digits and single hyphens, such as my-brand"),
        (("default",), "BRAND: default is the name of the model; choose another one"),
        (("harbor", "--domain", "https://harbor.example"), "--domain is 'https://harbor.example'; write a domain"),
        (("harbor", "--domain", "Harbor.example"), "--domain is 'Harbor.example'; write a domain in lower case"),
        (("harbor", "--name", " "), "--name is ' '; write a text in one line, without angle brackets"),
        (("harbor", "--address", "<1 Quay>"), "--address is '<1 Quay>'; write a text in one line"),
        (("harbor", "--locales", "en,tlh"), "--locales: tlh: the model has words in en and de"),
        (("harbor", "--locales", ","), "--locales: empty: the model has words in en and de"),
    ],
)
def test_what_cannot_be_a_brand_is_refused(
    words: tuple[str, ...], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what was wrong and what to write; nothing is made."""
    assert run("init", *words) == 2
    assert said in capsys.readouterr().err
    assert files_in(here) == {}


def test_names_of_all_kinds_are_written_as_they_are(here: Path) -> None:
    """Quotes, commas and letters of other scripts stand in the policy as they were given; one language is enough."""
    name, company = 'Hafen "Nord", Größe & 漢字', 'Müller, "Söhne" \\ Co.'
    given = ("--name", name, "--controller", company, "--address", "Straße 1, Köln", "--domain", "hafen.example")
    assert run("init", "hafen-nord", *given, "--locales", "de") == 0
    said = tomllib.loads((here / "policies" / "hafen-nord.toml").read_text("utf-8"))
    assert (said["name"], said["controller"]["name"], said["default_locale"]) == (name, company, "de")
    policies = parse_policies_in_force(
        {"hafen": (here / "policies" / "hafen-nord.toml").read_text("utf-8")}, datetime.now(UTC).date()
    )
    templates = TemplateLibrary.load_library(here / "templates", policies)
    assert {template.locales for template in templates} == {("de",)}


def test_the_page_makes_a_brand(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands under "A new brand", typed as they stand in an empty folder, succeed one after the other."""
    part = PAGE.read_text("utf-8").partition("## A new brand\n")[2].partition("\n## ")[0]
    typed = re.findall(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)[0]
    commands = [shlex.split(line, comments=True) for line in typed.splitlines()]
    assert [" ".join(words[1:3]) for words in commands if words[0] == "mailer"] == [
        "init harbor", "policy check", "policy try", "templates check", "templates preview",
    ]  # fmt: skip
    for _, *words in commands:
        assert run(*words) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "harbor, version 1: 10 unproven" in said
    assert re.search(r"^11 hold, 0 fail, 0 not tried\.$", said, re.MULTILINE)
    assert "Hamburg" in (here / "weekly.txt").read_text("utf-8")
