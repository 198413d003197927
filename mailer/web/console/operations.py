"""The stores behind the pages of operations."""

from dataclasses import dataclass

from mailer.actions.mailing_waits import MailingWaits
from mailer.ports.halts import HaltList
from mailer.ports.mailing_releases import ReleasePreviewer
from mailer.ports.mailings import MailingDirectory
from mailer.ports.operator_stores import OperatorStoresOpener


@dataclass(frozen=True, slots=True)
class ConsoleOperations:
    """The stores behind the pages of operations.

    Attributes:
        open_stores: opens the stores that a person changes.
        mailings: lists and finds mailings.
        waits: explains why mailings wait.
        previews: foresees whom a mailing reaches that waits for its release.
        halts: lists the halts that hold now.
    """

    open_stores: OperatorStoresOpener
    mailings: MailingDirectory
    waits: MailingWaits
    previews: ReleasePreviewer
    halts: HaltList
