"""Jurisdictions: the demands of a country's law, as data. No policy can be laxer. Defaults, not legal advice.

A file in `jurisdictions/` is one jurisdiction. Each demand names its article, the day of the last check, and its
certainty. A country in no file is not reviewed: the strictest of all demands holds there.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import Field, ValidationError

from mailer.policy.consent_validity import UNREVIEWED_TERMS, ConsentValidityTerms, strictest_validity_terms
from mailer.policy.policy_file_errors import PolicyError, describe_one_pydantic_error, describe_toml_error
from mailer.policy.policy_key_types import Country, Day, Section, Text, Whole
from mailer.policy.switches import PartnerMail, PromoBasis, SwitchFloor, Tracking, strictest_floor
from mailer.policy.toml_lines import line_number_of_key_or_section

Sure = Literal["primary", "secondary", "unsure"]
"""The certainty of a demand: read in the law itself, read in texts about the law, or uncertain."""
T = TypeVar("T")


class LegalRequirement(Section, Generic[T]):
    """A demand of a law, with its source and certainty.

    Attributes:
        value: the demand. An unsure one never allows more than an unreviewed country.
        source: the law with its article.
        checked: the day on which somebody looked it up.
        sure: see `Sure`.
    """

    value: T
    source: Text
    checked: Day
    sure: Sure


class Jurisdiction(Section):
    """The demands of one jurisdiction.

    Attributes:
        name: as people call it.
        countries: where it holds: a state with its territories, or several states with one law.
        promo_basis, partner_mail, tracking: the least of these switches.
        confirmed: a consent to mail counts once a link in a mail has confirmed it.
        renewal: the months after which it has to be given again.
        records: the days for which the record of a consent is kept at least.
        label: what the subject of marketing begins with.
        line: what the body of a promotion says: that it is advertising, by language.
        authority: the authority to which one complains about the use of data, as it calls itself. It is no demand.
    """

    name: Text
    countries: Annotated[tuple[Country, ...], Field(min_length=1)]
    promo_basis: LegalRequirement[PromoBasis]
    partner_mail: LegalRequirement[PartnerMail]
    tracking: LegalRequirement[Tracking]
    confirmed: LegalRequirement[Literal[True]] | None = None
    renewal: LegalRequirement[Annotated[Whole, Field(ge=1, le=1200)]] | None = None
    records: LegalRequirement[Annotated[Whole, Field(ge=1, le=36_500)]] | None = None
    label: LegalRequirement[Text] | None = None
    line: LegalRequirement[Annotated[dict[str, Text], Field(min_length=1)]] | None = None
    authority: Text | None = None

    @property
    def legal_requirements_by_key(self) -> dict[str, LegalRequirement[object]]:
        """The demands that the file makes, by key."""
        said = {name: getattr(self, name) for name in DEMANDS}
        return {name: demand for name, demand in said.items() if demand is not None}

    @property
    def switch_floor(self) -> SwitchFloor:
        """The floor of each switch. The floor of an unsure demand is at least that of an unreviewed country."""
        said = {name: getattr(self, name) for name in SWITCHES}
        floor = SwitchFloor.model_validate({name: demand.value for name, demand in said.items()})
        doubted = {name: getattr(UNREVIEWED, name) for name, demand in said.items() if demand.sure == "unsure"}
        return strictest_floor(floor, SwitchFloor.model_validate(doubted))

    @property
    def consent_validity_terms(self) -> ConsentValidityTerms:
        """The terms on which a consent counts."""
        return ConsentValidityTerms(self.confirmed is not None, self.renewal.value if self.renewal else None)


SWITCHES: Final = ("promo_basis", "partner_mail", "tracking")
"""The demands that are the least of a switch."""
DEMANDS: Final = (*SWITCHES, "confirmed", "renewal", "records", "label", "line")
"""Every key of a jurisdiction that is a demand."""
UNREVIEWED: Final = SwitchFloor(promo_basis="opt_in", partner_mail="on_request", tracking="mailing")
"""The floor of countries whose law is not reviewed. If a file is stricter, its demand holds there, too."""


@dataclass(frozen=True, slots=True, eq=False)
class AdvertisingMark:
    """The marks that marketing must have in some countries. Equal marks are one object, and are compared by identity.

    Attributes:
        label: what the subject begins with; None: nothing.
        lines: the line in the body, by language; none where the law wants none.
    """

    label: str | None
    lines: Mapping[str, str]

    def advertising_line_in_language(self, locale: str) -> str | None:
        """Returns the line in the language of a mail, else in the first language; None if there is no line."""
        language = locale.partition("-")[0]
        return self.lines.get(language) or next(iter(self.lines.values()), None)


def advertising_mark_for_countries(marks: Mapping[str, AdvertisingMark], said: str | None) -> AdvertisingMark | None:
    """Returns the mark for a person's countries, one a line; None if no law there wants one."""
    found = marks.get(said or "")
    if found is not None or not said or "\n" not in said:
        return found
    return _merged_advertising_mark(tuple(mark for country in said.split("\n") if (mark := marks.get(country))))


@lru_cache(maxsize=1000)
def _merged_advertising_mark(marks: tuple[AdvertisingMark, ...]) -> AdvertisingMark | None:
    """Makes one mark of several: the first label, and the lines of the first that has any."""
    if len(set(marks)) < 2:
        return marks[0] if marks else None
    label = next((mark.label for mark in marks if mark.label), None)
    return AdvertisingMark(label, next((mark.lines for mark in marks if mark.lines), {}))


class LawByCountry:
    """All jurisdictions, by country."""

    def __init__(self, jurisdictions: Iterable[Jurisdiction] = ()) -> None:
        """Builds the tables. Without jurisdictions, every country is unreviewed."""
        self.jurisdictions = tuple(jurisdictions)
        self._by_country = {country: one for one in self.jurisdictions for country in one.countries}
        self._floors = {country: one.switch_floor for country, one in self._by_country.items()}
        self.unreviewed = strictest_floor(UNREVIEWED, *self._floors.values())
        self._terms = {country: one.consent_validity_terms for country, one in self._by_country.items()}
        self._unreviewed_terms = strictest_validity_terms((UNREVIEWED_TERMS, *self._terms.values()))
        self.marks = dict(_build_advertising_mark_of_each_country(self.jurisdictions))

    @property
    def reviewed_countries(self) -> tuple[str, ...]:
        """The countries whose law is reviewed."""
        return tuple(self._by_country)

    def reviewed_jurisdiction_or_none(self, country: str | None) -> Jurisdiction | None:
        """Returns the jurisdiction of a country; None if it is not reviewed."""
        return self._by_country.get(country or "")

    def switch_floor(self, said: str | None) -> SwitchFloor:
        """Returns the strictest floor of a person's countries, one a line. None counts as not reviewed."""
        return strictest_floor(*(self._floors.get(country, self.unreviewed) for country in (said or "").split("\n")))

    def consent_validity_terms(self, said: str | None) -> ConsentValidityTerms:
        """Returns the strictest terms of consents in a person's countries, one a line. None counts as not reviewed."""
        countries = (said or "").split("\n")
        return strictest_validity_terms(self._terms.get(country, self._unreviewed_terms) for country in countries)


def _build_advertising_mark_of_each_country(
    jurisdictions: Iterable[Jurisdiction],
) -> Iterator[tuple[str, AdvertisingMark]]:
    """Yields each country whose law wants a mark, with the mark."""
    made: dict[tuple[object, ...], AdvertisingMark] = {}
    for one in jurisdictions:
        label, lines = one.label.value if one.label else None, one.line.value if one.line else {}
        if label or lines:
            mark = made.setdefault((label, *lines.items()), AdvertisingMark(label, lines))
            yield from ((country, mark) for country in one.countries)


class JurisdictionError(PolicyError):
    """A file of a jurisdiction that cannot be used; the message names the file, the line, the key and the remedy."""


def parse_jurisdiction(text: str, source: str) -> Jurisdiction:
    """Reads a jurisdiction from TOML.

    Args:
        text: the file's contents.
        source: its name, for messages.

    Raises:
        JurisdictionError: it is not TOML, or not a jurisdiction; a line a fault.
    """
    try:
        return Jurisdiction.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise JurisdictionError(describe_toml_error(error, text, source)) from error
    except ValidationError as error:
        raise JurisdictionError(
            "\n".join(describe_one_pydantic_error(detail, text, source) for detail in error.errors())
        ) from error


def parse_law_by_country(texts: Mapping[str, str]) -> LawByCountry:
    """Reads all jurisdictions.

    Args:
        texts: the files' contents, by name.

    Raises:
        JurisdictionError: something is wrong; a line for each thing that is.
    """
    if not texts:
        raise JurisdictionError("MAILER_JURISDICTIONS: the folder holds no jurisdiction (*.toml); name one that does")
    faults: list[str] = []
    read: dict[str, Jurisdiction] = {}
    for name, text in sorted(texts.items()):
        try:
            read[name] = parse_jurisdiction(text, name)
        except JurisdictionError as error:
            faults.append(str(error))
    faults.extend(_duplicate_country_faults(read, texts))
    if faults:
        raise JurisdictionError("\n".join(faults))
    return LawByCountry(read.values())


def _duplicate_country_faults(read: Mapping[str, Jurisdiction], texts: Mapping[str, str]) -> Iterator[str]:
    """Finds countries that are in two jurisdictions."""
    first: dict[str, str] = {}
    for name, jurisdiction in read.items():
        for country in jurisdiction.countries:
            if country in first:
                other = first[country]
                line = line_number_of_key_or_section(texts[name], ("countries",))
                yield f"{name}:{line}: countries has {country}, and so has {other}; a country has one law: remove one"
            first[country] = name
