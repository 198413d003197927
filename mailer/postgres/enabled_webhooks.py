"""Tells if any application has an enabled endpoint. Most installations have none: no hand-over pays for them."""

import time
from typing import Final

from mailer.database.statements import Connection, load_statements

_ENABLED: Final = load_statements("outgoing_webhooks")["enabled"]
SECONDS: Final = 5.0
"""Seconds for which an answer is used again. Outcomes of so long may be missing at an endpoint that was just added."""


class EnabledWebhooks:
    """Looks for enabled endpoints now and then."""

    def __init__(self) -> None:
        self._known = False
        self._until = float("-inf")

    async def has_any(self, connection: Connection) -> bool:
        """Tells whether there is an enabled endpoint, as it was at most `SECONDS` ago."""
        if time.monotonic() >= self._until:
            self._known = await connection.fetchval(_ENABLED)
            self._until = time.monotonic() + SECONDS
        return self._known
