"""The sources of addresses: a closed vocabulary in which each source has a kind.

Comparison ignores case, spaces, hyphens and underscores. A standing has the sources of a person as text, one a line
(see `policy_versions`); the strictest kind of them holds.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, Literal, get_args

from mailer.policy.policy_versions import distinct_lines
from mailer.policy.rule_registry import rule

Kind = Literal["account", "sale", "subscription", "import", "partner", "contest", "invitation"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""The laxest kind first.

account: its owner signed up. sale: its owner bought something. subscription: it was given for one kind of mail.
import: another system had it, and nobody knows from where. partner: a partner passed it on. contest: its owner entered
a contest, promotion, giveaway or raffle. invitation: a member gave it, to invite its owner.
"""
FOR_SOMETHING_ELSE: Final[Mapping[Kind | None, str]] = {
    "subscription": "not_collected_for_it",
    "import": "not_collected_for_it",
    "partner": "not_collected_for_it",
    "contest": "contest_is_no_consent",
}
"""The kinds of sources whose addresses were not given for marketing, each with the reason to suppress it."""
BUILT_IN: Final[Mapping[str, Kind]] = {
    "sign-up": "account",
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(
        ("sweepstake", "sweepstakes", "giveaway", "raffle", "lottery", "promotion", "competition"), "contest"
    ),
}
"""The sources that each policy has, before it lists its own."""
_BY_NAME: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("invitation", re.compile(r"^invitation$")),
    (
        "contest",
        re.compile(
            r"contest|sweepstake|give-?away|raffle|lotter|prize|promotion|competition|tombola|gewinnspiel|verlosung"
        ),
    ),
    ("partner", re.compile(r"partner|third-?part|affiliate")),
    ("import", re.compile(r"purchased|bought|rented|leads?(-|$)|import")),
    ("subscription", re.compile(r"(?<!ia)lists?(-|$)")),
)
"""The laxest kind that a source of such a name may have, the strictest first."""
_MOST = 10_000
"""The most source texts whose kinds are cached."""
_BETWEEN = re.compile(r"[\s_-]+")


def normalize_source_name(source: str) -> str:
    """Returns the form in which a source is compared: `Sign Up` and `sign_up` are `sign-up`."""
    return _BETWEEN.sub("-", source.strip()).casefold()


def laxest_source_kind_that_name_allows(source: str) -> Kind:
    """Finds the laxest kind that a source may have by its name, whatever a policy calls it."""
    form = normalize_source_name(source)
    by_name = (kind for kind, words in _BY_NAME if words.search(form))
    return max((BUILT_IN.get(form, KINDS[0]), next(by_name, KINDS[0])), key=KINDS.index)


class SourceVocabulary:
    """The sources of a brand: the built-in ones, and those that its policy lists.

    Args:
        listed: the policy's own, each with its kind.
    """

    def __init__(self, listed: Mapping[str, Kind]) -> None:
        self._kinds = {**BUILT_IN, **{normalize_source_name(source): kind for source, kind in listed.items()}}
        self._found: dict[str, Kind] = {}

    def find_kind(self, source: str) -> Kind | None:
        """Finds the kind of one source; None: addresses cannot come from there."""
        return self._kinds.get(source) or self._kinds.get(normalize_source_name(source))

    def strictest_source_kind(self, said: str | None) -> Kind | None:
        """Returns the strictest kind of a person's sources. A source that is not listed counts as the strictest kind.

        None: no source is known.
        """
        if said is None:
            return None
        if known := self._found.get(said):
            return known
        found = max((self.find_kind(source) or KINDS[-1] for source in distinct_lines(said)), key=KINDS.index)
        if len(self._found) < _MOST:
            self._found[said] = found
        return found

    def is_address_only_from_invitations(self, said: str | None) -> bool:
        """Tells whether all sources of a person are invitations. False if no source is known."""
        return said is not None and all(self.find_kind(source) == KINDS[-1] for source in distinct_lines(said))

    def refusal_of_address_from_source(
        self, source: str | None, collected_at: datetime | None, purpose: str | None
    ) -> str | None:
        """Returns the reason why an address from a source is refused; None if it is accepted."""
        if source is None:
            return None
        kind = self.find_kind(source)
        if kind is None:
            names = ", ".join(sorted(self._kinds))
            return f"source: there is no {source!r}; there are {names}: name one, or list it in the policy's [sources]"
        return contest_or_partner_provenance_problem(source, kind, collected_at, purpose)


@rule("address-provenance", "interpals-01")
def contest_or_partner_provenance_problem(
    source: str, kind: Kind, collected_at: datetime | None, purpose: str | None
) -> str | None:
    """An address from a contest or a partner says for what it was collected, and when."""
    if kind not in ("contest", "partner"):
        return None
    stated = {"collected_at": collected_at, "purpose": purpose}
    missing = [name for name, value in stated.items() if value is None]
    if not missing:
        return None
    what = source if normalize_source_name(source) == kind else f"{kind} ({source})"
    return f"an address from a {what} needs {' and '.join(missing)}"


def sources_laxer_than_their_names(sources: Mapping[str, Kind]) -> Iterator[tuple[str, Kind]]:
    """Yields the sources whose kind is laxer than their name allows, each with the laxest kind that it may have."""
    for source, kind in sources.items():
        least = laxest_source_kind_that_name_allows(source)
        if KINDS.index(kind) < KINDS.index(least):
            yield source, least
