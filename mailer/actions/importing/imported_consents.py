"""Builds the consents of a row, from our own columns or from the times that another system has exported."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from mailer.actions.consent import ConsentNotRecordable, check_and_normalize_consent, needs_confirmation_by_policy
from mailer.actions.consent_proof_checks import IsOurs, refuse_every_token
from mailer.actions.importing.column_mapping import ColumnMapping
from mailer.actions.importing.import_fields import ImportField
from mailer.actions.importing.value_parsing import split_semicolons
from mailer.input_types import Moment, Name, Words
from mailer.policy.policy_file import Policy
from mailer.ports.consents import CONFIRMED, Consent

_F = ImportField


class _ConsentColumns(BaseModel):
    """The values of a row about its consents, in our own columns."""

    model_config = ConfigDict(extra="ignore")

    consent_source: Name = ""
    consent_version: Name = ""
    consent_at: Moment | None = None
    consent_words: Words | None = None
    consent_proof: Words | None = None


def parse_consents(
    texts: Mapping[ImportField, str],
    moments: Mapping[ImportField, datetime],
    mapping: ColumnMapping,
    policy: Policy,
    from_controller: str | None,
) -> Iterator[Consent]:
    """Yields the consents of a row, each with its proof.

    Raises:
        ValueError: one of them cannot be recorded.
    """
    columns = _ConsentColumns.model_validate({name.value: text for name, text in texts.items()})
    given_at = columns.consent_at or moments.get(_F.CONSENT_AT)
    if scopes := split_semicolons(texts.get(_F.CONSENTS, "")):
        if given_at is None:
            raise ConsentNotRecordable("consent_at: a consent needs the time at which it was given")
        source, version = columns.consent_source, columns.consent_version
        for scope in scopes:
            said = Consent(
                scope, True, source, version, columns.consent_words, "import", given_at, columns.consent_proof,
                controller=from_controller,
            )  # fmt: skip
            yield check_importable_consent(policy, said)
    elif mapping.consent and given_at:
        yield from _consents_of_export(given_at, moments.get(_F.CONFIRMED_AT), mapping, policy, from_controller)


def _consents_of_export(
    given_at: datetime,
    confirmed_at: datetime | None,
    mapping: ColumnMapping,
    policy: Policy,
    from_controller: str | None,
) -> Iterator[Consent]:
    """Yields the consents that the times of an export stand for. A time of confirmation is the proof of a click."""
    about = mapping.consent
    if about is None:
        return
    source, proof = about.source, None
    if confirmed_at:
        given_at = max(given_at, confirmed_at)
        source, proof = CONFIRMED, f"export:{mapping.preset or 'file'} at {confirmed_at.astimezone(UTC).isoformat()}"
    for scope in about.scopes:
        said = Consent(
            scope, True, source, about.version, about.words, "import", given_at, proof, controller=from_controller
        )
        yield check_importable_consent(policy, said)


def check_importable_consent(policy: Policy, said: Consent, is_ours: IsOurs = refuse_every_token) -> Consent:
    """Checks that a consent may be imported from a file, and returns it normalized.

    Raises:
        ConsentNotRecordable: it has no proof; or it needs a confirmation, and has no proof of one.
    """
    said = check_and_normalize_consent(policy, said, datetime.now(UTC), is_ours)
    if said.given and needs_confirmation_by_policy(policy, said):
        raise ConsentNotRecordable(
            f"{policy.brand} takes confirmed subscriptions to {said.scope} only: consent_source is {CONFIRMED!r} "
            f"where a link in a mail was followed, and not {said.source!r}"
        )
    return said
