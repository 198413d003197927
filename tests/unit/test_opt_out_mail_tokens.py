"""The mailto of List-Unsubscribe: its token survives programs, and proves one person's opt-out from one category."""

import base64
import quopri
import re
import string
from collections.abc import Callable
from email.header import Header
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.letters import decide_effect_of_letter_with_token, find_opt_out_token, read_letter
from mailer.policy.policy_file import Policy
from mailer.ports.received_mail import Mailbox, NewReceivedMail, ReceivedMailEffect
from mailer.rendering.headers import check_and_encode_addr_spec
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.opt_out_mail_tokens import MAX_LOCAL_PART, subject_without_token
from mailer.rendering.signed_links import SignedLinks
from tests.factories import policies
from tests.unit.test_inbound import DIRECTORY, LINKS, MAILING
from tests.unit.test_message import LEAVE, read, write

POLICIES = policies()
POLICY = POLICIES["interpals"]
NEWSLETTER = POLICY.get_category("newsletter")
TOKENS = LINKS.opt_out_mail
RECIPIENTS = st.integers(1, 2**56 - 1)


def mailto(recipient_id: int = 7, policy: Policy = POLICY, category: str = "newsletter") -> tuple[str, str]:
    """The address and the subject that a mail program takes from the mailto of a mail."""
    uri = TOKENS.mailto(policy, policy.get_category(category), MAILING, recipient_id)
    assert uri is not None
    parts = urlsplit(uri)
    return unquote(parts.path), unquote(parts.query.removeprefix("subject="))


def letter(to: str, subject: str, text: str = "", encoding: str = "7bit") -> bytes:
    """A mail as a program writes it."""
    head = f"From: someone@elsewhere.example\r\nTo: {to}\r\nSubject: {subject}\r\n"
    head += f"Content-Transfer-Encoding: {encoding}\r\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}".encode()


def found(content: bytes, recipient: str = "opt-out@interpals.example") -> UnsubscribeToken | None:
    """The token that is found in a mail to a mailbox."""
    mail = NewReceivedMail("interpals", Mailbox.OPT_OUT, "", recipient, "", "", content)
    return find_opt_out_token(mail, TOKENS, POLICIES)


@given(RECIPIENTS, st.sampled_from([*POLICIES.values()]), st.data())
def test_a_token_names_what_the_link_of_the_mail_names(recipient: int, policy: Policy, data: st.DataObject) -> None:
    """The brand, the person, the category and the mailing read back, from the address and from the subject alone."""
    optional = [name for name, category in policy.categories.items() if category.is_optional]
    category = data.draw(st.sampled_from(optional))
    address, subject = mailto(recipient, policy, category)
    wanted = UnsubscribeToken(policy.brand, recipient, category, MAILING)
    assert TOKENS.find_token([address], "", POLICIES) == wanted
    assert TOKENS.find_token([], subject, POLICIES) == wanted
    local, _, domain = address.rpartition("@")
    assert len(local) <= MAX_LOCAL_PART
    assert (policy.opt_out_mailbox or "").endswith(f"@{domain}")


CASES: list[Callable[[str], str]] = [str, str.upper, str.lower, str.swapcase, str.title]
PREFIXES = st.sampled_from(["", "Re: ", "AW: ", "RE:AW:", "Fwd: ", "رد: ", "返信: ", "[EXTERN] ", "0 ", "100 % "])
SUFFIXES = st.sampled_from(["", " [ref:0042]", " (was: News)", "0", " / 0 new"])


@st.composite
def rewritten_subjects(draw: st.DrawFn, subject: str) -> str:
    """A subject as programs and servers rewrite it."""
    case = draw(st.sampled_from(CASES))
    text = draw(PREFIXES) + case(subject) + draw(SUFFIXES)
    if draw(st.booleans()):  # a Turkish program
        text = text.replace("i", "\u0131") if draw(st.booleans()) else text.replace("i", "\u0130")
    for place in sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)), reverse=True):
        text = text[:place] + draw(st.sampled_from([" ", "\t", "\u00ad", "\u200b", "-", "  "])) + text[place:]
    return text


def _encoded_subject(text: str, form: str) -> str:
    """The subject as a header field: as it is, or in encoded words, folded."""
    match form:
        case "plain" if text.isascii():
            return re.sub(r"(.{60}\S*) ", "\\1\r\n ", text)
        case "base64":
            return "\r\n ".join(
                f"=?utf-8?b?{base64.b64encode(text[at : at + 12].encode()).decode()}?="
                for at in range(0, len(text), 12)
            )
        case _:
            return Header(text, "utf-8", 76).encode(linesep="\r\n")


@given(RECIPIENTS, st.data())
def test_a_token_survives_what_programs_do_to_a_subject(recipient: int, data: st.DataObject) -> None:
    """Case, wraps, added words, invisible characters, encoded words of both kinds: the subject alone is enough."""
    _, subject = mailto(recipient)
    text = data.draw(rewritten_subjects(subject))
    form = data.draw(st.sampled_from(["plain", "base64", "quoted"]))
    token = found(letter("opt-out@interpals.example", _encoded_subject(text, form)))
    assert token == UnsubscribeToken("interpals", recipient, "newsletter", MAILING)


BODIES = st.sampled_from(
    [
        *("", "\r\n", "unsubscribe", "Unsubscribe me, please.", "STOP", "Please take me off this list."),
        *("Sent from my iPhone", "-- \r\nAda\r\nExample Ltd, London"),
        "This message was automatically generated by Gmail.",
        "Apple Mail sent this email to unsubscribe from the message “News”.",
    ]
)


@given(RECIPIENTS, BODIES, st.sampled_from(["7bit", "quoted-printable", "base64"]), st.sampled_from(CASES))
def test_a_mail_of_a_program_is_obeyed_and_needs_nobody(
    recipient: int, body: str, form: str, case: Callable[[str], str]
) -> None:
    """The address alone is enough, in any case, with any subject; blank bodies and footers change nothing."""
    address = case(mailto(recipient)[0])
    octets = body.encode()
    if form == "quoted-printable":
        octets = quopri.encodestring(octets).replace(b"\n", b"\r\n")
    elif form == "base64":
        octets = base64.encodebytes(octets)
    content = letter(f'"Leave" <{address}>', "unsubscribe", octets.decode(), form)
    for recipient_address in (address, "catch-all@interpals.example"):
        assert found(content, recipient_address) == UnsubscribeToken("interpals", recipient, "newsletter", MAILING)
    reading = read_letter(content, Mailbox.OPT_OUT, POLICY, has_token=True)
    assert decide_effect_of_letter_with_token(reading).effect is ReceivedMailEffect.OPT_OUT, (body, reading)


@pytest.mark.parametrize(
    "text",
    [
        "Also delete my account and all my data.",
        "Never write to me again, none of your companies.",
        "I do not want to unsubscribe!",
        "Who are you, and where did you get my address?",
        "Please remove my wife, too.",
    ],
)
def test_words_that_ask_for_more_wait_for_a_person(text: str) -> None:
    """The token is for the list alone: whatever else the mail says, a person reads it."""
    content = letter(*mailto(), text)
    reading = read_letter(content, Mailbox.OPT_OUT, POLICY, has_token=True)
    assert decide_effect_of_letter_with_token(reading).effect is ReceivedMailEffect.WAITS, reading


@given(st.integers(0, 51), st.sampled_from(string.ascii_lowercase + "234567"))
def test_a_changed_token_proves_nothing(place: int, letter_of_base32: str) -> None:
    """Somebody who changes a letter of their own token gets at nobody else."""
    address, subject = mailto(2**31)
    text = address.partition("+")[2].partition("@")[0]
    place %= len(text) - 1  # the last letter has bits that mean nothing
    changed = text[:place] + letter_of_base32 + text[place + 1 :]
    if changed != text:
        assert TOKENS.find_token([address.replace(text, changed)], subject.replace(text, changed), POLICIES) is None


def test_a_token_is_for_one_brand_and_one_key() -> None:
    """A stranger's key and another brand's policy read none; an older key of ours does."""
    address, subject = mailto()
    assert TOKENS.find_token([address], subject, {"peerstream": POLICIES["peerstream"]}) is None
    stranger, older = (
        SignedLinks("https://mail.example", [key]) for key in ("key of a stranger", "older key of the tests")
    )
    for maker, wanted in ((stranger, None), (older, UnsubscribeToken("interpals", 7, "newsletter", MAILING))):
        uri = maker.opt_out_mail.mailto(POLICY, NEWSLETTER, MAILING, 7) or ""
        assert TOKENS.find_token([unquote(urlsplit(uri).path)], "", POLICIES) == wanted


def test_a_category_that_is_gone_leaves_all_optional_mail() -> None:
    """No opt-out is lost, as by the link: the token then names no category."""
    address, subject = mailto()
    gone = SimpleNamespace(categories={"promotional": None})
    found_token = TOKENS.find_token([address], subject, {"interpals": gone})  # type: ignore[dict-item]
    assert found_token == UnsubscribeToken("interpals", 7, "", MAILING)


@given(st.text(max_size=300))
def test_no_text_breaks_the_search(text: str) -> None:
    """A stranger's address and subject prove nothing, and raise nothing."""
    assert TOKENS.find_token([text, f"opt-out+{text}@interpals.example"], text, POLICIES) is None
    assert isinstance(subject_without_token(text), str)


def test_mail_for_the_address_is_accepted() -> None:
    """The opt-out mailbox with a token, in any case, and with a token that was cut: its letter is read."""
    address, _ = mailto()
    for written in (address, address.upper(), address.replace("@", "x@"), "opt-out+@interpals.example"):
        known = DIRECTORY.find_mailbox(written)
        assert known is not None
        assert (known.brand, known.mailbox) == ("interpals", Mailbox.OPT_OUT)
    for refused in ("ada+x@interpals.example", f"{address}.example", "+opt-out@interpals.example"):
        assert DIRECTORY.find_mailbox(refused) is None


@pytest.mark.parametrize("mailbox", [None, "zoë@interpals.example", "unsubscribe-from-our-mail@bücher.example"])
def test_a_brand_has_the_mailto_that_its_mailbox_allows(mailbox: str | None) -> None:
    """Without a mailbox, or one beyond ASCII, there is none; a long one has the token in the subject only."""
    policy = POLICY.model_copy(update={"opt_out_mailbox": mailbox})
    uri = TOKENS.mailto(policy, NEWSLETTER, MAILING, 7)
    if mailbox is None or not mailbox.partition("@")[0].isascii():
        assert uri is None
    else:
        assert uri is not None
        assert uri.startswith("mailto:unsubscribe-from-our-mail@xn--bcher-kva.example?subject=unsubscribe%200")
    assert TOKENS.mailto(POLICY, POLICY.get_category("service"), MAILING, 7) is None


def test_the_header_has_the_link_first_and_the_mailto_on_a_line_of_its_own() -> None:
    """Programs take the first that they can (RFC 2369 2); no line is longer than 998 octets; the field stands once."""
    uri = TOKENS.mailto(POLICY, NEWSLETTER, MAILING, 2**62) or ""
    content = write(unsubscribe_mailto=uri)
    assert f"List-Unsubscribe: <{LEAVE}>,\r\n <{uri}>\r\n".encode() in content
    assert read(content).get_all("List-Unsubscribe") == [f"<{LEAVE}>, <{uri}>"]
    assert check_and_encode_addr_spec(unquote(urlsplit(uri).path), "To")
