"""`mailer templates`: checks templates, and previews them."""

import tempfile
import webbrowser
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import load_templates
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, print_table, read_command_settings
from mailer.events import EventRefused, parse_event
from mailer.input_types import parse_locale as tag
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy, PolicyError
from mailer.policy_loading import load_policies
from mailer.rendering.campaign_checks import check_campaign
from mailer.rendering.campaign_facts import build_template_facts
from mailer.rendering.campaign_findings import Severity
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.gmail_clipping import clipping_warning
from mailer.rendering.languages import is_known_locale
from mailer.rendering.missing_templates import find_missing_own_templates
from mailer.rendering.template_library import (
    RenderedTemplate,
    RenderError,
    Template,
    TemplateError,
    TemplateLibrary,
    render_preview_with_event_values,
    render_template_preview,
)
from mailer.rendering.template_samples import LEAVE, LINK
from mailer.runtime.private_files import open_private_file_descriptor
from mailer.settings import SettingsError

app = typer.Typer(help="Templates: check, preview.", no_args_is_help=True)


@app.command()
def check(json: AsJson = False) -> None:
    """Checks every template; lists everything that is wrong, with file and remedy.

    Warns of what the checks of campaigns warn of, such as pale text, and what Gmail would cut off.
    A template that mailer's own mail needs and a brand lacks is wrong, too.
    """
    try:
        policies, library = load_policies(read_command_settings()), load_templates(read_command_settings())
    except TemplateError as error:
        faults = [{"file": str(fault.file), "line": fault.line, "problem": fault.problem} for fault in error.faults]
        if json:
            print_json({"faults": faults})
        else:
            print_table(("file", "line", "problem"), [list(fault.values()) for fault in faults])
        exit_with_error(f"{len(faults)} faults in the templates", 1)
    except (PolicyError, SettingsError) as error:
        exit_with_error(str(error), 2)
    rows = [(template.brand, template.name, template.category, " ".join(template.locales)) for template in library]
    missing = list(find_missing_own_templates(library))
    warned = [
        (f"{one.brand}/{one.name} ({locale})", said)
        for one in library
        for locale, said in _warnings_by_locale(one, policies[one.brand])
    ]
    if json:
        warnings = [{"template": where, "warning": said} for where, said in warned]
        listed = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        lacking = [{"file": f"{one.brand}/{one.name}", "line": None, "problem": one.text} for one in missing]
        print_json({"faults": lacking, "templates": listed, "warnings": warnings})
    else:
        print_table(_COLUMNS, rows)
        for where, said in warned:
            out.print(f"Warning: {where}: {said}")
    if missing:
        exit_with_error("; ".join(one.text for one in missing), 1)


def _warnings_by_locale(template: Template, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yields each fault that the checks of campaigns find in a template's example, with its locale and remedy."""
    for finding in check_campaign(build_template_facts(policy, template)):
        if finding.severity is not Severity.NOTE:
            yield finding.place.locale or template.default_locale, f"{finding.text} {finding.remedy}"


def _clipping_warning(template: Template, rendered: RenderedTemplate) -> str | None:
    return clipping_warning(rendered.html, LINK if CATEGORIES[template.category].is_optional else LEAVE)


_COLUMNS = ("brand", "template", "category", "locales")


@app.command("preview")
def preview_(
    name: Annotated[str | None, typer.Argument(help="BRAND/TEMPLATE, or its name if only one brand has it.")] = None,
    event: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the values of this event.")] = None,
    locale: Annotated[str | None, typer.Option(help="Such as de; the brand's default if left out.")] = None,
    to: Annotated[Path | None, typer.Option(help="Write the HTML here, the text beside it, and open nothing.")] = None,
) -> None:
    """Renders a template with its example, or an event as it would be sent: subject, text and HTML."""
    try:
        locale = tag(locale) if locale else None
    except ValueError as error:
        exit_with_error(f"--locale {error}", 2)
    if locale and not is_known_locale(locale):
        exit_with_error(f"--locale: there is no {locale}; write one such as en, de-AT or zh-Hant", 2)
    if (name is None) == (event is None):
        exit_with_error("give a template, as BRAND/TEMPLATE, or --event FILE, which names one", 2)
    try:
        policies, library = load_policies(read_command_settings()), load_templates(read_command_settings())
    except (PolicyError, SettingsError, TemplateError) as error:
        exit_with_error(str(error), 2)
    if event is not None:
        template, rendered = _render_preview_of_event_file(event, policies, library, locale)
    else:
        template = _find_template_or_exit(library, name or "")
        rendered = render_template_preview(template, locale)
    write_and_open_preview(template, rendered, to)


def _render_preview_of_event_file(
    file: Path, policies: Mapping[str, Policy], library: TemplateLibrary, locale: str | None
) -> tuple[Template, RenderedTemplate]:
    """Returns an event's template and its rendered mail. An event that intake would refuse ends the command."""
    try:
        event = parse_event(file.read_text("utf-8-sig"))
        template = check_event_and_get_template(event, policies, library)
        return template, render_preview_with_event_values(template, policies[event.brand], event, locale)
    except OSError as error:
        exit_with_error(f"{file}: {error.strerror}", 2)
    except UnicodeDecodeError:
        exit_with_error(f"{file}: is not UTF-8", 2)
    except EventRefused as refusal:
        exit_with_error(f"{file}: {'; '.join(refusal.problems)}", 2)
    except RenderError as error:
        exit_with_error(f"{file}: {error}", 2)


def write_and_open_preview(template: Template, rendered: RenderedTemplate, to: Path | None) -> None:
    """Writes a rendered mail to private files. Without a path in `to`, it also opens them in a browser."""
    page = to or Path(tempfile.mkdtemp(prefix="mailer-")) / "preview.html"
    text = page.with_name(page.name + ".txt") if page.suffix == ".txt" else page.with_suffix(".txt")
    try:
        _write_private_file(page, rendered.html)
        _write_private_file(text, rendered.text)
        if to is None:
            page = page.with_name("both.html")
            _write_private_file(page, _BOTH.format(**{name: escape(getattr(rendered, name)) for name in _SHOWN}))
    except OSError as error:
        exit_with_error(str(error), 2)
    spoken = " ".join(template.locales)
    for line in (f"Subject: {rendered.subject}", f"Locale:  {rendered.locale} of {spoken}", str(page), str(text)):
        out.print(line)
    if warning := _clipping_warning(template, rendered):
        out.print(f"Warning: {warning}")
    if to is None:
        webbrowser.open(page.as_uri())


def _write_private_file(file: Path, said: str) -> None:
    """Writes a file that only its owner can read, as the text may hold personal data."""
    with open(file, "w", encoding="utf-8", opener=open_private_file_descriptor) as opened:
        opened.write(said)


_SHOWN = ("subject", "text", "html", "locale")
_BOTH = """<!doctype html>
<html lang="{locale}"><head><meta charset="utf-8"><title>{subject}</title>
<style>
body {{ margin: 0; padding: 12px; font-family: sans-serif; }}
main {{ display: flex; gap: 12px; }}
pre, iframe {{ flex: 1; box-sizing: border-box; height: 88vh; margin: 0; padding: 12px; border: 1px solid #999; }}
pre {{ white-space: pre-wrap; overflow: auto; }}
</style></head>
<body><h1>{subject}</h1><main><pre>{text}</pre><iframe sandbox srcdoc="{html}"></iframe></main></body></html>
"""


def _find_template_or_exit(library: TemplateLibrary, name: str) -> Template:
    found = [template for template in library if name in (template.name, f"{template.brand}/{template.name}")]
    if len(found) != 1:
        known = ", ".join(f"{template.brand}/{template.name}" for template in library)
        exit_with_error(f"{name} names {len(found)} templates; there are {known}", 2)
    return found[0]
