"""`mailer init`: makes the files of a new brand. They are strict; people fill them in and loosen them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.new_brand_files import LOCALES, NewBrand, files_of_new_brand, template_names_by_category
from mailer.cli.shared import exit_with_error, out, shell_word_for_mailer_program
from mailer.policy.policy_library import MODEL
from mailer.policy.text_formats import DOMAIN, HOW_TO_WRITE, LINE, SLUG
from mailer.policy.unfilled_policy_values import FILL_IN, NO_DOMAIN
from mailer.runtime.private_files import open_private_file_descriptor

_ENV = "MAILER_POLICIES=policies\nMAILER_TEMPLATES=templates\n"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(init)


def init(
    brand: Annotated[str, typer.Argument(help="As events will name it, such as harbor.")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="The project's folder.")] = Path("."),
    name: Annotated[str | None, typer.Option(help="As recipients know the brand; its own name without it.")] = None,
    domain: Annotated[str | None, typer.Option(help="Signs the mail, such as harbor.example.")] = None,
    controller: Annotated[str | None, typer.Option(help="The company that answers for the mail.")] = None,
    address: Annotated[str | None, typer.Option(help="Its postal address, in one line.")] = None,
    locales: Annotated[str, typer.Option(help=f"Languages of the templates, of: {', '.join(LOCALES)}.")] = "en,de",
) -> None:
    """Makes a policy, a look, layouts, templates and a checklist for a new brand. It overwrites and asks nothing."""
    made = NewBrand(
        slug=_text_matching_pattern_or_exit("BRAND", brand, SLUG),
        name=_single_line_or_exit("--name", name) or brand.replace("-", " ").title(),
        domain=None if domain is None else _text_matching_pattern_or_exit("--domain", domain, DOMAIN),
        controller=_single_line_or_exit("--controller", controller),
        address=_single_line_or_exit("--address", address),
        locales=_parse_locales_or_exit(locales),
        today=datetime.now(UTC).date(),
    )
    if brand == MODEL:
        exit_with_error(f"BRAND: {MODEL} is the name of the model; choose another one", 2)
    files = files_of_new_brand(made)
    taken = [path for path in files if (to / path).exists()]
    if taken:
        exit_with_error(
            f"{to / taken[0]} is there already; nothing was made. Remove it, or name another folder by --to", 2
        )
    env = to / ".env"
    if not env.exists():
        files = {Path(".env"): _ENV, **files}
    try:
        _write_new_files(to, files)
    except OSError as error:
        exit_with_error(f"--to {to}: {error.strerror}", 2)
    _print_made_files_and_next_steps(made, to, files, is_env_new=Path(".env") in files)


def _text_matching_pattern_or_exit(what: str, text: str, form: str) -> str:
    """Returns an argument that matches a regular expression.

    Another argument ends the command.
    """
    if not re.fullmatch(form, text):
        exit_with_error(f"{what} is {text!r}; write {HOW_TO_WRITE[form]}", 2)
    return text


def _single_line_or_exit(what: str, text: str | None) -> str | None:
    """Returns an option's text on one line, or None if there is none. A bad text ends the command."""
    if text is None:
        return None
    if not text.strip() or not text.isprintable() or any(char in text for char in "<>"):
        exit_with_error(f"{what} is {text!r}; write {HOW_TO_WRITE[LINE]}, without angle brackets", 2)
    return text.strip()


def _parse_locales_or_exit(said: str) -> tuple[str, ...]:
    """Parses the languages of an option, each once. An unknown language ends the command."""
    wanted = tuple(dict.fromkeys(part.strip() for part in said.split(",") if part.strip()))
    unknown = [locale for locale in wanted if locale not in LOCALES]
    if unknown or not wanted:
        given = unknown[0] if unknown else "empty"
        exit_with_error(
            f"--locales: {given}: the model has words in {' and '.join(LOCALES)}; CHECKLIST.md says how to add others",
            2,
        )
    return wanted


def _write_new_files(folder: Path, files: dict[Path, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        # People write secrets into .env later. The other files are for everybody who works on the brand.
        with open(
            folder / path, "x", encoding="utf-8", opener=open_private_file_descriptor if path.name == ".env" else None
        ) as file:
            file.write(text)


def _print_made_files_and_next_steps(brand: NewBrand, to: Path, files: dict[Path, str], *, is_env_new: bool) -> None:
    """Prints the new files, the lines to fill in, and the next commands."""
    out.print(f"Made in {to.resolve()}:")
    out.print(f"  policies/{brand.slug}.toml: every switch on its strictest value")
    out.print(f"  policies/{brand.slug}/look.toml: colours, logo, addresses and words of the pages for recipients")
    out.print(f"  templates/{brand.slug}/: in {' and '.join(brand.locales)}")
    for category, names in template_names_by_category(files).items():
        out.print(f"    {category}: {', '.join(names)}")
    out.print("  CHECKLIST.md: what is left to do, and who says that it is done")
    if is_env_new:
        out.print("  .env: where mailer finds policies and templates in this folder")
    else:
        out.print(f"{to / '.env'} was there already and stays as it is; it needs these two lines:")
        for line in _ENV.splitlines():
            out.print(f"  {line}")
    lacking = [
        f"  {path}:{number}: {line}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if path.suffix == ".toml" and (FILL_IN in line or NO_DOMAIN in line)
    ]
    if lacking:
        out.print("To be filled in (or remove what was made, and say it by the options of `mailer init --help`):")
        for line in lacking:
            out.print(line)
    out.print("Next:" if to.resolve() == Path.cwd() else f"Next, in {to.resolve()}:")
    for command in ("policy check", f"policy try {brand.slug}", f"templates preview {brand.slug}/weekly"):
        out.print(f"  {shell_word_for_mailer_program()} {command}")
