"""A mailbox of a real Dovecot: what comes back is read by IMAP, stored once, and handled as mail by SMTP is."""

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import httpx

from tests.acceptance.samples import event, people
from tests.inbound import bounce
from tests.processes import Process, Stack, field, free_port, until
from tests.relays.dovecot import ImapServer, dovecot, prepare_mailbox
from tests.relays.world import Certificate

MAILBOX = "opt-out@interpals.example"


async def _handled(stack: Stack, count: int) -> None:
    """Waits until so many messages were stored, and all of them handled."""

    async def is_handled() -> bool:
        states = [row["state"] for row in await stack.query("SELECT state FROM received_mail")]
        return len(states) >= count and "received" not in states

    await until(is_handled, f"{count} messages to be handled")


async def _seen(server: ImapServer, *names: str) -> None:
    """Waits until exactly these messages are marked as seen."""

    async def are_marked() -> bool:
        return server.seen() == sorted(names)

    await until(are_marked, f"{names} to be marked")


async def _problems(stack: Stack) -> str:
    """The readiness of the process; nothing before its port is open."""
    async with httpx.AsyncClient() as client:
        with suppress(httpx.ConnectError):
            return (await client.get(f"http://127.0.0.1:{stack.env['MAILER_METRICS_PORT']}/readyz")).text
    return ""


async def _checked_mailbox(stack: Stack) -> str:
    """The finding of `mailer doctor` about the mailbox."""
    checked = (await stack.run("doctor", "--json")).json
    return next(str(one["text"]) for one in checked if one["check"].startswith("mailbox "))


async def _says(stack: Stack, process: Process, words: str) -> None:
    """Waits until the readiness and the log of the process have some words."""

    async def has_words() -> bool:
        return words in await _problems(stack) and words in process.log

    await until(has_words, words)


async def _send(stack: Stack) -> dict[str, bytes]:
    """Sends a newsletter to three people. Returns messages that answer it: a bounce of one, the mailto of another."""
    async with stack.running("worker"):
        await stack.application("transaction", event("news", "interpals", "newsletter", people("ann", "ben", "cid")))
        await stack.finished("news")
    [anns], [bens] = stack.mails(To="ann@example.org"), stack.mails(To="ben@example.org")
    [(address, subject)] = re.findall(r"<mailto:(\S+)\?subject=([^>]+)>", field(bens, "List-Unsubscribe"))
    return {
        "bounce": f"Delivered-To: {anns.sender}\r\n".encode() + bounce("ann@example.org"),
        "mailto": f"From: ben@work.example\nTo: {address}\nSubject: {unquote(subject)}\n\n".encode(),
        "letter": b"From: cid@example.org\nSubject: Hello\n\nWho reads this?\n",
    }


async def test_a_mailbox_is_read(small_stack: Stack, place: Path, vouched: Certificate) -> None:
    """Through a crash between storing and marking, a server that was made anew, one that is away, and a wrong password.

    Each message has its effect once; none is deleted.
    """
    answers = await _send(small_stack)
    server = prepare_mailbox(place, free_port())
    stack = small_stack.having(INBOUND=server.url(MAILBOX), METRICS_PORT=str(free_port()))
    stack = stack.with_env(SSL_CERT_FILE=str(vouched.certificate))
    for name in ("bounce", "letter"):
        server.deliver(f"1.{name}.host", answers[name])
    assert "it cannot be read: there is no connection" in await _checked_mailbox(stack)
    async with stack.starting("inbound") as [process]:
        await _says(stack, process, "there is no connection")
        async with dovecot(place, server, vouched):
            await _seen(server, "1.bounce.host", "1.letter.host")
            assert "0 messages are unread" in await _checked_mailbox(stack)
            server.deliver("2.mailto.host", answers["mailto"])  # news by IDLE
            await _seen(server, "1.bounce.host", "1.letter.host", "2.mailto.host")
            await _handled(stack, 3)
            assert '"ready":true' in (await _problems(stack)).replace(" ", "")
        await process.kill()
    rows = {row["effect"] for row in await stack.query("SELECT effect FROM received_mail")}
    assert rows == {"address_dead", "opt_out", "waits"}
    _forget_flags_and_uids(server)
    server.deliver("3.copy.host", answers["letter"])
    server.deliver("4.long.host", b"Subject: long\n\n" + b"x" * 75 * 150_000)
    async with dovecot(place, server, vouched), stack.starting("inbound") as [process]:
        await _seen(server, "1.bounce.host", "1.letter.host", "2.mailto.host", "3.copy.host")
        assert "a message stays in its mailbox" in process.log
        for secret in ("p@ss", "p%40ss", "ben@", "mailer@"):
            assert secret not in process.log
    assert await stack.value("SELECT count(*) FROM received_mail") == 3
    actions = await stack.query("SELECT reason FROM ledger WHERE kind = 'action'")
    assert sorted(row["reason"] for row in actions) == ["address_dead", "opt_out"]
    wrong = stack.having(INBOUND=server.url(MAILBOX, password="wrong"))
    async with dovecot(place, server, vouched), wrong.starting("inbound") as [process]:
        await _says(wrong, process, "refuses the user name or the password")


def _forget_flags_and_uids(server: ImapServer) -> None:
    """Leaves the mailbox as a crash before marking and a server made anew leave it: all unread, with other UIDs."""
    for file in (server.box / "cur").iterdir():
        file.rename(server.box / "new" / file.name.partition(":")[0])
    for index in server.box.glob("dovecot*"):
        index.unlink()
