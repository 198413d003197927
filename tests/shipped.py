"""A part of the templates that mailer ships: each process reads all that there are, which takes it a second more."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path

from mailer import bundled_files, policy_loading
from mailer.policy.jurisdiction import LawByCountry, parse_law_by_country
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.rendering import template_library
from mailer.rendering.template_files import BrandFiles
from mailer.rendering.template_library import Template

BRANDS = ("interpals", "paltalk-2006")
TEMPLATES = (
    "weekly",
    "spring-offer",
    "maintenance",
    "breach-notice",
    "invitation",
    "partner-offer",
    "rights-answer",
    "leave-link",
    "letter-received",
    "data-request",
    "confirm-subscription",
)


def shipped_templates(folder: Path, brands: Iterable[str] = BRANDS, names: Iterable[str] = TEMPLATES) -> Path:
    """Links some templates of some brands into a folder. Returns its path."""
    chosen = folder / "shipped-templates"
    for brand in brands:
        (chosen / brand).mkdir(parents=True, exist_ok=True)
        for name in ("_layout", *names):
            link = chosen / brand / name
            if not link.exists():
                link.symlink_to(bundled_files.bundled_folder("templates") / brand / name)
    return chosen


def remember_templates() -> None:
    """Compiles and checks each template once in this process, which takes most of what a command of a test takes.

    A template is the same where its files, its layout's, the policy and the law are.
    """
    load = template_library._load_template
    known: dict[tuple[object, ...], Template] = {}
    last: list[tuple[BrandFiles, str]] = []

    @wraps(load)
    def remembered(folder: Path, brand: BrandFiles) -> Template:
        files = [(file.name, file.read_bytes()) for file in sorted(folder.iterdir()) if file.is_file()]
        if not last or last[0][0] is not brand:
            last[:] = [(brand, _written(brand))]
        key = (folder.name, *files, last[0][1])
        if key not in known:
            known[key] = load(folder, brand)
        return known[key]

    template_library._load_template = remembered


def remember_policies() -> None:
    """Reads each set of policies and of laws once in this process, which takes half of what a command of a test takes.

    They are the same where the texts of their files, the law and the day are. A command copies what it changes.
    """
    laws: dict[frozenset[tuple[str, str]], LawByCountry] = {}
    known: dict[tuple[object, ...], dict[str, Policy]] = {}

    @wraps(parse_law_by_country)
    def remembered_law(texts: Mapping[str, str]) -> LawByCountry:
        if (key := frozenset(texts.items())) not in laws:
            laws[key] = parse_law_by_country(texts)
        return laws[key]

    @wraps(parse_policies_in_force)
    def remembered(texts: Mapping[str, str], today: date, law: LawByCountry | None = None) -> dict[str, Policy]:
        if not any(law is one for one in laws.values()):
            return parse_policies_in_force(texts, today, law)
        if (key := (frozenset(texts.items()), today, id(law))) not in known:
            known[key] = parse_policies_in_force(texts, today, law)
        return dict(known[key])

    vars(policy_loading).update(parse_law_by_country=remembered_law, parse_policies_in_force=remembered)


def load_shipped_policies() -> None:
    """Reads the policies that mailer ships, as each of its processes does when it starts."""
    loading = vars(policy_loading)
    law = loading["parse_law_by_country"](bundled_files.read_texts_of_toml_files("jurisdictions"))
    texts = bundled_files.read_texts_of_toml_files("policies")
    loading["parse_policies_in_force"](texts, datetime.now(UTC).date(), law)


def _written(brand: BrandFiles) -> str:
    """The files of a brand on which its templates depend."""
    law = brand.policy.law.jurisdictions
    return repr((brand.layouts, brand.strings, brand.policy, brand.policy.all_versions, law))
