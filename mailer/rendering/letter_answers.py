"""The automatic answer to a letter (RFC 3834): the letter that it answers, and the language of that letter."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mailer.policy.publisher_rights import ACKNOWLEDGEMENT
from mailer.rendering.localized_texts import locales_with_all_texts
from mailer.rendering.template import Template


class AnsweredLetter(NamedTuple):
    """A letter that a mailing answers automatically.

    Attributes:
        message_id: with its brackets; empty if the letter had none.
        locale: the locale of the template in the letter's language; None: that of the person.
    """

    message_id: str
    locale: str | None


def answered_letter_of_mailing(template: Template, context: Mapping[str, Any]) -> AnsweredLetter | None:
    """Returns the letter that a mailing answers automatically; None if it is no such answer."""
    if template.name != ACKNOWLEDGEMENT:
        return None
    written = context.get("language")
    return AnsweredLetter(str(context.get("answered") or ""), written if written in template.locales else None)


def build_locale_chooser(
    template: Template, texts: Mapping[str, Mapping[str, Any]], letter: AnsweredLetter | None
) -> Callable[[str | None], str]:
    """Returns a function that chooses the locale of a mail from the recipient's; the letter's comes before it.

    Args:
        template: the template.
        texts: the values of the mailing that are given by language.
        letter: the letter that the mailing answers.
    """
    spoken, written = locales_with_all_texts(template, texts), letter.locale if letter else None
    return lambda locale: written or template.choose_locale(locale, spoken)
