"""Measures the handling of received mail on one process, beside libraries: `python -m bench inbound`.

Reports are stored bounces and complaints with signed return paths: each is read, classified and has its effect in a
real database. Requests are signed letters: DKIM and DMARC are checked too, by a DNS that answers from memory. A library
gets the same octets, and stores nothing. The command fails if either rate is below the one that is wanted.
"""

import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import partial
from uuid import UUID

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flufl.bounce import all_failures

from bench.handing import opened, working
from bench.inbound_samples import DOMAIN, SELECTOR, Zone, letter, report
from bench.setting import BRAND, database, setting
from mailer.app import App
from mailer.inbound.handling import ReceivedMailHandler
from mailer.mail_receiving import HANDLERS, build_received_mail_handler
from mailer.ports.broker import BrokerMessage
from mailer.ports.received_mail import Mailbox, NewReceivedMail

PEOPLE = 6_000
"""People who got a mailing; each round uses others."""
ROUNDS = 3
REPORTS = 1_500
"""Reports of a round: seven of ten are soft bounces, two complaints, and one is a hard bounce."""
LETTERS = 500
"""Letters of a round."""
LEAST_REPORTS = 500
LEAST_LETTERS = 100
TOGETHER = 8
"""The ids that a consumer holds."""


@dataclass
class _Arrived:
    """A message of the broker that only has to be settled. See `ports.broker.ReceivedMessage`."""

    message: BrokerMessage
    exchange: str = "mailer.inbound"
    is_unsettled: bool = True
    rejected: list[str] = field(default_factory=list)

    async def acknowledge(self) -> None:
        """Settles it."""
        self.is_unsettled = False

    async def reject(self, reason: str, kind: str = "refused") -> None:
        """Notes a refusal, which would be a fault of this benchmark."""
        raise AssertionError(f"{kind}: {reason}")

    async def return_to_queue(self) -> None:
        """Notes a failure, which would be a fault of this benchmark."""
        raise AssertionError("a message was given back")


async def handle_all(handler: ReceivedMailHandler, ids: Iterable[UUID]) -> None:
    """Handles messages as the consumers of one process do: `HANDLERS` at a time."""
    waiting = [_Arrived(BrokerMessage(json.dumps({"received": str(one)}).encode(), BRAND)) for one in ids]

    async def consume() -> None:
        while waiting:
            held = [waiting.pop() for _ in range(min(TOGETHER, len(waiting)))]
            await handler.handle_messages(held)

    async with asyncio.TaskGroup() as consumers:
        for _ in range(HANDLERS):
            consumers.create_task(consume())


async def rate_of_handling(app: App, handler: ReceivedMailHandler, mails: Sequence[NewReceivedMail]) -> float:
    """Stores messages, then returns how many are handled in a second of the clock."""
    ids = await app.received_mail.store_mail(mails)
    begun, used = time.perf_counter(), time.process_time()
    await handle_all(handler, ids)
    print(f"{len(ids):,} messages, {(time.process_time() - used) / len(ids) * 1e6:,.0f} µs of this process a message")
    return len(ids) / (time.perf_counter() - begun)


def rate_of_peer(call: Callable[[bytes], object], contents: Sequence[bytes]) -> float:
    """Returns how many messages a library reads in a second."""
    begun = time.perf_counter()
    for content in contents:
        call(content)
    return len(contents) / (time.perf_counter() - begun)


def _received(recipient: str, content: bytes, sender: str = "") -> NewReceivedMail:
    return NewReceivedMail(BRAND, Mailbox.RETURN_PATH, sender, recipient, "", "mx.people.example", content)


async def measure(url: str) -> dict[str, list[float]]:
    """Returns the rates of all rounds by row."""
    rates: dict[str, list[float]] = {"reports": [], "flufl.bounce": [], "requests": [], "dkimpy": []}
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    zone = Zone.of_key(key)
    async with setting(url) as room:
        await room.recipients(0, PEOPLE, "all")
        accepted = await room.accept("all")
    async with opened(url) as app:
        async with working(app) as handover:
            for batch in accepted.batches:
                await handover.hand_over_batches([batch])
        people = await app.pool.fetch("SELECT id, email FROM recipients ORDER BY id")
        domain, handler = app.policies[BRAND].domain, build_received_mail_handler(app, zone)
        paths = [app.links.bounce_address(accepted.mailing_id, row["id"], domain) for row in people]
        taken = 0
        for _ in range(ROUNDS):
            chosen = range(taken, taken + REPORTS)
            reports = [_received(paths[n], report(n, people[n]["email"], paths[n])) for n in chosen]
            rates["reports"].append(await rate_of_handling(app, handler, reports))
            rates["flufl.bounce"].append(rate_of_peer(_read_by_flufl, [one.content for one in reports]))
            chosen = range(taken + REPORTS, taken + REPORTS + LETTERS)
            letters = [
                _received(paths[n], dkim.sign(text, SELECTOR, DOMAIN, pem) + text, people[n]["email"])
                for n in chosen
                for text in [letter(people[n]["email"], paths[n])]
            ]
            rates["requests"].append(await rate_of_handling(app, handler, letters))
            verify = partial(_verify_by_dkimpy, zone)
            rates["dkimpy"].append(rate_of_peer(verify, [one.content for one in letters]))
            taken += REPORTS + LETTERS
        print(await _effects(app))
    return rates


def _read_by_flufl(content: bytes) -> object:
    return all_failures(message_from_bytes(content))


def _verify_by_dkimpy(zone: Zone, content: bytes) -> object:
    if not dkim.verify(content, dnsfunc=lambda name, timeout=5: zone.text(name.decode().rstrip(".")).encode()):
        raise AssertionError("dkimpy refuses the letter")
    return True


async def _effects(app: App) -> str:
    rows = await app.pool.fetch("SELECT kind, effect, count(*) AS n FROM received_mail GROUP BY 1, 2 ORDER BY 1, 2")
    return "handled: " + ", ".join(f"{row['n']:,} {row['kind']} {row['effect']}" for row in rows)


def main() -> None:
    """Measures, and prints the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with database() as url:
        rates = uvloop.run(measure(url))
    slow = []
    for ours, peer, least in (("reports", "flufl.bounce", LEAST_REPORTS), ("requests", "dkimpy", LEAST_LETTERS)):
        middle = {name: statistics.median(rates[name]) for name in (ours, peer)}
        for name in (ours, peer):
            low, high = min(rates[name]), max(rates[name])
            to_peer = middle[name] / middle[peer]
            print(f"{name:<13} {middle[name]:9,.0f}/s  {low:,.0f} to {high:,.0f}  to {peer}: {to_peer:.2f}")
        slow += [ours] if middle[ours] < least else []
    if slow:
        sys.exit(f"less than {LEAST_REPORTS} reports/s or {LEAST_LETTERS} requests/s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
