"""The type of statements about decisions."""

from collections.abc import Callable
from dataclasses import dataclass

from mailer.trial.case_facts import (
    ExpectedFate,
    PersonMailingCase,
)

Speak = Callable[[PersonMailingCase], ExpectedFate | None]


@dataclass(frozen=True, slots=True)
class DecisionExpectation:
    """A statement that a promise with a rule makes of a person and a mailing.

    Attributes:
        rules, says: the rules whose promises it expresses, and the statement in one sentence.
        speak: returns the expected fate, or None if the statement is not about the case.
    """

    rules: tuple[str, ...]
    says: str
    speak: Speak
