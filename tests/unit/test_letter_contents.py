"""The text of a letter is the notice's: the headings that a law sets, and those of the person's language."""

import pytest

from mailer.actions.letter_contents import content_of_letter
from mailer.policy.breach.facts import BreachFacts
from mailer.ports.letters import LetterToSet
from mailer.ports.time_ordered_uuids import uuid7
from tests.factories import BRAND

TEXT = {"title": "Notice", "parts": {"what_happened": "Somebody **read** files.\n\n- one\n- two"}}
DRAFT = {
    "variants": {
        "elsewhere": {"texts": {"en": TEXT, "de": TEXT, "ar": TEXT}},
        "us-ca": {"places": ["US-CA"], "texts": {"en": TEXT}},
    }
}


@pytest.mark.parametrize(
    ("variant", "locale", "heading"),
    [("us-ca", "en", "What Happened"), ("elsewhere", "de", "Was"), ("elsewhere", "ar", "ماذا")],
)
def test_a_letter_has_the_headings_of_its_variant(variant: str, locale: str, heading: str) -> None:
    """California sets its headings; elsewhere they are the shipped ones of the language."""
    facts = BreachFacts().model_dump(mode="json")
    person = 1, "user-1", "Ada", "US", ["1 Main Street"], False
    letter = LetterToSet(*person, uuid7(), DRAFT, facts, (), variant, locale, BRAND)
    content = content_of_letter(letter)
    assert content.sections[0].heading.startswith(heading)
    assert len(content.sections[0].blocks) == 2
