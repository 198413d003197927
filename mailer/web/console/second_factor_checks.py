"""Checks of second factors: codes of authenticator apps (RFC 6238), and recovery codes."""

import time
from dataclasses import dataclass
from hmac import compare_digest

import pyotp
import segno

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.sign_in_rules import WAITS_OF_ACCOUNT
from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import StaffActor
from mailer.web.console.console_context import ConsoleContext
from mailer.web.console.console_secrets import is_shaped_as_recovery_code, recovery_code_digest

ISSUER = "mailer"
_STEP = 30
_STEPS_AROUND = (0, -1, 1)
"""The steps whose codes are taken: now, and one before and after, for clocks that are not exact."""


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """A code that was found right, and is to be used up.

    Attributes:
        kind: `totp` or `recovery-code`.
        step: the time step of the code of an app; 0 for a recovery code.
        digest: of the recovery code.
    """

    kind: str
    step: int = 0
    digest: bytes = b""


def new_totp_secret() -> str:
    """Returns a secret for an authenticator app, 160 random bits in base 32."""
    return pyotp.random_base32(32)


def totp_setup_uri(secret: str, identity: Identity) -> str:
    """Returns the URI with which an app is set up."""
    return pyotp.TOTP(secret).provisioning_uri(name=identity.name, issuer_name=ISSUER)


def qr_code_data_uri(text: str) -> str:
    """Returns a QR code as an image in a data URI: dark on light in every colour scheme, as cameras need it."""
    return segno.make(text, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def matching_totp_step(secret: str, code: str, now: float | None = None) -> int | None:
    """Returns the time step of a code; None if it is no code of about now. The same work is done for each code."""
    digits = "".join(char for char in code if not char.isspace())
    current, found = int((time.time() if now is None else now) // _STEP), None
    for around in _STEPS_AROUND:
        step = current + around
        if compare_digest(pyotp.TOTP(secret).at(step * _STEP).encode(), digits.encode()):
            found = step
    return found


async def verify_second_factor_code(console: ConsoleContext, staff_id: int, code: str) -> VerifiedCode | None:
    """Returns the kind of a code, if an app shows it now or it is an unused recovery code; it uses nothing up."""
    if is_shaped_as_recovery_code(code):
        digest = recovery_code_digest(staff_id, code)
        found = await console.staff.factors.has_recovery_code(staff_id, digest)
        return VerifiedCode("recovery-code", digest=digest) if found else None
    factors = await console.staff.factors.read_factors(staff_id)
    secret = console.secrets.decrypt(factors.totp_secret) if factors.totp_secret else None
    step = matching_totp_step(secret or new_totp_secret(), code)
    return VerifiedCode("totp", step) if step is not None and secret is not None else None


async def use_up_second_factor_code(
    console: ConsoleContext, by: StaffActor, member: StaffMember, shown: VerifiedCode | None
) -> bool:
    """Uses a code up. False: it was wrong or used before, or too many were wrong lately.

    Six digits can be guessed, so wrong ones make further ones wait. They are only counted for somebody who knows the
    password; nobody else can make the owner wait. A recovery code cannot be guessed, and always works.
    """
    key = console.secrets.failure_count_key("code", str(member.id))
    wait = await console.staff.sign_in.count_attempt_as_failed_unless_it_must_wait({key: WAITS_OF_ACCOUNT})
    if shown is None or (wait and shown.kind == "totp"):
        return False
    factors = console.staff.factors
    if shown.kind == "totp":
        used = await factors.use_up_totp_time_step(member.id, shown.step)
    else:
        used = await factors.use_recovery_code(by, member.id, shown.digest)
    if used:
        await console.staff.sign_in.forget_failed_attempts([key])
    return used
