"""The page that compares the four policies is what the rules say."""

from pathlib import Path

from bench.comparison import BRANDS, TEMPLATES, decided, page
from bench.population import SIZE

PAGE = Path(__file__).parents[2] / "docs" / "comparison.md"


def test_the_page_is_what_the_rules_say() -> None:
    """Recomputed without a database, the committed figures are the same; `make comparison` writes them."""
    assert PAGE.read_text() == page(decided())


def test_everyone_ends_in_one_row_and_the_policies_differ() -> None:
    """Each mailing's column adds up to everyone, and no two policies give all four mailings the same results."""
    counts = decided()
    assert {sum(counts[key].values()) for key in counts} == {SIZE}
    results = [tuple(tuple(sorted(counts[brand, category].items())) for category in TEMPLATES) for brand in BRANDS]
    assert len(set(results)) == len(BRANDS)
