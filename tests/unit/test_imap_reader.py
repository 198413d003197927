"""The reader of a mailbox: what it stores and marks, and what it does while a server refuses or is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailer.inbound.collection import imap_reader
from mailer.inbound.collection.collected_messages import MessageCollector
from mailer.inbound.collection.imap_reader import ImapReader
from mailer.inbound.collection.imap_session import MailboxAway, MailboxRefused
from mailer.inbound.collection.imap_url import is_imap_url, parse_imap_url
from mailer.ports.received_mail import MAX_OCTETS, NewReceivedMail
from mailer.runtime.readiness import Readiness
from mailer.settings import Settings
from tests.unit.test_inbound import DIRECTORY

LETTER = b"From: ada@people.example\r\nSubject: %s\r\n\r\nPlease unsubscribe me.\r\n"
URL = "imaps://box%40example.org:p%40ss%2Fw@imap.example.org/INBOX?to=opt-out@interpals.example"


@dataclass
class Server:
    """A mailbox. faults: raised by the next calls of a name. calls: the names of all calls."""

    messages: dict[str, bytes | None]
    seen: set[str] = field(default_factory=set)
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def open(self) -> "Server":
        """Connects."""
        self._call("open")
        return self

    def list_unseen(self) -> list[str]:
        """See `Session`."""
        self._call("list_unseen")
        return [uid for uid in self.messages if uid not in self.seen]

    def fetch_message(self, uid: str) -> bytes | None:
        """See `Session`."""
        self._call("fetch_message")
        return self.messages[uid]

    def mark_seen(self, uids: list[str]) -> None:
        """See `Session`."""
        self._call("mark_seen")
        self.seen.update(uids)

    def wait_for_news(self) -> bool:
        """See `Session`."""
        self._call("wait_for_news")
        return True

    def close(self) -> None:
        """See `Session`."""

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if faults := self.faults.get(name):
            raise faults.pop(0)


@dataclass
class Store:
    """Stores what is new. faults: raised by the next calls."""

    mails: list[NewReceivedMail] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    async def store_collected_mail(self, mail: NewReceivedMail) -> bool:
        """See the port."""
        if self.faults:
            raise self.faults.pop(0)
        is_new = mail.content not in [other.content for other in self.mails]
        self.mails += [mail] * is_new
        return is_new


@dataclass
class Reading:
    """A reader that runs."""

    server: Server
    store: Store
    readiness: Readiness
    problems: list[str]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until something holds."""
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - the reader sets no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def reading(server: Server, store: Store | None = None) -> AsyncIterator[Reading]:
    """Reads a mailbox until the context ends."""
    stop, readiness, problems = asyncio.Event(), Readiness(), list[str]()
    found = store or Store()

    def report(name: str, problem: str | None) -> bool:
        problems.extend([problem] if problem else [])
        return readiness.set_or_clear_problem(name, problem)

    collector = MessageCollector(DIRECTORY, "opt-out@interpals.example")
    reader = ImapReader("imap.example.org:993/INBOX", server.open, collector, found, report)  # type: ignore[arg-type]
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.read_until_stopped(stop))
        try:
            yield Reading(server, found, readiness, problems)
        finally:
            stop.set()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again at once."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "REFUSED_PAUSE"):
        monkeypatch.setattr(imap_reader, name, 0.001)


async def test_each_message_is_stored_before_it_is_marked() -> None:
    """All of several batches, in order; no flag of a batch is set before its last message is stored."""
    server = Server({str(uid): LETTER % str(uid).encode() for uid in range(45)})
    async with reading(server) as running:
        await running.until(lambda: len(server.seen) == 45)
    assert [mail.content for mail in running.store.mails] == [*server.messages.values()]
    assert "".join(name[0] for name in server.calls if name[0] in "fm") == ("f" * 20 + "m") * 2 + "f" * 5 + "m"
    assert running.problems == []


@pytest.mark.parametrize("call", ["open", "list_unseen", "fetch_message", "mark_seen", "wait_for_news"])
async def test_a_lost_connection_loses_and_repeats_nothing(call: str) -> None:
    """At whatever call it is lost: the reader says so, connects again, and stores each message once."""
    server = Server({str(uid): LETTER % str(uid).encode() for uid in range(3)})
    server.faults[call] = [MailboxAway("the connection is lost")]
    async with reading(server) as running:
        await running.until(
            lambda: len(server.seen) == 3 and not server.faults[call] and not running.readiness.problems
        )
    assert len(running.store.mails) == 3
    assert running.problems == ["the connection is lost"]


async def test_a_message_that_cannot_be_stored_is_not_marked() -> None:
    """The database is away: the message stays unread until it is stored."""
    server, store = Server({"1": LETTER % b"1"}), Store(faults=[OSError("away")] * 3)
    async with reading(server, store) as running:
        await running.until(lambda: bool(running.problems))
        assert not server.seen or not store.faults
        await running.until(lambda: server.seen == {"1"})
    assert "could not be stored" in running.problems[0]
    assert len(store.mails) == 1


async def test_a_message_that_meets_a_bug_keeps_no_other_one_waiting() -> None:
    """The store refuses one message again and again: all others are stored and marked, and it stays unread."""

    class Buggy(Store):
        async def store_collected_mail(self, mail: NewReceivedMail) -> bool:
            if b"Subject: 0" in mail.content:
                raise ValueError("ada@people.example")
            return await super().store_collected_mail(mail)

    server = Server({str(uid): LETTER % str(uid).encode() for uid in range(45)})
    async with reading(server, Buggy()) as running:
        await running.until(lambda: len(server.seen) == 44)
    assert "0" not in server.seen
    assert "ValueError" in running.problems[0]
    assert "ada@" not in "".join(running.problems)


async def test_a_wrong_password_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The readiness and one log line name it, without the user or the password; a right one clears it."""
    server = Server({}, faults={"open": [MailboxRefused("the server refuses the user name or the password")] * 5})
    async with reading(server) as running:
        await running.until(lambda: bool(running.readiness.problems) or not server.faults["open"])
        await running.until(lambda: not running.readiness.problems and not server.faults["open"])
    assert len(running.problems) == 5
    assert capsys.readouterr().out.count("a mailbox cannot be read") == 1


async def test_a_long_message_stays_for_a_person() -> None:
    """It is neither stored nor marked, is fetched once, and keeps no other one waiting."""
    server = Server({"1": None, "2": LETTER % b"2", "3": b"x" * (MAX_OCTETS + 1), "4": b""})
    async with reading(server) as running:
        await running.until(lambda: server.calls.count("list_unseen") > 3)
    assert server.seen == {"2"}
    assert server.calls.count("fetch_message") == 4


def test_the_address_of_a_mailbox_is_read() -> None:
    """User name and password are decoded, the port is that of IMAP with TLS, and no text of it has the password."""
    url = parse_imap_url(URL)
    assert (url.host, url.port, url.user, url.password) == ("imap.example.org", 993, "box@example.org", "p@ss/w")
    assert (url.folder, url.to, url.place) == ("INBOX", "opt-out@interpals.example", "imap.example.org:993/INBOX")
    assert parse_imap_url(URL.replace(".org/INBOX", ".org:1993/Opt%20outs")).place == "imap.example.org:1993/Opt outs"
    settings = Settings(inbound=(URL,))
    assert is_imap_url(settings.inbound[0])
    assert "p%40ss" not in f"{url!r}{settings!r}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("imaps:", "imap:"), ("imaps:", "smtp:"), ("/INBOX", "/"), ("/INBOX", ""), ("?to=", "?from="),
        ("imap.example.org", ""), ("imap.example.org", "imap&example.org"),
        ("?to=opt-out@interpals.example", ""), ("p%40ss%2Fw", "p@ss/w"), ("p%40ss%2Fw", "p/w"), (":p%40ss%2Fw", ""),
        ("box%40example.org:", ":"), (".org/", ".org:x/"), ("s.example", "s.example&tls=none"),
        ("s.example", "s.example#x"),
        (".org/", ".org:99999/"), ("INBOX", "IN%0ABOX"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused_without_its_password(old: str, new: str) -> None:
    """The message says what to write, and quotes nothing."""
    with pytest.raises(ValueError, match="mailbox") as caught:
        parse_imap_url(URL.replace(old, new, 1))
    assert not any(secret in str(caught.value) for secret in ("p%40ss", "p@ss", "p/w", "box%40"))
