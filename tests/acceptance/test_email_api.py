"""Mail that goes by the API of an e-mail service: from the event to the ledger and back by its webhook, by a worker.

A worker is killed in the middle, once before the last octet of a request and once before it has handled the answer.
"""

from collections import Counter
from pathlib import Path

import asyncpg
import pytest

import mailer
from mailer import MessageEvent
from mailer.crash_points import CrashPoint
from mailer.inbound.delivery_proof import find_delivery_token_candidates, find_only_delivery_proof
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.rendering.signed_links import SignedLinks
from tests.acceptance.samples import event, people
from tests.email_apis import SERVICES
from tests.integration.api_world import api_double
from tests.processes import PUBLIC_URL, SECRETS, Stack, open_stack
from tests.shipped import shipped_templates

NEWSLETTER, SERVICE = "interpals", "paltalk-2006"
READERS = [f"reader{number}" for number in range(WINDOW + 6)]
MEMBERS = [f"member{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("scheme", "point"), [("postmark", CrashPoint.AFTER_FINAL_DOT), ("mailgun", CrashPoint.IN_MESSAGE)]
)
async def test_from_the_event_to_the_ledger_and_back(
    scheme: str, point: CrashPoint, tmp_path: Path, database_url: str
) -> None:
    """Optional mail arrives at most once, mandatory mail at least once. The ledger has the service's contract."""
    few = shipped_templates(tmp_path / "few", [NEWSLETTER, SERVICE], ["weekly", "maintenance"])
    async with api_double(scheme) as double, open_stack(tmp_path, database_url, "memory://") as opened:
        url = SERVICES[scheme].url(scheme, double.port, "&name=relay&country=DE&contract=DPA-7")
        stack = opened.having(PROCESSORS=url, TEMPLATES=str(few))
        await publish(stack)
        await stack.dies("worker", point)
        died_with = Counter(taken.recipient for taken in double.taken)
        await stack.query("UPDATE outbox SET lease_until = now() WHERE lease_until > now()")
        await stack.query("UPDATE batches SET lease_until = now() WHERE lease_until > now()")
        async with stack.running("worker"):
            await stack.finished("news", "notice")
        assert double.refused == []
        assert bool(died_with) is (point is CrashPoint.AFTER_FINAL_DOT)
        taken = Counter(mail.recipient for mail in double.taken)
        assert max(taken[f"{reader}@example.org"] for reader in READERS) == 1
        assert min(taken[f"{member}@example.org"] for member in MEMBERS) >= 1
        doubted = {ref for ref, (state, _) in (await stack.states("news")).items() if state != "handed_over"}
        assert len(doubted) <= WINDOW
        assert {reader for reader in READERS if not taken[f"{reader}@example.org"]} <= doubted
        on_record = await stack.query(
            "SELECT DISTINCT processor, country, contract, purpose FROM ledger WHERE kind = 'hand_over'"
        )
        assert {tuple(row) for row in on_record} == {
            ("relay", "DE", "DPA-7", "newsletter"),
            ("relay", "DE", "DPA-7", "service_notice"),
        }
        await assert_tokens_name_deliveries(stack, [(mail.recipient, mail.token) for mail in double.taken])


async def publish(stack: Stack) -> None:
    """Puts a newsletter and a service mail in the outbox."""
    connection = await asyncpg.connect(stack.database_url)
    for told in (
        event("news", NEWSLETTER, "newsletter", people(*READERS)),
        event("notice", SERVICE, "service", people(*MEMBERS)),
    ):
        await mailer.publish_in_transaction(connection, MessageEvent.model_validate(told))
    await connection.close()


async def assert_tokens_name_deliveries(stack: Stack, given: list[tuple[str, str]]) -> None:
    """Each token that the service gives back in a webhook names the delivery of the person who got the mail."""
    links = SignedLinks(PUBLIC_URL, [SECRETS["SECRET_KEYS"]])
    for address, token in given:
        found = find_only_delivery_proof(find_delivery_token_candidates([token]), links)
        assert found is not None
        ref = await stack.value(
            "SELECT r.ref FROM deliveries d JOIN recipients r ON r.id = d.recipient_id"
            " WHERE d.mailing_id = $1 AND d.recipient_id = $2",
            found.mailing_id,
            found.recipient_id,
        )
        assert address == f"{ref}@example.org"
