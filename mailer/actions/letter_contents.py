"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import breach_rules_of_json, required_parts
from mailer.ports.letters import LetterToSet
from mailer.rendering.breach_content import headings_of_language, notice_content
from mailer.rendering.letter_content import LetterContent


def content_of_letter(letter: LetterToSet) -> LetterContent:
    """Returns the text that a letter has, with the headings that the rules of its manifest set.

    Raises:
        DraftTextRefused: a part cannot be shown. The check of the phase refuses such texts.
    """
    draft, facts = BreachPhaseDraft.model_validate(letter.draft), BreachFacts.model_validate(letter.facts)
    required = required_parts(facts, breach_rules_of_json(letter.rules), draft.variants[letter.variant].places)
    headings = headings_of_language(required, letter.locale)
    return notice_content(draft, letter.variant, letter.locale, headings)
