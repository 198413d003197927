"""The only way to change a standing. Each action is named for what has happened to the recipient."""

from mailer.actions.consent import ConsentRefused, consent, withdraw
from mailer.actions.opt_out import OptOutRefused, opt_out, scope_left
from mailer.actions.suppression import SuppressionRefused, lift, object_to_marketing, suppress

__all__ = [
    "ConsentRefused",
    "OptOutRefused",
    "SuppressionRefused",
    "consent",
    "lift",
    "object_to_marketing",
    "opt_out",
    "scope_left",
    "suppress",
    "withdraw",
]
