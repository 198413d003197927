"""The text of a released notice for print: of its frozen draft and facts, with the headings that laws set. Pure."""

from collections.abc import Mapping
from typing import Any

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_content import headings_of_language, notice_content
from mailer.rendering.letter_content import LetterContent


def content_of_frozen_notice(
    policy: Policy, draft: Mapping[str, Any], facts: Mapping[str, Any], variant: str, locale: str
) -> LetterContent:
    """Returns the content of a notice as a manifest has frozen it, the same as that of its mail.

    Args:
        policy: of the brand.
        draft: a BreachPhaseDraft as JSON.
        facts: a BreachFacts as JSON.
        variant: one of the draft.
        locale: of one of its texts.

    Raises:
        DraftTextRefused: the text cannot be shown. It is a ValueError.
    """
    phase = BreachPhaseDraft.model_validate(draft)
    places = phase.variants[variant].places
    required = required_parts(BreachFacts.model_validate(facts), breach_rules_of_policy(policy), places)
    return notice_content(phase, variant, locale, headings_of_language(required, locale))
