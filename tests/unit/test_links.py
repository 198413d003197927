from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.links import BounceToken, Links, OpenToken, UnsubscribeToken

URL = "https://mail.example"
LINKS = Links(URL + "/", ["newest", "oldest"])
IDS = st.integers(min_value=0, max_value=2**63 - 1)


def token_of(url: str) -> str:
    """The part of a link behind the last slash."""
    return url.rpartition("/")[2]


@given(st.text(max_size=30), IDS, st.text(max_size=30), st.none() | st.uuids())
def test_unsubscribe_reads_back(brand: str, recipient_id: int, category: str, mailing_id: UUID | None) -> None:
    """What an unsubscribe link says is what was put into it."""
    token = UnsubscribeToken(brand, recipient_id, category, mailing_id)
    url = LINKS.unsubscribe(token)
    assert url.startswith(f"{URL}/u/")
    assert LINKS.read_unsubscribe(token_of(url)) == token


@given(st.uuids())
def test_pixel_reads_back(mailing_id: UUID) -> None:
    """A pixel's token names its mailing, with and without the suffix."""
    url = LINKS.pixel(mailing_id)
    assert url.startswith(f"{URL}/o/")
    assert LINKS.read_open(token_of(url)) == OpenToken(mailing_id)
    assert LINKS.read_open(token_of(url).removesuffix(".gif")) == OpenToken(mailing_id)


@given(st.uuids(), IDS)
def test_bounce_address_reads_back(mailing_id: UUID, recipient_id: int) -> None:
    """A return path is an ASCII local part of at most 64 octets that survives a change of case."""
    address = LINKS.bounce_address(mailing_id, recipient_id, "bounce.example")
    local, _, domain = address.partition("@")
    assert domain == "bounce.example"
    assert len(local.encode("ascii")) <= 64
    assert local.startswith("b+")
    for seen in (address, address.upper(), address.replace("bounce.example", "BOUNCE.example")):
        assert LINKS.read_bounce(seen) == BounceToken(mailing_id, recipient_id)


@given(st.text(max_size=200))
def test_garbage_is_nothing(text: str) -> None:
    """No text that we have not signed is read as anything, and none raises."""
    assert LINKS.read_unsubscribe(text) is None
    assert LINKS.read_open(text) is None
    assert LINKS.read_bounce(text) is None


@pytest.mark.parametrize("text", ["x" * 10_000, ".".join("a" * 5000), "", ".", "b+@", "b+" + "a" * 58, "\ud800", "é.é"])
def test_awkward_garbage_is_nothing(text: str) -> None:
    """Long, empty and unencodable tokens are read as nothing."""
    assert LINKS.read_unsubscribe(text) is None
    assert LINKS.read_open(text) is None
    assert LINKS.read_bounce(f"{text}@bounce.example") is None


@given(st.data())
def test_any_change_breaks_a_token(data: st.DataObject) -> None:
    """One changed character is enough for a token to be nobody's."""
    mailing_id = uuid4()
    token = token_of(LINKS.unsubscribe(UnsubscribeToken("brand", 1, "newsletter", mailing_id)))
    place = data.draw(st.integers(0, len(token) - 2))
    other = "A" if token[place] != "A" else "B"
    assert LINKS.read_unsubscribe(token[:place] + other + token[place + 1 :]) is None
    local, _, domain = LINKS.bounce_address(mailing_id, 1, "d.example").partition("@")
    place = data.draw(st.integers(2, len(local) - 2))
    other = "a" if local[place] != "a" else "b"
    assert LINKS.read_bounce(f"{local[:place]}{other}{local[place + 1 :]}@{domain}") is None


def test_a_token_is_good_for_its_purpose_only() -> None:
    """A pixel's token does not unsubscribe anybody, nor the other way round."""
    pixel = token_of(LINKS.pixel(uuid4())).removesuffix(".gif")
    leave = token_of(LINKS.unsubscribe(UnsubscribeToken("brand", 1, "newsletter")))
    assert LINKS.read_unsubscribe(pixel) is None
    assert LINKS.read_open(leave) is None


def test_links_survive_rotation_and_end_with_their_key() -> None:
    """What an older key signed is read as long as the key is listed; what a newer one signed needs that one."""
    before, after, without = Links(URL, ["a"]), Links(URL, ["b", "a"]), Links(URL, ["b"])
    token, mailing_id = UnsubscribeToken("brand", 7, "newsletter"), uuid4()
    old, new = token_of(before.unsubscribe(token)), token_of(after.unsubscribe(token))
    assert after.read_unsubscribe(old) == token
    assert without.read_unsubscribe(old) is None
    assert without.read_unsubscribe(new) == token
    assert before.read_unsubscribe(new) is None
    bounce = before.bounce_address(mailing_id, 7, "d.example")
    assert after.read_bounce(bounce) == BounceToken(mailing_id, 7)
    assert without.read_bounce(bounce) is None


@given(st.uuids(), IDS)
def test_message_id_is_the_deliverys_own(mailing_id: UUID, recipient_id: int) -> None:
    """A delivery has one Message-ID, also after a rotation, and no other delivery has it."""
    message_id = LINKS.message_id(mailing_id, recipient_id, "d.example")
    assert message_id == LINKS.message_id(mailing_id, recipient_id, "d.example")
    assert message_id == Links(URL, ["newer still", "newest", "oldest"]).message_id(
        mailing_id, recipient_id, "d.example"
    )
    assert message_id != LINKS.message_id(mailing_id, recipient_id ^ 1, "d.example")
    assert message_id.startswith("<")
    assert message_id.endswith("@d.example>")
    assert len(message_id) == 40 + len("<@d.example>")
    assert mailing_id.hex not in message_id


@pytest.mark.parametrize("keys", [[], [""], ["a", ""]])
def test_a_key_is_needed(keys: list[str]) -> None:
    """Without a secret, or with an empty one, nothing is signed."""
    with pytest.raises(ValueError, match="key"):
        Links(URL, keys)
