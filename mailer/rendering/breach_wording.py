"""The shipped words of breach notices, by language: headings, model paragraphs, names of data."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, model_validator

from mailer.policy.breach.draft import NoticePart
from mailer.policy.breach.facts import DataKind
from mailer.policy.campaign_draft import Line, MarkdownText
from mailer.rendering.languages import best_locale_in_same_language

_FOLDER: Final = Path(__file__).with_name("breach_texts")


class BlockName(StrEnum):
    """A model paragraph. Most have the name of their part; a part may have another one for other facts."""

    WHAT_HAPPENED = "what_happened"
    WHAT_INFORMATION = "what_information"
    CONSEQUENCES = "consequences"
    WHAT_WE_DO = "what_we_do"
    WHAT_WE_DO_WITHOUT_NATURE = "what_we_do_without_nature"
    """Says nothing of the nature of the breach (Massachusetts)."""
    WHAT_YOU_CAN_DO = "what_you_can_do"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of a block
    CHANGE_PASSWORD_MAILBOX = "change_password_mailbox"  # noqa: S105 - the name of a block
    CREDIT_AGENCIES = "credit_agencies"
    IDENTITY_PROTECTION = "identity_protection"
    POLICE_REPORT = "police_report"
    CREDIT_FREEZE = "credit_freeze"
    LAW_ENFORCEMENT_DELAY = "law_enforcement_delay"
    LAW_ENFORCEMENT_NO_DELAY = "law_enforcement_no_delay"
    MORE_INFORMATION = "more_information"
    MORE_INFORMATION_TOLL_FREE = "more_information_toll_free"


class BlankName(StrEnum):
    """A blank of a model paragraph, written as `<began>`. The facts fill it in, or else the writer."""

    BEGAN = "began"
    ENDED = "ended"
    FOUND = "found"
    AGENCY = "agency"
    AGENCY_UNTIL = "agency_until"
    DATA = "data"
    POST = "post"


class BreachWording(BaseModel):
    """The words in one language.

    Attributes:
        title, preheader, home_page: those of a notice that begins with these words.
        telephone_opening, telephone_closing: around a notice that is read out; `<notice>` is its day.
        headings: by part. blocks: CommonMark by block. fields: what a writer fills a blank with. data: kinds of data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Line
    preheader: Line
    home_page: Line
    telephone_opening: Line
    telephone_closing: Line
    headings: Mapping[NoticePart, Line]
    blocks: Mapping[BlockName, MarkdownText]
    fields: Mapping[BlankName, Line]
    data: Mapping[DataKind, Line]

    @model_validator(mode="after")
    def _check_nothing_is_missing(self) -> "BreachWording":
        wanted = (self.headings, NoticePart), (self.blocks, BlockName), (self.fields, BlankName)
        missing = [str(name) for told, names in wanted for name in names if name not in told]
        missing += [str(kind) for kind in DataKind if kind not in self.data and kind is not DataKind.OTHER]
        if missing:
            raise ValueError(f"{', '.join(missing)}: is missing")
        return self


@cache
def load_breach_wordings() -> Mapping[str, BreachWording]:
    """Returns the shipped words by language."""
    return {
        file.stem: BreachWording.model_validate(tomllib.loads(file.read_text("utf-8")))
        for file in sorted(_FOLDER.glob("*.toml"))
    }


def wording_of_locale(locale: str) -> BreachWording | None:
    """Returns the words in the language of a locale, or None if they are not shipped in it."""
    wordings = load_breach_wordings()
    nearest = best_locale_in_same_language(locale, tuple(wordings))
    return wordings[nearest] if nearest else None
