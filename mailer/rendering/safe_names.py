"""Names and other values of people that a mail must not show."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.autolinks import has_autolink


def row_with_safe_name(row: DeliveryRow) -> DeliveryRow:
    """Returns a row without a name that a mail program would show as a link."""
    return replace(row, name=None) if row.name and has_autolink(row.name) else row


def profile_without_links(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a person's profile without texts that a mail program would show as a link; fallbacks take their place."""
    return {name: value for name, value in profile.items() if not (isinstance(value, str) and has_autolink(value))}
