"""Puts together the lines of a postal address, as a letter has them."""

from collections.abc import Mapping
from typing import Final

from mailer.actions.importing.import_fields import ImportField

_F = ImportField
_CODE_LAST: Final = frozenset({"US", "CA", "GB", "AU", "NZ", "IE", "IN"})
"""Countries that write the postcode behind the town (UPU S42)."""


def postal_lines(texts: Mapping[ImportField, str], country: str | None) -> tuple[str, ...]:
    """Returns the lines of an address without the name; none if there is no street, or neither postcode nor town.

    Args:
        texts: the texts of a row by field.
        country: the code of the country, for the order of postcode and town.
    """
    whole = [" ".join(line.split()) for line in texts.get(_F.POSTAL_ADDRESS, "").splitlines()]
    street = [_one_line(texts, _F.STREET), _one_line(texts, _F.STREET_2)]
    postcode, city, region = (_one_line(texts, field) for field in (_F.POSTCODE, _F.CITY, _F.REGION))
    if not (any(street) or any(whole)) or not (postcode or city or len(whole) > 1):
        return ()
    if country in _CODE_LAST:
        town = " ".join(part for part in (", ".join(part for part in (city, region) if part), postcode) if part)
    else:
        town = " ".join(part for part in (postcode, city) if part)
    lines = (*whole, *street, town, _one_line(texts, _F.COUNTRY))
    return tuple(line for line in lines if line)


def _one_line(texts: Mapping[ImportField, str], field: ImportField) -> str:
    return " ".join(texts.get(field, "").split())
