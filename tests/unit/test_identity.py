"""Names of publishers and people: each has one form, and names of different kinds are never the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.publisher_and_staff_identity import (
    ITSELF,
    MAX_NAME,
    Identity,
    IdentityKind,
    identity_or_none,
    parse_person_identity,
)
from mailer.ports.broker import BrokerMessage, HeaderName, publisher_identity_of_message

NAMES = st.text(min_size=1, max_size=60).filter(
    lambda text: text.isprintable() and text == text.strip() and len(text.encode("utf-8", "replace")) <= MAX_NAME
)


@given(st.sampled_from(IdentityKind), NAMES)
def test_each_is_read_as_it_is_written(kind: IdentityKind, name: str) -> None:
    """An identity is read as it is written, with any colons and kinds in its name."""
    written = Identity(kind, name)
    assert Identity.parse_identity(str(written)) == written
    assert (Identity.parse_identity(str(written)).kind, Identity.parse_identity(str(written)).name) == (kind, name)


@given(st.sampled_from(IdentityKind), st.sampled_from(IdentityKind), NAMES, NAMES)
def test_names_of_different_kinds_are_never_the_same(
    one: IdentityKind, other: IdentityKind, first: str, second: str
) -> None:
    """Names of different kinds differ, both as values and as text."""
    if one is not other:
        assert Identity(one, first) != Identity(other, second)
        assert str(Identity(one, first)) != str(Identity(other, second))
    elif first != second:
        assert str(Identity(one, first)) != str(Identity(other, second))


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\nb", "a\0", "a\u202eb", "a\x7f", "é" * 128, "\ud800"])
@pytest.mark.parametrize("kind", IdentityKind)
def test_what_is_no_name(kind: IdentityKind, name: str) -> None:
    """A text that is no name is refused, also when it is read."""
    with pytest.raises(ValueError, match=r"name|surrogates"):
        Identity(kind, name)
    assert identity_or_none(f"{kind}:{name}") is None


@pytest.mark.parametrize("text", ["", "shop", "anonymous", "Key:shop", "queue:shop", ":shop", "key", "key "])
def test_what_is_no_identity(text: str) -> None:
    """A name without a kind is nobody's; the message says how one is written."""
    with pytest.raises(ValueError, match=r"is no identity; write key:NAME, broker:NAME, role:NAME, person:NAME"):
        Identity.parse_identity(text)
    assert identity_or_none(text) is None


@pytest.mark.parametrize("text", ["dana", " Dana ", "person:dana", "person: DANA", "\uff44\uff41\uff4e\uff41"])
def test_a_person_is_the_same_in_any_case(text: str) -> None:
    """A person is the same in any case of letters, with or without the kind."""
    assert parse_person_identity(text) == Identity(IdentityKind.PERSON, "dana")
    assert hash(parse_person_identity(text)) == hash(Identity(IdentityKind.PERSON, "Dana"))


def test_others_are_told_apart_letter_by_letter() -> None:
    """PostgreSQL and RabbitMQ do so, too."""
    assert Identity(IdentityKind.BROKER, "shop") != Identity(IdentityKind.BROKER, "Shop")


@pytest.mark.parametrize("text", ["", "  ", "key:shop", "broker:dana", "role:dana", str(ITSELF), "person:"])
def test_what_is_no_person(text: str) -> None:
    """Nobody does as a person what a key or a machine may not do."""
    with pytest.raises(ValueError, match="person"):
        parse_person_identity(text)


def test_a_name_with_a_colon_is_a_persons() -> None:
    """A colon behind a word that is no kind belongs to the name."""
    assert str(parse_person_identity("Dr: Dana")) == "person:Dr: Dana"


@pytest.mark.parametrize(
    ("user", "headers", "publisher"),
    [
        ("shop", {}, "broker:shop"),
        ("guest", {HeaderName.PUBLISHER: "key:shop"}, "key:shop"),
        ("guest", {HeaderName.PUBLISHER: ""}, None),
        ("guest", {HeaderName.PUBLISHER: "shop"}, None),
        (None, {}, None),
        ("", {}, None),
        ("a\n", {}, None),
    ],
)
def test_who_published_a_message(user: str | None, headers: dict[str, str], publisher: str | None) -> None:
    """The publisher is the one that we noted, or that the broker validated. A text that is no identity is nobody."""
    found = publisher_identity_of_message(BrokerMessage(b"", "a.b", None, headers, user))
    assert found == (publisher and Identity.parse_identity(publisher))
