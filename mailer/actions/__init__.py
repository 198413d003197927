"""The actions: the only way to change a standing."""

from mailer.actions.consent import ConsentNotRecordable, record_consent_or_ask_to_confirm, withdraw_consent
from mailer.actions.opt_out import OptOutRefused, opt_out_scope_of_link, record_opt_out
from mailer.actions.suppression import SuppressionRefused, lift_suppression, object_to_marketing, suppress_recipient

__all__ = [
    "ConsentNotRecordable",
    "OptOutRefused",
    "SuppressionRefused",
    "lift_suppression",
    "object_to_marketing",
    "opt_out_scope_of_link",
    "record_consent_or_ask_to_confirm",
    "record_opt_out",
    "suppress_recipient",
    "withdraw_consent",
]
