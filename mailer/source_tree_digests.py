"""The digests of the things that a test run is about: the code, the policies, the templates and the jurisdictions."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from mailer import bundled_files

_PACKAGE = Path(__file__).parent
_NO_SOURCE = frozenset({"__pycache__", "_data"})
"""Folders of the package that hold no code: what Python has compiled, and what a wheel packs beside it."""


def digests_by_source_tree_part(policies: Path, templates: Path, jurisdictions: Path) -> dict[str, str]:
    """Returns a digest for each part of the tree, by the part's name, the same for a checkout and for its wheel.

    Args:
        policies: the folder of the policy files.
        templates: the folder of the templates.
        jurisdictions: the folder of the jurisdiction files.
    """
    return {
        "code": _digest_folders(_PACKAGE, bundled_files.bundled_folder("migrations")),
        "policies": _digest_folders(policies),
        "templates": _digest_folders(templates),
        "jurisdictions": _digest_folders(jurisdictions),
    }


def _digest_folders(*folders: Path) -> str:
    """Returns one digest of the files in folders: of their names and their contents."""
    found = hashlib.sha256()
    for folder in folders:
        for name, file in sorted(
            (file.relative_to(folder).as_posix(), file) for file in _iterate_source_files_in_folder(folder)
        ):
            content = file.read_bytes()
            found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _iterate_source_files_in_folder(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and _NO_SOURCE.isdisjoint(file.relative_to(folder).parts):
            yield file
