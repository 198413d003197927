"""The compose file: the settings of each process."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mailer.settings import Settings

FILE = Path(__file__).resolve().parents[2] / "docker" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
PROCESSES = ("web", "worker", "timekeeper")


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_each_setting_is_one(name: str) -> None:
    """A name that no process reads would be a setting without effect."""
    names = [setting for setting in COMPOSE["services"][name]["environment"] if setting.startswith("MAILER_")]
    assert names
    assert {setting.removeprefix("MAILER_").lower() for setting in names} <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", PROCESSES)
def test_what_is_remembered_outlives_the_container(name: str) -> None:
    """`MAILER_DATA` is a volume that the image makes for its user; templates, policies and keys can be given."""
    service = COMPOSE["services"][name]
    volumes = dict(volume.split(":")[:2] for volume in service["volumes"])
    data = service["environment"]["MAILER_DATA"]
    assert volumes["data"] == data
    assert f"install -d -o mailer -g mailer -m 700 {data}" in (FILE.parent / "Dockerfile").read_text("utf-8")
    assert volumes["./config"] == "/etc/mailer"
    assert service["env_file"] == [{"path": "mailer.env", "required": False}]


def test_each_named_volume_is_declared() -> None:
    """A volume that is used and not declared keeps the whole stack from starting."""
    used = [volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service.get("volumes", ())]
    assert {volume for volume in used if not volume.startswith(".")} == COMPOSE["volumes"].keys()
