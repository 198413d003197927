"""The only way to change a standing. Each action is named for what has happened to the recipient."""

from mailer.actions.bounce import address_dead
from mailer.actions.opt_out import OptOutRefused, opt_out

__all__ = ["OptOutRefused", "address_dead", "opt_out"]
