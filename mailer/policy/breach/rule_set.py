"""All rows of rules that hold for a brand: the shipped ones, and its policy's own. Pure."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from mailer.policy.breach.rule_rows import (
    RULE_KEY,
    AnyRule,
    BreachRule,
    ChannelReason,
    ChannelRule,
    ClockRule,
    PolicyRule,
    RuleId,
    RuleSwitchedOff,
    ShippedRule,
    with_names_of_rows,
)
from mailer.policy.policy_file_errors import (
    PolicyError,
    build_pydantic_error_for_fault,
    describe_one_pydantic_error,
    describe_toml_error,
    format_toml_value,
)
from mailer.policy.policy_key_types import Section

if TYPE_CHECKING:  # a policy has these terms
    from mailer.policy.policy_file import Policy

R = TypeVar("R", bound=BreachRule)
_HEAD: Final[tuple[str, ...]] = ("name", "places", "zone", "variant", "checked", "sure")
"""The keys that stand once at the head of a file, for all rows below them that do not say otherwise."""


class BreachTerms(Section):
    """The section `[breach]` of a policy.

    Attributes:
        break_glass: `with_reason`: at night one person alone may release a notice, with a reason and a second look.
        rules: rows beside the shipped ones, or instead of the ones with the same name; or switched off with a reason.
    """

    break_glass: Literal["never", "with_reason"] = "never"
    rules: dict[RuleId, PolicyRule] = Field(default_factory=dict)

    @field_validator("rules", mode="before")
    @classmethod
    def _add_names(cls, rows: Any) -> Any:
        return with_names_of_rows(rows)


class _RulesFile(Section):
    rules: dict[RuleId, ShippedRule] = Field(min_length=1)


@dataclass(frozen=True)
class BreachRules:
    """The rows that hold for a brand.

    Attributes:
        rows: in the order of the files, the policy's own at the end.
        switched_off: the reasons why shipped rows do not hold, by name.
    """

    rows: tuple[AnyRule, ...]
    switched_off: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, AnyRule]:
        """The rows by name."""
        return {row.id: row for row in self.rows}

    @cached_property
    def channel_rows(self) -> Mapping[ChannelReason, tuple[ChannelRule, ...]]:
        """The rows about channels, by reason. They are asked about for each person of an audience."""
        rows = tuple(self.rows_of_kind(ChannelRule))
        return {reason: tuple(row for row in rows if row.reason is reason) for reason in ChannelReason}

    def rows_of_kind(self, kind: type[R]) -> Iterator[R]:
        """Yields the rows of a kind."""
        return (row for row in self.rows if isinstance(row, kind))

    def as_json(self) -> list[dict[str, Any]]:
        """Returns the rows as JSON values without defaults, in order of their names; a manifest freezes them."""
        rows = sorted(self.rows, key=lambda row: row.id)
        return [{**row.model_dump(mode="json", exclude_defaults=True), "kind": row.kind} for row in rows]


def is_place_known(rows: Iterable[BreachRule], place: str) -> bool:
    """Tells whether rows tell the demands of a place: one names it or its country, for all businesses.

    Elsewhere the strictest of all rows holds.
    """
    return any(row.places and row.sector_law is None and row.is_of_place(place) for row in rows)


_FROZEN: Final = TypeAdapter(list[ShippedRule])


def breach_rules_of_json(rows: Iterable[Mapping[str, Any]]) -> BreachRules:
    """Returns the rows that `BreachRules.as_json` has made, such as those of a manifest.

    Raises:
        pydantic.ValidationError: they are no such rows.
    """
    named = [{**{key: row[key] for key in row if key != "id"}, RULE_KEY: row["id"]} for row in rows]
    return BreachRules(tuple(_FROZEN.validate_json(json.dumps(named))))


class BreachRulesError(PolicyError):
    """A file of rows that cannot be used; the message names the file, the line, the key and the remedy."""


def parse_rules_file(text: str, source: str) -> tuple[AnyRule, ...]:
    """Reads a file of rows.

    Args:
        text: TOML: `name`, `places`, `zone`, `variant`, `checked`, `sure` for all, and `[rules.ID]`.
        source: its name, for messages.

    Raises:
        BreachRulesError: it is not TOML, or a row is wrong; a line a fault.
    """
    try:
        said = tomllib.loads(text)
        head = {key: said.pop(key) for key in _HEAD if key in said}
        said["rules"] = with_names_of_rows(said.get("rules", {}), head)
        return tuple(_RulesFile.model_validate(said).rules.values())
    except tomllib.TOMLDecodeError as error:
        raise BreachRulesError(describe_toml_error(error, text, source)) from error
    except ValidationError as error:
        raise BreachRulesError(
            "\n".join(describe_one_pydantic_error(detail, text, source) for detail in error.errors())
        ) from error


@lru_cache(maxsize=1)
def shipped_rules() -> Mapping[str, AnyRule]:
    """Returns the shipped rows by name. They are a part of the program, and are read once."""
    folder = resources.files("mailer.policy.breach").joinpath("rows")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {row.id: row for file in files for row in parse_rules_file(file.read_text("utf-8"), file.name)}


def breach_rules_of_terms(terms: BreachTerms) -> BreachRules:
    """Returns the shipped rows with what a policy adds, replaces and switches off."""
    merged: dict[str, AnyRule] = dict(shipped_rules())
    switched_off: dict[str, str] = {}
    for name, row in terms.rules.items():
        merged.pop(name, None)
        if isinstance(row, RuleSwitchedOff):
            switched_off[name] = row.off
        else:
            merged[name] = row
    return BreachRules(tuple(merged.values()), switched_off)


def breach_rules_of_policy(policy: "Policy") -> BreachRules:
    """Returns the rows that hold for a brand."""
    return breach_rules_of_terms(policy.breach)


def changes_of_terms(terms: BreachTerms) -> list[str]:
    """Returns what a policy says otherwise than the shipped rules, a line each; none if it says nothing."""
    lines = [
        f"{name} is switched off: {row.off}" for name, row in terms.rules.items() if isinstance(row, RuleSwitchedOff)
    ]
    lines += [
        f"{name} is {'replaced' if name in shipped_rules() else 'added'}"
        for name, row in terms.rules.items()
        if not isinstance(row, RuleSwitchedOff)
    ]
    return [*lines, *(["one person alone may release a notice with a reason"] if terms.break_glass != "never" else [])]


def faults_of_breach_terms(terms: BreachTerms) -> Iterator[PydanticCustomError]:
    """Yields what is wrong between the rows of a policy and the shipped ones."""
    rules = breach_rules_of_terms(terms)
    for name, row in terms.rules.items():
        if isinstance(row, RuleSwitchedOff):
            if name not in shipped_rules():
                yield build_pydantic_error_for_fault("no_rule", ("breach", "rules", name))
            for other in rules.rows_of_kind(ClockRule):
                if other.after == name:
                    yield build_pydantic_error_for_fault("needed_by", ("breach", "rules", name), other=other.id)
        elif isinstance(row, ClockRule) and row.after is not None and not _ends(row, rules):
            yield build_pydantic_error_for_fault(
                "no_clock",
                ("breach", "rules", name, "after"),
                given=format_toml_value(row.after),
            )


def _ends(row: ClockRule, rules: BreachRules) -> bool:
    """Tells whether the clocks that a clock waits for lead back to the finding of the breach, in no circle."""
    seen = {row.id}
    following: AnyRule | None = row
    while isinstance(following, ClockRule) and following.after is not None:
        if following.after in seen:
            return False
        seen.add(following.after)
        following = rules.by_id.get(following.after)
    return isinstance(following, ClockRule)
