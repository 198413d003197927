"""Staff: people who sign in to the console, their sessions, one-time links and second factors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.staff_rights import RoleAtBrand, StaffMember, StaffRight

if TYPE_CHECKING:
    from mailer.ports.staff_oidc_accounts import StaffOidcAccountStore


class StaffSessionEnded(Exception):
    """Raised for a change in a session that has ended since the request began, or whose person has lost the right."""


@dataclass(frozen=True, slots=True)
class StaffActor:
    """The person who acts, and the masked network from where, for the ledger.

    Attributes:
        identity: the person.
        network: the masked network.
        session_id: the session; None for who acts by a command, or is signing in.
    """

    identity: Identity
    network: str
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class RightInSession:
    """A right that somebody uses in a session. It is checked again in the transaction that stores the change.

    Attributes:
        session_id: the session.
        right: the right.
        brands: the brands at which it is needed; None: at every brand.
    """

    session_id: int
    right: StaffRight
    brands: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class StaffRecord:
    """A person with the facts that admins see."""

    member: StaffMember
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    has_totp: bool
    passkeys: int

    @property
    def has_second_factor(self) -> bool:
        """True if an authenticator app or a passkey is set up."""
        return self.has_totp or self.passkeys > 0


@dataclass(frozen=True, slots=True)
class StaffSession:
    """An open session.

    Attributes:
        has_second_factor: True if a second factor was shown in this session.
        is_factor_set_up: True if the person has a second factor.
        network: the masked network from where it was begun.
        pending_totp: the encrypted secret of an app that waits for its first code, ten minutes at most; None if none
            does.
    """

    id: int
    member: StaffMember
    has_second_factor: bool
    is_factor_set_up: bool
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    network: str
    pending_totp: bytes | None = None

    @property
    def is_half_signed_in(self) -> bool:
        """True if the second step is still to come."""
        return self.is_factor_set_up and not self.has_second_factor


@dataclass(frozen=True, slots=True)
class IssuedOneTimeLink:
    """A one-time link that was made for a person.

    Attributes:
        what: `added` or `reset`.
        giver: the name of the person who made it, and saw it.
        network: the masked network from where.
    """

    what: str
    giver: str
    network: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PasswordOfMember:
    """A person who is signing in, with the hash of the password; None: no password was chosen yet."""

    member: StaffMember
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A credential of WebAuthn."""

    id: bytes
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """The second factors of a person.

    Attributes:
        totp_secret: the encrypted secret of the authenticator app; None if there is none that has shown a right code.
        recovery_codes_left: the number of recovery codes that were not used.
    """

    totp_secret: bytes | None
    recovery_codes_left: int
    passkeys: Sequence[Passkey]

    @property
    def count(self) -> int:
        """The number of factors that can be used again and again; recovery codes are none."""
        return (self.totp_secret is not None) + len(self.passkeys)


class StaffNameTaken(Exception):
    """Raised for a new person whose name somebody has already."""


class NoAdminWouldRemain(Exception):
    """Raised for a change after which nobody could manage staff. Its argument is the name of the person."""


class StaffDirectory(Protocol):
    """Lists and changes staff. Each change is an entry of the ledger.

    Each change of somebody in a session raises `StaffSessionEnded` if that has ended, or the right to manage staff is
    gone.
    """

    async def add_staff_member(
        self, identity: Identity, email: str, roles: Collection[RoleAtBrand], by: StaffActor
    ) -> str:
        """Adds a person, and returns the token of a one-time link.

        Raises:
            StaffNameTaken: somebody has the name.
        """
        ...

    async def list_staff(self) -> Sequence[StaffRecord]:
        """Returns everybody, also who is disabled, by name."""
        ...

    async def find_staff_record(self, identity: Identity) -> StaffRecord | None:
        """Returns a person by name."""
        ...

    async def get_staff_record(self, staff_id: int) -> StaffRecord | None:
        """Returns a person by id."""
        ...

    async def disable_staff_member(self, member: StaffMember, by: StaffActor) -> bool:
        """Disables a person, and ends their sessions and links. False: it was so already.

        Raises:
            NoAdminWouldRemain: nobody else could manage staff then.
        """
        ...

    async def enable_staff_member(self, member: StaffMember, by: StaffActor) -> bool:
        """Lets a disabled person sign in again. False: it was so already."""
        ...

    async def reset_staff_member(self, member: StaffMember, by: StaffActor) -> str | None:
        """Ends a person's sessions, password, second factors, links and bound account. Returns a new link's token.

        None: the person is disabled, and nothing was changed.
        """
        ...

    async def replace_roles(self, member: StaffMember, roles: Collection[RoleAtBrand], by: StaffActor) -> bool:
        """Gives a person these roles and no others. False, and no change: they have other roles than `member`."""
        ...

    async def list_sessions(self, staff_id: int) -> Sequence[StaffSession]:
        """Returns the open sessions of a person, the newest first."""
        ...

    async def list_issued_one_time_links(self, staff_id: int) -> Sequence[IssuedOneTimeLink]:
        """Returns the last one-time links that were made for a person, the newest first."""
        ...


class StaffSignInStore(Protocol):
    """Checks of names, links and sessions when somebody signs in."""

    async def count_attempt_as_failed_unless_it_must_wait(self, keys: Mapping[bytes, Sequence[int]]) -> int:
        """Counts an attempt as failed, unless one of the keys has to wait; see `forget_failed_attempts`.

        Args:
            keys: the keyed hashes of what failures are counted for, with the seconds to wait after 1, 2, … failures.

        Returns:
            0 if the attempt may go on, or else the seconds to wait.
        """
        ...

    async def forget_failed_attempts(self, keys: Collection[bytes], others: Collection[bytes] = ()) -> None:
        """Forgets all failures of some keys, and one of each other key, since somebody has signed in."""
        ...

    async def find_member_and_password_hash(self, name: str) -> PasswordOfMember | None:
        """Returns the person with a name, in normal form; None if nobody has it, or they are disabled."""
        ...

    async def find_member_of_one_time_link(self, token: str) -> StaffMember | None:
        """Returns the person of a one-time link; None if it was used, is too old, or is none."""
        ...

    async def set_password_by_one_time_link(self, token: str, password_hash: str, network: str) -> StaffMember | None:
        """Uses a one-time link up and sets the password. Of two that use one link at once, one gets None."""
        ...

    async def begin_session(
        self, by: StaffActor, staff_id: int, password_hash: str, second_factor: str | None, replaces: str | None
    ) -> str | None:
        """Begins a session and returns its token. The session of the token `replaces` ends.

        Args:
            by: the person.
            staff_id: of the person.
            password_hash: the hash that the shown password was checked by.
            second_factor: the kind that was shown, such as `totp`; None if none was.
            replaces: the token of a session, or of none.

        Returns:
            None if the person has another password now, or none: the access was reset, or has ended.
        """
        ...

    async def replace_session_after_second_factor(self, by: StaffActor, second_factor: str) -> str:
        """Ends the session of the actor, and begins a new one in which a second factor was shown. Returns its token.

        Raises:
            StaffSessionEnded: the session has ended.
        """
        ...

    async def find_session(self, token: str) -> StaffSession | None:
        """Returns an open session by its token, and notes that it is in use; None if it ended or is none."""
        ...

    async def end_session(self, member: StaffMember, session_id: int, by: StaffActor) -> bool:
        """Ends one session of a person. False: they have no such session."""
        ...

    async def set_challenge(self, session_id: int, challenge: bytes) -> None:
        """Stores the challenge of a session that its next answer must have, within ten minutes."""
        ...

    async def pop_session_challenge(self, session_id: int) -> bytes | None:
        """Returns the challenge of a session, and forgets it: each is good for one answer. None: it is too old, too."""
        ...

    async def mark_sessionless_challenge_used(self, challenge: bytes) -> bool:
        """Notes that a challenge without a session has signed somebody in. False: it has done so before."""
        ...


class StaffSecondFactorStore(Protocol):
    """Keeps authenticator apps, recovery codes and passkeys.

    Each change of somebody in a session raises `StaffSessionEnded` if that has ended.
    """

    async def read_factors(self, staff_id: int) -> SecondFactors:
        """Returns the second factors of a person."""
        ...

    async def store_pending_totp_secret(self, session_id: int, secret: bytes) -> None:
        """Stores the encrypted secret of a new app in a session, where it waits ten minutes for a right code."""
        ...

    async def use_up_totp_time_step(self, staff_id: int, step: int) -> bool:
        """Uses a time step up. False: a code of this or a later step was used before."""
        ...

    async def confirm_totp(
        self, by: StaffActor, staff_id: int, secret: bytes, step: int, codes: Collection[bytes]
    ) -> bool:
        """Makes the app count whose encrypted secret was checked, uses the step up, and replaces the recovery codes.

        False: this secret does not wait in the session of the actor any more, or there is an app already.
        """
        ...

    async def has_recovery_code(self, staff_id: int, code: bytes) -> bool:
        """Tells whether a person has an unused recovery code with a digest."""
        ...

    async def use_recovery_code(self, by: StaffActor, staff_id: int, code: bytes) -> bool:
        """Uses a recovery code up, by its digest. False: it is none, or was used before."""
        ...

    async def replace_recovery_codes(self, by: StaffActor, staff_id: int, codes: Collection[bytes]) -> None:
        """Replaces all recovery codes by others."""
        ...

    async def remove_totp(self, by: StaffActor, staff_id: int) -> bool:
        """Forgets the app. False: there is none, or it is the last second factor."""
        ...

    async def add_passkey(self, by: StaffActor, staff_id: int, passkey: Passkey, codes: Collection[bytes]) -> bool:
        """Adds a passkey, and recovery codes if there are none. False: the passkey is somebody's already."""
        ...

    async def advance_passkey_sign_count(self, passkey: Passkey, sign_count: int) -> bool:
        """Stores the new count of a passkey. False: it is gone, or its count was used before."""
        ...

    async def remove_passkey(self, by: StaffActor, staff_id: int, passkey_id: bytes) -> bool:
        """Forgets a passkey. False: the person has no such one, or it is the last second factor."""
        ...


@dataclass(frozen=True, slots=True)
class StaffStores:
    """The stores of staff, together."""

    directory: StaffDirectory
    sign_in: StaffSignInStore
    factors: StaffSecondFactorStore
    subjects: "StaffOidcAccountStore"
