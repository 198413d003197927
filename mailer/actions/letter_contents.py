"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from mailer.policy.policy_file import Policy
from mailer.ports.letters import LetterToSet
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.printed_notices import content_of_frozen_notice


def content_of_letter(letter: LetterToSet, policy: Policy) -> LetterContent:
    """Returns the text that a letter of a brand has.

    Raises:
        DraftTextRefused: a part cannot be shown in a letter. No manifest with such a text is released.
    """
    return content_of_frozen_notice(policy, letter.draft, letter.facts, letter.variant, letter.locale)
