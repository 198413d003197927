"""The faults of a policy file in words: the file, the line, the key, and the remedy."""

import json
import re
from collections.abc import Mapping
from datetime import date
from tomllib import TOMLDecodeError
from typing import Any

from pydantic_core import PydanticCustomError

from mailer.policy.text_formats import HOW_TO_WRITE
from mailer.policy.toml_lines import Path, line_number_of_key_or_section

_WHOLE = "is {given}; write a whole number, such as 20"
_SECTION = "is {given}; write a section with keys of its own, or {{ key = value }}"


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names the file, the line, the key and the remedy."""


MESSAGES = {
    "missing": "is missing; add it",
    "extra_forbidden": "is no key that belongs here; remove it, or mend its spelling",
    "literal_error": "is {given}; write {expected}",
    "enum": "is {given}; write {expected}",
    "string_type": "is {given}; write a text in quotation marks",
    "string_pattern_mismatch": "is {given}; write {form}",
    "int_type": _WHOLE,
    "greater_than_equal": "is {given}; write {ge} or more",
    "less_than_equal": "is {given}; write {le} or less",
    "date_type": "is {given}; write a date without quotation marks, such as 2026-05-25",
    "bool_type": "is {given}; write true or false",
    "tuple_type": "is {given}; write a list, in square brackets",
    "too_short": "is empty; write one entry at least",
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "no_category": "is no category; write one of {categories}",
    "not_mandatory": "is for optional mail, and {category} is mandatory; remove it",
    "not_optional": "is for mandatory mail, and {category} is optional; remove it",
    "no_updates": 'is "paid", and the policy has no updates; add [categories.updates]',
    "same_sender": "is the sender of mandatory mail; write another one: bulk mail must not spoil its reputation",
    "not_aligned": "is not of {domain}, which signs; write an address of it or of a domain below it, as DMARC asks",
    "forgotten_early": "is {given}; write {days} or more: the law of {place} has records of consents kept so long",
    "below_floor": "is {given}, below the floor; write {least}: a policy may be stricter than the law, never weaker",
    "no_channel": "names {given}, which every brand has; name those beside it, or remove the key",
    "no_purpose": "names {purpose}, which is no purpose of the policy; remove it, or add it to purposes",
    "built_in": "is an attribute that every brand has; remove it",
    "ends_early": "is before since; write a later day, or remove it",
    "no_hours": "is not after from; write a later time of the same day",
    "unmet": "is {given}, and {promise} needs {needed}; mend it, or what the policy promises",
    "no_scope": "is no scope to which one consents; write one of {scopes}",
    "basis": "is {given}, by which use or terms would be the consent; write what people say for themselves",
    "misnamed": "is {given}, and another kind by its name; write {stricter}, or give the source another name",
    "late_notice": "is {given}, after {effective}, when the version came into force; write when people were told",
    "twice": "is {given}, and stands twice; remove one",
    "unfilled": "is {given}, as `mailer init` left it; write your own",
    "no_toml": "is not TOML: {reason}; mend this line, or the one before",
    "same_version": "is {given}, as in {other}; give each version of {brand} a name of its own",
    "same_day": "is {given}, as in {other}; let each version of {brand} take effect on a day of its own",
    "no_place": "is {given}, which is in no country; write a country or a part of one by ISO 3166, such as DE or US-CA",
    "no_zone": "is {given}; write the name of a time zone, such as America/New_York",
    "no_variant": "is {given}; write another name than {other}, of {most} characters at most",
    "no_kind": "has no kind that is known; write kind = one of {kinds}",
    "two_of": "stands beside {other}; write one of them",
    "no_period": "needs a period of hours, days or months; add one",
    "no_rule": "is no rule that comes with mailer, so it cannot be switched off; remove it, or mend its spelling",
    "needed_by": "is what {other} begins after; switch that off, too, or replace it",
    "no_clock": "is {given}, which leads to no clock from the finding on; write one of `mailer policy breach-rules`",
    "not_in_force": "is {given}, and no version of {brand} is in force before; write {today} or an earlier day",
}
"""The message of each kind of fault, which follows the key's name. The kinds up to `model_type` are pydantic's."""


def build_pydantic_error_for_fault(kind: str, at: Path, **said: object) -> PydanticCustomError:
    """Returns the error that a validator raises, with the kind of the fault, the key that has it, and the values."""
    return PydanticCustomError("policy", "{kind}", {"kind": kind, "at": at, "said": said})


def describe_one_pydantic_error(detail: Mapping[str, Any], text: str, source: str) -> str:
    """Returns one pydantic error as a message for the person who wrote the file.

    Args:
        detail: as in `ValidationError.errors()`.
        text: the file's contents.
        source: its name.
    """
    context = detail.get("ctx", {})
    if detail["type"] == "policy":
        return describe_fault_with_line(
            source, text, (*_path_of_keys(detail["loc"]), *context["at"]), context["kind"], **context["said"]
        )
    said = {
        **context,
        "given": format_toml_value(detail["input"]),
        "expected": str(context.get("expected")).replace("'", ""),
        "form": HOW_TO_WRITE.get(context.get("pattern", "")),
    }
    return describe_fault_with_line(source, text, _path_of_keys(detail["loc"]), detail["type"], **said)


def _path_of_keys(path: Path) -> Path:
    """Returns a path without what pydantic adds: the mark of a key, and the tag of a union, both in brackets."""
    return tuple(part for part in path if not str(part).startswith("["))


def describe_fault_with_line(source: str, text: str, path: Path, kind: str, **said: object) -> str:
    """Returns a fault with its file, line, key and remedy: `a.toml:12: switches.tracking is "all"; write off, …`."""
    key = ".".join(str(part) for part in path if not isinstance(part, int))
    return f"{source}:{line_number_of_key_or_section(text, path)}: {key} {MESSAGES[kind].format(**said)}"


def describe_toml_error(error: TOMLDecodeError, text: str, source: str) -> str:
    """Returns the message for a file that is not valid TOML: the file, the line and the reason."""
    said = str(error)
    line = re.search(r" \(at line (\d+), column \d+\)$", said)
    number = int(line[1]) if line else max(1, len(text.splitlines()))
    reason = re.sub(r" \(at [^()]*\)$", "", said)
    return f"{source}:{number}: {MESSAGES['no_toml'].format(reason=reason)}"


def format_toml_value(value: object) -> str:
    """Returns a value as TOML. For a list or a section it returns only the kind, such as `a list`."""
    match value:
        case list() | tuple():
            return "a list"
        case dict():
            return "a section"
        case date():
            return value.isoformat()
        case str() | bool():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
