"""Changes of variants and languages, and the differences that a supplement makes."""

from typing import Any

import pytest

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText
from mailer.policy.breach.phase_differences import compare_phases
from mailer.policy.breach.text_changes import (
    MOST_OCTETS,
    TextChangeRefused,
    add_suggested_variants,
    add_variant,
    parse_locale,
    parse_places,
    put_text,
    remove_text,
    remove_variant,
    set_places,
    text_or_none,
)

TEXT = NoticeText(title="Notice", parts={NoticePart.WHAT_HAPPENED: "One\nTwo"})


def test_variants_are_added_changed_and_removed() -> None:
    """Each change is a whole new draft; the old one stays."""
    empty = BreachPhaseDraft()
    added = add_variant(empty, "us-ca", ("US-CA",))
    assert set(empty.variants) == {ELSEWHERE}
    assert added.variants["us-ca"].places == ("US-CA",)
    moved = set_places(added, {"us-ca": parse_places("us-ca, us-ny  US-CA")})
    assert moved.variants["us-ca"].places == ("US-CA", "US-NY")
    written = put_text(moved, "us-ca", "en", TEXT)
    assert text_or_none(written, "us-ca", "en") == TEXT
    assert text_or_none(written, "eu", "en") is None
    assert remove_text(written, "us-ca", "en") == moved
    assert remove_text(written, "eu", "en") == written
    assert set(remove_variant(written, "us-ca").variants) == {ELSEWHERE}


def test_suggested_variants_take_free_places_only() -> None:
    """Places that a person has put into a variant stay there."""
    draft = add_variant(BreachPhaseDraft(), "west", ("US-CA",))
    suggested: dict[str, Any] = {"us-ca": ("US-CA",), "eu": ("DE", "FR"), "west": ("US-OR",), ELSEWHERE: ()}
    made = add_suggested_variants(draft, suggested)
    assert {name: variant.places for name, variant in made.variants.items()} == {
        ELSEWHERE: (),
        "west": ("US-CA", "US-OR"),
        "eu": ("DE", "FR"),
    }
    assert add_suggested_variants(made, suggested) == made


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda draft: add_variant(draft, "Not A Name", ("DE",)), "no name of a variant"),
        (lambda draft: add_variant(draft, "eu", ("DE",)), "is there already"),
        (lambda draft: add_variant(draft, "de", ("DE",)), "DE is in another variant already"),
        (lambda draft: add_variant(draft, "x", ()), "each other variant has some"),
        (lambda draft: add_variant(draft, "x", ("GERMANY",)), "is no place; write a country such as DE"),
        (lambda draft: set_places(draft, {"eu": ()}), "each other variant has some"),
        (lambda draft: remove_variant(draft, ELSEWHERE), "people of places that nobody foresaw"),
        (lambda draft: put_text(draft, "gone", "en", TEXT), "somebody has removed it"),
        (lambda draft: parse_locale("english please"), "is no language"),
        (lambda draft: parse_locale("<script>"), "is no language"),
    ],
)
def test_wrong_changes_are_refused_in_words(change: Any, says: str) -> None:
    """A refusal names what is wrong."""
    with pytest.raises(TextChangeRefused, match=says):
        change(add_variant(BreachPhaseDraft(), "eu", ("DE",)))


def test_phase_has_a_most_size() -> None:
    """All texts together stay below what the database holds for a draft."""
    big = NoticeText(title="x", parts=dict.fromkeys(NoticePart, "y" * 20_000))
    draft = BreachPhaseDraft()
    for number in range(MOST_OCTETS // 240_500):
        draft = put_text(draft, ELSEWHERE, f"en-{chr(65 + number)}A", big)
    with pytest.raises(TextChangeRefused, match=f"{MOST_OCTETS:,} octets"):
        put_text(draft, ELSEWHERE, "en", big)
    draft = BreachPhaseDraft()
    for number in range(39):
        draft = add_variant(draft, f"v{number}", (f"US-{number}",))
    with pytest.raises(TextChangeRefused, match="at most 40 variants"):
        add_variant(draft, "more", ("DE",))


def test_differences_of_a_supplement() -> None:
    """Added lines, changed titles and places are told by variant and language."""
    before = put_text(add_variant(BreachPhaseDraft(), "eu", ("DE",)), "eu", "en", TEXT)
    told = {NoticePart.WHAT_HAPPENED: "One\nTwo\nThree", NoticePart.WHAT_WE_DO: "More"}
    after = put_text(set_places(before, {"eu": ("DE", "FR")}), "eu", "en", TEXT.model_copy(update={"parts": told}))
    found = {one[:3]: [(line.change, line.text) for line in one.lines] for one in compare_phases(before, after)}
    assert found == {
        ("eu", "", "places"): [("same", "DE"), ("added", "FR")],
        ("eu", "en", "what_happened"): [("same", "One"), ("same", "Two"), ("added", "Three")],
        ("eu", "en", "what_we_do"): [("added", "More")],
    }
    assert compare_phases(after, after) == []
