"""The scopes of a brand: the parts of its mail that a consent or an opt-out can name. `standing` makes the strings."""

import re

from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, TRACKING, partner_scope, purpose_scope, version_scope
from mailer.policy.text_formats import SLUG


def category_of_scope(policy: Policy, scope: str) -> str | None:
    """Returns the optional category that a scope names, by itself or with a topic; None for other scopes."""
    name, slash, topic = scope.partition("/")
    category = policy.categories.get(name)
    if category is None or category.mandatory or (slash and not re.fullmatch(SLUG, topic)):
        return None
    return name


def is_mail_scope(policy: Policy, scope: str) -> bool:
    """Tells whether a scope is about mail: an optional category, one of its topics, a purpose or a partner."""
    if category_of_scope(policy, scope) is not None:
        return True
    purposes = {purpose_scope(purpose) for version in policy.all_versions for purpose in version.purposes}
    partners = {partner_scope(partner.id) for version in policy.all_versions for partner in version.partners}
    return scope in purposes or scope in partners


def is_opt_out_scope(policy: Policy, scope: str) -> bool:
    """Tells whether a person can opt out of a scope."""
    return scope in (EVERYTHING_OPTIONAL, SHARING) or is_mail_scope(policy, scope)


def is_consent_scope(policy: Policy, scope: str) -> bool:
    """Tells whether a person can consent to a scope. Nobody can consent to all optional mail at once."""
    return scope == TRACKING or is_mail_scope(policy, scope) or is_version_scope(policy, scope)


def is_version_scope(policy: Policy, scope: str) -> bool:
    """Tells whether a scope names a version of the brand's policy."""
    return scope in {version_scope(version.version) for version in policy.all_versions}


def possible_opt_out_scopes_text(policy: Policy) -> str:
    """Returns the scopes of a brand that a person can opt out of, as a text for messages."""
    names = [name for name, category in policy.categories.items() if category.is_optional]
    purposes = [purpose_scope(purpose) for purpose in policy.purposes]
    partners = [partner_scope(partner.id) for partner in policy.partners]
    return ", ".join([*names, "CATEGORY/TOPIC", *purposes, *partners, SHARING])


def possible_consent_scopes_text(policy: Policy) -> str:
    """Returns the scopes of a brand that a person can consent to, as a text for messages."""
    versions = [version_scope(version.version) for version in policy.all_versions]
    return ", ".join([TRACKING, possible_opt_out_scopes_text(policy).removesuffix(f", {SHARING}"), *versions])
