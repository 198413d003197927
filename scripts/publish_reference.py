"""Writes docs/reference/: settings, commands, routes, event fields, outcomes, reasons, metrics, as the code has them.

Usage: python -m scripts.publish_reference [--check]; with `--check` nothing is written, and a page that differs is
named.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import typer
from prometheus_client import CollectorRegistry

from mailer.account_event_types import AccountEvent
from mailer.broker.asyncapi import outcomes_asyncapi_document
from mailer.cli import app
from mailer.events import Attachment, Audience, MessageEvent, People, Person, Refs
from mailer.metrics_and_logger import EVERY, INBOUND, TIMEKEEPER, WEB, WORKER
from mailer.pipeline import handover, timekeeper
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.delivery_reason_explanations import REASONS
from mailer.ports.outcomes import OUTCOME_KINDS, OutcomeMessage, OutcomeOfDelivery, OutcomesOfMailing
from mailer.runtime.process_monitoring import LoopHeartbeat, build_process_metrics_registry, operator_port_routes
from mailer.runtime.readiness import Readiness
from mailer.settings import DEVELOPMENT_SECRET, Settings
from mailer.web.app import openapi_document, page_routes
from mailer.web.captured_mail_inbox import router as inbox
from mailer.web.console.console_app import ROUTERS as CONSOLE
from mailer.web.openapi_common_answers import ANSWERS_TO_BODIES, COMMON_ANSWERS
from mailer.web.web_context import WebCounters
from scripts.reference_tables import fields_table, said, table

_OUTCOME_WORDS = {
    "bounced": "came back: the address does not exist, and gets nothing any more",
    "bounced_for_now": "came back: the mailbox takes no mail for now",
    "complained": "came back: the person called the mail spam, and gets no optional mail any more",
    "opted_out": "came back: the person opted out by mail",
}
"""States that are no state of a delivery, in words."""
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
LOADED = (handover, timekeeper)
"""Modules that register metrics when they are loaded."""
_NOTE = "`make reference` writes this page from the code.\n"
_SEE = {
    "processors": "[relays](../operations.md#relays)",
    "templates": "[templates](../adding-a-template.md)",
    "policies": "[policies](../policies.md)",
    "jurisdictions": "[jurisdictions](../jurisdictions.md)",
    "secret_keys": "[keys](../operations.md#keys)",
    "address_key": "[keys](../operations.md#keys)",
    "ledger_key": "[keys](../operations.md#keys)",
    "dkim": "[DKIM](../operations.md#dkim)",
    "data": "[after a restore](../operations.md#after-a-restore)",
    "only_deliver_to": "[the staging fence](../operations.md#the-staging-fence)",
    "metrics_port": "[the operators' port](../operations.md#the-operators-port)",
}
"""The page with more about a setting."""
_OPERATORS = {
    "/metrics": "The metrics of this process, for Prometheus.",
    "/livez": "200, or 503 if the event loop has not turned for 15 seconds: restart the process.",
    "/readyz": "200, or 503 with a line for each thing that keeps the process from its work. Restarting does not help.",
}


def settings() -> str:
    """The page of settings."""
    words = said(Settings)
    rows = []
    for name, field in Settings.model_fields.items():
        limits = {key: getattr(item, key) for item in field.metadata for key in ("ge", "le") if hasattr(item, key)}
        bounds = f" From {limits['ge']} to {limits['le']}." if limits else ""
        see = f" See {_SEE[name]}." if name in _SEE else ""
        rows.append([f"`MAILER_{name.upper()}`", _default(name, field.default), f"{words[name]}{bounds}{see}"])
    return (
        f"# Settings\n\n{_NOTE}\n"
        "A setting comes from the environment or from a file `.env` in the working folder. A list has commas between\n"
        "its values, or is a JSON list. Percent-encode special characters in the user name and password of a URL,\n"
        "commas too. Production refuses a development key, a weak one, and one that two settings share.\n\n"
        f"{table(['setting', 'default', 'is'], rows)}"
    )


def _default(name: str, default: Any) -> str:
    match default:
        case _ if name in ("templates", "policies", "jurisdictions"):
            return "those that come with mailer"
        case _ if default in (DEVELOPMENT_SECRET, (DEVELOPMENT_SECRET,)):
            return "a development key"
        case ():
            return "empty"
        case tuple():
            return f"`{','.join(default)}`"
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def commands() -> str:
    """The page of commands."""
    group = typer.main.get_command(app)
    parts = [
        f"# Commands\n\n{_NOTE}\nCommands that show data take `--json`. An error is one line on stderr; the status is 2"
        " for bad input\nand 1 for a failure. In a clone, the command is `.venv/bin/mailer`.\n"
    ]
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        parts.append(f"\n## mailer {name}\n\n{_paragraphs(command.help)}\n")
        if inner is None:
            parts.append(_parameters(name, command))
        for sub, each in (inner or {}).items():
            parts.append(f"\n### mailer {name} {sub}\n\n{_paragraphs(each.help)}\n")
            parts.append(_parameters(f"{name} {sub}", each))
    return "".join(parts)


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _parameters(name: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not parameter.hidden and parameter.name != "help"]
    arguments = [parameter for parameter in shown if not parameter.opts[0].startswith("-")]
    options = [parameter for parameter in shown if parameter.opts[0].startswith("-")]
    words = [_argument(parameter) for parameter in arguments]
    usage = " ".join(["mailer", name, *words, *(["[OPTIONS]"] if options else [])])
    rows = [
        [
            f"`{_argument(parameter) if parameter in arguments else _option(parameter)}`",
            "required" if parameter.required else _value(parameter.default),
            (parameter.help or "").strip(),
        ]
        for parameter in (*arguments, *options)
    ]
    block = f"\n```text\n{usage}\n```\n"
    return f"{block}\n{table(['parameter', 'default', 'is'], rows)}" if rows else block


def _argument(parameter: Any) -> str:
    word = (parameter.metavar or parameter.name.upper()).strip("[]").removesuffix("...")
    word = f"{word}…" if parameter.nargs != 1 else word
    return word if parameter.required else f"[{word}]"


def _option(parameter: Any) -> str:
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    return f"{names} {parameter.metavar or parameter.name.upper()}"


def _value(default: Any) -> str:
    if default in (None, "", (), []) or default is False or callable(default):
        return ""
    return f"`{getattr(default, 'value', default)}`"


def routes() -> str:
    """The page of routes."""
    api = [
        [
            f"`{method.upper()} {path}`",
            f"{what['summary']}. {what.get('description', '')}".strip(),
            _answers(what),
        ]
        for path, methods in openapi_document()["paths"].items()
        for method, what in methods.items()
    ]
    common = [[f"`{status}`", words] for status, words in {**COMMON_ANSWERS, **ANSWERS_TO_BODIES}.items()]
    pages = [_route(route) for route in page_routes()]
    console = [_route(route) for router in CONSOLE for route in router.routes]
    mails = [_route(route) for route in inbox.routes]
    operators = operator_port_routes(Readiness(), LoopHeartbeat(), [])
    return (
        f"# Routes\n\n{_NOTE}\n"
        "## The API\n\nEach request has the header `Authorization: Bearer KEY`. `/api/v1/openapi.json` describes the\n"
        "API, as `mailer schema api` does. See [publishing over HTTP](../publishing.md#http).\n\n"
        f"{table(['request', 'does', 'answers'], api)}\n"
        "Each of them can also answer:\n\n"
        f"{table(['status', 'means'], common)}\n"
        "## Pages for recipients\n\nThe token says who and what. GET and HEAD change nothing, but for counting an open"
        " or a click.\nSee [what the holder of a link can do](../links.md).\n\n"
        f"{table(['methods', 'path', 'does'], pages)}\n"
        "## The console\n\nFor staff who are signed in; see [staff](../staff.md).\n\n"
        f"{table(['methods', 'path', 'does'], console)}\n"
        "## The operators' port\n\nEach process answers these on `MAILER_METRICS_PORT`."
        " See [the operators' port](../operations.md#the-operators-port).\n\n"
        f"{table(['path', 'answers'], [[f'`{path}`', _OPERATORS[path]] for path in operators])}\n"
        "While mail is captured (`capture://`), `web` also shows it there:\n\n"
        f"{table(['methods', 'path', 'does'], mails)}"
    )


def _answers(what: Mapping[str, Any]) -> str:
    own = {status for status in what["responses"] if status not in COMMON_ANSWERS and status not in ANSWERS_TO_BODIES}
    return ", ".join(f"`{status}`" for status in sorted(own))


def _route(route: Any) -> list[str]:
    return [f"`{' '.join(sorted(route.methods))}`", f"`{route.path}`", _paragraphs(route.endpoint.__doc__)]


def events() -> str:
    """The page of event fields."""
    parts = [
        f"# Fields of an event\n\n{_NOTE}\n"
        "`mailer schema event` prints the JSON Schema. A field that is not listed here is refused.\n"
        "How to publish is in [publishing events](../publishing.md).\n"
    ]
    parts.append(f"\n## The event\n\n{fields_table(MessageEvent)}")
    for title, model in (
        ("A person", Person),
        ("People", People),
        ("Refs", Refs),
        ("An audience", Audience),
        ("An attachment", Attachment),
    ):
        parts.append(f"\n## {title}\n\n{_paragraphs(model.__doc__)}\n\n{fields_table(model)}")
    parts.append(
        "\n## Account events\n\nAn application says by them what happened to an account. Each has `v`, `id`, `brand`,"
        " `ref` and `account`.\nSee [events of accounts](../rights.md#events-of-accounts).\n\n"
    )
    common = {"v", "id", "brand", "ref", "account"}
    rows = []
    for model in get_args(AccountEvent):
        kinds = ", ".join(f"`{kind}`" for kind in get_args(model.model_fields["account"].annotation))
        others = [_named(name, field.is_required()) for name, field in model.model_fields.items() if name not in common]
        rows.append([kinds, ", ".join(others), _paragraphs((model.__doc__ or "").partition("Attributes:")[0])])
    parts.append(table(["`account`", "further fields", "says"], rows))
    return "".join(parts)


def outcomes() -> str:
    """The page of outcomes."""
    states = [[f"`{kind}`", _OUTCOME_WORDS.get(kind, "a state of the delivery")] for kind in OUTCOME_KINDS]
    document = json.dumps(outcomes_asyncapi_document(), indent=1)
    return (
        f"# Outcomes\n\n{_NOTE}\n"
        "The message in which an application hears what became of its mail: on the exchange `mailer.outcomes`\n"
        "([publishing events](../publishing.md#what-became-of-it)), and as `data` of a\n"
        "[webhook](../receiving-webhooks.md). Later versions may add fields.\n\n"
        f"{fields_table(OutcomeMessage)}\n"
        f"## A mailing\n\n{fields_table(OutcomesOfMailing)}\n"
        f"## A delivery\n\n{fields_table(OutcomeOfDelivery)}\n"
        f"## Values of `state`\n\n{table(['state', 'is'], states)}\n"
        f"## AsyncAPI\n\n`mailer schema outcomes` prints this document.\n\n```text\n{document}\n```\n"
    )


def _named(name: str, required: bool) -> str:
    return f"`{name}`{' (required)' if required else ''}"


def reasons() -> str:
    """The page of reasons."""
    rows = [[f"`{name}`", reason.states, reason.says, reason.do] for name, reason in REASONS.items()]
    troubles: dict[str, list[ConnectionTrouble]] = {}
    for trouble in ConnectionTrouble:
        troubles.setdefault(trouble.relay_state, []).append(trouble)
    relays = [
        [f"`{state}`", f"`{trouble.value}`", trouble.operator_remedy]
        for state, kinds in troubles.items()
        for trouble in kinds
    ]
    return (
        f"# Reasons and states\n\n{_NOTE}\n"
        "## States of a delivery\n\n"
        "Open: `queued` (with those that a worker holds), `deferred`, `held`, `in_doubt`. Final: `handed_over`,\n"
        "`suppressed`, `diverted`, `cancelled`, `expired`, `failed`. A mailing is finished when all of its deliveries\n"
        "are in a final state. `mailer mailing show ID` counts them by state and reason.\n\n"
        "## Reasons\n\n"
        "`mailer policy explain --mailing ID --recipient REF` says why one person got a mail or did not. A reason such"
        " as\n`5.1.1` is the relay's own code (RFC 3463); the delivery is `failed` or `deferred`.\n\n"
        f"{table(['reason', 'state', 'means', 'you can'], rows)}\n"
        "## States of a relay\n\n`mailer processors list` shows them, with the relay's last words.\n\n"
        f"{table(['state', 'trouble', 'check'], relays)}"
    )


def metrics() -> str:
    """The page of metrics."""
    web = CollectorRegistry()
    WebCounters(web)
    shown = {
        "every process": [build_process_metrics_registry("any", Readiness(), LoopHeartbeat()), EVERY],
        "worker": [WORKER],
        "timekeeper": [TIMEKEEPER],
        "inbound": [INBOUND],
        "web": [web, WEB],
    }
    rows = [
        [f"`{name}`", ", ".join(f"`{label}`" for label in labels), process, f"{kind}{words}"]
        for process, registries in shown.items()
        for registry in registries
        for name, labels, kind, words in _families(registry)
        if name.startswith("mailer")
    ]
    return (
        f"# Metrics\n\n{_NOTE}\n"
        "How to scrape them, alert rules and a dashboard are in [watching it](../monitoring.md). Labels name lanes,\n"
        "brands, processors, routes and reasons, and never a person, an address or a recipient's domain.\n\n"
        f"{table(['metric', 'labels', 'shown by', 'is'], rows)}\n"
        "Besides, each process shows `process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`\n"
        "and the like.\n"
    )


def _families(registry: CollectorRegistry) -> Iterator[tuple[str, list[str], str, str]]:
    for collector in list(registry._collector_to_names):
        labels = list(getattr(collector, "_labelnames", ()))
        for family in getattr(collector, "describe", collector.collect)():
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            own = labels or list(getattr(family, "_labelnames", ()))
            kind = "Histogram: " if family.type == "histogram" else ""
            yield f"{family.name}{suffix}", own, kind, family.documentation


PAGES = {
    "settings": settings,
    "commands": commands,
    "routes": routes,
    "events": events,
    "outcomes": outcomes,
    "reasons": reasons,
    "metrics": metrics,
}


def pages() -> dict[Path, str]:
    """Every page, by its file."""
    return {FOLDER / f"{name}.md": re.sub(r" +$", "", make(), flags=re.MULTILINE) for name, make in PAGES.items()}


def main() -> int:
    """Writes the pages, or compares them."""
    status = 0
    for file, text in pages().items():
        if sys.argv[1:] != ["--check"]:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            print(f"{file} is not what the code says: run `make reference`", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
