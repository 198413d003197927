"""Checks of a segment's condition against the policy of its brand. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from mailer.policy.consent_and_opt_out_scopes import (
    is_consent_scope,
    is_opt_out_scope,
    possible_consent_scopes_text,
    possible_opt_out_scopes_text,
)
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import BUILT_IN, REGION, AttributeType, parse_attribute_value
from mailer.policy.segment_parsing import SegmentRefused
from mailer.policy.segments import (
    WITH_DAYS,
    AllConditions,
    AnyCondition,
    AttributeCondition,
    AttributeOperator,
    Condition,
    ConsentCondition,
    CountryCondition,
    KnownSinceCondition,
    Leaf,
    ListCondition,
    LocaleCondition,
    MailCondition,
    MailOperator,
    NotCondition,
    OptOutCondition,
    SourceCondition,
    leaves_of_condition,
    text_of_condition_value,
)

_O = AttributeOperator
_ALWAYS: Final = frozenset({_O.IS, _O.IS_NOT, _O.IS_KNOWN, _O.IS_NOT_KNOWN})
OPERATORS_OF_TYPE: Final[Mapping[AttributeType, frozenset[AttributeOperator]]] = {
    AttributeType.TEXT: _ALWAYS | {_O.BEGINS_WITH},
    AttributeType.NUMBER: _ALWAYS | {_O.AT_LEAST, _O.AT_MOST},
    AttributeType.DATE: _ALWAYS | {_O.BEFORE, _O.ON_OR_AFTER, _O.IN_LAST_DAYS, _O.IN_NEXT_DAYS, _O.OVER_DAYS_AGO},
    AttributeType.YES_NO: _ALWAYS,
    AttributeType.TIME_ZONE: _ALWAYS,
    AttributeType.REGION: _ALWAYS,
}
"""The operators that fit an attribute of a type."""
_OF_ONE_PERSON: Final = frozenset(
    {MailOperator.OPENED, MailOperator.DID_NOT_OPEN, MailOperator.CLICKED, MailOperator.DID_NOT_CLICK}
)


def faults_of_condition(policy: Policy, condition: Condition) -> list[str]:
    """Returns what the policy says against a condition, a line each, with what to do; empty if it may be used."""
    return [fault for leaf in leaves_of_condition(condition) for fault in _faults_of_leaf(policy, leaf)]


def condition_with_typed_values(policy: Policy, condition: Condition) -> Condition:
    """Returns a condition whose values of attributes have the types that the policy declares.

    Raises:
        SegmentRefused: the policy does not allow the condition; names each fault.
    """
    if faults := faults_of_condition(policy, condition):
        raise SegmentRefused(faults)
    return _with_typed_values(attributes_that_may_choose(policy), condition)


def _with_typed_values(types: Mapping[str, AttributeType], condition: Condition) -> Condition:
    match condition:
        case AllConditions() | AnyCondition():
            inner = tuple(_with_typed_values(types, one) for one in condition.conditions)
            return condition.model_copy(update={"conditions": inner})
        case NotCondition():
            return condition.model_copy(update={"condition": _with_typed_values(types, condition.condition)})
        case AttributeCondition() if condition.operator not in WITH_DAYS:
            kind = types[condition.name]
            values = tuple(parse_attribute_value(kind, text_of_condition_value(one)) for one in condition.values)
            return condition.model_copy(update={"values": values})
        case _:
            return condition


def attributes_that_may_choose(policy: Policy) -> dict[str, AttributeType]:
    """Returns the types of the attributes that segments of a brand may use, by name: the region, as the country."""
    declared = {name: one.type for name, one in policy.attributes.items() if one.may_choose_audience}
    return {REGION: BUILT_IN[REGION], **declared}


def _faults_of_leaf(policy: Policy, leaf: Leaf) -> Iterator[str]:
    match leaf:
        case AttributeCondition():
            yield from _faults_of_attribute(policy, leaf)
        case ConsentCondition():
            if not is_consent_scope(policy, leaf.scope):
                yield f"consent: nobody can consent to {leaf.scope}; there are {possible_consent_scopes_text(policy)}"
        case OptOutCondition():
            if not is_opt_out_scope(policy, leaf.scope):
                yield f"opt_out: nobody can leave {leaf.scope}; there are *, {possible_opt_out_scopes_text(policy)}"
        case MailCondition():
            if leaf.operator in _OF_ONE_PERSON and policy.switches.tracking != "individual":
                yield (
                    f"mail: {policy.brand} does not record who opens or clicks: its policy has tracking = "
                    f'"{policy.switches.tracking}", and only "individual" would; use got or did_not_get'
                )
        case CountryCondition() | LocaleCondition() | SourceCondition() | KnownSinceCondition() | ListCondition():
            pass
        case _ as never:
            assert_never(never)


def _faults_of_attribute(policy: Policy, leaf: AttributeCondition) -> Iterator[str]:
    usable = attributes_that_may_choose(policy)
    if leaf.name not in usable:
        known = leaf.name in policy.attributes or leaf.name in BUILT_IN
        said = "may not choose an audience by the policy" if known else "is no attribute of the policy"
        yield f"attribute: {leaf.name} {said}; there are {', '.join(sorted(usable)) or 'none'}"
        return
    kind = usable[leaf.name]
    if leaf.operator not in OPERATORS_OF_TYPE[kind]:
        fit = ", ".join(one for one in AttributeOperator if one in OPERATORS_OF_TYPE[kind])
        yield f"attribute: {leaf.name} is a {kind.replace('_', ' ')}, and {leaf.operator} is not for it; use {fit}"
    elif leaf.operator not in WITH_DAYS:
        for value in leaf.values:
            try:
                parse_attribute_value(kind, text_of_condition_value(value))
            except ValueError as error:
                yield f"attribute: {leaf.name}: {error}"
                return
