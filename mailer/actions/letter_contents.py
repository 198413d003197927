"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts
from mailer.policy.policy_file import Policy
from mailer.ports.letters import LetterToSet
from mailer.rendering.breach_content import headings_of_language, notice_content
from mailer.rendering.letter_content import LetterContent


def content_of_letter(letter: LetterToSet, policy: Policy) -> LetterContent:
    """Returns the text that a letter of a brand has.

    Raises:
        UnfitText: a part cannot be shown in a letter. No manifest with such a text is released.
    """
    draft, facts = BreachPhaseDraft.model_validate(letter.draft), BreachFacts.model_validate(letter.facts)
    required = required_parts(facts, breach_rules_of_policy(policy), draft.variants[letter.variant].places)
    return notice_content(draft, letter.variant, letter.locale, headings_of_language(required, letter.locale))
