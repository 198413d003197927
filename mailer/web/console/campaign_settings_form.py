"""The settings of a draft in the form: they are read as they were typed, and put into a draft with its texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft
from mailer.policy.campaign_gaps import campaign_categories
from mailer.policy.policy_file import Policy
from mailer.web.console.campaign_form import FieldFault, TypedText, one_line, validate_typed_text
from mailer.web.form_posts import Form

MAX_NAME: Final = 100
_AB_FIELDS: Final = ("share_percent", "metric", "hours")


@dataclass(frozen=True, slots=True)
class TypedDraft:
    """A form as it was typed: the name, the settings by field, and the shown texts."""

    name: str
    settings: Mapping[str, Any]
    texts: Sequence[TypedText]


def settings_of_draft(draft: CampaignDraft) -> dict[str, Any]:
    """Returns the settings of a stored draft for the form."""
    return draft.model_dump(mode="json", exclude={"variants", "schedule"})


def read_typed_settings(form: Form, current: CampaignDraft) -> dict[str, Any]:
    """Returns the settings as they were typed; a test that the form does not show stays as it is stored."""
    settings: dict[str, Any] = {name: one_line(form, name) for name in ("category", "purpose", "audience")}
    settings["topic"] = one_line(form, "topic") or None
    settings["exclude"] = form.get("exclude", [])
    settings["is_in_archive"] = "is_in_archive" in form
    settings["ab_test"] = settings_of_draft(current)["ab_test"]
    if current.ab_test is not None and "ab_test.metric" in form:
        typed = {name: one_line(form, f"ab_test.{name}") for name in _AB_FIELDS}
        settings["ab_test"] = {**typed, "is_automatic": "ab_test.is_automatic" in form}
    return settings


def build_draft(
    typed: TypedDraft, current: CampaignDraft, policy: Policy
) -> tuple[CampaignDraft | None, list[FieldFault]]:
    """Returns the stored draft with what was typed in its place, or the faults.

    Texts that the form does not show stay as they are stored, so that two people can write different languages.
    """
    faults = _faults_of_name_and_choices(typed, policy)
    variants = {name: dict(texts) for name, texts in current.variants.items()}
    for number, text in enumerate(typed.texts):
        written, found = _written_text(text, f"t{number}", current)
        faults += found
        if written is not None:
            variants[text.variant][text.locale] = written
    raw = {**current.model_dump(mode="json", exclude={"variants"}), **typed.settings, "variants": variants}
    try:
        draft = CampaignDraft.model_validate(raw)
    except ValidationError as error:
        named = {fault.field for fault in faults}
        faults += [
            FieldFault(place, f"{one['msg'].removeprefix('Value error, ')}.")
            for one in error.errors()
            if (place := ".".join(str(part) for part in one["loc"][:2])) not in named
        ]
        return None, faults
    return (None if faults else draft), faults


def _written_text(text: TypedText, path: str, current: CampaignDraft) -> tuple[LocalizedDraft | None, list[FieldFault]]:
    """Returns a shown text as a draft has it, or its faults. It may have been removed since it was shown."""
    if text.locale not in current.variants.get(text.variant, {}):
        gone = f"Somebody has removed {text.locale} of variant {text.variant}. Add the language again, then save."
        return None, [FieldFault(f"{path}.subject", gone)]
    return validate_typed_text(text, path)


def _faults_of_name_and_choices(typed: TypedDraft, policy: Policy) -> list[FieldFault]:
    faults = []
    if not typed.name:
        faults.append(FieldFault("name", "A campaign needs a name."))
    if len(typed.name) > MAX_NAME or not typed.name.isprintable():
        faults.append(FieldFault("name", f"A name is one line of at most {MAX_NAME} characters."))
    if typed.settings["category"] not in campaign_categories(policy):
        faults.append(FieldFault("category", "Choose one of the categories that a campaign of this brand may have."))
    if typed.settings["purpose"] not in policy.purposes:
        faults.append(FieldFault("purpose", "Choose one of the purposes that the policy has."))
    return faults
