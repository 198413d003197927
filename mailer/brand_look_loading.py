"""The looks of the brands' pages, from the folders beside the policies that the settings name."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from mailer.web.brand_look import BrandLook, BrandLookError, parse_brand_look
from mailer.web.logo_checks import MAX_LOGO_BYTES

LOOK_FILE = "look.toml"


def load_brand_looks(policies: Path, brands: Iterable[str]) -> dict[str, BrandLook]:
    """Loads the looks by brand. A brand without a folder has none.

    Args:
        policies: the folder of the policies; the look of a brand is in the folder of its name there.
        brands: the brands that have a policy.

    Raises:
        BrandLookError: a look is faulty, or is of no brand; a line a fault.
    """
    looks, faults, known = dict[str, BrandLook](), list[str](), frozenset(brands)
    for file in sorted(policies.glob(f"*/{LOOK_FILE}")):
        brand = file.parent.name
        if brand not in known:
            faults.append(f"{file}:1: there is no policy of a brand {brand}; rename the folder, or remove it")
            continue
        try:
            looks[brand] = parse_brand_look(
                _read_brand_look_file(file), str(file), partial(_read_logo_bytes, file.parent)
            )
        except BrandLookError as error:
            faults.append(str(error))
    if faults:
        raise BrandLookError("\n".join(faults))
    return looks


def _read_brand_look_file(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BrandLookError(f"{file}:1: the file cannot be read: {error}") from error


def _read_logo_bytes(folder: Path, name: str) -> bytes:
    """Returns the contents of a logo, at most one byte more than a logo may have."""
    with (folder / name).open("rb") as file:
        return file.read(MAX_LOGO_BYTES + 1)
