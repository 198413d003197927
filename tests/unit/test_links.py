from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.link_tokens import (
    BounceToken,
    ClickToken,
    ConfirmToken,
    MailReportToken,
    OpenToken,
    PreferencesToken,
    UndoToken,
    UnsubscribeToken,
)
from mailer.rendering.signed_links import MAX_URL, SignedLinks

URL = "https://mail.example"
LINKS = SignedLinks(URL + "/", ["newest", "oldest"])
IDS = st.integers(min_value=0, max_value=2**63 - 1)
NONCES = st.none() | st.text("0123456789abcdef", min_size=32, max_size=32)
MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
NOW = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)

EVERY: dict[str, tuple[Callable[[SignedLinks], str], Callable[[SignedLinks, str], object], object]] = {
    "u": (
        lambda links: links.unsubscribe_link(UnsubscribeToken("brand", 7, "newsletter")),
        lambda links, text: links.read_unsubscribe_token(text),
        UnsubscribeToken("brand", 7, "newsletter"),
    ),
    "o": (
        lambda links: links.pixel_url(OpenToken(MAILING, "ab", 7)),
        lambda links, text: links.read_open_token(text),
        OpenToken(MAILING, "ab", 7),
    ),
    "c": (
        lambda links: links.click_url(ClickToken(MAILING, "https://shop.example/?a=b", "ab", 7)),
        lambda links, text: links.read_click_token(text),
        ClickToken(MAILING, "https://shop.example/?a=b", "ab", 7),
    ),
    "confirm": (
        lambda links: links.confirmation_link(ConfirmToken("brand", 7, MAILING, 3)),
        lambda links, text: links.read_confirm_token(text),
        ConfirmToken("brand", 7, MAILING, 3),
    ),
    "preferences": (
        lambda links: links.preferences_link(PreferencesToken("brand", 7)),
        lambda links, text: links.read_preferences_token(text),
        PreferencesToken("brand", 7),
    ),
    "report": (
        lambda links: links.link_to_report_mail(MailReportToken("brand", 7, MAILING)),
        lambda links, text: links.read_mail_report_token(text),
        MailReportToken("brand", 7, MAILING),
    ),
}
"""The maker, the reader and the token of each link, by its path."""


def token_of(url: str) -> str:
    """The part of a link behind the last slash."""
    return url.rpartition("/")[2]


@given(st.text(max_size=30), IDS, st.text(max_size=30), st.none() | st.uuids(), st.none() | st.integers(1, 9))
def test_unsubscribe_reads_back(
    brand: str, recipient_id: int, category: str, mailing_id: UUID | None, generation: int | None
) -> None:
    """An unsubscribe link says what was put into it, also one of before it named the address's generation."""
    token = UnsubscribeToken(brand, recipient_id, category, mailing_id, generation)
    url = LINKS.unsubscribe_link(token)
    assert url.startswith(f"{URL}/u/")
    assert LINKS.read_unsubscribe_token(token_of(url)) == token


@given(st.uuids(), NONCES, st.none() | IDS)
def test_pixel_reads_back(mailing_id: UUID, nonce: str | None, recipient_id: int | None) -> None:
    """A pixel's token names what it counts, with and without the suffix."""
    token = OpenToken(mailing_id, nonce, recipient_id)
    url = LINKS.pixel_url(token)
    assert url.startswith(f"{URL}/o/")
    assert LINKS.read_open_token(token_of(url)) == token
    assert LINKS.read_open_token(token_of(url).removesuffix(".gif")) == token


@given(st.uuids(), st.text("abc/?&=%:ä😀", max_size=400), NONCES, st.none() | IDS)
def test_click_reads_back(mailing_id: UUID, path: str, nonce: str | None, recipient_id: int | None) -> None:
    """A tracked link leads where it was made to lead, and counts what a pixel would."""
    token = ClickToken(mailing_id, f"https://shop.example/{path}", nonce, recipient_id)
    assert LINKS.read_click_token(token_of(LINKS.click_url(token))) == token


def test_the_longest_url_is_read_back() -> None:
    """The longest URL that may be tracked fits the longest token that is read. One octet more is not tracked."""
    noise = "".join(chr(0x4E00 + number * 37 % 20000) for number in range(MAX_URL))
    longest = "https://shop.example/" + noise.encode()[: MAX_URL - 21].decode(errors="ignore")
    token = ClickToken(
        MAILING, longest.ljust(MAX_URL - (len(longest.encode()) - len(longest)), "x"), "f" * 32, 2**63 - 1
    )
    assert len(token.url.encode()) == MAX_URL
    assert LINKS.read_click_token(token_of(LINKS.click_url(token))) == token
    with pytest.raises(ValueError, match="at most"):
        LINKS.click_url(ClickToken(MAILING, token.url + "x"))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "//evil.example",
        "/path",
        "https://",
        "https://[x",
        " https://a.example",
        "https://a.example/\r\nLocation: x",
        'https://a.example/"x',
        "https:\\\\a.example",
        "https://a.example/\ud800",
        "",
    ],
)
def test_only_the_web_is_linked(url: str) -> None:
    """A tracked link leads to an https or http URL, and to nothing that a browser would read otherwise."""
    with pytest.raises(ValueError, match="https or http"):
        LINKS.click_url(ClickToken(MAILING, url))


@pytest.mark.parametrize("path", EVERY)
def test_each_link_is_for_its_purpose_and_survives_rotation(path: str) -> None:
    """Each token is read by its own reader only, with old keys too, and by nobody once its key is gone."""
    make, _, said = EVERY[path]
    url = make(LINKS)
    assert url.startswith(f"{URL}/{path}/")
    text = token_of(url).removesuffix(".gif")
    for other, (_, read, _) in EVERY.items():
        assert read(LINKS, text) == (said if other == path else None)
        assert read(SignedLinks(URL, ["newer", "newest"]), text) == (said if other == path else None)
        assert read(SignedLinks(URL, ["newer"]), text) is None


@given(st.uuids(), IDS)
def test_bounce_address_reads_back(mailing_id: UUID, recipient_id: int) -> None:
    """A return path is an ASCII local part of at most 64 octets that survives a change of case."""
    address = LINKS.bounce_address(mailing_id, recipient_id, "bounce.example")
    local, _, domain = address.partition("@")
    assert domain == "bounce.example"
    assert len(local.encode("ascii")) <= 64
    assert local.startswith("b+")
    for seen in (address, address.upper(), address.replace("bounce.example", "BOUNCE.example")):
        assert LINKS.read_return_path(seen) == BounceToken(mailing_id, recipient_id)


@given(st.text(max_size=200))
def test_garbage_is_nothing(text: str) -> None:
    """No text that we have not signed is read as anything, and none raises."""
    assert [read(LINKS, text) for _, read, _ in EVERY.values()] == [None] * len(EVERY)
    assert LINKS.read_return_path(text) is None


@pytest.mark.parametrize("text", ["x" * 10_000, ".".join("a" * 5000), "", ".", "b+@", "b+" + "a" * 58, "\ud800", "é.é"])
def test_awkward_garbage_is_nothing(text: str) -> None:
    """Long, empty and unencodable tokens are read as nothing."""
    assert [read(LINKS, text) for _, read, _ in EVERY.values()] == [None] * len(EVERY)
    assert LINKS.read_return_path(f"{text}@bounce.example") is None


@given(st.data())
def test_any_change_breaks_a_token(data: st.DataObject) -> None:
    """One changed character is enough for a token to be nobody's."""
    mailing_id = uuid4()
    token = token_of(LINKS.unsubscribe_link(UnsubscribeToken("brand", 1, "newsletter", mailing_id)))
    place = data.draw(st.integers(0, len(token) - 2))
    other = "A" if token[place] != "A" else "B"
    assert LINKS.read_unsubscribe_token(token[:place] + other + token[place + 1 :]) is None
    local, _, domain = LINKS.bounce_address(mailing_id, 1, "d.example").partition("@")
    place = data.draw(st.integers(2, len(local) - 2))
    other = "a" if local[place] != "a" else "b"
    assert LINKS.read_return_path(f"{local[:place]}{other}{local[place + 1 :]}@{domain}") is None


def test_a_press_is_undone_by_its_own_value_only() -> None:
    """The value of the undo button names one press, and is no link's token."""
    press = UndoToken("brand", 7, 12, NOW)
    value = LINKS.sign_undo_token(press)
    assert LINKS.read_undo_token(value) == press
    assert LINKS.read_undo_token(token_of(LINKS.preferences_link(PreferencesToken("brand", 7)))) is None
    assert [read(LINKS, value) for _, read, _ in EVERY.values()] == [None] * len(EVERY)


BEHIND = [
    ".",
    ")",
    ",",
    ";",
    ">",
    '"',
    "'",
    " ",
    "  ",
    "&",
    "\u201d",
    "\uff09",
    "\u3002",
    "=",
    "=3D",
    "_",
    "-",
    "Harbor Books",
    "/",
    "*",
    ").\n",
]


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("behind", BEHIND)
def test_what_follows_a_link_is_no_part_of_it(path: str, behind: str) -> None:
    """A link of each kind works with what a mail program took along behind it."""
    make, read, said = EVERY[path]
    assert read(LINKS, token_of(make(LINKS)) + behind) == said


@given(st.text(max_size=60), st.sampled_from(sorted(EVERY)))
def test_only_the_token_makes_a_link_bad(behind: str, path: str) -> None:
    """Text behind a token changes nothing. A token with a missing part is no token."""
    make, read, said = EVERY[path]
    token = token_of(make(LINKS)).removesuffix(".gif")
    assert read(LINKS, token + behind) == said
    assert read(LINKS, token[:-1] + "." + behind) is None


def test_links_survive_rotation_and_end_with_their_key() -> None:
    """A link is read as long as the key that signed it is listed."""
    before, after, without = SignedLinks(URL, ["a"]), SignedLinks(URL, ["b", "a"]), SignedLinks(URL, ["b"])
    token, mailing_id = UnsubscribeToken("brand", 7, "newsletter"), uuid4()
    old, new = token_of(before.unsubscribe_link(token)), token_of(after.unsubscribe_link(token))
    assert after.read_unsubscribe_token(old) == token
    assert without.read_unsubscribe_token(old) is None
    assert without.read_unsubscribe_token(new) == token
    assert before.read_unsubscribe_token(new) is None
    bounce = before.bounce_address(mailing_id, 7, "d.example")
    assert after.read_return_path(bounce) == BounceToken(mailing_id, 7)
    assert without.read_return_path(bounce) is None


@given(st.uuids(), IDS)
def test_message_id_is_the_deliverys_own(mailing_id: UUID, recipient_id: int) -> None:
    """A delivery has one Message-ID, also after a rotation, and no other delivery has it."""
    message_id = LINKS.stable_message_id(mailing_id, recipient_id, "d.example")
    assert message_id == LINKS.stable_message_id(mailing_id, recipient_id, "d.example")
    assert message_id == SignedLinks(URL, ["newer still", "newest", "oldest"]).stable_message_id(
        mailing_id, recipient_id, "d.example"
    )
    assert message_id != LINKS.stable_message_id(mailing_id, recipient_id ^ 1, "d.example")
    assert message_id.startswith("<")
    assert message_id.endswith("@d.example>")
    assert len(message_id) == 40 + len("<@d.example>")
    assert mailing_id.hex not in message_id


@pytest.mark.parametrize("keys", [[], [""], ["a", ""]])
def test_a_key_is_needed(keys: list[str]) -> None:
    """Links are not signed without a secret, or with an empty one."""
    with pytest.raises(ValueError, match="key"):
        SignedLinks(URL, keys)


def test_links_are_proven_before_they_are_sent() -> None:
    """A link of each purpose is made and read back; where what they begin with leads elsewhere, nothing starts."""
    SignedLinks("https://mail.example/letters/", ["a key"]).check_links_read_back()
    for wrong in ("https://", "https://mail.example?x=1", "https://mail.example#", "https://mail.example /", "mail"):
        with pytest.raises(ValueError, match="cannot be followed"):
            SignedLinks(wrong, ["a key"]).check_links_read_back()
