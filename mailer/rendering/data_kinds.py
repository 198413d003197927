"""Kinds of personal data in a message, for the ledger: worked out once for each compiled message."""

from collections.abc import Mapping
from typing import Any

from mailer.rendering.mail_merge import NAME
from mailer.rendering.template_library import RESERVED, Template

_SAID = frozenset({"inviter", "profile", "reason"})
"""Reserved names whose values say something of people."""


def personal_data_kinds(template: Template, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of personal data in a message: a processor gets the message, and nothing beside it.

    Args:
        template: of the message.
        values: all of this kind of message; a name in them goes into the To.

    Returns:
        Names such as `email`, `name` and `context.headline`, never values.
    """
    shown = sorted(key for key in template.uses if values.get(key) and (key not in RESERVED or key in _SAID))
    name = ("name",) if values.get(NAME) else ()
    return ("email", *name, "locale", *(key if key in _SAID else f"context.{key}" for key in shown))
