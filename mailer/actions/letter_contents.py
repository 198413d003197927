"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from mailer.ports.letters import LetterToSet
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.printed_notices import content_of_frozen_notice


def content_of_letter(letter: LetterToSet) -> LetterContent:
    """Returns the text that a letter has.

    Raises:
        DraftTextRefused: a part cannot be shown in a letter. No manifest with such a text is released.
    """
    frozen = {"draft": letter.draft, "facts": letter.facts, "rules": letter.rules}
    return content_of_frozen_notice(frozen, letter.variant, letter.locale)
