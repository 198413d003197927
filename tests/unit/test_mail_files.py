"""Maildirs and mboxes: each message once, whole and in bounded memory; anything else is a dead stop."""

import mailbox
import os
import resource
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.collection.collected_messages import MessageCollector, MessageRefused, UnknownMailbox
from mailer.inbound.collection.mail_files import NoMailFile, open_mail_file
from mailer.ports.received_mail import MAX_OCTETS, Mailbox
from tests.unit.test_inbound import DIRECTORY, LINKS, MAILING

MESSAGE = b"From: ada@people.example\nTo: opt-out@interpals.example\nSubject: Stop\n\nPlease unsubscribe me.\n"
FROM = b"From ada@people.example Mon Nov 30 07:00:00 2026\n"
COLLECTOR = MessageCollector(DIRECTORY, "postmaster@interpals.example")


def contents(path: Path) -> list[bytes]:
    """The messages of a file."""
    return [message.content for message in open_mail_file(path).read_messages()]


def test_a_maildir_of_python_is_read(tmp_path: Path) -> None:
    """New and read messages, none that is still being written, no link, and no other folder."""
    box = mailbox.Maildir(tmp_path / "box")
    for number in range(3):
        box.add(MESSAGE.replace(b"Stop", b"Stop %d" % number))
    read = mailbox.MaildirMessage(MESSAGE)
    read.set_subdir("cur")
    read.set_flags("S")
    box.add(read)
    (tmp_path / "box/tmp/half").write_bytes(b"half")
    (tmp_path / "box/new/link").symlink_to(tmp_path / "box/tmp/half")
    box.add_folder("Other").add(b"other\n")
    found = contents(tmp_path / "box")
    assert sorted(found) == sorted([MESSAGE, *(MESSAGE.replace(b"Stop", b"Stop %d" % number) for number in range(3))])
    assert open_mail_file(tmp_path / "box").size == 4


BODY_LINE = st.one_of(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40),
    st.sampled_from(["", "From me", ">From you", "From x Mon Nov 30 07:00:00 2026", "From: nobody", ">>From"]),
)


@given(st.lists(st.lists(BODY_LINE, max_size=8), min_size=1, max_size=5))
def test_an_mbox_of_python_is_read_message_by_message(bodies: list[list[str]]) -> None:
    """Whatever lines a message has, also such that look like a separator, it comes back as it was."""
    messages = [
        b"Subject: %d\n\n" % at + "".join(f"{line}\n" for line in body).encode() for at, body in enumerate(bodies)
    ]
    # Python quotes "From " and not ">From ", so that the latter loses its sign.
    expected = [message.replace(b"\n>From", b"\nFrom").replace(b"\n>>From ", b"\n>From ") for message in messages]
    with tempfile.TemporaryDirectory() as folder:
        box = mailbox.mbox(f"{folder}/mbox")
        for message in messages:
            box.add(message)
        box.close()
        got = contents(Path(f"{folder}/mbox"))
    assert [one.replace(b"\n>From", b"\nFrom").rstrip() for one in got] == [one.rstrip() for one in expected]


def test_the_same_message_is_the_same_in_each_form(tmp_path: Path) -> None:
    """LF or CRLF, Maildir or mbox: one content, so that it is stored once."""
    box = mailbox.Maildir(tmp_path / "box")
    box.add(MESSAGE)
    lf, crlf = FROM + MESSAGE + b"\n", (FROM + MESSAGE + b"\n").replace(b"\n", b"\r\n")
    for name, octets in (("lf", lf), ("crlf", crlf), ("last", FROM + MESSAGE)):
        (tmp_path / name).write_bytes(octets)
    found = [contents(tmp_path / name) for name in ("box", "lf", "crlf", "last")]
    assert {COLLECTOR.collect_message(content).content for [content] in found} == {MESSAGE.replace(b"\n", b"\r\n")}


@pytest.mark.parametrize("kind", ["nothing", "empty", "text", "image", "folder", "pipe", "device", "closed", "nul"])
def test_anything_else_is_a_dead_stop(tmp_path: Path, kind: str) -> None:
    """One line that says what it is, at once: no message is read, and a pipe keeps nobody waiting."""
    path = tmp_path / kind
    match kind:
        case "empty" | "text" | "image":
            path.write_bytes({"empty": b"", "text": MESSAGE, "image": b"\x89PNG\r\n\x1a\n" * 9}[kind])
        case "folder":
            (path / "cur").mkdir(parents=True)
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "closed":
            path = path / "below" / "nothing"
        case "nul":
            path = Path("a\0b")
        case _:
            pass
    with pytest.raises(NoMailFile) as caught:
        open_mail_file(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_message_is_cut_at_its_limit_and_the_next_one_is_read(tmp_path: Path) -> None:
    """A message of 40 MB in one line keeps at most 10 MiB in memory, is refused, and hides no other one."""
    with (tmp_path / "mbox").open("wb") as opened:
        opened.write(FROM + b"Subject: long\n\n")
        for _ in range(40):
            opened.write(b"x" * 1_000_000)
        opened.write(b"\n\n" + FROM + MESSAGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    long, short = contents(tmp_path / "mbox")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 45_000
    assert (len(long), short) == (MAX_OCTETS + 1, MESSAGE)
    with pytest.raises(MessageRefused, match="longer than"):
        COLLECTOR.collect_message(long)
    with pytest.raises(MessageRefused, match="empty"):
        COLLECTOR.collect_message(b" \n")


def test_the_mailbox_is_the_one_that_the_header_names() -> None:
    """A field of the last server comes before To; a message that names none of ours counts for the given one."""
    path = LINKS.bounce_address(MAILING, 7, "interpals.example")
    for fields, recipient, kind in (
        (b"", "postmaster@interpals.example", Mailbox.POSTMASTER),
        (b"To: somebody@elsewhere.example\n", "postmaster@interpals.example", Mailbox.POSTMASTER),
        (b"To: x@y.example, Opt <opt-out@peerstream.example>\n", "opt-out@peerstream.example", Mailbox.OPT_OUT),
        (b"To: opt-out@interpals.example\nDelivered-To: " + path.encode() + b"\n", path, Mailbox.RETURN_PATH),
    ):
        mail = COLLECTOR.collect_message(b"Return-Path: <ada@people.example>\n" + fields + b"Subject: x\n\ny\n")
        assert (mail.recipient, mail.mailbox, mail.peer) == (recipient, kind, "")
        assert mail.sender == "ada@people.example"
    with pytest.raises(UnknownMailbox):
        MessageCollector(DIRECTORY, "ada@people.example")


@given(st.binary(max_size=2000))
def test_no_octets_break_the_collector(octets: bytes) -> None:
    """Each message is collected or refused."""
    with suppress(MessageRefused):
        assert COLLECTOR.collect_message(octets).brand
