"""Spellings of an address that are one mailbox, and those that are two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.postgres.address_hashing import AddressHasher
from mailer.rendering.mailbox_spellings import (
    canonical_mailbox,
    mailbox_in_legacy_canonical_form,
    other_mailboxes_alike_in_capitals,
)

HASHER = AddressHasher("a key of the tests")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@people.example", "Ada@People.EXAMPLE", True),
        ("ada@people.example", "ada@people.example ", True),
        ("jos\u00e9@people.example", "jose\u0301@people.example", True),
        ("JOS\u00c9@people.example", "jose\u0301@people.example", True),
        ("a@m\u00fcnchen.example", "a@xn--mnchen-3ya.example", True),
        ("a@M\u00dcNCHEN.example", "a@XN--MNCHEN-3YA.example", True),
        ("stra\u00dfe@people.example", "strasse@people.example", False),
        ("\ufb01x@people.example", "fix@people.example", False),
        ("\uff41da@people.example", "ada@people.example", False),
        ("x\u00b2@people.example", "x2@people.example", False),
        ("\u03bf\u03b4\u03bf\u03c2@people.example", "\u03bf\u03b4\u03bf\u03c3@people.example", False),
        ("\u017fam@people.example", "sam@people.example", False),
        ("a.da@people.example", "ada@people.example", False),
    ],
)
def test_two_spellings_are_one_mailbox_or_two(one: str, other: str, same: bool) -> None:
    """Case and canonical equivalence make no other mailbox. Texts that only look alike or fold alike do."""
    assert (HASHER.hash_address(one) == HASHER.hash_address(other)) is same


@given(st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=1, max_size=20))
def test_the_form_of_a_mailbox_is_its_own_form(local: str) -> None:
    """The canonical form of any local part is its own canonical form."""
    form = canonical_mailbox(f"{local.strip() or 'x'}@people.example")
    assert canonical_mailbox(form) == form


@pytest.mark.parametrize(
    ("address", "differs", "alone"),
    [
        ("Ada@People.EXAMPLE", False, None),
        ("jos\u00e9@people.example", False, None),
        ("stra\u00dfe@people.example", True, False),
        ("a@m\u00fcnchen.example", True, True),
    ],
)
def test_the_rule_before_gave_few_another_hash(address: str, differs: bool, alone: bool | None) -> None:
    """People with a hash of their own keep all that was said of it; those who shared one are told apart."""
    earlier = HASHER.hash_by_former_spelling_rule(address)
    assert (earlier is not None) is differs
    assert earlier is None or earlier.alone is alone


@given(st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=1, max_size=20))
def test_what_was_said_under_the_rule_before_is_found(local: str) -> None:
    """One of the two hashes that are looked up is that of the earlier rule. An ASCII address has one hash."""
    address = f"{local.strip() or 'x'}@people.example"
    earlier = HASHER.hash_by_former_spelling_rule(address)
    before = HASHER._mac(mailbox_in_legacy_canonical_form(address).encode())
    assert before in {HASHER.hash_address(address), *([earlier.hash] if earlier else [])}
    assert earlier is None or not address.isascii()


ODOS, INNER, CAPITALS = (f"{word}@x.example" for word in ("οδος", "οδοσ", "ΟΔΟΣ"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CAPITALS, INNER),
        (ODOS, INNER),
        (INNER, CAPITALS),
        ("ΣΟΦΟΣ@x.example", "σοφοσ@x.example"),
        ("σοφοσ.πασ@x.example", "ΣΟΦΟΣ.ΠΑΣ@x.example"),
        ("İBRAHİM@x.example", "ibrahim@x.example"),
    ],
)
def test_letters_with_two_lower_cases_make_kin(one: str, other: str) -> None:
    """Two addresses with the same capitals are each other's kin, and still two mailboxes; only ASCII knows no kin."""
    assert canonical_mailbox(one) == canonical_mailbox(other) or canonical_mailbox(
        other
    ) in other_mailboxes_alike_in_capitals(one)
    assert (
        other.isascii()
        or canonical_mailbox(one) == canonical_mailbox(other)
        or canonical_mailbox(one) in other_mailboxes_alike_in_capitals(other)
    )


@pytest.mark.parametrize("local", ["ada", "jos\u00e9", "stra\u00dfe", "\u017fam"])
def test_most_addresses_have_no_kin(local: str) -> None:
    """Letters with one lower case make none, and neither do those that are folded with others, such as a sharp s."""
    assert other_mailboxes_alike_in_capitals(f"{local}@x.example") == frozenset()


@given(st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=1, max_size=12))
def test_each_lower_case_is_the_mailbox_or_its_kin(local: str) -> None:
    """Lower case taken letter by letter, or of the whole word, is the same mailbox or kin to it."""
    local = local.strip() or "x"
    simple, whole = "".join(char.lower() for char in local), local.lower()
    assert canonical_mailbox(f"{simple}@x.example") in {
        canonical_mailbox(f"{whole}@x.example"),
        *other_mailboxes_alike_in_capitals(f"{whole}@x.example"),
    }
