"""The differences between the texts of two drafts of phases, by field and line. Pure."""

from collections.abc import Mapping

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText
from mailer.policy.campaign_differences import FieldDifference, changed_lines


def compare_phases(before: BreachPhaseDraft, after: BreachPhaseDraft) -> list[FieldDifference]:
    """Returns the fields that differ, by variant and language: the additions of a supplement, or of somebody else."""
    old, new = _fields_of_draft(before), _fields_of_draft(after)
    return [
        FieldDifference(*key, tuple(changed_lines(old.get(key, []), new.get(key, []))))
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key, []) != new.get(key, [])
    ]


def _fields_of_draft(draft: BreachPhaseDraft) -> Mapping[tuple[str, str, str], list[str]]:
    """Returns the lines of each field that is not empty, by variant, locale and name."""
    fields: dict[tuple[str, str, str], list[str]] = {}
    for name, variant in sorted(draft.variants.items()):
        fields[name, "", "places"] = sorted(variant.places)
        for locale, text in sorted(variant.texts.items()):
            fields |= {(name, locale, field): lines for field, lines in _fields_of_text(text).items()}
    return fields


def _fields_of_text(text: NoticeText) -> dict[str, list[str]]:
    lines = {"title": text.title, "preheader": text.preheader}
    lines |= {part.value: text.parts.get(part, "") for part in NoticePart}
    lines |= {"home_page": text.home_page, "telephone": text.telephone}
    return {field: said.splitlines() for field, said in lines.items() if said}
