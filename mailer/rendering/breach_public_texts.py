"""The texts of a public notice, made from those of a breach phase. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused, check_public_days
from mailer.policy.breach.rules import BreachRules, PartsRequired, required_parts
from mailer.policy.public_notices import PARTS, heading_key
from mailer.rendering.breach_content import headings_of_language

_PLACE_OF_PART: Final[Mapping[NoticePart, str]] = {
    NoticePart.WHAT_HAPPENED: "what_happened",
    NoticePart.LAW_ENFORCEMENT_DELAY: "what_happened",
    NoticePart.WHAT_INFORMATION: "what_information",
    NoticePart.CONSEQUENCES: "what_information",
    NoticePart.WHAT_WE_DO: "what_we_do",
    NoticePart.IDENTITY_PROTECTION: "what_we_do",
    NoticePart.WHAT_YOU_CAN_DO: "what_you_can_do",
    NoticePart.CHANGE_PASSWORD: "what_you_can_do",
    NoticePart.CREDIT_AGENCIES: "what_you_can_do",
    NoticePart.POLICE_REPORT: "what_you_can_do",
    NoticePart.CREDIT_FREEZE: "what_you_can_do",
    NoticePart.MORE_INFORMATION: "more_information",
}
"""The five headings of the page, by part. Each part stands below one of them."""
_ORDER: Final = sorted(NoticePart, key=list(_PLACE_OF_PART).index)
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def check_public_notice(
    draft: BreachPhaseDraft, facts: BreachFacts, rules: BreachRules, variant: str = ELSEWHERE, days: int | None = None
) -> dict[str, dict[str, str]]:
    """Returns the texts of a phase's public notice, with the headings that laws set; none if it has no public notice.

    Args:
        draft: of the phase.
        facts: of the case.
        rules: of the brand.
        variant: the one that gives the texts.
        days: in place of the draft's.

    Raises:
        BreachPublicNoticeRefused: a part is missing, or the days are too few.
    """
    stands = draft.public_days if days is None else days
    check_public_days(stands, facts, rules)
    if not stands:
        return {}
    texts = public_texts_of_phase(draft, variant)
    if not texts:
        raise BreachPublicNoticeRefused(
            f"the variant {variant} has no text; write one, since the public notice shows it"
        )
    if missing := missing_public_texts(texts):
        named = ", ".join(f"{code}: {name.replace('_', ' ')}" for code, name in missing[:10])
        raise BreachPublicNoticeRefused(f"the public notice shows the variant {variant}; write what it lacks: {named}")
    required = required_parts(facts, rules, draft.variants[variant].places)
    return {code: {**text, **_headings_of_law(required, code)} for code, text in texts.items()}


def _headings_of_law(required: PartsRequired, code: str) -> dict[str, str]:
    headings = headings_of_language(required, code)
    return {heading_key(name): headings[NoticePart(name)] for name in PARTS if name in headings}


def public_texts_of_phase(draft: BreachPhaseDraft, variant: str) -> dict[str, dict[str, str]]:
    """Returns the texts of a public notice by language: a title, and the parts that the variant has.

    Of two locales of a language, such as `en-GB` and `en-US`, the plain one goes first, then the first by name.
    """
    texts: dict[str, dict[str, str]] = {}
    for locale in sorted(draft.variants[variant].texts):
        texts.setdefault(locale.partition("-")[0].lower(), _texts_by_heading(draft.variants[variant].texts[locale]))
    return texts


def missing_public_texts(texts: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Returns the language and the name of each title or part that a public notice must have, and lacks."""
    return [(code, name) for code in sorted(texts) for name in ("title", *PARTS) if not texts[code].get(name)]


def plain_text_of_markdown(text: str) -> str:
    """Returns the words of Markdown as plain text: paragraphs with a blank line between, bullets, and links in words.

    A link becomes "words: address". Markup of other kinds is left out, its words are not.
    """
    return "\n\n".join(block for block in _blocks(_MARKDOWN.parse(text)) if block)


def _texts_by_heading(text: NoticeText) -> dict[str, str]:
    found = {"title": text.title}
    for part in _ORDER:
        said = plain_text_of_markdown(text.parts.get(part, ""))
        place = _PLACE_OF_PART[part]
        found[place] = "\n\n".join(filter(None, (found.get(place, ""), said)))
    return {name: words for name, words in found.items() if words}


def _blocks(tokens: list[Token]) -> Iterator[str]:
    """Yields the text of each block. The items of a list are blocks of their own, each with its sign."""
    signs: list[int | None] = []
    sign = ""
    for token in tokens:
        match token.type:
            case "bullet_list_open":
                signs.append(None)
            case "ordered_list_open":
                signs.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                signs.pop()
            case "list_item_open":
                number = signs[-1]
                sign = "• " if number is None else f"{number}. "
                signs[-1] = None if number is None else number + 1
            case "inline":
                yield sign + _words(token.children or [])
                sign = ""
            case "code_block" | "fence":
                yield sign + token.content.rstrip("\n")
                sign = ""
            case _:
                pass


def _words(tokens: list[Token]) -> str:
    words, links = "", list[tuple[int, str]]()
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                words += token.content
            case "softbreak":
                words += " "
            case "hardbreak":
                words += "\n"
            case "link_open":
                links.append((len(words), str(token.attrGet("href") or "")))
            case "link_close":
                begin, address = links.pop()
                shown = address.removeprefix("mailto:").removeprefix("tel:")
                words += "" if words[begin:] in (address, shown) else f": {shown}"
            case _:
                pass
    return words.strip()
