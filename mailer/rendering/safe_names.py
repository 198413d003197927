"""Names that mandatory mail must not show."""

from dataclasses import replace

from mailer.policy.category import Category
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.autolinks import has_autolink


def row_with_safe_name(row: DeliveryRow, category: Category) -> DeliveryRow:
    """Returns a row without an older name that mandatory mail would show as a link; intake refuses such names now."""
    return replace(row, name=None) if category.mandatory and row.name and has_autolink(row.name) else row
