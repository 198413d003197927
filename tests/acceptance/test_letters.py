"""People write to a brand: mail by SMTP to a running `mailer inbound`, and what comes of it, as they see it."""

import asyncio
import json
import re
import smtplib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from email.message import EmailMessage
from urllib.parse import unquote

import httpx
import pytest

from tests.acceptance.samples import event, people
from tests.inbound import listening_port
from tests.processes import PUBLIC_URL, Stack, field, until

LEFT, SENT = ("suppressed", "opted_out"), ("handed_over", "")


def _send(port: int, sender: str, to: str, subject: str, text: str) -> int:
    """Sends a letter. Returns the code of the last reply."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter.set_content(text)
    with closing(smtplib.SMTP("127.0.0.1", port, timeout=20)) as client:
        client.ehlo("mx.people.example")
        client.mail(sender)
        code, _ = client.rcpt(to)
        return client.data(bytes(letter))[0] if code == 250 else code


class Site:
    """Running processes, and people who write to them."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient, port: int) -> None:
        self.stack = stack
        self.client = client
        self.port = port

    async def write(self, sender: str, to: str, subject: str, text: str) -> None:
        """Sends a letter, which has to be accepted, and returns once it was handled."""
        assert await asyncio.to_thread(_send, self.port, sender, to, subject, text) == 250

        async def handled() -> bool:
            return not await self.stack.value("SELECT count(*) FROM received_mail WHERE state = 'received'")

        await until(handled, "the letter to be handled")

    async def link(self, name: str, kind: str) -> str:
        """Waits for a mail with a link of this kind to somebody. Returns the path of the link."""
        found = list[str]()

        async def mailed() -> bool:
            mails = self.stack.mails(To=f"{name}@example.org", Feedback_ID=":rights:")
            found[:] = [
                path for mail in mails for path in re.findall(rf"{PUBLIC_URL}(/{kind}/[\w.-]+)", mail.text or "")
            ]
            return bool(found)

        await until(mailed, f"the mail with the link {kind}")
        return found[0]


@asynccontextmanager
async def site(stack: Stack) -> AsyncIterator[Site]:
    """All processes, and reception on a free port."""
    stack = stack.having(INBOUND="smtp://127.0.0.1:0")
    async with stack.running("web", "worker", "inbound") as processes, stack.client() as client:
        yield Site(stack, client, await listening_port(processes[2]))


async def _subscribe(stack: Stack, names: Sequence[str]) -> None:
    """People who have asked for the newsletter of paltalk-2006."""
    lines = [f"{name},{name}@example.org,US,sign-up\n" for name in names]
    (stack.folder / "people.csv").write_text("ref,email,country,source\n" + "".join(lines))
    said = {"scope": "newsletter", "given": True, "source": "confirmed", "version": "1", "words": "Yes, write to me."}
    said |= {"proof": "message-id:<confirm-1@mail.example>"}
    asked = [json.dumps({"ref": name, "at": "2026-10-01T00:00:00Z", **said}) + "\n" for name in names]
    (stack.folder / "consents.jsonl").write_text("".join(asked))
    await stack.done("recipients", "import", "people.csv", "--brand", "paltalk-2006")
    await stack.done("consents", "import", "consents.jsonl", "--brand", "paltalk-2006")


@pytest.mark.promise("paltalk06-16", "paltalk06-31")
async def test_a_letter_to_the_opt_out_mailbox_of_the_policy_opts_out(small_stack: Stack) -> None:
    """An answer to a mailing, or to the mailto of its header, is obeyed at once, whoever writes it.

    A letter that nobody vouches for brings a link, whose button works.
    """
    async with site(small_stack) as running:
        stack, names = running.stack, ("ann", "ben", "cid", "dee")
        await _subscribe(stack, names)
        await stack.application("transaction", event("first", "paltalk-2006", "newsletter", {"refs": [*names]}))
        await stack.finished("first")
        [mail] = stack.mails(To="ann@example.org")
        await running.write("ann@work.example", mail.sender, "Re: News", "Please unsubscribe me from this newsletter.")
        [mail] = stack.mails(To="dee@example.org")
        [(address, subject)] = re.findall(r"<mailto:(\S+)\?subject=([^>]+)>", field(mail, "List-Unsubscribe"))
        await running.write("dee@work.example", address, unquote(subject), "")
        await running.write("ben@example.org", "optout@paltalk.example", "Remove me", "Please take me off your list.")
        assert (await running.client.post(await running.link("ben", "u"), data={"scope": "all"})).status_code == 200
        await stack.application("transaction", event("second", "paltalk-2006", "newsletter", {"refs": [*names]}))
        await stack.finished("second")
        assert await stack.states("second") == {"ann": LEFT, "ben": LEFT, "cid": SENT, "dee": LEFT}


@pytest.mark.promise("interpals-21", "interpals-22")
async def test_an_erasure_by_mail_is_confirmed_at_the_address_on_record(small_stack: Stack) -> None:
    """From the registered address and from another one: the link goes to the registered address, and nowhere else."""
    async with site(small_stack) as running:
        stack, names = running.stack, ("ann", "ben", "cid")
        await stack.application("transaction", event("first", "interpals", "newsletter", people(*names)))
        await stack.finished("first")
        subject, mailbox = "Permanent data deletion", "opt-out@interpals.example"
        await running.write("ann@example.org", mailbox, subject, "User name: ann")
        await running.write("stranger@elsewhere.example", mailbox, subject, "User name: ben")
        for name in ("ann", "ben"):
            link = await running.link(name, "data-request")
            assert await stack.value("SELECT count(*) FROM recipients WHERE ref = $1", name) == 1
            assert (await running.client.post(link, data={"confirm": "yes"})).status_code == 200
            assert await stack.value("SELECT count(*) FROM recipients WHERE ref = $1", name) == 0
        assert stack.mails(To="stranger@elsewhere.example") == []
        assert stack.mails(To="cid@example.org", Feedback_ID=":rights:") == []
        assert await stack.value("SELECT count(*) FROM recipients WHERE ref = 'cid'") == 1
