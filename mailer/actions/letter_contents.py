"""The content of letters of breach notices, from what a manifest has frozen."""

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.policy_file import Policy
from mailer.ports.breach_outcomes import ReleasedPhase
from mailer.ports.letters import LetterToSet
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.letter_pages import LetterRunPages
from mailer.rendering.printed_notices import content_of_frozen_notice, letter_to_nobody


def content_of_letter(letter: LetterToSet) -> LetterContent:
    """Returns the text that a letter has, with the headings that the rules of its manifest set.

    Raises:
        DraftTextRefused: a part cannot be shown. The check of the phase refuses such texts.
    """
    draft, facts = BreachPhaseDraft.model_validate(letter.draft), BreachFacts.model_validate(letter.facts)
    return content_of_frozen_notice(draft, facts, letter.rules, letter.variant, letter.locale)


def sample_letter(phase: ReleasedPhase, policy: Policy, variant: str, locale: str) -> LetterRunPages:
    """Returns a letter to nobody, as an authority gets it: the text of a released phase without personal data.

    Args:
        phase: the phase.
        policy: of the brand, which names the sender.
        variant: one of its variants. Its first place tells the format.
        locale: of one of its texts.

    Raises:
        DraftTextRefused: a part cannot be shown.
    """
    content = content_of_frozen_notice(phase.draft, phase.facts, phase.rules, variant, locale)
    places = phase.draft.variants[variant].places
    return letter_to_nobody(content, policy, places, locale, phase.released_at.date())
