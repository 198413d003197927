"""`mailer inbound` is killed again and again while mail arrives: what was accepted is handled, each once."""

import asyncio
import random
import smtplib
from collections import Counter
from contextlib import closing

from tests.acceptance.samples import event, people
from tests.inbound import bounce, listening_port
from tests.processes import Stack, until

PEOPLE = 15
"""Fewer than the number of bounces at which the quarantine begins."""
KILLS = 6


def _send_until_killed(port: int, waiting: list[tuple[str, str]]) -> None:
    """Sends bounces, each in a session of its own, and takes those off the list that were accepted."""
    while waiting:
        path, address = waiting[0]
        try:
            with closing(smtplib.SMTP("127.0.0.1", port, timeout=10)) as client:
                client.ehlo("mx.people.example")
                client.mail("")
                client.rcpt(path)
                code, _ = client.data(bounce(address))
        except (OSError, smtplib.SMTPException):
            return
        if code == 250:
            waiting.pop(0)


async def test_what_was_accepted_is_handled_once(stack: Stack) -> None:
    """Killed between acceptance, handling and acknowledgement, at random: no accepted bounce is lost or acts twice."""
    stack = stack.having(INBOUND="smtp://127.0.0.1:0")
    async with stack.running("worker", "timekeeper"):
        news = event("news", "interpals", "newsletter", people(*(f"user-{number}" for number in range(PEOPLE))))
        await stack.application("publish", news)
        await stack.finished("news")
        mails = stack.inbox.list_mails()
        assert len(mails) == PEOPLE
    chance, waiting = random.Random(17), [(mail.sender, mail.recipients[0]) for mail in mails]
    for _ in range(KILLS):
        async with stack.starting("inbound") as [process]:
            port = await listening_port(process)
            sending = asyncio.create_task(asyncio.to_thread(_send_until_killed, port, waiting))
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await process.kill()
            await sending
    async with stack.starting("inbound") as [process]:
        await asyncio.to_thread(_send_until_killed, await listening_port(process), waiting)
        assert waiting == []
        await until(lambda: _all_handled(stack), "all received mail to be handled")
    rows = await stack.query("SELECT recipient_id, effect FROM received_mail")
    assert {row["effect"] for row in rows} <= {"address_dead", "quarantined"}
    assert len({row["recipient_id"] for row in rows}) == len(rows) == PEOPLE
    entries = await stack.query("SELECT recipient_id FROM ledger WHERE kind = 'action' AND reason = 'address_dead'")
    acted = Counter(row["recipient_id"] for row in rows if row["effect"] == "address_dead")
    assert Counter(row["recipient_id"] for row in entries) == acted


async def _all_handled(stack: Stack) -> bool:
    return not await stack.value("SELECT count(*) FROM received_mail WHERE state = 'received'")
