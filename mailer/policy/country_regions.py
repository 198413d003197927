"""The parts of countries, by ISO 3166-2: states, provinces and Länder of countries whose law differs by them."""

import re
from collections.abc import Mapping
from typing import Final

from mailer.policy.country_codes import COUNTRIES

_US: Final = """
    AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
    DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas,
    KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi,
    MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey, NM New Mexico, NY New York,
    NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon, PA Pennsylvania, RI Rhode Island,
    SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah, VT Vermont, VA Virginia, WA Washington,
    WV West Virginia, WI Wisconsin, WY Wyoming
"""
_CA: Final = """
    AB Alberta, BC British Columbia, MB Manitoba, NB New Brunswick, NL Newfoundland and Labrador, NS Nova Scotia,
    NT Northwest Territories, NU Nunavut, ON Ontario, PE Prince Edward Island, QC Québec, SK Saskatchewan, YT Yukon
"""
_DE: Final = """
    BW Baden-Württemberg, BY Bayern, BE Berlin, BB Brandenburg, HB Bremen, HH Hamburg, HE Hessen,
    MV Mecklenburg-Vorpommern, NI Niedersachsen, NW Nordrhein-Westfalen, RP Rheinland-Pfalz, SL Saarland, SN Sachsen,
    ST Sachsen-Anhalt, SH Schleswig-Holstein, TH Thüringen
"""


def _regions(text: str) -> dict[str, str]:
    return dict(entry.strip().split(" ", 1) for entry in text.split(","))


REGIONS: Final[Mapping[str, Mapping[str, str]]] = {"US": _regions(_US), "CA": _regions(_CA), "DE": _regions(_DE)}
"""The names of the parts of a country, by their code without the country's. Other countries' codes are not listed."""
_FORM: Final = re.compile(r"([A-Z]{2})-([A-Z0-9]{1,3})")
_BY_NAME: Final = {
    country: {name.casefold(): code for code, name in regions.items()} for country, regions in REGIONS.items()
}


def region_code(text: str) -> str:
    """Returns the ISO 3166-2 code for a text: that code in any case.

    Raises:
        ValueError: it is no such code, or the country is listed and has no such part.
    """
    found = _FORM.fullmatch(text.strip().upper())
    if found is None or found[1] not in COUNTRIES or found[2] not in REGIONS.get(found[1], {found[2]: ""}):
        raise ValueError("it takes a part of a country by ISO 3166-2, such as US-CA")
    return found[0]


def region_of_country_or_none(text: str, country: str | None) -> str | None:
    """Returns the ISO 3166-2 code for a text in a column of a file; None if nobody can tell it.

    Args:
        text: a code with or without the country, or a name: `US-CA`, `CA` or `California`.
        country: of the same row. A code of another country counts as nothing.
    """
    text = text.strip()
    try:
        code = region_code(text)
    except ValueError:
        if country is None or country not in REGIONS:
            return None
        short = text.upper() if text.upper() in REGIONS[country] else _BY_NAME[country].get(text.casefold())
        return f"{country}-{short}" if short else None
    return code if country in (None, code.partition("-")[0]) else None
