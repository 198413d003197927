"""The folders that come with mailer, such as templates and policies: inside the wheel, or beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def bundled_folder(name: str) -> Path:
    """The folder `templates`, `policies`, `jurisdictions`, `migrations` or `examples` that comes with mailer."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.exists() else _PACKAGE.parent / name


def toml_files(where: str | Path) -> dict[str, str]:
    """The TOML files of a folder, by their paths; where it is a name, of one that comes with mailer, by their names."""
    if isinstance(where, Path):
        return {str(file): file.read_text("utf-8") for file in where.glob("*.toml")}
    return {file.name: file.read_text("utf-8") for file in bundled_folder(where).glob("*.toml")}
