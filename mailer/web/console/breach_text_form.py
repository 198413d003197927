"""The form of a phase's texts. It holds what was typed, also what is refused, so that no text is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText
from mailer.policy.breach.text_changes import TextChangeRefused, parse_places, put_text, set_places
from mailer.web.console.campaign_form import FieldFault, one_line, words_of_fault
from mailer.web.form_posts import Form

LINES: Final = ("title", "preheader", "home_page")
"""The fields of one line."""
AREAS: Final = (*(part.value for part in NoticePart), "telephone")
"""The fields of Markdown."""
MOST_SHOWN: Final = 2
"""The texts that one page shows side by side."""


@dataclass(frozen=True, slots=True)
class TypedNotice:
    """One shown text as it was typed: the fields by name, `LINES` and `AREAS`."""

    variant: str
    locale: str
    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the text, such as `us-ca@en`."""
        return f"{self.variant}@{self.locale}"


@dataclass(frozen=True, slots=True)
class TypedPhase:
    """A form as it was typed.

    Attributes:
        places: of each variant but the one for elsewhere, as one line.
        notices: the shown texts.
    """

    places: Mapping[str, str]
    notices: Sequence[TypedNotice] = field(default_factory=list)


def typed_phase_of_draft(draft: BreachPhaseDraft, shown: Sequence[tuple[str, str]]) -> TypedPhase:
    """Returns a stored draft for the form, with those of its texts that are shown."""
    notices = [
        typed_notice_of_text(variant, locale, draft.variants[variant].texts[locale]) for variant, locale in shown
    ]
    places = {name: " ".join(variant.places) for name, variant in draft.variants.items() if variant.places}
    return TypedPhase(places, notices)


def typed_notice_of_text(variant: str, locale: str, text: NoticeText) -> TypedNotice:
    """Returns a stored text for the form."""
    said = {name: getattr(text, name) for name in (*LINES, "telephone")}
    return TypedNotice(variant, locale, said | {part.value: text.parts.get(part, "") for part in NoticePart})


def read_typed_phase(form: Form, draft: BreachPhaseDraft, shown: Sequence[tuple[str, str]]) -> TypedPhase:
    """Returns a form as it was typed; `shown` are the texts that it says it shows."""
    places = {name: one_line(form, f"places.{name}") for name in draft.variants if f"places.{name}" in form}
    notices = [_read_typed_notice(form, f"t{number}", *named) for number, named in enumerate(shown)]
    return TypedPhase(places, notices)


def _read_typed_notice(form: Form, path: str, variant: str, locale: str) -> TypedNotice:
    lines = {name: one_line(form, f"{path}.{name}") for name in LINES}
    areas = {name: form.get(f"{path}.{name}", [""])[0].replace("\r\n", "\n").replace("\r", "\n") for name in AREAS}
    return TypedNotice(variant, locale, lines | areas)


def build_phase_draft(typed: TypedPhase, current: BreachPhaseDraft) -> tuple[BreachPhaseDraft | None, list[FieldFault]]:
    """Returns the stored draft with what was typed in its place, or the faults.

    Texts that the form does not show stay as they are stored, so that two people can write different ones.
    """
    draft, faults = current, list[FieldFault]()
    for number, notice in enumerate(typed.notices):
        text, found = _validated_text(notice, f"t{number}")
        faults += found
        try:
            draft = put_text(draft, notice.variant, notice.locale, text) if text else draft
        except TextChangeRefused as refusal:
            faults.append(FieldFault(f"t{number}.title", f"{refusal}."))
    try:
        draft = set_places(draft, {name: parse_places(said) for name, said in typed.places.items()})
    except TextChangeRefused as refusal:
        faults.append(FieldFault(_field_of_places(typed, str(refusal)), f"{refusal}."))
    return (None if faults else draft), faults


def _validated_text(notice: TypedNotice, path: str) -> tuple[NoticeText | None, list[FieldFault]]:
    lines = {name: notice.fields[name] for name in (*LINES, "telephone")}
    parts = {part: said for part in NoticePart if (said := notice.fields[part.value]).strip()}
    try:
        return NoticeText.model_validate({**lines, "parts": parts}), []
    except ValidationError as error:
        return None, [FieldFault(f"{path}.{one['loc'][-1]}", words_of_fault(one)) for one in error.errors()]


def _field_of_places(typed: TypedPhase, refusal: str) -> str:
    """Returns the field of the places that a refusal names, or the first one."""
    named = next((name for name in typed.places if name in refusal), None)
    return f"places.{named or next(iter(typed.places), '')}"
