"""`mailer mailing approve`: a second person releases a mailing, and first sees how many people it will reach."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from mailer.app import App
from mailer.cli.mailing_lookup import find_one_mailing_or_raise
from mailer.cli.processor_route_check import reason_for_no_processor
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, remember_acting_person, run_with_app
from mailer.pipeline.release_preview import ReleasePreview, preview_release
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import MailingStatus, ReleaseRefused
from mailer.rendering.localized_texts import missing_language_lines_of_context
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate

Identifier = Annotated[str, typer.Argument(metavar="ID", help="Its own id, or its event's.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(approve)


def approve(
    identifier: Identifier,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            "--as",
            metavar="PERSON",
            help="Who releases it; not its publisher.",
            callback=remember_acting_person,
        ),
    ],
    reaching_nobody: Annotated[
        bool, typer.Option("--reaching-nobody", help="Release it though it reaches nobody by mail.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Releases a mailing that waits for a second person (breach notices), and says whom it will reach, and how."""

    async def act(app: App) -> tuple[ReleasePreview, list[str]]:
        if not by.strip() or not by.isprintable():
            raise ReleaseRefused("--by needs the name of a person: it stands in the ledger")
        status = await find_one_mailing_or_raise(app, identifier)
        if status.state != "awaiting_release":
            raise ReleaseRefused(f"the mailing does not wait for a release; it is {status.state}")
        renderer = await _renderer_as_if_released(app, status)
        obstacle = await reason_for_no_processor(
            app, renderer.policy, renderer.template.purpose, renderer.category.lane
        )
        foreseen = await preview_release(app.deliveries, renderer, obstacle, renderer.facts.released_at)
        counts = ", ".join(_release_preview_counts_in_words(foreseen))
        if not foreseen.mail and not reaching_nobody:
            raise ReleaseRefused(
                f"it would reach nobody by mail: {counts or 'it has no recipients'};"
                " nothing is released. Mend what keeps it, or release it all the same with --reaching-nobody"
            )
        if not json:
            out.print(f"Of {foreseen.audience_size:,} recipients: {counts or 'none'}.")
        await app.mailings.release_mailing(status.id, by)
        return foreseen, list(missing_language_lines_of_context(renderer.template, renderer.facts.context))

    try:
        foreseen, lacks = run_with_app(act)
    except (MailingControlRefused, ReleaseRefused, UnknownTemplate) as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({"released_by": by, "reach": _preview_as_json(foreseen), "lacks": lacks})
        return
    for line in lacks:
        out.print(f"note: {line}")
    out.print(f"Released by {by}.")


async def _renderer_as_if_released(app: App, status: MailingStatus) -> MailingRenderer:
    """Returns the renderer of a mailing, as if the mailing were released."""
    facts = (await app.mailings.read_facts_of_mailings([status.id]))[status.id]
    renderers = MailingRendererCache(app.policies, app.templates, app.links, None)
    source = (
        None
        if renderers.is_template_version_deployed(facts)
        else await app.mailings.read_template_source_by_version(facts.template_version)
    )
    free_at = max(datetime.now(UTC), facts.send_at or datetime.now(UTC))
    return renderers.make_and_cache_renderer(replace(facts, released_at=free_at), source)


def _release_preview_counts_in_words(foreseen: ReleasePreview) -> Iterator[str]:
    """Yields the numbers of a release preview in words."""
    if foreseen.mail:
        yield f"{foreseen.mail:,} by mail"
    for (channel, reason), n in foreseen.diverted.most_common():
        yield f"{n:,} diverted to {channel} ({reason})"
    for reason, n in foreseen.suppressed.most_common():
        yield f"{n:,} suppressed ({reason})"
    for reason, n in foreseen.unrouted.most_common():
        yield f"{n:,} that no processor may have ({reason})"


def _preview_as_json(foreseen: ReleasePreview) -> dict[str, Any]:
    return {
        "recipients": foreseen.audience_size,
        "mail": foreseen.mail,
        "diverted": [
            {"channel": channel, "reason": reason, "n": n} for (channel, reason), n in foreseen.diverted.items()
        ],
        "suppressed": dict(foreseen.suppressed),
        "no_processor": dict(foreseen.unrouted),
    }
