"""The expansion of a named audience: one statement makes the deliveries and batches of a mailing."""

from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, load_statements, renumber_parameters
from mailer.policy.segments import SEGMENT_PREFIX
from mailer.postgres.audiences import AudienceUnknown, audience_query

_EXPAND = load_statements("mailings")["expand_audience"]
EXPANSION_SECONDS = 600
"""The time limit to expand a named audience in one statement. Ten million recipients take a minute; a broker waits
half an hour."""


async def expand_audience(
    connection: Connection, mailing_id: UUID, brand: str, name: str, batch_size: int
) -> list[asyncpg.Record]:
    """Makes the deliveries of an audience by the database alone, and returns its batches.

    Raises:
        ValueError: the segment was deleted in between, or takes longer than `EXPANSION_SECONDS`. A list that takes so
            long raises the driver's error, as the server is too slow then.
    """
    try:
        members, parameters = await audience_query(connection, brand, name)
    except AudienceUnknown as error:
        raise ValueError(f"to.audience: {error}") from None
    await connection.execute(f"SET LOCAL statement_timeout = '{EXPANSION_SECONDS}s'; SET LOCAL lock_timeout = 0")
    try:
        return await connection.fetch(
            # The server's limit is shorter than ours. If ours came first, the server would seem to be away.
            _EXPAND.replace("{members}", renumber_parameters(_EXPAND, members)),
            mailing_id,
            batch_size,
            *parameters,
            timeout=EXPANSION_SECONDS + 10,
        )
    except asyncpg.QueryCanceledError:
        if not name.startswith(SEGMENT_PREFIX):
            raise
        minutes = EXPANSION_SECONDS // 60
        raise ValueError(f"to.audience: {name} took longer than {minutes} minutes; make it simpler") from None
