"""A database with the opposite of the defaults that mailer needs, as another application may set them."""

from urllib.parse import urlsplit

import asyncpg

SETTINGS = {
    "default_transaction_isolation": "'repeatable read'",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "statement_timeout": "'3s'",
    "lock_timeout": "'40ms'",
    "idle_in_transaction_session_timeout": "'40ms'",
    "idle_session_timeout": "'3s'",
    "transaction_timeout": "'3s'",
    "search_path": "elsewhere, public",
    "TimeZone": "'Asia/Kathmandu'",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "client_encoding": "'LATIN1'",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "plan_cache_mode": "'force_generic_plan'",
    "enable_seqscan": "on",
    "jit": "on",
    "jit_above_cost": "0",
}


DECOYS = ("standings", "deliveries", "batches", "outbox")
"""Tables of another application that have the names of ours."""


async def make_hostile(url: str, *, decoys: bool) -> None:
    """Gives a database hostile defaults, and perhaps tables that stand before ours in the search path."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
        for table in DECOYS if decoys else ():
            await connection.execute(f"CREATE TABLE elsewhere.{table} (another int)")
        known = {row["name"] for row in await connection.fetch("SELECT name FROM pg_settings")}
        for setting in SETTINGS.keys() & known:  # PostgreSQL 16 has no transaction_timeout
            await connection.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} SET {setting} = {SETTINGS[setting]}")
    finally:
        await connection.close()
