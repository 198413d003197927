"""Erasure in spite of data that nobody has checked yet, or that PostgreSQL reads differently from Python."""

import json

import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.policy.text_folding_for_comparison import has_too_many_combining_marks
from mailer.ports.broker import BrokerMessage
from mailer.postgres.outbox import PostgresOutbox
from tests.factories import BRAND, World, person

REF = "quokka-4711"
HERS = person(1, ref=REF)


@pytest.mark.parametrize(
    "said",
    [
        '"to": {"people": [HERS, {"ref": "user-2", "email": "\\ud800@people.example"}]}',
        '"to": {"people": null, "refs": ["REF", "user-2"]}',
        '"to": {"people": 1}, "context": {"x": "REF"}',
        '"to": {"people": [HERS, {"ref": "user-2"}]}, "context": ' + 900 * "[" + 900 * "]",
        '"to": {"people": [HERS, {"ref": "user-2"}]}, "context": ' + 9000 * "[" + 9000 * "]",
        '"to": {"people": [HERS, {"ref": "user-2", "email": "e%s@people.example"}]}' % ("\u0301\u0316" * 200_000),
    ],
    ids=["surrogate", "null", "number", "deep", "deeper", "marks"],
)
async def test_no_parked_message_keeps_an_erasure_from_its_end(world: World, said: str) -> None:
    """A row of the outbox may be no event, and may take time by its length. It does not stop an erasure."""
    await world.accept([HERS])
    body = f'{{"v": 1, "id": "bad", {said}}}'.replace("HERS", json.dumps(HERS)).replace("REF", REF)
    await PostgresOutbox(world.pool).add_messages("mailer.events", [BrokerMessage(body.encode(), f"{BRAND}.x", "w")])
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of(REF), "operator")
    assert REF not in "".join(row["body"] for row in await world.pool.fetch("SELECT body FROM outbox"))


async def test_the_doors_know_all_marks_that_postgresql_puts_in_order(world: World) -> None:
    """PostgreSQL's Unicode may be newer than Python's. The doors know all its marks; else sorting takes long."""
    found = await world.pool.fetchval(
        "SELECT string_agg(chr(n), '') FROM generate_series(128, 1114111) n WHERE n NOT BETWEEN 55296 AND 57343"
        " AND (normalize(chr(n) || chr(820), NFKD) = chr(820) || normalize(chr(n), NFKD)"
        " OR normalize(chr(769) || chr(n), NFKD) = normalize(chr(n), NFKD) || chr(769))"
    )
    assert len(found) > 900
    assert [hex(ord(mark)) for mark in found if not has_too_many_combining_marks(31 * mark)] == []
