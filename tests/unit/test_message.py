import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mailer.events import Attachment
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_key_types import Sender
from mailer.policy.text_formats import split_sender
from mailer.rendering.headers import HeaderRefused, check_and_encode_addr_spec, without_direction_overrides
from mailer.rendering.mail_merge import MergeForm
from mailer.rendering.message import MailingHeaders, StaticMessageParts

NEWSLETTER = MailingHeaders(
    "Paltalk News <news@mail.paltalk.example>", "paltalk-2006", "paltalk.example", CATEGORIES["newsletter"]
)
SERVICE = MailingHeaders(
    "Paltalk <service@notice.paltalk.example>", "paltalk-2006", "paltalk.example", CATEGORIES["service"]
)
LEAVE = "https://mail.example/u/" + "t" * 160
PLAIN: dict[str, Any] = {
    "to": "sam@example.org",
    "name": "Sam",
    "subject": "Hello",
    "text": "Hello\n",
    "html": "<p>Hello</p>\n",
    "message_id": "<1@paltalk.example>",
    "date": 1_700_000_000,
    "unsubscribe_url": LEAVE,
}
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)


def write(head: MailingHeaders = NEWSLETTER, **changes: Any) -> bytes:
    """A message with some of its values changed."""
    values = {**PLAIN, **changes}
    form = MergeForm(*((values.pop(piece),) for piece in ("subject", "html", "text")))
    return (
        StaticMessageParts(head)
        .compile_merge_form(form)
        .fill_message(**{**values, "to": check_and_encode_addr_spec(values["to"], "To")})
    )


def read(content: bytes) -> EmailMessage:
    """The message as Python reads it, once its form has been looked at."""
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or line.startswith(b".") for line in lines)
    assert all(len(line) <= 998 for line in lines)
    head, _, body = content.partition(b"\r\n\r\n")
    assert all(line.strip() for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in body.split(b"\r\n") if not line.startswith(b"Content-"))
    message = message_from_bytes(content, policy=default)
    assert list(defects(message)) == []
    return message


def defects(message: EmailMessage) -> Iterator[object]:
    """The defects that the parser finds in any part."""
    for part in message.walk():
        yield from part.defects


def part(message: EmailMessage, kind: str) -> str:
    """The contents of the text or HTML part, with LF line ends."""
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def with_lf(text: str) -> str:
    """A text as it must come back: any line end is a line end, and the last line has one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"


@given(TEXT, TEXT)
def test_parts_read_back(text: str, html: str) -> None:
    """Any script, emoji, control character or line end arrives in both parts."""
    message = read(write(text=text, html=html))
    assert message.get_content_type() == "multipart/alternative"
    assert [leaf.get_content_type() for leaf in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "plain") == with_lf(text)
    assert part(message, "html") == with_lf(html)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".\n..\n.hidden\n",
        "x" * 5000,
        "ü" * 5000,
        "مرحبًا " * 300,
        "👩‍👩‍👧‍👦" * 200,
        "trailing \t \nspace ",
        "=3D=\n--=_mailer_alternative--\n",
        "From me\n",
        "\n\n\n",
    ],
)
def test_awkward_bodies_read_back(text: str) -> None:
    """Dots, long lines, trailing white space, blank lines and what looks like our boundary arrive unharmed."""
    assert part(read(write(text=text, html=text)), "plain") == with_lf(text)
    assert part(read(write(text=text, html=text)), "html") == with_lf(text)


@given(LINE)
def test_subject_reads_back(subject: str) -> None:
    """Any line is a subject, in words of at most 75 octets."""
    content = write(subject=subject)
    field = re.search(rb"\r\nSubject: (.*?)\r\n(?! )", content, re.DOTALL)
    assert field
    assert all(len(line) <= 76 for line in (b"Subject: " + field[1]).split(b"\r\n"))
    assert all(len(word) <= 75 for word in field[1].split() if word.startswith(b"=?"))
    unfolded = field[1].replace(b"\r\n", b"").decode("ascii")
    assert str(make_header(decode_header(unfolded))) == without_direction_overrides(subject)


@pytest.mark.parametrize("subject", ["Hello, world", "=?utf-8?b?WA==?=", "Grüße", "a" * 300, "word " * 60 + "end"])
def test_subject_reads_back_by_the_strict_parser(subject: str) -> None:
    """Usual and misleading subjects come back by Python's own header parser."""
    assert read(write(subject=subject))["Subject"] == subject


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("\u202egpj.eciovni", "gpj.eciovni"),
        ("a \u202dx\u202c b", "a x b"),
        ("a \u202b\u05d0 b", "a \u05d0 b"),
        ("a \u2067\u05d0", "a \u05d0"),
        ("a \u2069 b", "a  b"),
        ("a \u2068b\u202c", "a b"),
        ("\u2068Zo\u00eb\u2069 writes", "\u2068Zo\u00eb\u2069 writes"),
        ("\u202b\u2066x\u2069 \u05d0\u202c", "\u202b\u2066x\u2069 \u05d0\u202c"),
        ("\u200f\u05d0!\u200e", "\u200f\u05d0!\u200e"),
    ],
)
def test_a_subject_reads_in_its_order(subject: str, shown: str) -> None:
    """No letters run the other way, and nothing of a subject turns what a list of mails shows behind it."""
    assert read(write(subject=subject))["Subject"] == shown


@given(st.text("a\u05d0 " + TURNS, max_size=12))
def test_marks_of_direction_are_whole_or_gone(subject: str) -> None:
    """Each mark of direction that a subject keeps has its end, and all letters stay."""
    left = without_direction_overrides(subject)
    assert not {"\u202d", "\u202e"} & set(left)
    assert left.count("\u202a") + left.count("\u202b") == left.count("\u202c")
    assert sum(map(left.count, "\u2066\u2067\u2068")) == left.count("\u2069")
    assert [char for char in left if char not in TURNS] == [char for char in subject if char not in TURNS]
    assert without_direction_overrides(left) == left


@given(
    st.one_of(st.sampled_from(["Acme, Inc.", "A@B", "evil@x.example <", 'O"Neil', "A: B;", "[x]", "(x)", "\\"]), LINE),
    st.sampled_from(["news", "a.b+c", "o'neil", "zo\u00eb"]),
    st.sampled_from(["x.example", "b\u00fccher.example"]),
)
def test_a_sender_that_a_policy_takes_is_the_from(name: str, local: str, domain: str) -> None:
    """The From has the policy's address and name, for any name that a policy accepts, and the mail can be written."""
    sender = f"{name} <{local}@{domain}>"
    try:
        TypeAdapter(Sender).validate_python(sender)
    except ValidationError:
        return
    content = write(MailingHeaders(**{**fields(NEWSLETTER), "sender": sender}))
    shown, address = split_sender(sender)
    assert address == f"{local}@{domain}"
    field = re.search(rb"From: (.*?)\r\n(?! )", content, re.DOTALL)
    assert field
    assert field[1].replace(b"\r\n", b"").decode().endswith(
        f"<{check_and_encode_addr_spec(address, 'From')}>"
    ) or not shown.strip(TURNS + " ")
    if local.isascii():
        (found,) = message_from_bytes(content, policy=default)["From"].addresses
        assert found.addr_spec == check_and_encode_addr_spec(address, "From")


@pytest.mark.parametrize(
    "sender",
    [
        *("A <a,b@x.example>", "A <a(b)@x.example>", "A <a@x;y.example>", 'A <"a"@x.example>', "A <a@[1.2.3.4]>"),
        *("A\tB <a@x.example>", "A\0 <a@x.example>", "A\u2028B <a@x.example>", "<a@x.example>", "A <a@x.example> "),
    ],
)
def test_a_sender_of_whom_no_mail_could_be_written_is_refused(sender: str) -> None:
    """A policy is refused at once, rather than each of its mails."""
    with pytest.raises(ValidationError):
        TypeAdapter(Sender).validate_python(sender)


def decoded_name(content: bytes) -> str:
    """The To's display name, by `decode_header`: the address parser puts blanks between adjoining encoded words."""
    field = re.search(rb"\r\nTo: (.*?)\r\n(?! )", content, re.DOTALL)
    assert field
    phrase = field[1].replace(b"\r\n", b"").decode("ascii").removesuffix("<sam@example.org>").strip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return str(make_header(decode_header(phrase)))


@given(
    st.text(
        st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"), exclude_characters=TURNS),
        min_size=1,
        max_size=80,
    )
)
def test_display_name_reads_back(name: str) -> None:
    """Any display name stays a name, and the address stays the address."""
    content = write(name=name)
    (address,) = read(content)["To"].addresses
    assert address.addr_spec == "sam@example.org"
    assert decoded_name(content) == name


@pytest.mark.parametrize(
    "name",
    [
        'O"Neil \\ Sons',
        "Doe, Jane <x@y.example>",
        "Jürgen Müller, jr.",
        "张伟",
        "=?utf-8?q?evil?=",
        "a" * 200,
        "(a) @ b;c:",
    ],
)
def test_awkward_names_read_back(name: str) -> None:
    """Quotes, commas, brackets, other scripts and what looks encoded already come back as they are."""
    content = write(name=name)
    (address,) = read(content)["To"].addresses
    assert address.addr_spec == "sam@example.org"
    assert decoded_name(content) == name


@pytest.mark.parametrize("turn", TURNS)
def test_a_name_is_not_turned(turn: str) -> None:
    """A name from before such names were refused loses what makes `evil\u202efdp.exe` read as `evilexe.pdf`."""
    assert decoded_name(write(name=f"evil{turn}fdp.exe")) == "evilfdp.exe"
    assert b"\r\nTo: sam@example.org\r\n" in write(name=turn)


def test_no_name_is_an_address_alone() -> None:
    """The To is the address alone if there is no display name, or a blank one."""
    for name in (None, "", "  "):
        assert b"\r\nTo: sam@example.org\r\n" in write(name=name)


def test_international_addresses() -> None:
    """The domain travels as A-labels, a local part beyond ASCII as UTF-8 (RFC 6532)."""
    assert "\r\nTo: Zoë".encode() not in write(to="zoë@bücher.example", name="Zoë")
    assert "<zoë@xn--bcher-kva.example>".encode() in write(to="zoë@bücher.example", name="Zoë")
    assert b"\r\nTo: zoe@xn--bcher-kva.example\r\n" in write(to="zoe@bücher.example", name=None)


def test_newsletter_headers() -> None:
    """Optional mail has each header of MAIL.md once."""
    message = read(write(letterhead(campaign="spring", reply_to="help@paltalk.example", name="Paltalk")))
    expected = {
        "From": "Paltalk News <news@mail.paltalk.example>",
        "To": "Sam <sam@example.org>",
        "Subject": "Hello",
        "Date": "Tue, 14 Nov 2023 22:13:20 +0000",
        "Message-ID": "<1@paltalk.example>",
        "MIME-Version": "1.0",
        "Auto-Submitted": "auto-generated",
        "Reply-To": "help@paltalk.example",
        "Feedback-ID": "spring:newsletter:paltalk-2006:mailer",
        "List-Id": "Newsletter of Paltalk <newsletter.paltalk-2006.paltalk.example>",
        "List-Unsubscribe": f"<{LEAVE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-Auto-Response-Suppress": "All",
    }
    assert {name: [str(value) for value in message.get_all(name, [])] for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    assert set(message.keys()) == {*expected, "Content-Type"}


def letterhead(head: MailingHeaders = NEWSLETTER, **changes: Any) -> MailingHeaders:
    """A letterhead with some of its values changed."""
    return MailingHeaders(**{**fields(head), **changes})


def fields(head: MailingHeaders) -> dict[str, Any]:
    """A letterhead's values by name."""
    return {name: getattr(head, name) for name in MailingHeaders.__slots__}


def test_service_mail_cannot_be_left() -> None:
    """Mandatory mail has no list header at all."""
    message = read(write(SERVICE, unsubscribe_url=None))
    assert not [name for name in message if name.lower().startswith(("list-", "x-auto-response"))]
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_link_fits_the_category() -> None:
    """Optional mail without a link and mandatory mail with one are not written."""
    with pytest.raises(ValueError, match="unsubscribe"):
        write(unsubscribe_url=None)
    with pytest.raises(ValueError, match="unsubscribe"):
        write(SERVICE)


@pytest.mark.parametrize("injected", ["a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x85b"])
@pytest.mark.parametrize("field", ["to", "name", "subject", "message_id", "unsubscribe_url"])
def test_injection_is_refused(field: str, injected: str) -> None:
    """No value of a message can begin a header of its own."""
    changes: dict[str, Any] = {field: injected}
    with pytest.raises(HeaderRefused) as caught:
        write(**changes)
    assert "Bcc" not in str(caught.value)


@pytest.mark.parametrize("field", ["sender", "campaign", "reply_to"])
def test_injection_into_the_letterhead_is_refused(field: str) -> None:
    """No value of the mailing can begin a header of its own either."""
    with pytest.raises(HeaderRefused):
        StaticMessageParts(MailingHeaders(**{**fields(NEWSLETTER), field: "a@b.example\r\nBcc: x@y.example"}))


@pytest.mark.parametrize(
    "to", ["", "sam", "sam@", "@example.org", "a b@example.org", "a@b@c", "<a@b.example>", "a,b@c"]
)
def test_what_is_no_address_is_refused(to: str) -> None:
    """A message goes to one address."""
    with pytest.raises(HeaderRefused):
        write(to=to)


@given(st.binary(max_size=500), LINE.filter(lambda name: name.strip(TURNS + " ").strip()))
def test_attachments_read_back(content: bytes, filename: str) -> None:
    """Attachments come after the parts, with their names in any script."""
    attachment = Attachment.model_construct(filename=filename, content_type="application/pdf", content=content)
    message = read(write(MailingHeaders(**{**fields(NEWSLETTER), "attachments": (attachment,)})))
    assert message.get_content_type() == "multipart/mixed"
    assert part(message, "plain") == "Hello\n"
    (found,) = message.iter_attachments()
    assert found.get_content_type() == "application/pdf"
    assert found.get_filename() == filename.translate(dict.fromkeys(map(ord, TURNS))).strip()
    assert found.get_payload(decode=True) == content


@pytest.mark.parametrize(
    ("content_type", "content", "charset"),
    [
        ("text/plain", b"", "utf-8"),
        ("text/csv", "Größe;1\n".encode(), "utf-8"),
        ("text/plain", "Größe".encode("latin-1"), "unknown-8bit"),
        ("application/pdf", "Größe".encode(), None),
    ],
)
def test_a_text_has_its_charset(content_type: str, content: bytes, charset: str | None) -> None:
    """Readers are told how to read a text (RFC 2046 4.1.2), and what is in no known charset is not called UTF-8."""
    file = Attachment.model_construct(filename="a.txt", content_type=content_type, content=content)
    (found,) = read(write(letterhead(attachments=(file,)))).iter_attachments()
    assert (found.get_content_type(), found.get_content_charset()) == (content_type, charset)
    assert found.get_payload(decode=True) == content


def test_all_copies_share_what_is_not_the_recipients() -> None:
    """Two messages of one skeleton differ in the recipient's headers only."""
    blank = StaticMessageParts(NEWSLETTER).compile_merge_form(MergeForm(("Hello",), ("<p>Hello</p>",), ("Hello",)))
    own = {name: PLAIN[name] for name in ("to", "name", "message_id", "date", "unsubscribe_url")}
    one = blank.fill_message(**own).split(b"\r\n")
    two = blank.fill_message(**{**own, "to": check_and_encode_addr_spec("kim@example.org", "To"), "name": "Kim"}).split(
        b"\r\n"
    )
    assert [(a, b) for a, b in zip(one, two, strict=True) if a != b] == [
        (b"To: Sam <sam@example.org>", b"To: Kim <kim@example.org>")
    ]
