"""The text of a letter: the notice of its manifest, in the variant and the language of the person."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.letter_sheets import window_of_country
from mailer.policy.breach.rules import breach_rules_of_json, required_parts
from mailer.policy.policy_file import Policy
from mailer.ports.breach_outcomes import ReleasedPhase
from mailer.ports.letters import LetterToSet
from mailer.rendering.breach_content import headings_of_language, notice_content
from mailer.rendering.breach_samples import NAME
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.letter_pages import LetterPage, LetterRunPages, LetterSender


def content_of_letter(letter: LetterToSet) -> LetterContent:
    """Returns the text that a letter has, with the headings that the rules of its manifest set.

    Raises:
        DraftTextRefused: a part cannot be shown. The check of the phase refuses such texts.
    """
    draft, facts = BreachPhaseDraft.model_validate(letter.draft), BreachFacts.model_validate(letter.facts)
    return _content(draft, facts, letter.rules, letter.variant, letter.locale)


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
    content = _content(phase.draft, phase.facts, phase.rules, variant, locale)
    places = phase.draft.variants[variant].places
    window = window_of_country(places[0][:2] if places else None)
    sender = LetterSender(policy.controller.name, policy.controller.postal_address)
    nobody = LetterPage(0, (NAME,), 0)
    return LetterRunPages(window, locale, phase.released_at.date(), sender, (content,), (nobody,))


def _content(
    draft: BreachPhaseDraft, facts: BreachFacts, rules: Sequence[Mapping[str, Any]], variant: str, locale: str
) -> LetterContent:
    required = required_parts(facts, breach_rules_of_json(rules), draft.variants[variant].places)
    return notice_content(draft, variant, locale, headings_of_language(required, locale))
