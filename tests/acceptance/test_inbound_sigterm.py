"""Two `mailer inbound` at once, of which one is stopped within a session: the message is refused or stored, once."""

import asyncio
import smtplib
from contextlib import closing

from tests.acceptance.samples import event, people
from tests.inbound import bounce, listening_port
from tests.processes import Process, Stack, until


def _begin(port: int, path: str) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, timeout=20)
    client.ehlo("mx.people.example")
    client.mail("")
    client.rcpt(path)
    client.docmd("DATA")
    return client


def _end(client: smtplib.SMTP, content: bytes) -> int | None:
    """The code of the reply to the text; None if there was none."""
    try:
        client.send(content + b"\r\n.\r\n")
        return client.getreply()[0]
    except (OSError, smtplib.SMTPException):
        return None


async def test_a_process_that_stops_leaves_no_message_between(stack: Stack) -> None:
    """The one that is stopped gives no 250 for what it did not store; the other one takes the same message once.

    No log line has an address.
    """
    stack = stack.having(INBOUND="smtp://127.0.0.1:0")
    async with stack.running("worker", "timekeeper"):
        await stack.application("publish", event("news", "interpals", "newsletter", people("user-1")))
        await stack.finished("news")
    [mail] = stack.inbox.list_mails()
    content, path = bounce(mail.recipients[0]), mail.sender
    async with stack.starting("inbound", "inbound") as [first, second]:
        ports = [await listening_port(process) for process in (first, second)]
        with closing(await asyncio.to_thread(_begin, ports[0], path)) as client:
            await first.stop()
            assert await asyncio.to_thread(_end, client, content) is None
        assert await stack.value("SELECT count(*) FROM received_mail") == 0
        for _ in range(2):  # the sender tries again, and once more since it got no answer
            with closing(await asyncio.to_thread(_begin, ports[1], path)) as client:
                assert await asyncio.to_thread(_end, client, content) == 250
        await until(lambda: _is_handled(stack), "the message to be handled")
        assert await stack.value("SELECT count(*) FROM received_mail") == 1
        _assert_no_address(first, mail.recipients[0], path)
        _assert_no_address(second, mail.recipients[0], path)


def _assert_no_address(process: Process, *addresses: str) -> None:
    assert not any(address in process.log or "people.example" in process.log for address in addresses)


async def _is_handled(stack: Stack) -> bool:
    return bool(await stack.value("SELECT count(*) FROM received_mail WHERE effect = 'address_dead'"))
