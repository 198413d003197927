"""The category of mail about a product that the person does not pay for."""

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.decision_types import Mailing
from mailer.policy.rule_registry import rule
from mailer.policy.standing import (
    Standing,
)
from mailer.policy.switches import Switches


@rule(
    "service-scope",
    "interpals-08, interpals-26, paltalk06-05; PROMISES: where they clash",
    sees=("mailing.category.name", "mailing.product", "switches.service_scope", "standing.products"),
)
def category_if_product_unpaid(mailing: Mailing, standing: Standing, switches: Switches) -> Category | None:
    """Makes service mail an update if `service_scope = "paid"` and the person does not pay for its product."""
    other = mailing.category.without_product
    if other and switches.service_scope == "paid" and not standing.pays_for(mailing.product):
        return CATEGORIES[other]
    return None
