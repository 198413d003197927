"""`mailer templates`: whether they are right, and what they look like."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import load_templates
from mailer.cli.shared import AsJson, fail, out, print_json, settings, table
from mailer.inputs import locale as tag
from mailer.policy.document import PolicyError
from mailer.rendering.templates import Template, TemplateError, TemplateLibrary, preview
from mailer.settings import SettingsError

app = typer.Typer(help="Templates: check, preview.", no_args_is_help=True)


@app.command()
def check(json: AsJson = False) -> None:
    """Checks every template; lists everything that is wrong, with file and remedy."""
    try:
        library = load_templates(settings())
    except TemplateError as error:
        faults = [{"file": str(fault.file), "line": fault.line, "problem": fault.problem} for fault in error.faults]
        if json:
            print_json({"faults": faults})
        else:
            table(("file", "line", "problem"), [list(fault.values()) for fault in faults])
        fail(f"{len(faults)} faults in the templates", 1)
    except (PolicyError, SettingsError) as error:
        fail(str(error), 2)
    rows = [(template.brand, template.name, template.category, " ".join(template.locales)) for template in library]
    if json:
        print_json({"faults": [], "templates": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]})
    else:
        table(_COLUMNS, rows)


_COLUMNS = ("brand", "template", "category", "locales")


@app.command("preview")
def preview_(
    name: Annotated[str, typer.Argument(help="BRAND/TEMPLATE, or the template's name if only one brand has it.")],
    locale: Annotated[str | None, typer.Option(help="Such as de; the brand's default if left out.")] = None,
    to: Annotated[Path | None, typer.Option(help="Write the HTML here instead of opening a browser.")] = None,
) -> None:
    """Renders a template with its example context, to a file or in the browser."""
    try:
        wanted = tag(locale) if locale else None
    except ValueError as error:
        fail(f"--locale {error}", 2)
    try:
        library = load_templates(settings())
    except (PolicyError, SettingsError, TemplateError) as error:
        fail(str(error), 2)
    rendered = preview(_named(library, name), wanted)
    path = to or Path(tempfile.mkdtemp(prefix="mailer-")) / "preview.html"
    try:
        path.write_text(rendered.html, encoding="utf-8")
    except OSError as error:
        fail(str(error), 2)
    out.print(f"Subject: {rendered.subject}")
    out.print(str(path))
    if to is None:
        webbrowser.open(path.as_uri())


def _named(library: TemplateLibrary, name: str) -> Template:
    found = [template for template in library if name in (template.name, f"{template.brand}/{template.name}")]
    if len(found) != 1:
        known = ", ".join(f"{template.brand}/{template.name}" for template in library)
        fail(f"{name} names {len(found)} templates; there are {known}", 2)
    return found[0]
