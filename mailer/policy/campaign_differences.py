"""The differences between two drafts of a campaign, by field and line. Pure."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from mailer.policy.campaign_draft import (
    Article,
    ArticlesBlock,
    Block,
    ButtonBlock,
    CampaignDraft,
    ColumnsBlock,
    HeadingBlock,
    HtmlBlock,
    LocalizedDraft,
    PictureBlock,
    TextBlock,
)

_AROUND = 2
"""The unchanged lines that are shown before and after a change."""


class ChangedLine(NamedTuple):
    """One line of a field: kept, added or removed."""

    change: Literal["same", "added", "removed"]
    text: str


class FieldDifference(NamedTuple):
    """A field that differs.

    Attributes:
        variant, locale: of the text; empty for a setting.
        field: `subject`, `preheader`, `content`, or the name of the setting.
        lines: the changed lines, with some unchanged ones around them.
    """

    variant: str
    locale: str
    field: str
    lines: tuple[ChangedLine, ...]


def compare_drafts(before: CampaignDraft, after: CampaignDraft) -> list[FieldDifference]:
    """Returns the fields that differ: settings first, then the texts by variant and language."""
    old, new = _fields_of_draft(before), _fields_of_draft(after)
    return [
        FieldDifference(*key, tuple(changed_lines(old.get(key, []), new.get(key, []))))
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key) != new.get(key)
    ]


def is_text_removed(before: CampaignDraft, after: CampaignDraft) -> bool:
    """Tells whether a change takes a text or a block away. Its former revision then stays in the history."""
    for variant, texts in before.variants.items():
        left = after.variants.get(variant, {})
        for locale, text in texts.items():
            if len(left[locale].blocks if locale in left else ()) < len(text.blocks) or locale not in left:
                return True
    return False


def _fields_of_draft(draft: CampaignDraft) -> Mapping[tuple[str, str, str], list[str]]:
    """Returns the lines of each field, by variant, locale and name."""
    settings = draft.model_dump(mode="json", exclude={"variants"})
    fields = {("", "", name): _lines_of_setting(value) for name, value in settings.items()}
    for variant, texts in sorted(draft.variants.items()):
        for locale, text in sorted(texts.items()):
            fields[variant, locale, "subject"] = [text.subject]
            fields[variant, locale, "preheader"] = [text.preheader]
            fields[variant, locale, "content"] = list(lines_of_content(text))
    return fields


def _lines_of_setting(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {part}" for name, part in value.items() if part is not None]
    if isinstance(value, list):
        return [str(part) for part in value]
    return [] if value is None else [str(value)]


def lines_of_content(text: LocalizedDraft) -> Iterator[str]:
    """Yields the blocks as lines: their kind in brackets, and what is in them."""
    for block in text.blocks:
        yield from _lines_of_block(block)


def _lines_of_block(block: Block) -> Iterator[str]:
    match block:
        case HeadingBlock():
            yield f"[heading {block.level}] {block.text}"
        case TextBlock():
            yield "[text]"
            yield from block.markdown.splitlines()
        case HtmlBlock():
            yield "[html]"
            yield from block.html.splitlines()
        case PictureBlock():
            alt = "decoration" if block.is_decoration else block.alt
            yield f"[picture] {block.picture} ({alt}){f' → {block.href}' if block.href else ''}"
        case ButtonBlock():
            yield f"[button] {block.label} → {block.href}"
        case ArticlesBlock():
            yield "[articles]"
            for article in block.articles:
                yield from _lines_of_article(article)
        case ColumnsBlock():
            for name, column in (("first", block.first), ("second", block.second)):
                yield f"[column: {name}]"
                for inner in column:
                    yield from _lines_of_block(inner)
        case _:
            yield "[divider]"


def _lines_of_article(article: Article) -> Iterator[str]:
    yield f"[article] {article.title}{f' → {article.href}' if article.href else ''}"
    if article.picture:
        yield f"[picture] {article.picture} ({article.alt})"
    yield from article.markdown.splitlines()


def changed_lines(before: list[str], after: list[str]) -> Iterator[ChangedLine]:
    """Yields the changed lines with some others around them."""
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND):
        for tag, first, last, begin, end in group:
            if tag == "equal":
                yield from (ChangedLine("same", line) for line in before[first:last])
                continue
            yield from (ChangedLine("removed", line) for line in before[first:last])
            yield from (ChangedLine("added", line) for line in after[begin:end])
