"""The page that compares the four policies is what the rules say."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.comparison import BRANDS, TEMPLATES, decided, page
from bench.population import SIZE

Counts = Mapping[tuple[str, str], Counter[tuple[str, str]]]
PAGE = Path(__file__).parents[2] / "docs" / "comparison.md"


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Results of each mailing by brand and category, decided without a database."""
    return decided()


def test_the_page_is_what_the_rules_say(counts: Counts) -> None:
    """Recomputed, the committed figures are the same; `make comparison` writes them."""
    assert PAGE.read_text() == page(counts)


def test_everyone_ends_in_one_row_and_the_policies_differ(counts: Counts) -> None:
    """Each mailing's column adds up to everyone, and no two policies give all four mailings the same results."""
    assert {sum(counts[key].values()) for key in counts} == {SIZE}
    results = [tuple(tuple(sorted(counts[brand, category].items())) for category in TEMPLATES) for brand in BRANDS]
    assert len(set(results)) == len(BRANDS)
