"""Finding who is erased in texts about others: a ref as a whole word, and no mere word."""

import pytest

from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.person_mention_removal import PersonMentionRemover, is_distinctive_ref

HASHER = AddressHasher("a key of the tests")


def mentions(ref: str = "user-17") -> PersonMentionRemover:
    """The mentions of somebody without an address."""
    return PersonMentionRemover("interpals", ref, frozenset(), HASHER)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("user-17 writes", "erased writes"),
        ("USER-17's letter", "erased's letter"),
        ("https://x.example/m/user-17/photos?by=user-17", "https://x.example/m/erased/photos?by=erased"),
        ("user-17_wins", "erased_wins"),
        ("https://x.example/%75ser-17", "erased"),
        ("user-170", "user-170"),
        ("xuser-17", "xuser-17"),
        ("user-17@people.example", "user-17@people.example"),
        ("Happy Birthday", "Happy Birthday"),
        (f"user-17 &#{'9' * 5000};", "erased &#" + "9" * 5000 + ";"),
    ],
)
def test_whole_words_go(text: str, left: str) -> None:
    """A ref goes in any case, between any signs, and its whole text where only a code says it; other words stay."""
    assert mentions().remove_from_value({"a": [text, 17, None]}) == {"a": [left, 17, None]}


@pytest.mark.parametrize("ref", ["ada", "u-1", "summer", "1234567", "summertime", "first_name", "e-mail", "https:/"])
def test_a_ref_that_may_be_a_word_is_not_looked_for(ref: str) -> None:
    """Short ones, words and numbers would erase texts about anything."""
    assert not is_distinctive_ref(ref)
    said = mentions(ref)
    assert (
        said.remove_from_value(f"{ref} of Summer"),
        said.like_patterns_of_ref(),
        said.like_patterns_for_bytea(),
    ) == (
        f"{ref} of Summer",
        [],
        [],
    )


def test_patterns_take_no_sign_of_theirs_from_a_ref() -> None:
    """Signs that mean something in a pattern of LIKE stand for themselves, also among octets."""
    said = mentions("50%_\\ö-ref")
    assert said.like_patterns_of_ref() == ["%50\\%\\_\\\\ö-ref%"]
    assert "%50\\%\\_\\\\\\\\\\\\303\\\\266-ref%" in said.like_patterns_for_bytea()


def test_names_of_values_stay() -> None:
    """Names of values stay, since a template knows its values by them, even if a person has such a name."""
    assert mentions("value-17").remove_from_value({"value-17": "value-17 writes"}) == {"value-17": "erased writes"}
