"""A part of the templates that mailer ships: each process reads all that there are, which takes it a second more."""

from collections.abc import Iterable
from pathlib import Path

from mailer import resources

BRANDS = ("interpals", "paltalk-2006")
TEMPLATES = ("weekly", "spring-offer", "maintenance", "breach-notice", "invitation", "partner-offer", "rights-answer")


def shipped_templates(folder: Path, brands: Iterable[str] = BRANDS, names: Iterable[str] = TEMPLATES) -> Path:
    """Some templates of some brands, as links in a folder; its path."""
    chosen = folder / "shipped-templates"
    for brand in brands:
        (chosen / brand).mkdir(parents=True, exist_ok=True)
        for name in ("_layout", *names):
            link = chosen / brand / name
            if not link.exists():
                link.symlink_to(resources.folder("templates") / brand / name)
    return chosen
