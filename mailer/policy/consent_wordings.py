"""The wordings by which people consent: those that a brand lists, and each text that is a person's own yes.

A policy has them by kind of scope: a category, `purpose`, `partner`, `version` or `tracking`. Those under `ANY` count
for all scopes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from mailer.policy.category import CATEGORIES
from mailer.policy.first_person_consent import is_first_person_yes
from mailer.policy.standing import version_scope
from mailer.policy.text_folding_for_comparison import normalized

if TYPE_CHECKING:  # a policy looks at its wordings when it is read
    from mailer.policy.policy_file import Policy

ANY = "any"
"""The key of the wordings by which one may consent to anything."""
KEYS = (
    ANY,
    *(name for name, category in CATEGORIES.items() if category.is_optional and name != "partner"),
    *("partner", "purpose", "tracking", "version"),
)
"""The keys of a policy's wordings: the first part of a scope."""
_BASIS = re.compile(
    r"\bby (continuing|using|accessing|visiting|signing|creating|registering|joining|clicking|logging)\b"
    r"|\b(continued|continuing) use\b|\buse of (the|this|these|our)\b|\bif you (use|continue)\b|\busing\b"
    r"|\bterms\b|\bnutzung\b|\bnutzungsbedingungen\b|\bagb\b|\ben (utilisant|continuant)\b|\bconditions d.utilisation\b"
)
"""Texts that make the use of a service, or its terms, the consent."""


@lru_cache(maxsize=1000)
def fold_wording_for_comparison(text: str) -> str:
    """Returns the form in which wordings are compared. It ignores case, width of characters, and spaces."""
    return " ".join(normalized("NFKC", text).casefold().split())


def is_consent_by_use(text: str) -> bool:
    """Tells whether a text makes the use of a service, or its terms, the consent (interpals-25)."""
    return _BASIS.search(fold_wording_for_comparison(text)) is not None


def list_consent_wordings_for_scope(policy: "Policy", scope: str) -> tuple[str, ...]:
    """Lists the wordings by which one may consent to a scope: of each version, as an older one may have been shown."""
    keys = scope.partition("/")[0], ANY
    found = (text for version in policy.all_versions for key in keys for text in version.wordings.get(key, ()))
    return tuple(dict.fromkeys(found))


def is_listed_wording_or_first_person_yes(policy: "Policy", scope: str, words: str) -> bool:
    """Tells whether a text is a listed wording for a scope, word for word, or a person's own yes."""
    text = fold_wording_for_comparison(words)
    if text in {fold_wording_for_comparison(listed) for listed in list_consent_wordings_for_scope(policy, scope)}:
        return True
    return is_first_person_yes(text, of_policy=scope.startswith(version_scope("")))


def unknown_wording_keys(wordings: Iterable[str]) -> Iterator[str]:
    """Yields the keys of a policy's wordings that belong to no scope."""
    yield from (key for key in wordings if key not in KEYS)


def find_wordings_taking_use_as_consent(wordings: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Yields the wordings of a policy by which use or terms would be the consent, each with its key."""
    for key, texts in wordings.items():
        yield from ((key, text) for text in texts if is_consent_by_use(text))
