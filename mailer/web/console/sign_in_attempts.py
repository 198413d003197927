"""Checks name, password and second factor of somebody who signs in, and lets those wait who guess.

Failures of a browser in which the person has signed in before are counted apart from those of strangers. So strangers
do not make the owner wait there. Where the owner has to wait, the password counts only together with a second factor.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webauthn.helpers import base64url_to_bytes

from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.sign_in_rules import MAX_PASSWORD, MAX_STAFF_NAME, WAITS_OF_ACCOUNT, WAITS_OF_NETWORK
from mailer.ports.staff import Passkey, PasswordOfMember, StaffActor
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.console_context import ConsoleContext
from mailer.web.console.console_secrets import is_shaped_as_recovery_code
from mailer.web.console.passkey_checks import MAX_CREDENTIAL, check_presented_passkey
from mailer.web.console.password_hashing import PlaceInPasswordHashQueue
from mailer.web.console.second_factor_checks import VerifiedCode, use_up_second_factor_code, verify_second_factor_code

NOBODY = 0
"""An id that no person has."""
MAX_CHALLENGE = 120


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """The fields of the form for signing in, and the keys under which a failure is counted.

    Attributes:
        name: as it was typed.
        form: the name in the form in which names are compared; an empty text, which nobody has, if it is no name.
        account: the key of this person's failures, in this browser or of strangers.
        network: the key of the network's failures; None if it is not counted.
        is_known: True if this person has signed in before in this browser.
    """

    name: str
    form: str
    password: str
    code: str
    credential: str
    challenge: str
    account: bytes
    network: bytes | None
    is_known: bool

    @property
    def has_factor(self) -> bool:
        """True if a code or a passkey was given."""
        return bool(self.code or self.credential)

    @property
    def wait_seconds_by_failure_count_key(self) -> Mapping[bytes, Sequence[int]]:
        """The seconds to wait after failures, by key."""
        network = {} if self.network is None else {self.network: WAITS_OF_NETWORK}
        return {self.account: WAITS_OF_ACCOUNT, **network}


@dataclass(frozen=True, slots=True)
class RefusedSignInResult:
    """An attempt that failed; for no more than `wait` seconds nothing but a second factor helps."""

    wait: int = 0


@dataclass(frozen=True, slots=True)
class AcceptedSignInResult:
    """A right password, with the kind of the second factor that was shown; None if none was."""

    shown: PasswordOfMember
    factor: str | None


VerifiedFactor = VerifiedCode | tuple[Passkey, int]


def read_attempt(request: ConsoleRequest) -> SignInAttempt:
    """Returns what was typed, and who is counted for it."""
    secrets, name = request.console.secrets, request.field_or_empty("name")
    form = _folded_name(name)
    is_known = bool(form) and secrets.is_device_token(form, request.device, time.time())
    typed = form or hashlib.sha256(name.encode()).hexdigest()
    network = None if is_known else request.counted_network
    return SignInAttempt(
        name,
        form,
        request.raw_field("password", MAX_PASSWORD),
        request.field_or_empty("code"),
        request.raw_field("credential", MAX_CREDENTIAL),
        request.field_or_empty("challenge", MAX_CHALLENGE),
        secrets.failure_count_key("device", request.device)
        if is_known
        else secrets.failure_count_key("account", typed),
        None if network is None else secrets.failure_count_key("network", network),
        is_known,
    )


async def check_attempt(
    request: ConsoleRequest, attempt: SignInAttempt, place: PlaceInPasswordHashQueue
) -> AcceptedSignInResult | RefusedSignInResult:
    """Checks an attempt. Unknown names take the same work as known ones.

    During a wait, no hash is computed before a right second factor was shown; and whoever has one may not guess
    passwords either.
    """
    sign_in = request.console.staff.sign_in
    wait = await sign_in.count_attempt_as_failed_unless_it_must_wait(attempt.wait_seconds_by_failure_count_key)
    if wait and not attempt.has_factor:
        return RefusedSignInResult(wait)
    found = await sign_in.find_member_and_password_hash(attempt.form)
    owner = found.member.id if found else NOBODY
    beside = request.console.secrets.failure_count_key("beside a factor", str(owner))
    factor = await _verify_second_factor(request, attempt, owner, wait)
    if wait and (
        factor is None or await sign_in.count_attempt_as_failed_unless_it_must_wait({beside: WAITS_OF_ACCOUNT})
    ):
        return RefusedSignInResult(wait)
    if not await place.is_password(found.password_hash if found else None, attempt.password) or found is None:
        return RefusedSignInResult(wait)
    kind = await _use_up_factor_and_return_kind(request, found, factor) if attempt.has_factor else None
    if wait and kind is None:
        return RefusedSignInResult(wait)
    keys = [attempt.account, beside, _count_key_of_codes_tried_in_wait(request.console, attempt)]
    await sign_in.forget_failed_attempts(keys, [attempt.network] if attempt.network and not wait else [])
    return AcceptedSignInResult(found, kind)


async def _verify_second_factor(
    request: ConsoleRequest, attempt: SignInAttempt, owner: int, wait: int
) -> VerifiedFactor | None:
    """Returns the right second factor that was shown; None if none was. It uses nothing up.

    Codes of six digits can be guessed. During a wait, each counts before it is checked.
    """
    console = request.console
    if attempt.credential:
        return await _verify_passkey_before_session(request, attempt, owner)
    if not attempt.code:
        return None
    if wait and not is_shaped_as_recovery_code(attempt.code):
        key = _count_key_of_codes_tried_in_wait(console, attempt)
        if await console.staff.sign_in.count_attempt_as_failed_unless_it_must_wait({key: WAITS_OF_ACCOUNT}):
            return None
    return await verify_second_factor_code(console, owner, attempt.code)


def _count_key_of_codes_tried_in_wait(console: ConsoleContext, attempt: SignInAttempt) -> bytes:
    """Returns the key of the codes that are tried during the wait that an attempt is in."""
    return console.secrets.failure_count_key("code in a wait", attempt.account.hex())


async def _verify_passkey_before_session(
    request: ConsoleRequest, attempt: SignInAttempt, owner: int
) -> tuple[Passkey, int] | None:
    console = request.console
    try:
        challenge = base64url_to_bytes(attempt.challenge)
    except ValueError:
        return None
    if not console.secrets.is_challenge(request.form_token, challenge, time.time()):
        return None
    factors = await console.staff.factors.read_factors(owner)
    found = check_presented_passkey(console, factors.passkeys, attempt.credential, challenge)
    if found is None or not await console.staff.sign_in.mark_sessionless_challenge_used(challenge):
        return None
    return found


async def _use_up_factor_and_return_kind(
    request: ConsoleRequest, found: PasswordOfMember, factor: VerifiedFactor | None
) -> str | None:
    by = StaffActor(found.member.identity, request.network)
    if factor is None or isinstance(factor, VerifiedCode):
        used = await use_up_second_factor_code(request.console, by, found.member, factor)
        return factor.kind if used and factor else None
    return "passkey" if await request.console.staff.factors.advance_passkey_sign_count(*factor) else None


def _folded_name(name: str) -> str:
    """Returns a typed name in normal form; an empty text, which nobody has, if it is no name."""
    if len(name) > MAX_STAFF_NAME:
        return ""
    try:
        return parse_person_identity(name).form[1]
    except ValueError:
        return ""
