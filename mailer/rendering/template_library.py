"""The library of all brands' templates. Each template is read, checked and compiled once."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mailer.policy.policy_file import Policy
from mailer.rendering.names_used_by_templates import TRACKED
from mailer.rendering.template import (
    PERSONAL,
    RESERVED,
    OrganizationIdAndName,
    RecipientNameAndLocale,
    RenderedTemplate,
    RenderError,
    Template,
    service_footer_of_category,
)
from mailer.rendering.template_checks import find_template_faults
from mailer.rendering.template_compiler import compile_stored_source, compile_template
from mailer.rendering.template_files import (
    BrandFiles,
    TemplateError,
    TemplateFileFault,
    read_brand_files,
    read_template_files,
)
from mailer.rendering.template_samples import SAMPLE, render_preview_with_event_values, render_template_preview

__all__ = [
    "PERSONAL",
    "RESERVED",
    "SAMPLE",
    "TRACKED",
    "OrganizationIdAndName",
    "RecipientNameAndLocale",
    "RenderError",
    "RenderedTemplate",
    "Template",
    "TemplateError",
    "TemplateFileFault",
    "TemplateLibrary",
    "compile_stored_source",
    "render_preview_with_event_values",
    "render_template_preview",
    "service_footer_of_category",
]


class TemplateLibrary:
    """Every template, by brand and name."""

    def __init__(
        self, templates: Mapping[tuple[str, str], Template], brand_files: Mapping[str, BrandFiles] | None = None
    ) -> None:
        """Stores templates that have been checked, and the layouts of brands; see `load_library`."""
        self._templates = dict(templates)
        self._brand_files = dict(brand_files or {})

    @classmethod
    def load_library(
        cls, folder: Path, policies: Mapping[str, Policy], brands: Collection[str] | None = None
    ) -> "TemplateLibrary":
        """Reads `<folder>/<brand>/<template>/`.

        Args:
            folder: holds a folder a brand, and in it a `_layout` and a folder a template.
            policies: the brands' policies, by brand.
            brands: the brands to read; None: all.

        Raises:
            TemplateError: a template has faults; the error lists all of them.
        """
        faults: list[TemplateFileFault] = []
        templates: dict[tuple[str, str], Template] = {}
        layouts: dict[str, BrandFiles] = {}
        for brand_folder in _brand_or_template_folders(folder):
            if brands is not None and brand_folder.name not in brands:
                continue
            if brand_folder.name not in policies:
                known = ", ".join(sorted(policies)) or "none"
                faults.append(TemplateFileFault(brand_folder, f"no policy has this brand; there are: {known}"))
                continue
            try:
                brand = read_brand_files(brand_folder, policies[brand_folder.name])
            except TemplateError as error:
                faults.extend(error.faults)
                continue
            layouts[brand_folder.name] = brand
            for template_folder in _brand_or_template_folders(brand_folder):
                try:
                    templates[brand_folder.name, template_folder.name] = _load_template(template_folder, brand)
                except TemplateError as error:
                    faults.extend(error.faults)
        if faults:
            raise TemplateError(*dict.fromkeys(faults))
        return cls(templates, layouts)

    def find_template(self, brand: str, name: str) -> Template | None:
        """Returns a brand's template, or None if there is none of this name."""
        return self._templates.get((brand, name))

    def find_brand_files(self, brand: str) -> BrandFiles | None:
        """Returns the files that all templates of a brand share, or None if the brand has no folder of templates."""
        return self._brand_files.get(brand)

    def template_names_of_brand(self, brand: str) -> list[str]:
        """Returns the names of a brand's templates, sorted."""
        return sorted(name for owner, name in self._templates if owner == brand)

    def __iter__(self) -> Iterator[Template]:
        """Yields all templates, sorted by brand and name."""
        return (template for _, template in sorted(self._templates.items()))

    def __len__(self) -> int:
        """Returns the number of templates."""
        return len(self._templates)


def _brand_or_template_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))


def _load_template(folder: Path, brand: BrandFiles) -> Template:
    files = read_template_files(folder, brand)
    template = compile_template(files)
    faults = tuple(find_template_faults(template, files))
    if faults:
        raise TemplateError(*faults)
    return template
