"""The files of a template, read and joined: body into layout, strings of a language into both.

A body says `{% extends "optional.html.j2" %}` and fills the layout's blocks. This module joins the sources itself,
before Jinja2 renders them: only a whole page can have its CSS inlined, and that happens once (see `css_inlining`).
"""

import html
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mailer.policy.policy_file import Policy
from mailer.policy.text_formats import normalized_language_tag
from mailer.rendering.languages import (
    has_same_language_and_script,
    is_known_locale,
    is_left_to_right,
    locale_and_fallbacks,
)
from mailer.rendering.value_types import ValueType, parse_value_types

Part = Literal["html", "txt"]
Strings = Mapping[str, Mapping[str, str]]
"""Texts by their name, by locale."""

TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
"""Any Jinja2 tag: an expression, a statement or a comment."""
_EXTENDS = re.compile(r"\s*\{%-?\s*extends\s+[\"']([^\"'/]+)[\"']\s*-?%\}")
_BLOCK = re.compile(r"\{%-?\s*(?:block\s+(?P<name>\w+)|endblock(?:\s+\w+)?)\s*-?%\}")
_STRING = re.compile(r"\{\{\s*strings\.(\w+)\s*\}\}")
_CONSTANT = re.compile(r"\{\{\s*((?:brand|controller)\.(?:id|name)|seal\.(?:name|url)|postal_address)\s*\}\}")


@dataclass(frozen=True, slots=True)
class TemplateFileFault:
    """A fault in a file of a template.

    Attributes:
        file: the file. problem: the fault and its remedy. line: the number of the line, if known.
    """

    file: Path
    problem: str
    line: int | None = None

    def __str__(self) -> str:
        """`file:line: problem`."""
        return f"{self.file}:{self.line}: {self.problem}" if self.line else f"{self.file}: {self.problem}"


class TemplateError(ValueError):
    """Templates have faults and cannot be used.

    Attributes:
        faults: all faults.
    """

    def __init__(self, *faults: TemplateFileFault) -> None:
        """Takes all faults."""
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class TemplateManifest(BaseModel):
    """A `template.toml`.

    Attributes:
        category: one of the policy's. purpose: one of the policy's closed list.
        answers: it answers inquiries, which go where the person wishes to be reached (paltalk06-32).
        subject: a line of Jinja2 for each locale that the template speaks.
        values: the type of each value of a context (see `value_types`).
        example: a context to check and preview it with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str
    purpose: str
    answers: bool = False
    subject: dict[Annotated[str, AfterValidator(normalized_language_tag)], str] = Field(min_length=1)
    values: dict[str, Any] = Field(default_factory=dict)
    example: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrandFiles:
    """The files that all templates of a brand share.

    Attributes:
        layouts: the sources in `_layout/`, by file name. strings: the texts of `_layout/strings.toml`.
    """

    folder: Path
    policy: Policy
    layouts: Mapping[str, str]
    strings: Strings


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """One template's files.

    Attributes:
        bodies: the sources, by locale and part; `""` is for all locales that have no body of their own.
        strings: the template's own texts, which override those of the layout. types: the types of the manifest.
        is_of_breach_case: its parts were chosen by the rules of breaches, which may forbid to say what happened.
    """

    brand: BrandFiles
    folder: Path
    manifest: TemplateManifest
    bodies: Mapping[tuple[str, Part], str]
    strings: Strings = field(default_factory=dict)
    types: Mapping[str, ValueType] = field(default_factory=dict)
    is_of_breach_case: bool = False


def read_brand_files(folder: Path, policy: Policy) -> BrandFiles:
    """Reads a brand's layout.

    Raises:
        TemplateError: its strings are not TOML tables of texts.
    """
    shared = folder / "_layout"
    layouts = {path.name: path.read_text("utf-8") for path in sorted(shared.glob("*.j2"))}
    return BrandFiles(folder, policy, layouts, _read_strings(shared / "strings.toml"))


def read_locales_of_template(folder: Path, policies: Mapping[str, Policy], name: str) -> dict[str, frozenset[str]]:
    """Returns the locales of one template by brand, without those brands that lack it.

    Args:
        folder: holds a folder a brand.
        policies: the policies by brand.
        name: the name of the template.

    Raises:
        TemplateError: one of them cannot be read.
    """
    brands = [brand for brand in policies if (folder / brand / name).is_dir()]
    files = {brand: read_brand_files(folder / brand, policies[brand]) for brand in brands}
    return {
        brand: frozenset(read_template_files(folder / brand / name, files[brand]).manifest.subject) for brand in brands
    }


def read_template_files(folder: Path, brand: BrandFiles) -> TemplateFiles:
    """Reads a template's files.

    Raises:
        TemplateError: `template.toml` or `strings.toml` is not valid, or a body is missing or has no subject.
    """
    path = folder / "template.toml"
    try:
        manifest = TemplateManifest.model_validate(_read_toml(path))
    except ValidationError as error:
        places = ((".".join(map(str, detail["loc"])), detail["msg"]) for detail in error.errors())
        raise TemplateError(*(TemplateFileFault(path, f"{place}: {message}") for place, message in places)) from error
    try:
        types = parse_value_types(manifest.values, brand.policy.domain)
    except ValueError as error:
        raise TemplateError(TemplateFileFault(path, str(error))) from error
    bodies: dict[tuple[str, Part], str] = {}
    parts: tuple[Part, ...] = ("html", "txt")
    for part in parts:
        for file in sorted(folder.glob(f"body*.{part}.j2")):
            locale = file.name.removesuffix(f".{part}.j2").removeprefix("body").removeprefix(".")
            bodies[normalized_language_tag(locale), part] = file.read_text("utf-8")
    files = TemplateFiles(brand, folder, manifest, bodies, _read_strings(folder / "strings.toml"), types)
    faults = [*_missing_body_part_faults(files), *_missing_subject_or_body_faults(files)]
    if faults:
        raise TemplateError(*faults)
    return files


def assemble_source(files: TemplateFiles, part: Part, locale: str) -> str:
    """Returns the whole Jinja2 source of one part in one locale.

    Raises:
        TemplateError: a layout, block or string that it names does not exist.
    """
    chosen = next(code for code in (*_fallbacks_in_same_language(files, locale), "") if (code, part) in files.bodies)
    file = body_path(files.folder, part, chosen)
    source = _fill_layout(files.bodies[chosen, part], file, files.brand, ())
    return _insert_strings(source, file, _strings_in_locale(files, locale), escape=part == "html")


def insert_policy_values(source: str, policy: Policy, *, escape: bool) -> str:
    """Returns the source with the policy's values written into it.

    A sandboxed look-up would cost 2 µs a message each.
    """
    values = {
        "brand.id": policy.brand,
        "brand.name": policy.name,
        "controller.id": policy.controller.id,
        "controller.name": policy.controller.name,
        "postal_address": policy.controller.postal_address,
    }
    if policy.seal:
        values |= {"seal.name": policy.seal.name, "seal.url": policy.seal.url}

    def written(found: re.Match[str]) -> str:
        value = values.get(found[1], found[0])
        return html.escape(value) if escape else value

    return _CONSTANT.sub(written, source)


def body_path(folder: Path, part: Part, locale: str) -> Path:
    """Returns the path of a body's file; the locale may be empty."""
    return folder / (f"body.{locale}.{part}.j2" if locale else f"body.{part}.j2")


def _fallbacks_in_same_language(files: TemplateFiles, locale: str) -> list[str]:
    """Returns the fallbacks of a locale in the same language and script: no mail mixes two languages."""
    codes = locale_and_fallbacks(locale, files.brand.policy.default_locale)
    return [code for code in codes if has_same_language_and_script(code, locale)]


def _missing_body_part_faults(files: TemplateFiles) -> Iterator[TemplateFileFault]:
    others: dict[Part, Part] = {"html": "txt", "txt": "html"}
    for (locale, part), _ in files.bodies.items():
        if (locale, others[part]) not in files.bodies:
            missing = body_path(files.folder, others[part], locale)
            yield TemplateFileFault(missing, f"is missing; a mail needs both parts, and {part} is there")


def _missing_subject_or_body_faults(files: TemplateFiles) -> Iterator[TemplateFileFault]:
    subjects, default = files.manifest.subject, files.brand.policy.default_locale
    path = files.folder / "template.toml"
    if default not in subjects:
        yield TemplateFileFault(path, f"subject: lacks {default}, the brand's default_locale")
    for locale in {locale for locale, _ in files.bodies if locale} - set(subjects):
        yield TemplateFileFault(path, f"subject: lacks {locale}, for which there is a body")
    for locale in subjects:
        if not is_known_locale(locale):
            yield TemplateFileFault(path, f"subject: {locale} is not a locale; write one such as de or pt-BR")
        elif not any((code, "html") in files.bodies for code in ("", *_fallbacks_in_same_language(files, locale))):
            yield TemplateFileFault(
                body_path(files.folder, "html", locale), "is missing; the subject speaks this locale"
            )


def _fill_layout(source: str, file: Path, brand: BrandFiles, seen: tuple[str, ...]) -> str:
    found = _EXTENDS.match(source)
    if not found:
        return source
    name = found[1]
    if name not in brand.layouts or name in seen:
        known = ", ".join(sorted(set(brand.layouts) - set(seen))) or "none"
        raise TemplateError(
            TemplateFileFault(file, f'extends "{name}", which is not a layout of the brand; there are: {known}', 1)
        )
    layout = _fill_layout(brand.layouts[name], brand.folder / "_layout" / name, brand, (*seen, name))
    fillings = dict(_parse_blocks_in_source(source[found.end() :], file))
    unknown = (
        set(fillings)
        - {block for block, _ in _parse_blocks_in_source(layout, file)}
        - _names_of_nested_blocks(fillings)
    )
    if unknown:
        raise TemplateError(TemplateFileFault(file, f"fills {', '.join(sorted(unknown))}, which {name} does not have"))
    return _fill_blocks(layout, fillings)


def _names_of_nested_blocks(blocks: Mapping[str, str]) -> set[str]:
    return {found["name"] for inner in blocks.values() for found in _BLOCK.finditer(inner) if found["name"]}


def _parse_blocks_in_source(source: str, file: Path) -> Iterator[tuple[str, str]]:
    """Yields the name and the contents of each block, inner blocks too."""
    open_blocks: list[re.Match[str]] = []
    for found in _BLOCK.finditer(source):
        if found["name"]:
            open_blocks.append(found)
        elif not open_blocks:
            raise TemplateError(TemplateFileFault(file, "has an endblock without its block"))
        else:
            opened = open_blocks.pop()
            yield opened["name"], source[opened.end() : found.start()]
    if open_blocks:
        raise TemplateError(TemplateFileFault(file, f"block {open_blocks[-1]['name']} is not closed with endblock"))


def _fill_blocks(source: str, fillings: Mapping[str, str]) -> str:
    """Returns the source with the contents of its blocks replaced, from the outermost block inwards."""
    pieces, depth, start, opened = [], 0, 0, None
    for found in _BLOCK.finditer(source):
        if found["name"]:
            if depth == 0:
                pieces.append(source[start : found.end()])
                opened = found
            depth += 1
            continue
        depth -= 1
        if depth == 0 and opened is not None:
            name = opened["name"]
            inner = fillings.get(name, source[opened.end() : found.start()])
            pieces.append(_fill_blocks(inner, {block: text for block, text in fillings.items() if block != name}))
            start = found.start()
    return "".join([*pieces, source[start:]])


def _strings_in_locale(files: TemplateFiles, locale: str) -> dict[str, str]:
    rightwards = is_left_to_right(locale)
    strings: dict[str, str] = {}
    for table in (files.brand.strings, files.strings):
        for code in reversed(_fallbacks_in_same_language(files, locale)):
            strings |= table.get(code, {})
    start, end = ("left", "right") if rightwards else ("right", "left")
    return strings | {"lang": locale, "dir": "ltr" if rightwards else "rtl", "start": start, "end": end}


def _insert_strings(source: str, file: Path, strings: Mapping[str, str], *, escape: bool) -> str:
    missing = sorted(set(_STRING.findall(source)) - set(strings))
    if missing:
        wanted = f"{', '.join(missing)} for {strings['lang']}"
        raise TemplateError(TemplateFileFault(file, f"needs strings.{wanted}; add them to a strings.toml"))
    return _STRING.sub(
        lambda found: _escape_html_outside_jinja_tags(strings[found[1]]) if escape else strings[found[1]], source
    )


def _escape_html_outside_jinja_tags(text: str) -> str:
    """Escapes a string for HTML. Jinja2 tags in it stay; their values are escaped when they are rendered."""
    plain = TAG.split(text)
    tags = [*TAG.findall(text), ""]
    return "".join(html.escape(piece) + tag for piece, tag in zip(plain, tags, strict=True))


def _read_strings(path: Path) -> Strings:
    tables = _read_toml(path) if path.exists() else {}
    for locale, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            raise TemplateError(TemplateFileFault(path, f'{locale}: write a table a locale, each line name = "text"'))
    return {normalized_language_tag(locale): table for locale, table in tables.items()}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise TemplateError(TemplateFileFault(path, "is missing")) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(TemplateFileFault(path, f"not TOML: {error}")) from error
