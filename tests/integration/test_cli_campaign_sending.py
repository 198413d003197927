"""The commands from the check of a campaign to its sending."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from mailer import cli
from mailer.cli import shared
from mailer.policy.campaign_draft import AbTest
from tests.campaign_world import Campaigns
from tests.factories import World, open_world
from tests.integration.test_console_sending import DRAFT, TEXTS, write
from tests.processes import SECRETS

T = TypeVar("T")


class Commands:
    """Commands that run in this process over the database of a test, below one noun."""

    noun = "campaign"

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.monkeypatch, self.capsys = url, monkeypatch, capsys

    def do(self, work: Callable[[World], Awaitable[T]]) -> T:
        """Does something with the world of the database."""

        async def run() -> T:
            async with open_world(self.url) as world:
                return await work(world)

        with asyncio.Runner() as runner:
            return runner.run(run())

    def run(self, *words: str, by: str = "Dana Duty", status: int = 0) -> str:
        """Runs a command; what it has printed."""
        told = () if words[0] == "show-manifest" else ("--by", by)
        self.monkeypatch.setattr(sys, "argv", ["mailer", self.noun, *words, *told])
        self.monkeypatch.setattr(shared._RememberedActingPerson, "person", None)
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = self.capsys.readouterr()
        assert (end.value.code or 0) == status, printed.err
        return printed.err if status else printed.out

    def read(self, *words: str, by: str = "Dana Duty") -> Any:
        """Runs a command with --json; what it has printed."""
        return json.loads(self.run(*words, "--json", by=by))

    def build(self) -> None:
        """Lets the timekeeper build what waits."""
        self.do(lambda world: Campaigns(world).builder().build_waiting_manifests())


@pytest.fixture
def commands(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """Commands over the test's database, with three people."""
    for name, value in {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)
    made = Commands(database_url, monkeypatch, capsys)
    made.do(lambda world: world.known(*range(1, 31)))
    return made


def test_a_test_from_the_check_to_its_rest(commands: Commands) -> None:
    """Check, sum, request, refusal of the writer, release, pause, resume, rest and cancel; each by who is named."""
    draft = DRAFT.model_copy(update={"variants": {"a": TEXTS, "b": TEXTS}, "ab_test": AbTest(share_percent=50)})
    campaign = commands.do(lambda world: write(world, draft))
    id_ = str(campaign.id)
    assert "not checked" in commands.run("show-manifest", id_, status=2)
    commands.run("check", id_)
    assert "not finished" in commands.run("ask-release", id_, status=2)
    commands.build()
    assert "all" in commands.run("show-manifest", id_)
    shown = commands.read("show-manifest", id_)
    assert shown["people"] == sum(one["people"] for one in shown["sums"]) == 30
    assert "--hash" in commands.run("ask-release", id_).replace("\n", " ")
    assert "second person" in commands.run("release", id_, "--hash", shown["hash"], status=2)
    assert "64 hexadecimal digits" in commands.run("release", id_, "--hash", "xyz", by="Rita", status=2)
    assert "have seen" in commands.run("release", id_, "--hash", "00" * 32, by="Rita", status=2)
    made = commands.read("release", id_, "--hash", shown["hash"], by="Rita")
    assert [one["variant"] for one in made["mailings"]] == ["a", "b"]
    assert commands.read("pause", id_, "--reason", "typo") == {"paused": 2}
    assert commands.read("resume", id_) == {"resumed": 2}
    assert "choose one of a, b" in commands.run("send-rest", id_, "--variant", "z", status=2)
    rest = commands.read("send-rest", id_, "--variant", "b")
    assert rest["mailings"][0]["template_variant"] == "b"
    assert "sent already" in commands.run("send-rest", id_, "--variant", "a", status=2)
    assert commands.read("cancel", id_, "--reason", "over") == {"cancelled": 3}
    actors = commands.do(_actors_of_campaign(campaign.id))
    assert {"person:Dana Duty", "person:Rita"} <= actors


def _actors_of_campaign(campaign_id: UUID) -> Callable[[World], Awaitable[set[str]]]:
    async def read(world: World) -> set[str]:
        rows = await world.pool.fetch("SELECT actor FROM ledger WHERE rule = $1", f"campaign:{campaign_id}")
        return {row["actor"] for row in rows}

    return read


def test_schedules_and_unknown_campaigns(commands: Commands) -> None:
    """A time by the clock of a zone; a fault says what to write, and an unknown campaign how to find one."""
    campaign = commands.do(write)
    id_ = str(campaign.id)
    done = commands.read("schedule", id_, "instant", "--at", "2030-03-31T02:30", "--zone", "Europe/Berlin")
    assert (done["revision"], done["schedule"]["at"]) == (2, "2030-03-31T01:00:00Z")
    local = ("schedule", id_, "local", "--at", "2030-06-03T09:00", "--zoneless", "leave_out", "--over-hours", "2")
    assert commands.read(*local)["schedule"]["local"] == "2030-06-03T09:00"
    for bad in (("instant",), ("local", "--at", "nine"), ("now", "--zone", "Mars/Olympus")):
        assert "Europe/Berlin" in commands.run("schedule", id_, *bad, status=2)
    unknown = "0192f0c1-0000-7000-8000-000000000001"
    assert "there is no campaign" in commands.run("check", unknown, status=2)
