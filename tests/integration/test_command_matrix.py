"""The role matrix of the commands: each that acts on people, mail or rights names its person in the ledger."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from mailer import cli
from mailer.cli import shared
from mailer.cli.shared import system_user_name
from tests.factories import BRAND, open_world, person, plain_event, received
from tests.processes import SECRETS

REF = "user-1"
AT = ("--brand", BRAND)
BY = ("--by", "Dana Duty")
ACTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "stop": (BY,),
    "start": (BY,),
    "brand pause": ((BRAND, *BY),),
    "brand resume": ((BRAND, *BY),),
    "processors pause": (("capture", *BY),),
    "processors resume": (("capture", *BY),),
    "mailing approve": (("leak", *BY),),
    "mailing reschedule": (("one", "--at", "2190-01-01T00:00:00Z", *BY),),
    "mailing pause": (("one", *BY),),
    "mailing resume": (("one", *BY),),
    "mailing cancel": (("one", *BY),),
    "rate set": (("domain", "example.org", "5/second", *BY),),
    "rate clear": (("domain", "example.org", *BY),),
    "rate warm-up": (("domain", "example.org", "--from", "2026-11-01", "10,20", *BY),),
    "recipients restrict": ((REF, *AT), (REF, *AT, "--off")),
    "recipients deactivate": ((REF, *AT), (REF, *AT, "--off")),
    "recipients mark": ((REF, *AT, "paid"), (REF, *AT, "paid", "--off"), (REF, *AT, "paid", "--product", "voice")),
    "recipients channel": ((REF, *AT, "email"),),
    "recipients postal": ((REF, *AT, "--line", "1 Mill Lane", "--line", "Ely"), (REF, *AT, "--forget")),
    "recipients pause": ((REF, *AT, "--days", "30", "--reason", "by telephone", *BY),),
    "recipients cap": ((REF, *AT, "--at-most", "weekly", "--reason", "by telephone", *BY),),
    "recipients rectify": ((REF, *AT, "--name", "Ada"),),
    "recipients hold": ((REF, *AT, "--reference", "case 7", *BY), (REF, *AT, "--reference", "case 7", "--lift", *BY)),
    "recipients disclose": ((REF, *AT, "--authority", "a court", "--reference", "7", "--field", "email", *BY),),
    "recipients import": (("people.csv", *AT),),
    "consents import": (("consents.jsonl", *AT),),
    "suppressions add": ((*AT, "--ref", REF, "--scope", "newsletter", "--source", "by post", *BY),),
    "suppressions import": (("left.csv", *AT),),
    "publishers add": (("role:shop", *AT, "--category", "newsletter", *BY),),
    "publishers restrict": (("role:shop", "--category", "newsletter", *BY),),
    "publishers revoke": (("role:shop", *BY),),
    "recipients find": ((REF, *BY),),
    "recipients show": ((REF, *AT, *BY),),
    "recipients history": ((REF, *AT, *BY),),
    "suppressions explain": ((*AT, "--ref", REF, *BY),),
    "segment save": (("everywhere", "condition.json", *AT, *BY),),
    "segment freeze": (("everywhere", *AT, "--list", "frozen", *BY),),
    "audience remove": (("frozen", REF, *AT, *BY),),
    "audience delete": (("frozen", *AT, *BY),),
    "segment delete": (("everywhere", *AT, *BY),),
    "recipients erase": ((REF, *AT),),
    "staff add": tuple((name, "--email", "a@work.example", "--role", "admin", *BY) for name in ("Ada Admin", "Eva")),
    "staff disable": (("Ada Admin", *BY),),
    "staff enable": (("Ada Admin", *BY),),
    "staff reset": (("Ada Admin", *BY),),
}
"""Commands that act, or look people up on record, in an order in which each has something to do. Whom none names, the
system's user has done it."""
TRIED_ELSEWHERE = {
    **dict.fromkeys(
        ("campaign create", "campaign save", "campaign duplicate", "campaign archive"),
        "tests/integration/test_cli_campaigns.py",
    ),
    **dict.fromkeys(
        ("breach create", "breach facts", "breach not-notify", "breach close", "breach reopen", "breach done"),
        "tests/integration/test_cli_breach.py",
    ),
    "breach undone": "tests/integration/test_cli_breach.py",
    "breach export": "tests/integration/test_cli_breach_pack.py",
    "webhook add": "tests/integration/test_cli_webhooks.py",
    "webhook disable": "tests/integration/test_cli_webhooks.py",
    "webhook enable": "tests/integration/test_cli_webhooks.py",
    "webhook rotate": "tests/integration/test_cli_webhooks.py",
    "webhook replay": "tests/integration/test_cli_webhooks.py",
    "staff bind": "tests/integration/test_cli_staff.py",
    "staff unbind": "tests/integration/test_cli_staff.py",
    "notices show": "tests/promises/test_notices.py",
    "notices export": "tests/promises/test_notices.py",
    "notices take": "tests/promises/test_notices.py",
    "notices done": "tests/promises/test_notices.py",
    "notices return": "tests/promises/test_notices.py",
    "dead show": "tests/integration/test_dead_letters.py",
    "requests show": "tests/integration/test_data_request_answers.py",
    "requests answer": "tests/integration/test_data_request_answers.py",
    "public-notices draft": "tests/integration/test_public_notices.py",
    "public-notices release": "tests/integration/test_public_notices.py",
    "public-notices withdraw": "tests/integration/test_public_notices.py",
    "inbound close": "tests/integration/test_cli_inbound.py",
    "inbound show": "tests/integration/test_cli_inbound.py",
    "inbound webhook": "tests/integration/test_cli_inbound.py",
    **dict.fromkeys(
        ("letters run", "letters retry", "letters export", "letters import", "letters preview", "letters missing"),
        "tests/integration/test_cli_letters.py",
    ),
    "campaign people": "tests/integration/test_campaign_report_api.py",
    "breach people": "tests/integration/test_breach_outcome_pages.py",
    "breach public-notice": "tests/integration/test_breach_outcome_pages.py",
    "breach audience": "tests/integration/test_breach_check_pages.py",
    "breach refused-rows": "tests/integration/test_breach_check_pages.py",
    "breach check": "tests/integration/test_breach_check_pages.py",
    "mailing end": "tests/integration/test_doubts.py",
    "suppressions lift": "tests/integration/test_suppressions.py",
    "quarantine believe": "tests/integration/test_quarantine.py",
    "quarantine dismiss": "tests/integration/test_quarantine.py",
    "inviters pause": "tests/integration/test_invitations.py",
    "inviters resume": "tests/integration/test_invitations.py",
    "processors confirm-purge": "tests/integration/test_rights.py",
    "processors confirm-erasure": "tests/integration/test_rights.py",
    "campaign check": "tests/integration/test_cli_campaign_sending.py",
    "campaign ask-release": "tests/integration/test_cli_campaign_sending.py",
    "campaign release": "tests/integration/test_cli_campaign_sending.py",
    "campaign schedule": "tests/integration/test_cli_campaign_sending.py",
    "campaign pause": "tests/integration/test_cli_campaign_sending.py",
    "campaign resume": "tests/integration/test_cli_campaign_sending.py",
    "campaign cancel": "tests/integration/test_cli_campaign_sending.py",
    "campaign send-rest": "tests/integration/test_cli_campaign_sending.py",
    **dict.fromkeys(
        ("breach ask", "breach release", "breach second-look", "breach stop", "breach resume", "breach told"),
        "tests/integration/test_breach_doors.py",
    ),
}
"""Commands that act on what other tests have to make first; each takes `--by`."""
PUBLISHES = {
    "publish": "tests/integration/test_cli_publish.py::test_a_person_without_the_right_publishes_nothing",
    "dead replay": "tests/integration/test_dead_letters.py",
}
"""Commands that publish events, with the rights of a person, or of the first publisher."""
SHOWS = {
    "recipients list", "recipients export", "consents list", "consents export",
    "suppressions list", "suppressions export", "mailing list", "mailing show",
    "mailing coverage", "report advertiser", "campaign report", "ledger export", "ledger verify", "dead list",
    "templates check", "templates preview", "policy explain", "policy list", "policy show", "policy check",
    "policy jurisdictions", "policy breach-rules", "policy causes",
    "policy try", "partners list", "partners key", "partners suppressions", "processors list", "quarantine list",
    "rate list", "publishers list", "publishers show", "schema event", "schema queues", "schema api", "doctor",
    "init", "notices list", "staff list", "staff sessions", "halts", "flow", "ledger seals", "policy diff",
    "requests list", "public-notices list", "inbound list", "inbound webhooks", "inbound classify",
    "segment list", "segment show", "segment count", "audience list", "audience count",
    "breach files", "breach manifest",
    "schema outcomes", "webhook list", "webhook send-test", "campaign list", "campaign show", "campaign history",
    "campaign show-manifest", "campaign lint", "letters count", "letters list", "letters runs",
    "breach list", "breach show",
    "breach outcomes", "breach report",
}  # fmt: skip
"""Commands that change nothing of people, mail or rights."""
RUNS = {"migrate", "worker", "web", "timekeeper", "demo", "ledger seal", "ledger publish", "inbound file"}
"""Commands that run mailer itself, or take in mail for it."""


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, bool]]:
    """Every command by its words, and whether it can be told who acts."""
    if isinstance(command, typer.core.TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))
    elif isinstance(command, typer.core.TyperCommand):
        yield " ".join(path), any("--by" in parameter.opts for parameter in command.params)


def test_each_command_has_one_row() -> None:
    """A new command says whether it acts, publishes, shows or runs; who takes `--by` acts, looks up or publishes."""
    found = dict(commands(typer.main.get_command(cli.app)))
    rows = [*ACTS, *TRIED_ELSEWHERE, *PUBLISHES, *SHOWS, *RUNS]
    assert sorted(rows) == sorted(found)
    named = {name for name, takes_by in found.items() if takes_by}
    assert named <= {*ACTS, *TRIED_ELSEWHERE, *PUBLISHES}
    assert set(TRIED_ELSEWHERE) <= named
    assert {name for name, runs in ACTS.items() if any("--by" in words for words in runs)} <= named


async def _prepare(url: str) -> None:
    """Makes a person, a mailing that is under way and a breach notice that waits."""
    async with open_world(url) as world:
        await world.known(1)
        await world.accept({"refs": [REF]}, id="one")
        leak = received(plain_event([person(1)], "breach") | {"id": "leak"})
        await world.intake().accept_event_messages("breach", [leak])
        assert leak.settled == "ack"


async def _read_actors(url: str) -> list[tuple[str, str | None]]:
    """Kinds and actors of the entries that somebody is the cause of, in their order."""
    async with open_world(url) as world:
        rows = await world.pool.fetch(
            "SELECT kind, actor FROM ledger WHERE kind IN ('access', 'action', 'control', 'mailing')"
            " ORDER BY at, writer, n"
        )
        return [(row["kind"], row["actor"]) for row in rows]


@pytest.fixture
def acted(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[tuple[str, str | None]]]:
    """Runs a command in this process, which has to succeed: the entries that it has added."""
    with asyncio.Runner() as runner:
        runner.run(_prepare(database_url))
    for name, value in {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("ref,email,opted_out\nuser-2,user-2@people.example,newsletter\n")
    (tmp_path / "condition.json").write_text('{"type": "country", "operator": "is_not", "values": ["AQ"]}')
    (tmp_path / "left.csv").write_text("email\nuser-2@people.example\n")
    said = {
        "ref": REF,
        "scope": "promotional",
        "given": True,
        "source": "letter",
        "version": "1",
        "words": "Yes, write to me.",
    }
    (tmp_path / "consents.jsonl").write_text(json.dumps(said | {"at": "2026-01-01T00:00:00Z"}) + "\n")

    def run(*words: str) -> list[tuple[str, str | None]]:
        with asyncio.Runner() as runner:
            before = runner.run(_read_actors(database_url))
        monkeypatch.setattr(sys, "argv", ["mailer", *words])
        monkeypatch.setattr(shared._RememberedActingPerson, "person", None)
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code, f"{words}: {capsys.readouterr().err}"
        with asyncio.Runner() as runner:
            return runner.run(_read_actors(database_url))[len(before) :]

    return run


def test_each_command_that_acts_names_its_person(acted: Callable[..., list[tuple[str, str | None]]]) -> None:
    """Each entry that the command adds names the person of `--by`, else the system's user; and it adds one."""
    for name, runs in ACTS.items():
        for words in runs:
            whom = "Dana Duty" if "--by" in words else system_user_name()
            entries = acted(*name.split(), *words)
            assert entries, f"{name}: nothing is in the ledger"
            assert {actor for _, actor in entries} == {f"person:{whom}"}, name
