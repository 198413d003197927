"""Reads what a run has left: the sink's log, the ledger as it is exported, the deliveries and their counters."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.rendering.signed_links import SignedLinks
from tests.chaos.facts import SINK_DROPS, DeadLetter, Delivery, Entry, Evidence, Fault, Key, Mailing, Seen
from tests.chaos.journal import Journal
from tests.chaos.poison import poison_of
from tests.processes import PUBLIC_URL, Stack

_COMMITTED = "SELECT writer::text, n, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM ledger"


async def gather(stack: Stack, log: Path, journal: Journal, lease: float) -> Evidence:
    """Gathers all evidence, after everything has stopped."""
    seen = list(_seen(log, SignedLinks(PUBLIC_URL, [stack.env["MAILER_SECRET_KEYS"]])))
    # What the sink breaks off is a fault of its own: what was pipelined behind it is in doubt as well.
    drops = [Fault(SINK_DROPS, each.at, each.at, 1) for each in seen if _breaks(each)]
    return Evidence(
        seen=seen,
        entries=await _entries(stack),
        mailings=await _mailings(stack),
        deliveries=await _deliveries(stack),
        published=list(journal.published.values()),
        opt_outs=journal.opt_outs,
        halts=journal.halts,
        faults=[*journal.faults, *drops],
        endings=journal.endings,
        dead=[
            DeadLetter(f"{message_id}: {reason}", poison_of(body))
            for message_id, reason, body in await stack.query("SELECT message_id, reason, body FROM dead_letters")
        ],
        poison=[number for number, confirmed in enumerate(journal.poison) if confirmed],
        verified=await _verified(stack),
        window=WINDOW,
        lease=lease,
    )


def _breaks(seen: Seen) -> bool:
    return seen.verdict == "dropped" or (seen.fate is not None and ("drop" in seen.fate or "421" in seen.fate))


def _seen(log: Path, links: SignedLinks) -> Iterator[Seen]:
    with log.open() as lines:
        for line in lines:
            noted = json.loads(line)
            token = links.read_return_path(noted["sender"])
            key: Key | None = (str(token.mailing_id), token.recipient_id) if token else None
            yield Seen(key, noted["mail_at"], noted["at"], noted["verdict"], noted["message_id"], noted["fate"])


async def _entries(stack: Stack) -> list[Entry]:
    committed = {(writer, n): at for writer, n, at in await stack.query(_COMMITTED)}
    exported = (await stack.done("ledger", "export", "--jsonl")).out
    return [
        _entry(entry, committed)
        for entry in map(json.loads, exported.splitlines())
        if entry["mailing"] is not None and entry["recipient"] is not None
    ]


def _entry(entry: dict[str, Any], committed: dict[tuple[str, int], float]) -> Entry:
    at = datetime.fromisoformat(entry["at"]).timestamp()
    return Entry(
        (entry["mailing"], entry["recipient"]),
        at,
        committed.get((entry["writer"], entry["n"]), at),
        entry["kind"],
        entry["category"] or "",
        entry["reason"] or "",
        entry["attempt"] or 0,
        entry["message_id"],
        entry["writer"][-8:],
    )


async def _mailings(stack: Stack) -> list[Mailing]:
    lanes: dict[str, str] = {row[0]: row[1] for row in await stack.query("SELECT id::text, lane FROM mailings")}
    shown = (await stack.done("mailing", "list", "--json", "--limit", "100000")).json
    return [
        Mailing(
            status["id"],
            status["brand"],
            status["event"],
            status["category"],
            lanes[status["id"]],
            status["finished_at"] is not None,
            {(count["state"], count["reason"]): count["n"] for count in status["counts"]},
        )
        for status in shown
    ]


async def _deliveries(stack: Stack) -> list[Delivery]:
    rows = await stack.query("SELECT mailing_id::text, recipient_id, state, reason FROM deliveries")
    return [Delivery((mailing, recipient), state, reason) for mailing, recipient, state, reason in rows]


async def _verified(stack: Stack) -> list[str]:
    done = await stack.run("ledger", "verify", "--json")
    verdict: dict[str, Any] = done.json if done.out else {"sound": False, "faults": [done.err]}
    return [] if verdict["sound"] else [str(fault) for fault in verdict["faults"][:20]]
