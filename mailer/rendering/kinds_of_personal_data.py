"""Kinds of personal data in a message, for the ledger. They are determined once for each compiled message."""

from collections.abc import Mapping
from typing import Any

from mailer.rendering.mail_merge import NAME
from mailer.rendering.template_library import RESERVED, Template

_SAID = frozenset({"inviter", "profile", "reason"})
"""Reserved names whose values are personal data."""


def personal_data_kinds(template: Template, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the kinds of personal data in a message. A processor gets no data except the message.

    Args:
        template: the template of the message.
        values: all values of this kind of message; the name in them goes into the To.

    Returns:
        Names such as `email`, `name` and `context.headline`, never values.
    """
    shown = sorted(key for key in template.uses if values.get(key) and (key not in RESERVED or key in _SAID))
    name = ("name",) if values.get(NAME) else ()
    return ("email", *name, "locale", *(key if key in _SAID else f"context.{key}" for key in shown))
