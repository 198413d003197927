"""`mailer webhook`: the endpoints of applications to which outcomes are posted."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.input_types import parse_moment
from mailer.pipeline.outgoing_webhook_sender import post_outcome
from mailer.policy.webhook_retries import PostResult
from mailer.policy.webhook_urls import parse_webhook_url
from mailer.ports.outcomes import OUTCOME_KINDS
from mailer.ports.outgoing_webhooks import DisabledReason, WebhookEndpoint, WebhookMessage
from mailer.ports.time_ordered_uuids import uuid7
from mailer.runtime.system_resolver import SystemResolver
from mailer.runtime.webhook_posting import WebhookHttpPoster

app = typer.Typer(
    help="Webhooks, to which outcomes are posted: add, list, disable, enable, rotate, replay, send-test.",
    no_args_is_help=True,
)
_LARGEST = 2**63 - 1
WebhookId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=_LARGEST, help="The number that `mailer webhook list` shows.")
]
_KEEP = "The secret is not shown again:"


@app.command("add")
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://…; http:// only for this machine itself.")],
    brand: Annotated[str, typer.Option(help="The brand whose outcomes are posted.")],
    kind: Annotated[
        list[str],
        typer.Option(
            help="A state or report that is posted, such as handed_over or bounced; several times for several."
        ),
    ],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Adds an endpoint, and prints the secret of its signatures for the only time."""
    person_or_system_user(by)
    kinds = _kinds_or_exit(kind)
    try:
        parse_webhook_url(url)
    except ValueError as error:
        exit_with_error(str(error), 2)

    async def act(app: App) -> tuple[int, str] | None:
        policy_of_brand_or_raise(app, brand)
        return await app.webhooks.add_endpoint(brand, url, kinds)

    try:
        added = run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    if added is None:
        exit_with_error(f"{brand} has a webhook with this URL; `mailer webhook list` shows it", 2)
    webhook_id, secret = added
    if json:
        print_json({"id": webhook_id, "secret": secret})
    else:
        out.print(f"Webhook {webhook_id}. {_KEEP}\n{secret}")


def _kinds_or_exit(given: Sequence[str]) -> list[str]:
    for kind in given:
        if kind not in OUTCOME_KINDS:
            exit_with_error(f"--kind is one of {', '.join(OUTCOME_KINDS)}", 2)
    return list(dict.fromkeys(given))


@app.command("list")
def list_webhooks(json: AsJson = False) -> None:
    """Shows all endpoints, with what waits for them and what is wrong."""
    found = run_with_app(lambda app: app.webhooks.list_endpoints())
    if json:
        print_json([_endpoint_as_json(one) for one in found])
        return
    print_table(
        ("id", "brand", "url", "kinds", "waiting", "failing since", "last error", "disabled"),
        [
            (
                str(one.id),
                one.brand,
                one.url,
                ", ".join(one.kinds),
                str(one.waiting),
                format_utc_time(one.failing_since),
                one.last_error or "",
                one.disabled_reason.value if one.disabled_reason else "",
            )
            for one in found
        ],
    )


@app.command("disable")
def disable_webhook(webhook_id: WebhookId, by: By = "", json: AsJson = False) -> None:
    """Posts nothing more to an endpoint. Outcomes that come meanwhile are not kept for it."""
    person_or_system_user(by)
    if not run_with_app(lambda app: app.webhooks.disable_endpoint(webhook_id, DisabledReason.PERSON)):
        _exit_without_webhook(webhook_id, "that is not disabled")
    _print_change(webhook_id, "disabled", json)


@app.command("enable")
def enable_webhook(webhook_id: WebhookId, by: By = "", json: AsJson = False) -> None:
    """Lets posts to a disabled endpoint go on, beginning with what still waited."""
    person_or_system_user(by)
    if not run_with_app(lambda app: app.webhooks.enable_endpoint(webhook_id)):
        _exit_without_webhook(webhook_id, "that is disabled")
    _print_change(webhook_id, "enabled", json)


@app.command("rotate")
def rotate_secret(webhook_id: WebhookId, by: By = "", json: AsJson = False) -> None:
    """Replaces the secret of an endpoint. For a day, each post is signed by both secrets."""
    person_or_system_user(by)
    secret = run_with_app(lambda app: app.webhooks.replace_secret(webhook_id))
    if secret is None:
        _exit_without_webhook(webhook_id)
    if json:
        print_json({"id": webhook_id, "secret": secret})
    else:
        out.print(f"{_KEEP}\n{secret}")


@app.command("replay")
def replay_messages(
    webhook_id: WebhookId,
    since: Annotated[str, typer.Option(metavar="TIME", help="Outcomes from this time on; at most 30 days are kept.")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Outcomes before this time; else until now.")
    ] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Posts the outcomes of a time again, each with its old webhook-id, also those that were accepted."""
    person_or_system_user(by)
    first = _moment_or_exit("--since", since)
    end = _moment_or_exit("--until", until) if until else datetime.now(UTC)
    if first >= end:
        exit_with_error("--since must be before --until", 2)

    async def act(app: App) -> int | None:
        if await app.webhooks.find_target(webhook_id) is None:
            return None
        return await app.webhooks.replay_messages(webhook_id, first, end)

    replayed = run_with_app(act)
    if replayed is None:
        _exit_without_webhook(webhook_id)
    if json:
        print_json({"id": webhook_id, "replayed": replayed})
    else:
        out.print(f"{replayed} messages are due again.")


@app.command("send-test")
def send_test(webhook_id: WebhookId, json: AsJson = False) -> None:
    """Posts a message of the type `outcome.test` at once, without any delivery, and shows the answer."""

    async def act(app: App) -> PostResult | None:
        target = await app.webhooks.find_target(webhook_id)
        if target is None:
            return None
        if not target.secrets:
            return PostResult(None, error="its secret cannot be decrypted; run `mailer webhook rotate`")
        now = datetime.now(UTC)
        data = {"v": 2, "at": now.isoformat(), "brand": target.brand, "category": None, "state": "test", "mailings": []}
        message = WebhookMessage(uuid7(), 1, "test", now, data)
        return await post_outcome(WebhookHttpPoster(SystemResolver), target, f"msg_test_{message.id.hex}", message)

    result = run_with_app(act)
    if result is None:
        _exit_without_webhook(webhook_id)
    if json:
        print_json({"id": webhook_id, "accepted": result.is_accepted, "answer": result.words})
    elif result.is_accepted:
        out.print(f"Accepted: {result.words}.")
    if not result.is_accepted:
        exit_with_error(f"not accepted: {result.words}", 1)


def _moment_or_exit(option: str, text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError as error:
        exit_with_error(f"{option} {error}", 2)


def _exit_without_webhook(webhook_id: int, that: str = "") -> NoReturn:
    exit_with_error(f"there is no webhook {webhook_id} {that}".rstrip() + "; `mailer webhook list` shows all", 2)


def _print_change(webhook_id: int, what: str, json: bool) -> None:
    if json:
        print_json({"id": webhook_id, what: True})
    else:
        out.print(f"Webhook {webhook_id} is {what}.")


def _endpoint_as_json(one: WebhookEndpoint) -> dict[str, object]:
    times = {name: value.isoformat() for name, value in asdict(one).items() if isinstance(value, datetime)}
    return {**asdict(one), **times}
