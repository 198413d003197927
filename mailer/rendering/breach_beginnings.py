"""The text with which a notice begins: shipped blocks for the required parts, filled in from the facts. Pure."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date
from typing import Final

from mailer.policy.breach.draft import NoticePart, NoticeText
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.rendering.breach_content import day_in_language
from mailer.rendering.breach_wording import BlankName, BlockName, BreachWording, wording_of_locale

_BASIC: Final = frozenset(
    (
        NoticePart.WHAT_HAPPENED,
        NoticePart.WHAT_INFORMATION,
        NoticePart.CONSEQUENCES,
        NoticePart.WHAT_WE_DO,
        NoticePart.WHAT_YOU_CAN_DO,
        NoticePart.MORE_INFORMATION,
    )
)
"""The parts of every notice, unless a law forbids one: the Dutch authority's four questions, measures and contact."""
_TOLL_FREE_LAWS: Final = frozenset({"hipaa"})
_BLANK = re.compile(r"<([a-z_]+)>")
_MARKDOWN_SIGN = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def parts_to_begin_with(required: Collection[NoticePart], forbidden: Collection[NoticePart]) -> list[NoticePart]:
    """Returns the parts of a new notice in their order: the basic and required ones without the forbidden ones."""
    return [part for part in NoticePart if part in _BASIC | set(required) and part not in forbidden]


def begin_notice_text(
    locale: str,
    facts: BreachFacts,
    required: Collection[NoticePart],
    forbidden: Collection[NoticePart],
    post: str,
    today: date,
) -> NoticeText | None:
    """Returns a text of shipped blocks. What the facts do not say stands in [brackets], which the check refuses.

    Args:
        locale: the language.
        facts: of the case.
        required: the parts that laws want for the variant.
        forbidden: those that they forbid.
        post: the postal address of the controller, on one line or several.
        today: the day of the notice.

    Returns:
        None if no blocks are shipped in the language.
    """
    wording = wording_of_locale(locale)
    if wording is None:
        return None
    known = {**_known_values(wording, locale, facts, post), "notice": day_in_language(today, locale)}
    chosen = {
        part: block_of_part(part, facts, required, forbidden) for part in parts_to_begin_with(required, forbidden)
    }
    parts = {part: _filled_block(wording.blocks[block], wording, known) for part, block in chosen.items()}
    return NoticeText(title=wording.title, preheader=wording.preheader, parts=parts)


def block_of_part(
    part: NoticePart, facts: BreachFacts, required: Collection[NoticePart], forbidden: Collection[NoticePart]
) -> BlockName:
    """Returns the block that fits a part, the facts and the law."""
    match part:
        case NoticePart.WHAT_WE_DO if NoticePart.WHAT_HAPPENED in forbidden:
            return BlockName.WHAT_WE_DO_WITHOUT_NATURE
        case NoticePart.CHANGE_PASSWORD if DataKind.MAILBOX_CREDENTIALS in facts.data:
            return BlockName.CHANGE_PASSWORD_MAILBOX
        case NoticePart.LAW_ENFORCEMENT_DELAY if facts.law_enforcement_delay_until is None:
            return BlockName.LAW_ENFORCEMENT_NO_DELAY
        case NoticePart.MORE_INFORMATION if _needs_toll_free_number(facts, required):
            return BlockName.MORE_INFORMATION_TOLL_FREE
        case _:
            return BlockName(part.value)


def _needs_toll_free_number(facts: BreachFacts, required: Collection[NoticePart]) -> bool:
    return bool(_TOLL_FREE_LAWS & facts.sector_laws) or NoticePart.CREDIT_AGENCIES in required


def _known_values(wording: BreachWording, locale: str, facts: BreachFacts, post: str) -> Mapping[str, str]:
    """Returns Markdown for the blanks that the facts fill in."""
    found_on = facts.found_at.astimezone(UTC).date() if facts.found_at else None
    days = {
        BlankName.BEGAN: facts.began_on,
        BlankName.ENDED: facts.ended_on,
        BlankName.FOUND: found_on,
        BlankName.AGENCY_UNTIL: facts.law_enforcement_delay_until,
    }
    known: dict[str, str] = {name: day_in_language(day, locale) for name, day in days.items() if day is not None}
    said = [wording.data[kind] for kind in DataKind if kind in facts.data and kind is not DataKind.OTHER]
    said += [facts.other_data] if facts.other_data.strip() else []
    texts = {BlankName.AGENCY: facts.law_enforcement, BlankName.POST: ", ".join(post.split("\n"))}
    known |= {name: escaped_markdown(" ".join(text.split())) for name, text in texts.items() if text.strip()}
    if said:
        known[BlankName.DATA] = "\n".join(f"- {escaped_markdown(' '.join(one.split()))}" for one in said)
    return known


def escaped_markdown(text: str) -> str:
    """Returns CommonMark that shows a text as it is."""
    return _MARKDOWN_SIGN.sub(r"\\\1", text)


def _filled_block(block: str, wording: BreachWording, known: Mapping[str, str]) -> str:
    def filled(found: re.Match[str]) -> str:
        return known.get(found[1]) or f"[{wording.fields[BlankName(found[1])]}]"

    return _BLANK.sub(filled, block).strip()
