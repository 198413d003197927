"""The parts of a message that go over the wire, for the extensions that a server offers."""

import pytest

from mailer.events import Person
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.transaction import (
    SmtpExtensions,
    SmtpTransaction,
    compose_transaction_or_outcome,
    encode_xtext,
)
from mailer.rendering.headers import check_and_encode_addr_spec

CONTENT = b"Subject: x\r\n\r\nhi\r\n"
ALL = SmtpExtensions.parse_ehlo_keywords({"pipelining": "", "dsn": "", "smtputf8": "", "8bitmime": "", "size": "1000"})


def letter(
    content: bytes = CONTENT, recipient: str = "ann@example.org", extensions: SmtpExtensions = ALL
) -> SmtpTransaction:
    """One that can be offered."""
    made = compose_transaction_or_outcome(OutgoingMessage("b@example.com", recipient, content, "e7"), 3, extensions)
    assert isinstance(made, SmtpTransaction)
    return made


@pytest.mark.parametrize(
    ("content", "stuffed"),
    [
        (b".\r\n", b"..\r\n"),
        (b"\r\n.\r\n..\r\na.\r\n", b"\r\n..\r\n...\r\na.\r\n"),
        (b"no line end", b"no line end\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_content_is_stuffed(content: bytes, stuffed: bytes) -> None:
    """A dot that begins a line is doubled, and the last line has an end (RFC 5321 4.5.2)."""
    assert letter(content).content == stuffed


def test_a_canonical_message_goes_as_it_is() -> None:
    """A message that the renderer has written needs no second look, and its envelope is looked at all the same."""
    message = OutgoingMessage("b@example.com", "ann@example.org", CONTENT, "e7", is_canonical=True)
    assert compose_transaction_or_outcome(message, 3, ALL) == letter(CONTENT)
    assert isinstance(
        compose_transaction_or_outcome(message._replace(recipient="ann@example.org> SIZE=1"), 3, ALL), Outcome
    )


def test_an_envelope_says_what_is_offered() -> None:
    """Each parameter stands where its extension is, and nowhere else."""
    assert letter().envelope_commands == (
        b"MAIL FROM:<b@example.com> SIZE=18 RET=HDRS ENVID=e7\r\n"
        b"RCPT TO:<ann@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;ann@example.org\r\nDATA\r\n"
    )
    bare = letter(extensions=SmtpExtensions())
    assert bare.envelope_commands == b"MAIL FROM:<b@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
    assert bare.index == 3


def test_utf8_is_declared() -> None:
    """An address beyond ASCII asks for SMTPUTF8, and names no original recipient of a type that is ASCII."""
    made = letter("\r\nä\r\n".encode(), "jürgen@example.org")
    assert made.mail == b"FROM:<b@example.com> SIZE=6 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e7"
    assert made.rcpt == "TO:<jürgen@example.org> NOTIFY=FAILURE,DELAY".encode()


@pytest.mark.parametrize("field", ["Reply-To: hilfé@example.org", "To: zoë@example.org", "X: a\r\n é"])
@pytest.mark.parametrize("above", ["", "Subject: x\r\n"])
def test_utf8_in_a_header_field_is_declared(field: str, above: str) -> None:
    """UTF-8 in a header asks for SMTPUTF8 (RFC 6531 3.4), for any recipient's address. In a body it does not."""
    content = f"{above}{field}\r\n\r\nhi\r\n".encode()
    assert letter(content).mail.endswith(b" BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e7")
    assert b"SMTPUTF8" not in letter("Subject: x\r\n\r\nhilfé\r\n".encode()).mail
    without = compose_transaction_or_outcome(
        OutgoingMessage("b@example.com", "ann@example.org", content),
        0,
        SmtpExtensions.parse_ehlo_keywords({"8bitmime": ""}),
    )
    assert isinstance(without, Outcome)
    assert (without.result, without.status) == (OutcomeKind.BLOCKED, "5.6.7")


@pytest.mark.parametrize(
    ("recipient", "content", "extensions", "status"),
    [
        ("a@example.org>\r\nRCPT TO:<b@example.org", CONTENT, ALL, "5.5.4"),
        ("a@example.org> NOTIFY=NEVER", CONTENT, ALL, "5.5.4"),
        ("a\udce9@example.org", CONTENT, ALL, "5.5.4"),
        ("a\x00@example.org", CONTENT, ALL, "5.5.4"),
        ("a@example.org", b"\r\na\n.\nMAIL FROM:<b@example.org>\r\n", ALL, "5.6.0"),
        ("a@example.org", b"\r\na\rb\r\n", ALL, "5.6.0"),
        ("a@example.org", b"\r\na\n\rb\r\n", ALL, "5.6.0"),
        ("a@example.org", "\r\nä\r\n".encode(), SmtpExtensions(), "5.6.3"),
        ("jürgen@example.org", CONTENT, SmtpExtensions(), "5.6.7"),
        ("a@example.org", b"x" * 1_001, ALL, "5.3.4"),
    ],
)
def test_what_is_never_offered(recipient: str, content: bytes, extensions: SmtpExtensions, status: str) -> None:
    """Mail that would smuggle a command, break the protocol or be refused anyway is not offered. That is our fault."""
    made = compose_transaction_or_outcome(OutgoingMessage("b@example.com", recipient, content), 0, extensions)
    assert isinstance(made, Outcome)
    assert (made.result, made.status) == (OutcomeKind.BLOCKED, status)


@pytest.mark.parametrize("local", ["a..b", "a.", ".a"])
def test_a_quoted_local_part_stays_quoted(local: str) -> None:
    """The envelope has the quotes that RFC 5321 4.1.2 wants, and the original recipient of a report too."""
    recipient = check_and_encode_addr_spec(Person(ref="u1", email=f"{local}@docomo.ne.jp").email, "To")
    made = compose_transaction_or_outcome(OutgoingMessage("b@example.com", recipient, CONTENT), 0, ALL)
    assert isinstance(made, SmtpTransaction)
    quoted = f'"{local}"@docomo.ne.jp'
    assert made.rcpt.decode() == f"TO:<{quoted}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{quoted}"


@pytest.mark.parametrize(("size", "most"), [("", None), ("0", None), ("1000", 1000), ("huge", None)])
def test_the_limit_of_size(size: str, most: int | None) -> None:
    """No number, or 0, is no limit (RFC 1870 4)."""
    assert SmtpExtensions.parse_ehlo_keywords({"size": size}).most == most
    assert SmtpExtensions.parse_ehlo_keywords({"size": size}).size


def test_xtext() -> None:
    """A character that RFC 3461 4 does not allow is written in hexadecimal digits."""
    assert encode_xtext("plain-1@x.org") == "plain-1@x.org"
    assert encode_xtext("a+b=c d") == "a+2Bb+3Dc+20d"
