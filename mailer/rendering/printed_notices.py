"""The text of a released notice for print, from its frozen draft, facts and rules, with the headings of laws. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.letter_sheets import window_of_country
from mailer.policy.breach.rules import breach_rules_of_json, required_parts
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_content import headings_of_language, notice_content
from mailer.rendering.breach_samples import NAME
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.letter_pages import LetterPage, LetterRunPages, LetterSender

_NOBODY: Final = LetterPage(0, (NAME,), 0)


def content_of_frozen_notice(
    draft: BreachPhaseDraft, facts: BreachFacts, rules: Sequence[Mapping[str, Any]], variant: str, locale: str
) -> LetterContent:
    """Returns the content of a notice as a manifest has frozen it, the same as that of its mail.

    Args:
        draft: of the manifest.
        facts: of the manifest.
        rules: of the manifest, as JSON.
        variant: one of the draft.
        locale: of one of its texts.

    Raises:
        DraftTextRefused: the text cannot be shown. It is a ValueError.
    """
    required = required_parts(facts, breach_rules_of_json(rules), draft.variants[variant].places)
    return notice_content(draft, variant, locale, headings_of_language(required, locale))


def letter_to_nobody(
    content: LetterContent, policy: Policy, places: Sequence[str], locale: str, day: date
) -> LetterRunPages:
    """Returns a letter without personal data, in the format of the first of the places.

    Args:
        content: of the notice.
        policy: of the brand, which names the sender.
        places: of the variant.
        locale: of the text.
        day: the date of the letter.
    """
    window = window_of_country(places[0][:2] if places else None)
    sender = LetterSender(policy.controller.name, policy.controller.postal_address)
    return LetterRunPages(window, locale, day, sender, (content,), (_NOBODY,))
