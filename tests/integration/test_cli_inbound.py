"""The commands that show received mail."""

from pathlib import Path

from tests.campaigns import commands
from tests.factories import World, person
from tests.inbound import receive_letter
from tests.processes import Stack
from tests.webhook_requests import sendgrid_request
from tests.webhooks import Told, webhook_reception_over

LETTER = b"From: ada@people.example\r\nSubject: Hello\r\n\r\nWho are you?\r\n"


async def test_an_operator_reads_and_closes_what_waits(world: World, tmp_path: Path, database_url: str) -> None:
    """A list shows what waits; to read it and to close it stands in the ledger; closed mail waits no longer."""
    mail_id = str(await receive_letter(world, "ada@people.example", LETTER))
    operator: Stack = commands(tmp_path, database_url)
    [listed] = (await operator.done("inbound", "list", "--waiting", "--json")).json
    assert (listed["id"], listed["mailbox"], listed["effect"], listed["reason"]) == (
        mail_id,
        "postmaster",
        "waits",
        "it has to be read",
    )
    assert await world.entries(kind="control") == []
    assert "Who are you?" in (await operator.done("inbound", "show", mail_id, "--raw", "--by", "Dana")).out
    await operator.done("inbound", "close", mail_id, "--by", "Dana", "--end", "answered")
    entries = [(entry["reason"], entry["rule"], entry["actor"]) for entry in await world.entries(kind="control")]
    assert entries == [(what, f"received:{mail_id}", "person:Dana") for what in ("received_read", "received_closed")]
    [closed] = [entry for entry in await world.entries(kind="control") if entry["reason"] == "received_closed"]
    assert closed["category"] == "answered"
    assert (await operator.done("inbound", "list", "--waiting", "--json")).json == []
    again = await operator.run("inbound", "close", mail_id, "--by", "Dana")
    assert (again.status, "does not wait" in again.err) == (2, True)


async def test_an_operator_reads_a_webhook(world: World, tmp_path: Path, database_url: str) -> None:
    """A list shows what could not be read; that somebody read the body stands in the ledger."""
    accepted = await world.accept([person(1)])
    await world.handover().hand_over_batches(accepted.batches)
    told = Told.of(world, accepted.mailing_id, await world.id_of("user-1"), "user-1@people.example")
    event = told.request("sendgrid", "complaint").body[1:-1]
    for request in (sendgrid_request([]), sendgrid_request(b'[{"event": "bounce"},' + event + b"]")):
        await webhook_reception_over(world).receive_request("sendgrid", "main", request.headers, request.body)
    operator: Stack = commands(tmp_path, database_url)
    assert len((await operator.done("inbound", "webhooks", "--json")).json) == 2
    [listed] = (await operator.done("inbound", "webhooks", "--malformed", "--json")).json
    assert (listed["endpoint"], listed["events"], listed["proven"], listed["malformed"]) == ("main", 1, 1, 1)
    assert "user-1@people.example" in (await operator.done("inbound", "webhook", listed["id"], "--by", "Dana")).out
    entries = [(entry["reason"], entry["rule"], entry["actor"]) for entry in await world.entries(kind="control")]
    assert entries == [("received_read", f"webhook:{listed['id']}", "person:Dana")]
    nobody = await operator.run("inbound", "webhook", "01a22a6f-6ed4-73fd-8298-80491352e562")
    assert (nobody.status, "no body is kept" in nobody.err) == (2, True)


async def test_what_is_wrong_is_said_in_one_line(world: World, tmp_path: Path, database_url: str) -> None:
    """An id that nobody has, no id at all, and no address to listen on."""
    operator: Stack = commands(tmp_path, database_url)
    nobody = await operator.run("inbound", "show", "01a22a6f-6ed4-73fd-8298-80491352e562")
    assert (nobody.status, "no message has the id" in nobody.err) == (2, True)
    assert (await operator.run("inbound", "show", "one")).status == 2
    secretive = operator.having(WEBHOOKS="postmark://main?user=mailer&password=hunter2")
    short = await secretive.run("web")
    assert (short.status, "MAILER_WEBHOOKS: password of the webhook postmark://main" in short.err) == (2, True)
    assert "hunter2" not in short.err
    nowhere = await operator.run("inbound")
    assert (nowhere.status, "MAILER_INBOUND is empty" in nowhere.err) == (1, True)


async def test_a_file_is_stored_once(world: World, tmp_path: Path, database_url: str) -> None:
    """Each message of an mbox is stored once, also if the file is read again, and after its content was deleted."""
    operator: Stack = commands(tmp_path, database_url)
    separator = b"From ada@people.example Mon Nov 30 07:00:00 2026\n"
    (tmp_path / "mbox").write_bytes(b"".join(separator + LETTER + b"%d\n\n" % number for number in (1, 2, 2)))
    words = ("inbound", "file", "mbox", "--to", "opt-out@interpals.example", "--json")
    first = (await operator.done(*words)).json
    assert first == {"messages": 3, "stored": 2, "known": 1, "refused": []}
    calls = await world.pool.fetch("SELECT body FROM outbox WHERE exchange = 'mailer.inbound'")
    assert len(calls) == 2
    await world.pool.execute("UPDATE received_mail SET content = NULL, digest = NULL, recipient = ''")
    assert (await operator.done(*words)).json == {"messages": 3, "stored": 0, "known": 3, "refused": []}
    assert await world.pool.fetchval("SELECT count(*) FROM received_mail") == 2
    assert (tmp_path / "mbox").read_bytes().count(separator) == 3
    for wrong, said in (((str(tmp_path), *words[3:]), "no Maildir"), (("mbox", "--to", "ada@x.example"), "no mailbox")):
        refused = await operator.run("inbound", "file", *wrong)
        assert (refused.status, said in refused.err, refused.out) == (2, True, "")
