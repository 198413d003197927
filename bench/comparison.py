"""The same four mailings to the same ten thousand people under each policy: `python -m bench.comparison [FILE]`.

Everything is real but the processor, which counts and forgets: the people are imported, the mailings expanded, decided,
rendered, intended and recorded. The figures are read from the ledger. Without FILE the page is printed.
"""

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.handing import opened, working
from bench.population import FLAGS, SIZE, as_file, people
from bench.setting import database, read_policies
from mailer import bundled_files
from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import import_recipients
from mailer.app import App
from mailer.database.statements import Pool
from mailer.events import MessageEvent, validate_event
from mailer.pipeline.handover import HandOver
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import ASKED, decide
from mailer.policy.decision_types import Divert, Hold, Mailing, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.rule_registry import RULES
from mailer.ports.mailings import NewMailing
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.recipient_import import PostgresRecipientImporter
from mailer.rendering.template_library import TemplateLibrary

TEMPLATES = {"breach": "breach-notice", "service": "maintenance", "newsletter": "weekly", "promotional": "spring-offer"}
BRANDS = ("interpals", "paltalk-2006", "paltalk-2002", "peerstream")

_INTRODUCTION = f"""\
# The same mail under four policies

Four mailings to the same {SIZE:,} made-up people, under each of the four policies. The people differ in country, in
how their address was collected, in what they consented to and left, in whether they pay, and in what else is known of
them (`bench/population.py`). `make comparison` writes this page: it runs the whole pipeline and reads the ledger. A
test recomputes the figures from the rules alone.

"""

Row = tuple[str, str]
"""The state of a delivery, and the rule that decided it."""
Counts = Mapping[tuple[str, str], Counter[Row]]
"""Numbers of people, by brand and category."""


def decided() -> Counts:
    """The decisions of the rules alone: the figures without a database, for anybody who wants to check them."""
    templates, policies = _library()
    everyone = [somebody.standing for somebody in people()]
    now = datetime.now(UTC)
    counts: dict[tuple[str, str], Counter[Row]] = {}
    for brand in BRANDS:
        for category, name in TEMPLATES.items():
            template = templates.find_template(brand, name)
            if template is None:
                raise LookupError(f"{brand} has no template {name}")
            mailing = Mailing(CATEGORIES[category], template.purpose, topic=_topic(category))
            verdicts = (decide(mailing, standing, policies[brand], now) for standing in everyone)
            counts[brand, category] = Counter(_row(category, verdict) for verdict in verdicts)
    return counts


def _row(category: str, verdict: Send | Suppress | Hold | Divert) -> Row:
    match verdict:
        case Send(category=sent_as):
            return ("sent" if sent_as.name == category else f"sent as {sent_as.name}"), verdict.rule
        case Divert(channel=channel):
            return f"diverted to {channel}", verdict.rule
        case Suppress(reason=reason) | Hold(reason=reason):
            return reason, verdict.rule


async def run(url: str) -> Counts:
    """Mails everyone under each policy; returns what the ledger says."""
    async with opened(url) as app, working(app) as handover:
        for brand in BRANDS:
            await _mail(app, handover, brand)
        return await _ledger(app.pool)


async def _mail(app: App, handover: HandOver, brand: str) -> None:
    templates, policies = _library()
    policy = policies[brand]
    importer = PostgresRecipientImporter(
        app.pool, app.writers, app.hasher, brand, policy.controller.id, policy.source_vocabulary
    )
    done = await import_recipients(
        importer, policy, read_table(as_file().getvalue().encode()), _refused, lambda n: None
    )
    if done.taken != SIZE:
        raise RuntimeError(f"{done.taken} of {SIZE} people were taken")
    await _learn(app.pool, brand)
    for category, name in TEMPLATES.items():
        template = templates.find_template(brand, name)
        if template is None:
            raise LookupError(f"{brand} has no template {name}")
        event = _event(brand, category, name, dict(template.example))
        sources = (template.version, template.source)
        new = NewMailing(
            uuid7(),
            event,
            Identity.parse_identity("key:bench"),
            CATEGORIES[category],
            *sources,
            policy.version,
            policy.controller.id,
        )
        [accepted] = await app.mailings.accept_mailings([new])
        if CATEGORIES[category].needs_release:
            await app.mailings.release_mailing(accepted.mailing_id, "Dana Duty")
        batches = await app.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1 ORDER BY id", accepted.mailing_id)
        for batch in batches:
            await handover.hand_over_batches([batch["id"]])
        print(f"{brand}: {category} done", file=sys.stderr)


def _refused(line: object) -> None:
    raise RuntimeError(f"a line was refused: {line}")


def _event(brand: str, category: str, template: str, context: dict[str, object]) -> MessageEvent:
    return validate_event(
        {
            "v": 1,
            "id": category,
            "brand": brand,
            "category": category,
            "template": template,
            "topic": _topic(category),
            "reason": "Your account cannot be used meanwhile" if category == "service" else None,
            "to": {"audience": "everyone"},
            "context": context,
        }
    )


def _topic(category: str) -> str | None:
    return "gardening" if category == "newsletter" else None


async def _learn(pool: Pool, brand: str) -> None:
    """Sets the facts about some people that an import does not take, and that the brand learnt later."""
    for flag in FLAGS:
        await _set(pool, brand, f"{flag}_at = now()", [one.ref for one in people() if flag in one.flags])
    await _set(pool, brand, "channel = 'telephone'", [one.ref for one in people() if one.channel == "telephone"])


async def _set(pool: Pool, brand: str, change: str, refs: Sequence[str]) -> None:
    await pool.execute(
        f"UPDATE standings s SET {change} FROM recipients r"  # noqa: S608 - the columns are those above
        " WHERE r.id = s.recipient_id AND r.brand = $1 AND r.ref = ANY ($2::text[])",
        brand,
        refs,
    )


async def _ledger(pool: Pool) -> Counts:
    rows = await pool.fetch(
        "SELECT m.brand, m.category, d.state, d.reason, d.sent_as, l.reason AS why, l.rule, count(*) AS n"
        " FROM deliveries d JOIN mailings m ON m.id = d.mailing_id"
        " JOIN ledger l ON l.mailing_id = d.mailing_id AND l.recipient_id = d.recipient_id AND l.kind = 'decision'"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )
    counts: defaultdict[tuple[str, str], Counter[Row]] = defaultdict(Counter)
    for row in rows:
        if row["state"] == "handed_over":
            what = f"sent as {row['sent_as']}" if row["sent_as"] else "sent"
        elif row["state"] == "diverted":
            what = f"diverted to {row['reason']}"
        else:
            what = row["why"]
        counts[row["brand"], row["category"]][what, row["rule"]] += row["n"]
    return counts


def page(counts: Counts) -> str:
    """The page, in Markdown."""
    _, policies = _library()
    lines = _INTRODUCTION.splitlines()
    for category in TEMPLATES:
        lines += [f"## {category}", "", *_table(category, counts, policies), ""]
    return "\n".join(lines)


def _table(category: str, counts: Counts, policies: Mapping[str, Policy]) -> list[str]:
    order = [*ASKED, "send"]
    rows = sorted(
        {row for brand in BRANDS for row in counts[brand, category]},
        key=lambda row: (not row[0].startswith("sent"), order.index(row[1]), row[0]),
    )
    lines = [f"| what | {' | '.join(BRANDS)} | rule | why |", f"|---|{'---:|' * len(BRANDS)}---|---|"]
    for what, rule in rows:
        figures = " | ".join(f"{counts[brand, category][what, rule]:,}" for brand in BRANDS)
        says = RULES[rule].says if rule in RULES else "Nothing forbids it."
        lines.append(f"| {what} | {figures} | {rule} | {says} {_promises(rule, policies)}|")
    return lines


def _promises(rule: str, policies: Mapping[str, Policy]) -> str:
    names = [promise.id for brand in BRANDS for promise in policies[brand].promises if rule in promise.rules]
    return f"({', '.join(names)}) " if names else ""


def _library() -> tuple[TemplateLibrary, dict[str, Policy]]:
    policies = read_policies()
    return TemplateLibrary.load_library(bundled_files.bundled_folder("templates"), policies), policies


def main() -> None:
    """Runs it, and prints or writes the page."""
    with database() as url:
        counts = asyncio.run(run(url))
    if counts != decided():
        sys.exit("the ledger and the rules do not agree")
    text = page(counts)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
