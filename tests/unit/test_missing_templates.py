"""A brand that lacks a template of mailer's own mail is told before anybody asks for that mail."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer import bundled_files
from mailer.cli import app
from mailer.policy.publisher_rights import OWN_TEMPLATES
from mailer.rendering.missing_templates import find_missing_own_templates
from tests.factories import templates


def test_the_shipped_brands_lack_nothing() -> None:
    """Each brand has every template that the pages and commands need."""
    assert list(find_missing_own_templates(templates())) == []


@pytest.mark.parametrize("name", sorted(OWN_TEMPLATES))
def test_the_check_names_what_a_brand_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It ends with status 1, and says the brand, the template, what does not work, and what to do."""
    shutil.copytree(bundled_files.bundled_folder("templates") / "peerstream", tmp_path / "peerstream")
    shutil.rmtree(tmp_path / "peerstream" / name)
    monkeypatch.setenv("MAILER_TEMPLATES", str(tmp_path))
    done = CliRunner().invoke(app, ["templates", "check"])
    assert done.exit_code == 1
    assert f"peerstream has no template {name}: " in done.output
    assert f"copy templates/peerstream/{name}" in done.output
