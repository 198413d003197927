"""Checks of what browsers send for a passkey (WebAuthn), by the library `webauthn`. Nothing here is stored."""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from mailer.metrics_and_logger import log
from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import Passkey
from mailer.web.console.console_context import ConsoleContext

MAX_CREDENTIAL = 16_000
"""The most characters of what a browser sends for a passkey."""
_Checked = TypeVar("_Checked")


def passkey_registration_options(
    console: ConsoleContext, member: StaffMember, passkeys: Sequence[Passkey]
) -> tuple[str, bytes]:
    """Returns the options for adding a passkey as JSON, and their challenge."""
    options = generate_registration_options(
        rp_id=console.host,
        rp_name="mailer",
        user_name=member.identity.name,
        user_id=f"staff {member.id}".encode(),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=passkey.id) for passkey in passkeys],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return options_to_json(options), options.challenge


def passkey_authentication_options(
    console: ConsoleContext, passkeys: Sequence[Passkey], challenge: bytes | None = None
) -> tuple[str, bytes]:
    """Returns the options for showing a passkey as JSON, and their challenge.

    Args:
        console: the console.
        passkeys: those that will do. None: any that the browser finds by itself, so that the page names nobody's.
        challenge: the challenge; None: a new one.
    """
    options = generate_authentication_options(
        rp_id=console.host,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=passkey.id) for passkey in passkeys],
    )
    return options_to_json(options), options.challenge


def check_new_passkey(console: ConsoleContext, credential: str, challenge: bytes, name: str) -> Passkey | None:
    """Returns the passkey that a browser has made; None if its answer is wrong, or is none."""

    def check() -> VerifiedRegistration:
        return verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=console.host,
            expected_origin=console.origin,
        )

    made = _run_check_of_passkey(check)
    return Passkey(made.credential_id, made.credential_public_key, made.sign_count, name) if made else None


def check_presented_passkey(
    console: ConsoleContext, passkeys: Sequence[Passkey], credential: str, challenge: bytes
) -> tuple[Passkey, int] | None:
    """Returns the passkey that a browser has shown, with its new count; None if the answer is wrong, or another's."""
    shown_id = _run_check_of_passkey(lambda: base64url_to_bytes(json.loads(credential)["rawId"]))
    passkey = next((one for one in passkeys if one.id == shown_id), None)
    if passkey is None:
        return None

    def check() -> VerifiedAuthentication:
        return verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=console.host,
            expected_origin=console.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
        )

    shown = _run_check_of_passkey(check)
    return (passkey, shown.new_sign_count) if shown and shown.credential_id == passkey.id else None


def _run_check_of_passkey(check: Callable[[], _Checked]) -> _Checked | None:
    """Returns what a check finds. None: the answer of the browser is wrong.

    A stranger writes that answer, and the library reads JSON, CBOR, X.509 and keys of it by other libraries, each with
    errors of its own. They all say the same: this is no passkey.
    """
    try:
        return check()
    except Exception as error:
        log.info("a passkey was refused", error=type(error).__name__)
        return None
