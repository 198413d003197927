"""What consents and opt-outs may be about, at a brand: each scope is a string, as `standing` makes them."""

import re

from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, TRACKING, partner_scope, purpose_scope, version_scope
from mailer.policy.text_formats import SLUG


def category_of_scope(policy: Policy, scope: str) -> str | None:
    """The optional category that a scope is, or is a topic of; None for other scopes."""
    name, slash, topic = scope.partition("/")
    category = policy.categories.get(name)
    if category is None or category.mandatory or (slash and not re.fullmatch(SLUG, topic)):
        return None
    return name


def is_mail_scope(policy: Policy, scope: str) -> bool:
    """Whether it is mail: a category, a topic of one, a purpose or a partner; these can be left."""
    if category_of_scope(policy, scope) is not None:
        return True
    purposes = {purpose_scope(purpose) for version in policy.all_versions for purpose in version.purposes}
    partners = {partner_scope(partner.id) for version in policy.all_versions for partner in version.partners}
    return scope in purposes or scope in partners


def can_be_left(policy: Policy, scope: str) -> bool:
    """Whether an opt-out may be about it."""
    return scope in (EVERYTHING_OPTIONAL, SHARING) or is_mail_scope(policy, scope)


def can_be_asked(policy: Policy, scope: str) -> bool:
    """Whether a consent may be about it. All optional mail at once is nothing that one can consent to."""
    return scope == TRACKING or is_mail_scope(policy, scope) or is_version_scope(policy, scope)


def is_version_scope(policy: Policy, scope: str) -> bool:
    """Tells whether it is one of the brand's versions of its policy."""
    return scope in {version_scope(version.version) for version in policy.all_versions}


def describe_scopes(policy: Policy) -> str:
    """For messages: what there is."""
    names = [name for name, category in policy.categories.items() if category.is_optional]
    purposes = [purpose_scope(purpose) for purpose in policy.purposes]
    partners = [partner_scope(partner.id) for partner in policy.partners]
    return ", ".join([*names, "CATEGORY/TOPIC", *purposes, *partners, SHARING])


def describe_consent_scopes(policy: Policy) -> str:
    """The words for what one can consent to, in messages."""
    versions = [version_scope(version.version) for version in policy.all_versions]
    return ", ".join([TRACKING, describe_scopes(policy).removesuffix(f", {SHARING}"), *versions])
