"""The folders that come with mailer, such as templates and policies: inside the wheel, or beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def bundled_folder(name: str) -> Path:
    """Returns the bundled folder `templates`, `policies`, `jurisdictions`, `migrations` or `examples`."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.exists() else _PACKAGE.parent / name


def read_texts_of_toml_files(where: str | Path) -> dict[str, str]:
    """Reads the TOML files of a folder: by path, or by file name if `where` names a folder that comes with mailer."""
    if isinstance(where, Path):
        return {str(file): file.read_text("utf-8") for file in where.glob("*.toml")}
    return {file.name: file.read_text("utf-8") for file in bundled_folder(where).glob("*.toml")}
