"""Arrays that travel as text arrive as they were."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.database.connections import connect
from mailer.database.statements import int_array_literal, text_array_literal

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
SPECIAL = [None, "", "NULL", "null", '"', "\\", '\\"', "{", "}", ",", " a ", "a\nb\r", "\t", "é", "{1,2}", "'", "a,b"]


def test_arrays(database_url: str) -> None:
    """Arrays are read with quotes, backslashes, line breaks, braces and texts that look like null."""
    with asyncio.Runner() as runner:
        connection = runner.run(connect(database_url))

        @settings(deadline=None, max_examples=200)
        @given(
            st.lists(st.none() | TEXTS | st.sampled_from(SPECIAL)),
            st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
        )
        def arrive(texts: list[str | None], numbers: list[int | None]) -> None:
            statement = "SELECT $1::text::text[], $2::text::bigint[]"
            [row] = runner.run(connection.fetch(statement, text_array_literal(texts), int_array_literal(numbers)))
            assert list(row) == [texts, numbers]

        arrive()
        assert runner.run(connection.fetchval("SELECT $1::text::text[]", text_array_literal(SPECIAL))) == SPECIAL
        runner.run(connection.close())
