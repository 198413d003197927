"""The files of a new brand: the model policy with the brand's values, and templates for each category of the policy."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mailer import bundled_files
from mailer.policy.unfilled_policy_values import FILL_IN, NO_DOMAIN

LOCALES = ("en", "de")
"""The languages of the model templates."""

_LAYOUT = {
    "layout.html.j2": "peerstream",
    "layout.txt.j2": "peerstream",
    "mandatory.html.j2": "interpals",
    "mandatory.txt.j2": "interpals",
    "optional.html.j2": "interpals",
    "optional.txt.j2": "interpals",
    "service.html.j2": "interpals",
    "service.txt.j2": "interpals",
}
"""Files of the layout, each with the brand from which it is copied."""
_TEMPLATES = {
    "activity": "peerstream",
    "breach-notice": "peerstream",
    "confirm-subscription": "peerstream",
    "data-request": "peerstream",
    "leave-link": "peerstream",
    "letter-received": "peerstream",
    "maintenance": "interpals",
    "ownership-change": "paltalk-2006",
    "password": "interpals",
    "policy-change": "peerstream",
    "receipt": "interpals",
    "rights-answer": "peerstream",
    "spring-offer": "peerstream",
    "weekly": "peerstream",
    "welcome": "peerstream",
}
"""Templates, each with the brand that supplies the files that the model template lacks."""
_PARTS = ("template.toml", "strings.toml", "body.html.j2", "body.txt.j2")
_DOMAINS = ("peerstream.example", "paltalk.example", "interpals.example")
"""Domains in the examples of those brands; the new brand's domain replaces them."""
_SECTION = re.compile(r"^\[([\w.-]+)\]$")
_ENTRY = re.compile(r"^([a-z]{2}) = ")


@dataclass(frozen=True, slots=True)
class NewBrand:
    """The facts of a new brand. None: the fact is not known yet, and the files get a placeholder.

    Attributes:
        slug: the brand in events. name: the brand in mails and on pages.
        domain: the domain that signs the mail.
        controller: the company that is responsible for the mail. address: its postal address.
        locales: the languages of the templates; people with another language get the first one.
        today: the day on which the policy begins.
    """

    slug: str
    name: str
    domain: str | None
    controller: str | None
    address: str | None
    locales: Sequence[str]
    today: date


def files_of_new_brand(brand: NewBrand) -> dict[Path, str]:
    """Returns the text of every file of a new brand, by path in the project's folder, in the order of reading."""
    policy = _policy_file_text(brand)
    listed = frozenset(tomllib.loads(policy)["categories"])
    files = {
        Path("policies", f"{brand.slug}.toml"): policy,
        Path("policies", brand.slug, "look.toml"): _page_look_file_text(brand),
        Path("CHECKLIST.md"): _checklist(brand),
    }
    templates = Path("templates", brand.slug)
    for name, owner in _LAYOUT.items():
        files[templates / "_layout" / name] = _read_bundled_template_file(owner, "_layout", name)
    files[templates / "_layout" / "strings.toml"] = _without_other_languages(
        _read_bundled_template_file("_default", "_layout", "strings.toml"), brand
    )
    for name, owner in _TEMPLATES.items():
        parts = dict(_template_file_texts_by_name(name, owner))
        if _category_in_template_toml(parts["template.toml"]) in listed:
            files |= {
                templates / name / part: _with_brand_domain_and_languages(text, brand) for part, text in parts.items()
            }
    return files


def _policy_file_text(brand: NewBrand) -> str:
    """Returns the model policy with the brand's values, and with the promises that its switches keep."""
    text = (bundled_files.bundled_folder("policies") / "default.toml").read_text("utf-8")
    domain = brand.domain or NO_DOMAIN
    controller = brand.controller or f"{FILL_IN}: the company that answers for the mail"
    address = brand.address or f"{FILL_IN}: street, town and country"
    lines = {
        'brand = "default"': f"brand = {_toml_string(brand.slug)}",
        "effective = 2026-01-01": f"effective = {brand.today}",
        'name = "My Brand"': f"name = {_toml_string(brand.name)}",
        'domain = "example.org"': f"domain = {_toml_string(domain)}",
        'default_locale = "en"': f"default_locale = {_toml_string(brand.locales[0])}",
        'opt_out_mailbox = "opt-out@example.org"': f'opt_out_mailbox = "opt-out@{domain}"',
        'id = "my-company"': f"id = {_toml_string(_slug_of_company_name(brand.controller) or brand.slug)}",
        'name = "My Company Ltd."': f"name = {_toml_string(controller)}",
        'postal_address = "1 Example Street, Example Town"': f"postal_address = {_toml_string(address)}",
        'mandatory = "My Brand <service@notice.example.org>"': (
            f"mandatory = {_toml_string(f'{brand.name} <service@notice.{domain}>')}"
        ),
        'optional = "My Brand News <news@mail.example.org>"': (
            f"optional = {_toml_string(f'{brand.name} News <news@mail.{domain}>')}"
        ),
    }
    for old, new in lines.items():
        before, found, after = text.partition(f"\n{old}\n")
        if not found:
            raise AssertionError(f"the model policy has no line {old}")
        text = f"{before}\n{new}\n{after}"
    _, _, said = text.partition("\n")
    said, _, _ = said.partition("\n# What was promised, a table a promise")
    promises = _read_bundled_template_file("_default", "promises.toml").replace('"default-', f'"{brand.slug}-')
    return f"# {brand.name}, made by `mailer init {brand.slug}`.\n{said.rstrip()}\n{promises}"


def _checklist(brand: NewBrand) -> str:
    return _read_bundled_template_file("_default", "CHECKLIST.md").format(
        brand=brand.slug,
        name=brand.name,
        domain=brand.domain or NO_DOMAIN,
        locale=brand.locales[-1],
        today=brand.today,
    )


def _page_look_file_text(brand: NewBrand) -> str:
    return _read_bundled_template_file("_default", "look.toml").format(
        name=brand.name, domain=brand.domain or "example.org"
    )


def _template_file_texts_by_name(name: str, owner: str) -> Iterator[tuple[str, str]]:
    """Yields the name and text of each file of a template: from the model, or else from the brand `owner`."""
    for part in _PARTS:
        own = bundled_files.bundled_folder("templates") / "_default" / name / part
        yield part, own.read_text("utf-8") if own.is_file() else _read_bundled_template_file(owner, name, part)


def _read_bundled_template_file(*path: str) -> str:
    return bundled_files.bundled_folder("templates").joinpath(*path).read_text("utf-8")


def _with_brand_domain_and_languages(text: str, brand: NewBrand) -> str:
    """Returns a file's text with the brand's domain in its examples, and only in the brand's languages."""
    for domain in _DOMAINS:
        text = text.replace(domain, brand.domain or NO_DOMAIN)
    return _without_other_languages(text, brand)


def _without_other_languages(text: str, brand: NewBrand) -> str:
    """Returns a file's text without other languages: no sections such as `[ar]`, and no entries such as `ar = …`."""
    kept, section = list[str](), ""
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section = found[1]
        entry = _ENTRY.match(line) if section == "subject" or section.startswith("example.") else None
        spoken = entry[1] if entry else section if len(section) == 2 else None
        if spoken is None or spoken in brand.locales:
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


def _category_in_template_toml(template: str) -> str:
    found = re.search(r'^category = "(\w+)"$', template, re.MULTILINE)
    return found[1] if found else ""


def _slug_of_company_name(name: str | None) -> str:
    """Returns a company's name as an identifier: `Harbor Ltd.` becomes `harbor-ltd`."""
    return re.sub(r"[^a-z0-9]+", "-", (name or "").lower()).strip("-")


def _toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def template_names_by_category(files: Mapping[Path, str]) -> dict[str, list[str]]:
    """Returns the names of the new brand's templates, by category."""
    found: dict[str, list[str]] = {}
    for path, text in files.items():
        if path.name == "template.toml":
            found.setdefault(_category_in_template_toml(text), []).append(path.parent.name)
    return found
