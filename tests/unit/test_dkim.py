import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.dkim import SIGNED, DkimKey, DkimKeyError, DkimSigner
from tests.signed import COVERED, DOMAIN, KINDS, NOW, kinds, newsletter, pem, signer, tampered


def verified(message: bytes) -> list[bool]:
    """The verdict of dkimpy on each signature, the upper one first."""
    records = {f"{name}.".encode(): text.encode() for name, text in signer().dns_records().items()}
    count = message.lower().count(b"dkim-signature:")
    check = dkim.DKIM(message, minkey=2048)

    def good(index: int) -> bool:
        try:
            return bool(check.verify(index, dnsfunc=lambda name, timeout=5: records.get(name)))
        except dkim.ValidationError:
            return False

    return [good(index) for index in range(count)]


def test_both_signatures_verify_and_cover_the_list_headers() -> None:
    """Each signature is good, and names every field once more than it is there."""
    signed = signer().sign_message(newsletter(), NOW)
    assert verified(signed) == [True, True]
    assert signed.endswith(newsletter())
    lines = signed.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or line.startswith(b".") for line in lines)
    for field in signed.split(b"DKIM-Signature:")[1:]:
        value = b"".join(field[: field.index(b"b=", field.index(b"bh=") + 3)].split())
        names = value.partition(b"h=")[2].partition(b";")[0].split(b":")
        head = newsletter().partition(b"\r\n\r\n")[0].lower()
        absent = {name for name in COVERED if b"\r\n%b:" % name.lower().encode() not in b"\r\n" + head}
        assert {"Sender", "Cc", "Content-Transfer-Encoding", "In-Reply-To"} <= absent
        assert {name: names.count(name.lower().encode()) for name in COVERED} == {
            name: 1 if name in absent else 2 for name in COVERED
        }
        assert len(names) == 2 * len(COVERED) - len(absent)
        assert b"c=relaxed/relaxed;" in value
        assert b"t=1700000000;" in value
        assert b";l=" not in value
    assert b"a=rsa-sha256" in signed
    assert b"a=ed25519-sha256" in signed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"<https://mail.example/u/token>", b"<https://evil.example/u/token>"),
        (b"Feedback-ID: -", b"Feedback-ID: x"),
        (b"From: Paltalk News", b"From: Somebody"),
        (b"auto-generated", b"no"),
        (b"<p>Hello", b"<p>Jello"),
        (b"\r\nFrom: ", b"\r\nFrom: x@evil.example\r\nFrom: "),
    ],
)
def test_a_change_breaks_both(before: bytes, after: bytes) -> None:
    """A changed header or body, or a second From, is noticed by each signature."""
    signed = signer().sign_message(newsletter(), NOW)
    assert before in signed
    assert verified(signed.replace(before, after)) == [False, False]


def test_every_signed_name_is_tried() -> None:
    """The table of fields that somebody may add has all signed names."""
    assert {name.lower().encode() for name in COVERED} == set(SIGNED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_more_breaks_both(kind: str) -> None:
    """A signed field that somebody adds, on top or at the bottom, breaks both signatures."""
    signed = kinds()[kind]
    assert verified(signed) == [True, True]
    assert [what for what, message in tampered(signed) if verified(message) != [False, False]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_mail_is_signed(kind: str) -> None:
    """Nothing stands in the head of a mail of ours that could be changed without breaking its signatures."""
    head = kinds()[kind].partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))}
    assert names - set(SIGNED) == {b"dkim-signature"}


@pytest.mark.parametrize(
    "field", ["Received", "Resent-From", "Resent-To", "Resent-Date", "Resent-Message-ID", "Return-Path", "Delivered-To"]
)
def test_what_is_honestly_added_on_the_way_breaks_nothing(field: str) -> None:
    """A relay's trace, and somebody who redirects a mail to another mailbox of theirs, leave both signatures good."""
    added = f"{field}: <a@b.example>\r\n".encode()
    assert verified(added + kinds()["newsletter"]) == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b" \t\r\n \r\n",
        b"no line end",
        b"trailing blank lines\r\n\r\n\r\n",
        b"white \t  space\t\r\n\tat  the ends  \r\n",
        b"a\r\n \r\n\t\r\nb \r\n",
    ],
)
def test_odd_bodies_verify(body: bytes) -> None:
    """Empty bodies, blank lines at the end and runs of white space are canonicalised as dkimpy does."""
    message = b"From: a@paltalk.example\r\nSubject:  folded\r\n \t twice  \r\nTo:b@c.example\r\n\r\n" + body
    assert verified(signer().sign_message(message, NOW)) == [True, True]


@given(st.lists(st.text("ab .\t", max_size=8), max_size=12))
def test_any_body_verifies(lines: list[str]) -> None:
    """The signatures are good for a body of any lines."""
    message = b"From: a@paltalk.example\r\n\r\n" + "".join(f"{line}\r\n" for line in lines).encode()
    assert verified(signer().sign_message(message, NOW)) == [True, True]


def test_repeated_fields_are_covered() -> None:
    """A field that is there twice is signed twice, the lower one first."""
    message = b"From: a@paltalk.example\r\nReply-To: a@b.example\r\nReply-To: c@d.example\r\n\r\nx\r\n"
    signed = signer().sign_message(message, NOW)
    assert verified(signed) == [True, True]
    assert verified(signed.replace(b"Reply-To: a@b", b"Reply-To: x@b")) == [False, False]


def test_one_key_makes_one_signature() -> None:
    """A signer without a second key signs with rsa-sha256 only."""
    signed = DkimSigner(DOMAIN, DkimKey("r2", pem(rsa.generate_private_key(65537, 2048)))).sign_message(
        newsletter(), NOW
    )
    assert signed.count(b"DKIM-Signature:") == 1
    assert b"a=rsa-sha256" in signed


@pytest.mark.parametrize(
    ("rsa_key", "second", "complaint"),
    [
        (pem(rsa.generate_private_key(65537, 1024)), None, "1024 bits"),  # noqa: S505  # a weak key to be refused
        (pem(ed25519.Ed25519PrivateKey.generate()), None, "not RSA"),
        (b"not a key", None, "PEM"),
        (pem(rsa.generate_private_key(65537, 2048)), pem(ec.generate_private_key(ec.SECP256R1())), "not Ed25519"),
    ],
)
def test_weak_and_wrong_keys_are_refused(rsa_key: bytes, second: bytes | None, complaint: str) -> None:
    """A key that is short, unreadable or of the wrong kind is named by its selector."""
    with pytest.raises(DkimKeyError, match=complaint):
        DkimSigner(DOMAIN, DkimKey("r1", rsa_key), DkimKey("e1", second) if second else None)
