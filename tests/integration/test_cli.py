"""Every command as it is typed: what it prints, its JSON, its exit status, and errors in one line."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.samples import event, people
from tests.conftest import Server
from tests.processes import Done, Stack, open_stack, until

NOBODY_LISTENS = "postgresql://127.0.0.1:1/mailer"
NO_RABBIT = "amqp://guest:secret@127.0.0.1:1/"
GOOD = event("one", "interpals", "newsletter", people("ann", "bob"))
MANY = "0192f0c1-0000-7000-8000-000000000000"
BAD_INPUT: dict[str, tuple[tuple[str, ...], str]] = {
    "no such command": (("sent",), "No such command 'sent'"),
    "no such option": (("mailing", "list", "--jsn"), "No such option: --jsn"),
    "no file": (("publish",), "Missing argument 'FILE|-'"),
    "a file that is not there": (("publish", "nowhere.json"), "nowhere.json: "),
    "a folder": (("publish", "."), ".: "),
    "no person": (("mailing", "approve", "one"), "Missing option '--by'"),
    "a person without a name": (("mailing", "approve", "one", "--by", " "), "--by needs the name of a person"),
    "a mailing that is none": (("mailing", "approve", "nothing", "--by", "Dana"), "no mailing and no event nothing"),
    "a mailing to pause that is none": (("mailing", "pause", "nothing"), "there is no mailing and no event nothing"),
    "a brand to pause that is none": (("brand", "pause", "acme"), "there is no brand acme; there are"),
    "a processor that is none": (("processors", "pause", "pigeon"), "MAILER_PROCESSORS has no processor pigeon; there"),
    "nothing that a restore ends in": (("start", "--after-restore", "x"), "Invalid value for '--after-restore'"),
    "nobody who stops": (("stop", "--by", " "), "--by needs the name of a person"),
    "no id": (("ledger", "export", "--mailing", "one"), "--mailing: there is no mailing and no event one"),
    "an id of nothing": (("ledger", "export", "--mailing", MANY), "--mailing: the ledger has no entry of"),
    "no number": (("dead", "show", "one"), "Invalid value for 'ID'"),
    "a number out of range": (("dead", "show", "9" * 20), "Invalid value for 'ID'"),
    "none at all": (("dead", "list", "--limit", "0"), "Invalid value for '--limit'"),
    "no recipients": (("recipients", "import", "nowhere.csv", "--brand", "interpals"), "nowhere.csv: cannot be read"),
    "a brand that is none": (("recipients", "import", "good.csv", "--brand", "acme"), "there is no brand acme; there"),
    "columns that are none": (("recipients", "import", "columns.csv", "--brand", "interpals"), "lacks ref and email"),
    "a key for no brand": (
        ("publishers", "add", "key:shop", "--brand", "acme"),
        "--brand: there is no acme; there are",
    ),
    "a key without a name": (("publishers", "add", "key:", "--brand", "interpals"), "a key has a name"),
    "a publisher of no kind": (
        ("publishers", "add", "shop", "--brand", "interpals"),
        "'shop' is no identity; write key:NAME, broker:NAME, role:NAME, person:NAME",
    ),
    "mailer itself": (("publishers", "add", "mailer:pipeline", "--brand", "interpals"), "is mailer itself"),
    "no category": (
        ("publishers", "add", "key:shop", "--brand", "interpals", "--category", "spam"),
        "--category: there is no spam; there are account",
    ),
    "no action": (
        ("publishers", "add", "key:shop", "--brand", "interpals", "--action", "dance"),
        "--action: there is no dance; there are deactivate",
    ),
    "a template that is none": (("templates", "preview", "weekli"), "weekli names 0 templates; there are interpals/"),
    "a template of two brands": (("templates", "preview", "weekly"), "weekly names 2 templates"),
    "a place that is none": (("templates", "preview", "interpals/weekly", "--to", "no/where.html"), "no/where.html"),
    "a head that is not there": (("ledger", "verify", "--head", "nowhere"), "nowhere: "),
    "a head that is no JSON": (("ledger", "verify", "--head", "good.csv"), "good.csv: "),
    "a head that is none": (
        ("ledger", "verify", "--head", "list.json"),
        "not a record that `mailer ledger seal` prints",
    ),
    "a head that is null": (
        ("ledger", "verify", "--head", "null.json"),
        "not a record that `mailer ledger seal` prints",
    ),
}
FAILURES: dict[str, tuple[tuple[str, ...], str]] = {
    "no such mailing": (("mailing", "show", "nothing"), "there is no mailing and no event nothing"),
    "no such id": (("mailing", "show", MANY), f"there is no mailing and no event {MANY}"),
    "no such letter": (("dead", "show", "99"), "there is no dead letter 99; `mailer dead list` shows them"),
    "no letter to replay": (("dead", "replay", "99"), "there is no dead letter 99"),
    "no key to revoke": (("publishers", "revoke", "key:nobody"), "there is no live publisher key:nobody"),
    "no publisher": (("publishers", "show", "role:nobody"), "there is no publisher role:nobody"),
}
BAD_SETTINGS: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "default secrets": (
        {"SECRET_KEYS": "development-only-never-in-production", "LEDGER_KEY": "development-only-never-in-production"},
        ("worker",),
        "MAILER_SECRET_KEYS, MAILER_LEDGER_KEY: set a secret of its own, 32 characters or more",
    ),
    "a short secret": ({"ADDRESS_KEY": "short"}, ("web",), "MAILER_ADDRESS_KEY: set a secret of its own"),
    "an old secret that is short": ({"SECRET_KEYS": f"{'s' * 40},short"}, ("timekeeper",), "MAILER_SECRET_KEYS: set"),
    "no secret": ({"SECRET_KEYS": ""}, ("mailing", "list"), "MAILER_SECRET_KEYS: set a secret of its own"),
    "half a list": ({"SECRET_KEYS": "["}, ("mailing", "list"), "MAILER_SECRET_KEYS: "),
    "no port": ({"PORT": "http"}, ("web",), "MAILER_PORT: "),
    "a database of another kind": ({"DATABASE_URL": "mysql://x"}, ("mailing", "list"), "MAILER_DATABASE_URL: "),
    "a database that is none": (
        {"DATABASE_URL": "postgresql://["},
        ("worker",),
        "MAILER_DATABASE_URL: has a bad host or port",
    ),
    "a broker of another kind": ({"BROKER_URL": "kafka://x"}, ("worker",), "MAILER_BROKER_URL: "),
    "links that end in a query": ({"PUBLIC_URL": "https://mail.example?x=1"}, ("worker",), "MAILER_PUBLIC_URL: is the"),
    "links to nowhere": ({"PUBLIC_URL": "https://"}, ("web",), "MAILER_PUBLIC_URL: takes an address such as"),
    "links with a space": ({"PUBLIC_URL": "https://mail.example /"}, ("web",), "MAILER_PUBLIC_URL: has a space"),
    "links without encryption": ({"PUBLIC_URL": "http://mail.example"}, ("worker",), "MAILER_PUBLIC_URL: "),
    "a relay beside captured mail": (
        {"PROCESSORS": "capture://,smtp://x"},
        ("worker",),
        "MAILER_PROCESSORS names relays",
    ),
    "a processor of another kind": ({"PROCESSORS": "pigeon://x"}, ("worker",), "MAILER_PROCESSORS: a processor's URL"),
    "a relay without a contract": (
        {"PROCESSORS": "smtp://relay.example"},
        ("worker",),
        "needs country=… and contract=…",
    ),
    "half a key": ({"DKIM": "paltalk.example:s1"}, ("worker",), "MAILER_DKIM takes domain:selector:file.pem"),
    "a key that is not there": ({"DKIM": "paltalk.example:s1:no.pem"}, ("worker",), "MAILER_DKIM takes"),
    "a key that is none": ({"DKIM": "paltalk.example:s1:good.csv"}, ("worker",), "the key of s1 is not"),
    "no templates": ({"TEMPLATES": "nowhere"}, ("worker",), "MAILER_TEMPLATES: there is no folder nowhere"),
    "no policies": ({"POLICIES": "nowhere"}, ("worker",), "MAILER_POLICIES: nowhere holds no policy"),
    "a lease too short to work in": ({"LEASE_SECONDS": "0"}, ("worker",), "MAILER_LEASE_SECONDS: "),
}
FAILING: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "no database": ({"DATABASE_URL": NOBODY_LISTENS}, ("mailing", "list"), "refused"),
    "no database to publish to": ({"DATABASE_URL": NOBODY_LISTENS}, ("publish", "good.json"), "the database does not"),
    "no RabbitMQ": ({"BROKER_URL": NO_RABBIT}, ("publish", "good.json"), "RabbitMQ at 127.0.0.1:1 does not answer"),
    "an empty database": ({}, ("mailing", "list"), "the database is not up to date; run `mailer migrate`"),
    "an empty database to publish to": ({}, ("publish", "good.json"), "the database does not answer"),
}


def write_files(folder: Path) -> None:
    """The files that the commands are given."""
    (folder / "good.json").write_text(json.dumps(GOOD))
    (folder / "good.csv").write_text("ref,email\nann,ann@example.org\n")
    (folder / "columns.csv").write_text("name,shoe\nann,9\n")
    (folder / "list.json").write_text("[]")
    (folder / "null.json").write_text("null")


async def run_all(stack: Stack, commands: Mapping[str, tuple[Stack, tuple[str, ...]]]) -> dict[str, Done]:
    """Runs commands, a few at a time."""
    few = asyncio.Semaphore(3)

    async def run(chosen: Stack, arguments: tuple[str, ...]) -> Done:
        async with few:
            return await chosen.run(*arguments)

    done = await asyncio.gather(*(run(chosen, arguments) for chosen, arguments in commands.values()))
    return dict(zip(commands, done, strict=True))


@pytest.fixture(scope="module")
def done(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """The results of all commands that go wrong. None of them changes anything."""
    folder = tmp_path_factory.mktemp("cli")
    write_files(folder)

    async def run(url: str) -> dict[str, Done]:
        async with open_stack(folder, url, "memory://") as stack:
            commands = {name: (stack, arguments) for name, (arguments, _) in {**BAD_INPUT, **FAILURES}.items()}
            for name, (settings, arguments, _) in {**BAD_SETTINGS, **FAILING}.items():
                empty = {"DATABASE_URL": postgres_server.url("template1")} if name in FAILING else {}
                commands[name] = stack.having(**{**empty, **settings}), arguments
            return await run_all(stack, commands)

    with postgres_server.database() as url:
        yield asyncio.run(run(url))


def one_line(done: Done) -> str:
    """The error of a command: exactly one line, with nothing on stdout."""
    assert done.err.startswith("mailer: ")
    assert done.err.count("\n") == 1, done.err
    assert done.out == ""
    return done.err


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_refused_with_2(done: dict[str, Done], name: str) -> None:
    """A command with bad input ends with status 2, and one line that says what is wrong."""
    assert BAD_INPUT[name][1] in one_line(done[name])
    assert done[name].status == 2


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_not_there_is_a_failure(done: dict[str, Done], name: str) -> None:
    """A command about a thing that does not exist ends with status 1, and says where to look."""
    assert FAILURES[name][1] in one_line(done[name])
    assert done[name].status == 1


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_nothing_starts_on_settings_that_are_wrong(done: dict[str, Done], name: str) -> None:
    """No process starts on a wrong setting or a default secret. The last line names the setting, and no secret."""
    error = done[name].err.splitlines()[-1]
    assert BAD_SETTINGS[name][2] in error
    assert done[name].status == 2
    assert "Traceback" not in done[name].err
    assert "development-only" not in done[name].err


@pytest.mark.parametrize("name", FAILING)
def test_a_service_that_fails_is_said_in_one_line(done: dict[str, Done], name: str) -> None:
    """A command whose service fails ends with status 1 and one line."""
    assert FAILING[name][2] in one_line(done[name])
    assert done[name].status == 1


async def test_help_is_shown_where_no_command_is_given(small_stack: Stack) -> None:
    """The command without a subcommand lists its commands, and so does each group."""
    for arguments in ((), ("mailing",), ("ledger",)):
        shown = await small_stack.run(*arguments)
        assert shown.status == 2
        assert "Usage:" in shown.out + shown.err


async def test_publish_takes_a_file_and_lines(small_stack: Stack) -> None:
    """A document, a list of them, or one a line; one bad line names its number, and nothing is published."""
    lines = "\n".join(json.dumps({**GOOD, "id": f"line {number}"}) for number in (1, 2))
    (small_stack.folder / "list.json").write_text(json.dumps([{**GOOD, "id": "listed"}], indent=1))
    by_lines = await small_stack.done("publish", "-", "--json", stdin=lines)
    listed = await small_stack.done("publish", "list.json")
    parked = await small_stack.value("SELECT count(*) FROM outbox")
    bad = await small_stack.run("publish", "-", stdin=f"{lines}\n{{}}")
    nothing = await small_stack.run("publish", "-")
    assert by_lines.json == [{"id": f"line {number}", "brand": "interpals"} for number in (1, 2)]
    assert listed.out == "Published 1 event.\n"
    assert (bad.status, nothing.status, parked) == (2, 2, 3)
    assert one_line(bad).startswith("mailer: -: line 3: ")
    assert one_line(nothing) == "mailer: -: no event in it\n"
    assert await small_stack.value("SELECT count(*) FROM outbox") == parked


async def test_recipients_are_imported_and_bad_lines_kept(small_stack: Stack) -> None:
    """Rejected lines go to a file with their number and reason; mended and imported, the file is gone."""
    people = small_stack.folder / "people.csv"
    people.write_text(
        "ref,email,locale,opted_out\nann,ann@example.org,en,newsletter\nbob,bob@@x,en,\ncem,c@example.org,en,service\n"
    )
    first = (await small_stack.done("recipients", "import", "people.csv", "--brand", "interpals", "--json")).json
    rejected = (small_stack.folder / "people.rejected.csv").read_text()
    people.write_text("ref,email\nbob,bob@example.org\ncem,cem@example.org\n")
    second = await small_stack.done("recipients", "import", "people.csv", "--brand", "interpals")
    assert (first["taken"], first["rejected"], first["rejected_file"]) == (1, 2, "people.rejected.csv")
    assert [(row["row"], len(row["reasons"])) for row in first["refused"]] == [(3, 1), (4, 1)]
    assert "bob@@x" in rejected
    assert "email: not an e-mail address" in rejected
    assert "opted_out: 'service' cannot be left" in rejected
    assert second.out.startswith("Took 2 people: 2 new, 0 changed, 0 unchanged; 0 of them opted out.\n")
    assert not (small_stack.folder / "people.rejected.csv").exists()
    assert await small_stack.value("SELECT count(*) FROM recipients") == 3


async def test_mailings_and_the_ledger_as_json(small_stack: Stack) -> None:
    """List and show agree, by either id; an export of one mailing has its entries only."""
    async with small_stack.running("worker"):
        await small_stack.done("publish", "-", stdin=json.dumps(GOOD))
        await small_stack.done("publish", "-", stdin=json.dumps({**GOOD, "id": "two"}))
        await small_stack.finished("one", "two")
    newest, oldest = sorted(
        (await small_stack.done("mailing", "list", "--json")).json, key=lambda shown: shown["event"]
    )[::-1]
    assert await small_stack.status("one") == {**oldest, "waiting": [], "lacks": []}
    assert await small_stack.status(newest["id"]) == {**newest, "waiting": [], "lacks": []}
    assert [count["n"] for count in oldest["counts"]] == [2]
    entries = (await small_stack.done("ledger", "export", "--mailing", oldest["id"])).lines
    everything = (await small_stack.done("ledger", "export", "--jsonl")).lines
    assert {entry["mailing"] for entry in entries} == {oldest["id"]}
    assert len(everything) == 2 * len(entries) == 14
    names = "writer n at brand mailing recipient attempt category kind reason rule policy processor country purpose"
    assert {*names.split(), "fields", "reply", "message_id", "hash"} <= entries[0].keys()
    table = (await small_stack.done("mailing", "list")).out
    assert oldest["id"] in table
    assert "newsletter" in (await small_stack.done("mailing", "show", "one")).out


async def test_the_ledger_cannot_be_edited_unnoticed(small_stack: Stack) -> None:
    """A sealed head that was kept elsewhere shows a cut chain. The command names changed entries."""
    async with small_stack.running("worker"):
        await small_stack.done("publish", "-", stdin=json.dumps(GOOD))
        await small_stack.finished("one")
    (small_stack.folder / "head.json").write_text((await small_stack.done("ledger", "seal")).out)
    published = [await small_stack.done("ledger", "publish", "seals.jsonl", "--json") for _ in range(2)]
    lines = (small_stack.folder / "seals.jsonl").read_text().splitlines()
    assert [done.json["added"] for done in published] == [len(lines), 0]
    assert json.loads(lines[-1]) == json.loads((small_stack.folder / "head.json").read_text())
    sound = await small_stack.done("ledger", "verify", "--head", "head.json")
    others = await small_stack.having(LEDGER_KEY="the ledger key of quite another one").run(
        "ledger", "verify", "--head", "head.json"
    )
    [kept] = await small_stack.query("SELECT * FROM ledger ORDER BY writer, n DESC LIMIT 1")
    await small_stack.query("UPDATE ledger SET reason = 'x' WHERE writer = $1 AND n = $2", kept["writer"], kept["n"])
    changed = await small_stack.run("ledger", "verify", "--json")
    await small_stack.query("DELETE FROM ledger WHERE writer = $1 AND n = $2", kept["writer"], kept["n"])
    missing = await small_stack.run("ledger", "verify", "--head", "head.json")
    await small_stack.query("INSERT INTO ledger SELECT ($1::ledger).*", kept)
    assert sound.out.startswith("Sound: ")
    assert others.status == 2
    assert "not by this ledger's key" in one_line(others)
    assert (changed.status, changed.json["sound"]) == (1, False)
    assert (changed.json["faults"][0]["n"], changed.json["faults"][0]["what"][:7]) == (kept["n"], "changed")
    assert missing.status == 1
    assert "missing: the last entries" in missing.out
    await small_stack.query("DELETE FROM seals")
    restored = await small_stack.run("ledger", "publish", "seals.jsonl")
    behind = await small_stack.run("ledger", "verify", "--head", "seals.jsonl")
    assert (restored.status, behind.status) == (1, 1)
    assert "is not kept in this database" in one_line(restored)
    assert "a seal that was published" in behind.out


async def test_templates_are_checked_and_shown(small_stack: Stack) -> None:
    """Good ones are listed; faulty ones with file and remedy, and status 1; a preview is a file."""
    good = (await small_stack.done("templates", "check", "--json")).json
    broken = small_stack.folder / "templates" / "interpals" / "bad"
    broken.mkdir(parents=True)
    (broken / "template.toml").write_text('category = "gossip"\npurpose = "x"\n[subject]\nen = "{{ oops"\n')
    bad = small_stack.having(TEMPLATES="templates")
    faults = await bad.run("templates", "check", "--json")
    stopped = await bad.run("worker")
    shown = await small_stack.done("templates", "preview", "paltalk-2006/weekly", "--locale", "ar", "--to", "ar.html")
    assert good["faults"] == []
    assert {"brand": "interpals", "template": "weekly", "category": "newsletter", "locales": "en de ar"} in good[
        "templates"
    ]
    assert faults.status == 1
    assert faults.json["faults"]
    assert all("interpals/bad" in fault["file"] for fault in faults.json["faults"])
    assert stopped.status == 2
    assert "interpals/bad" in stopped.err.splitlines()[-1]
    assert "ar.html" in shown.out
    assert 'dir="rtl"' in (small_stack.folder / "ar.html").read_text()


async def test_the_schemas_describe_what_there_is(small_stack: Stack) -> None:
    """JSON Schema of the event, AsyncAPI of the queues, OpenAPI of the routes; each points to things that exist."""
    schemas = {name: (await small_stack.done("schema", name)).json for name in ("event", "queues", "outcomes", "api")}
    assert schemas["event"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"id", "brand", "category", "template", "to"} <= set(schemas["event"]["required"])
    assert schemas["event"]["additionalProperties"] is False
    assert schemas["queues"]["asyncapi"].startswith("3.")
    names = {"mailer.events", "mailer.batches", "mailer.dead", "mailer.inbound", "mailer.outcomes"}
    assert schemas["queues"]["channels"].keys() == names
    assert schemas["outcomes"]["channels"].keys() == {"mailer.outcomes"}
    assert schemas["api"]["openapi"].startswith("3.")
    assert {"/api/v1/events", "/api/v1/events/{brand}/{event_id}"} <= schemas["api"]["paths"].keys()
    for schema in schemas.values():
        for pointer in references(schema):
            assert resolved(schema, pointer) is not None, pointer


def references(value: Any) -> Iterator[str]:
    """Every `$ref` within a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from references(part)


def resolved(document: Any, pointer: str) -> Any:
    """The part of the document that a reference points to (RFC 6901); None if there is none."""
    assert pointer.startswith("#/")
    for part in pointer.removeprefix("#/").split("/"):
        document = document.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(document, dict) else None
    return document


async def test_migrate_brings_an_empty_database_up_to_date(small_stack: Stack) -> None:
    """The command makes a missing database. A second run changes nothing."""
    fresh = small_stack.having(DATABASE_URL=small_stack.database_url.replace("mailer_test_", "mailer_test_fresh_"))
    try:
        first = await fresh.done("migrate")
        second = await fresh.done("migrate")
        listed = await fresh.done("mailing", "list", "--json")
    finally:
        await small_stack.query(f'DROP DATABASE "{fresh.env["MAILER_DATABASE_URL"].split("/")[3].split("?")[0]}"')
    assert "Appl" in first.out
    assert "Appl" not in second.out
    assert listed.json == []


async def test_dead_letters_are_listed_and_shown(small_stack: Stack) -> None:
    """Dead letters are shown as a table, as facts, and as JSON with the body as it came."""
    async with small_stack.running("worker"):
        await small_stack.application("publish", {**GOOD, "template": "weekli"})
        await until(lambda: small_stack.query("SELECT FROM dead_letters"), "the dead letter")
    table, shown = await small_stack.done("dead", "list"), await small_stack.done("dead", "show", "1")
    as_json = (await small_stack.done("dead", "show", "1", "--json")).json
    assert "did you mean weekly?" in table.out
    assert '"template":"weekli"' in shown.out.replace("\n", "")
    assert json.loads(as_json["body"])["template"] == "weekli"
    assert (as_json["event"], as_json["exchange"], as_json["routing_key"]) == (
        "one",
        "mailer.events",
        "interpals.newsletter",
    )
