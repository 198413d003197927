"""Names and other values of people that a mail must not show."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mailer.policy.category import Category
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.autolinks import has_autolink


def row_with_safe_name(row: DeliveryRow, category: Category) -> DeliveryRow:
    """Returns a row without an older name that mandatory mail would show as a link; intake refuses such names now."""
    return replace(row, name=None) if category.mandatory and row.name and has_autolink(row.name) else row


def name_without_link(name: str | None) -> str | None:
    """Returns a name for the text of a mail, or None if a mail program would show it as a link."""
    return None if name and has_autolink(name) else name


def profile_without_links(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a person's profile without texts that a mail program would show as a link; fallbacks take their place."""
    return {name: value for name, value in profile.items() if not (isinstance(value, str) and has_autolink(value))}
