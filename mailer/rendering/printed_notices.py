"""The text of a released notice for print: of its frozen draft, facts and rules. Pure."""

from collections.abc import Mapping
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


def content_of_frozen_notice(frozen: Mapping[str, Any], variant: str, locale: str) -> LetterContent:
    """Returns the content of a notice as a manifest has frozen it, the same as that of its mail.

    Args:
        frozen: a BreachPhaseDraft as `draft`, BreachFacts as `facts`, and rows of rules as `rules`, all as JSON.
        variant: one of the draft.
        locale: of one of its texts.

    Raises:
        DraftTextRefused: the text cannot be shown. It is a ValueError.
    """
    draft = BreachPhaseDraft.model_validate(frozen["draft"])
    facts, rules = BreachFacts.model_validate(frozen["facts"]), breach_rules_of_json(frozen["rules"])
    required = required_parts(facts, rules, draft.variants[variant].places)
    return notice_content(draft, variant, locale, headings_of_language(required, locale))


def letter_to_nobody(
    frozen: Mapping[str, Any], variant: str, locale: str, policy: Policy, dated: date
) -> LetterRunPages:
    """Returns the letter of a variant without personal data, for authorities, in the format of its first place.

    Args:
        frozen: as above.
        variant: one of its draft.
        locale: of one of its texts.
        policy: of the brand, which names the sender.
        dated: the day that it bears.

    Raises:
        DraftTextRefused: the text cannot be shown. It is a ValueError.
    """
    content = content_of_frozen_notice(frozen, variant, locale)
    [first, *_] = frozen["draft"]["variants"][variant].get("places") or [""]
    window = window_of_country(first.partition("-")[0])
    sender = LetterSender(policy.controller.name, policy.controller.postal_address)
    return LetterRunPages(window, locale, dated, sender, (content,), (_NOBODY,))
