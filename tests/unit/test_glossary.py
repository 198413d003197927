"""The glossary has the words that the outside meets, each once, with a module that is there."""

import re
from pathlib import Path

import typer

from mailer.cli import app
from mailer.policy.category import CATEGORIES, Lane
from mailer.policy.decision_types import Divert, Hold, Send, Suppress

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"^### (.+)\n\n(.+) `(mailer/[\w/]+\.py)`$", PAGE, re.MULTILINE)
WORDS = {word for word, _, _ in ENTRIES}
DESIGNED = {
    "brand", "controller", "policy", "promise", "category", "mandatory", "optional", "event", "mailing", "campaign",
    "publisher", "recipient", "standing", "decision", "delivery", "hand-over", "outcome", "processor", "ledger",
    "action",
}  # fmt: skip
"""The words that the design fixes, but for those of rooms that are not built yet."""
PLAIN = {
    "requests": "data request",
    "public-notices": "public notice",
    "dead": "dead letter",
    "processors": "processor",
    "policy": "policy",
    "switches": "switch",
}
"""Commands whose word is not their name without an s."""


def test_each_entry_is_whole() -> None:
    """A word has a sentence and a module that exists, and stands once, in its group in the order of letters."""
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert headings == [word for word, _, _ in ENTRIES]
    assert len(headings) == len(WORDS) > 60
    assert [f"{word}: {module}" for word, _, module in ENTRIES if not (ROOT / module).is_file()] == []
    assert [word for word, says, _ in ENTRIES if not says.endswith(".") or len(says) > 220] == []
    for group in PAGE.split("\n## ")[1:]:
        words = re.findall(r"^### (.+)$", group, re.MULTILINE)
        assert words == sorted(words, key=str.casefold)


def test_each_word_of_the_design_is_explained() -> None:
    """No word that the design fixes is left out."""
    assert sorted(DESIGNED - WORDS) == []


def test_each_noun_of_the_command_line_is_explained() -> None:
    """The commands that have commands of their own are nouns; each is a word of the glossary."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    nouns = {name for name, command in group.commands.items() if isinstance(command, typer.core.TyperGroup)}
    assert len(nouns) > 15
    assert {PLAIN.get(noun, noun.removesuffix("s")) for noun in nouns} - WORDS == set()


def test_categories_lanes_and_decisions_are_explained() -> None:
    """Each category and lane is named, and each decision is a word."""
    named = {word: says for word, says, _ in ENTRIES}
    assert [name for name in CATEGORIES if name not in named["category"]] == []
    assert [lane.value for lane in Lane if lane.value not in named["lane"]] == []
    assert all(decision.__name__ in named["decision"] for decision in (Send, Suppress, Hold, Divert))
