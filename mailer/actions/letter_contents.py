"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.policy_file import Policy
from mailer.ports.letters import LetterToSet
from mailer.rendering.letter_content import LetterContent, LetterSection, Paragraph, TextRun


def content_of_letter(letter: LetterToSet, policy: Policy) -> LetterContent:
    """Returns the text that a letter of a brand has."""
    draft = BreachPhaseDraft.model_validate(letter.draft)
    text = draft.variants[letter.variant].texts[letter.locale]
    sections = [
        LetterSection("", tuple(Paragraph((TextRun(said),)) for said in text.parts[part].split("\n\n")))
        for part in text.parts
    ]
    return LetterContent(text.title, tuple(sections))
