"""The commands that show received mail."""

from pathlib import Path

from mailer.ports.received_mail import Mailbox, NewReceivedMail, ReceivedMailEffect, ReceivedMailResult
from mailer.postgres.received_mail import PostgresReceivedMail
from tests.campaigns import commands
from tests.factories import BRAND, World
from tests.processes import Stack

LETTER = b"From: ada@people.example\r\nSubject: Hello\r\n\r\nWho are you?\r\n"


async def received_letter(world: World) -> str:
    """A letter that waits for a person. Returns its id."""
    store = PostgresReceivedMail(world.pool, world.writers, world.hasher)
    to = f"postmaster@{world.policies[BRAND].domain}"
    [mail_id] = await store.store_mail(
        [NewReceivedMail(BRAND, Mailbox.POSTMASTER, "ada@people.example", to, "192.0.2.1", "mx.people.example", LETTER)]
    )
    mail = await store.get_unhandled_mail(mail_id)
    assert mail is not None
    await store.finish_mail(mail, ReceivedMailResult("reply", ReceivedMailEffect.WAITS, "it has to be read"))
    return str(mail_id)


async def test_an_operator_reads_and_closes_what_waits(world: World, tmp_path: Path, database_url: str) -> None:
    """A list shows what waits; to read it and to close it stands in the ledger; closed mail waits no longer."""
    mail_id = await received_letter(world)
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
    await operator.done("inbound", "close", mail_id, "--by", "Dana")
    entries = [(entry["reason"], entry["rule"], entry["actor"]) for entry in await world.entries(kind="control")]
    assert entries == [(what, f"received:{mail_id}", "person:Dana") for what in ("received_read", "received_closed")]
    assert (await operator.done("inbound", "list", "--waiting", "--json")).json == []
    again = await operator.run("inbound", "close", mail_id, "--by", "Dana")
    assert (again.status, "does not wait" in again.err) == (2, True)


async def test_what_is_wrong_is_said_in_one_line(world: World, tmp_path: Path, database_url: str) -> None:
    """An id that nobody has, no id at all, and no address to listen on."""
    operator: Stack = commands(tmp_path, database_url)
    nobody = await operator.run("inbound", "show", "01a22a6f-6ed4-73fd-8298-80491352e562")
    assert (nobody.status, "no message has the id" in nobody.err) == (2, True)
    assert (await operator.run("inbound", "show", "one")).status == 2
    nowhere = await operator.run("inbound")
    assert (nowhere.status, "MAILER_INBOUND is empty" in nowhere.err) == (1, True)
