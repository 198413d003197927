"""Staff: people who sign in to the console, their sessions, one-time links and second factors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.staff_rights import RoleAtBrand, StaffMember


@dataclass(frozen=True, slots=True)
class StaffActor:
    """The person who acts, and the masked network from where, for the ledger."""

    identity: Identity
    network: str


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
        challenge: the WebAuthn challenge that waits for its answer.
    """

    id: int
    member: StaffMember
    has_second_factor: bool
    is_factor_set_up: bool
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    network: str
    challenge: bytes | None = None


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
        totp_secret: the encrypted secret of an authenticator app; None if none was begun.
        is_totp_confirmed: True if the app has shown a right code once. Before that it counts for nothing.
        recovery_codes_left: the number of recovery codes that were not used.
    """

    totp_secret: bytes | None
    is_totp_confirmed: bool
    recovery_codes_left: int
    passkeys: Sequence[Passkey]

    @property
    def count(self) -> int:
        """The number of factors that can be used again and again; recovery codes are none."""
        return self.is_totp_confirmed + len(self.passkeys)


class StaffNameTaken(Exception):
    """Raised for a new person whose name somebody has already."""


class StaffDirectory(Protocol):
    """Lists and changes staff. Each change is an entry of the ledger."""

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
        """Disables a person, and ends their sessions and links. False: it was so already."""
        ...

    async def enable_staff_member(self, member: StaffMember, by: StaffActor) -> bool:
        """Lets a disabled person sign in again. False: it was so already."""
        ...

    async def reset_staff_member(self, member: StaffMember, by: StaffActor) -> str:
        """Ends a person's sessions, password, second factors and links. Returns the token of a new one-time link."""
        ...

    async def replace_roles(self, member: StaffMember, roles: Collection[RoleAtBrand], by: StaffActor) -> None:
        """Gives a person these roles and no others."""
        ...

    async def list_sessions(self, staff_id: int) -> Sequence[StaffSession]:
        """Returns the open sessions of a person, the newest first."""
        ...


class StaffSignIn(Protocol):
    """Checks of names, links and sessions when somebody signs in."""

    async def count_attempt(self, keys: Mapping[bytes, Sequence[int]]) -> int:
        """Counts an attempt as failed, unless one of the keys has to wait; see `forgive_attempt`.

        Args:
            keys: the keyed hashes of what failures are counted for, with the seconds to wait after 1, 2, … failures.

        Returns:
            0 if the attempt may go on, or else the seconds to wait.
        """
        ...

    async def forgive_attempt(self, account: bytes, others: Collection[bytes] = ()) -> None:
        """Forgets all failures of an account, and one of each other key, since somebody has signed in."""
        ...

    async def find_password(self, name: str) -> PasswordOfMember | None:
        """Returns the person with a name, in normal form; None if nobody has it, or they are disabled."""
        ...

    async def find_member_of_link(self, token: str) -> StaffMember | None:
        """Returns the person of a one-time link; None if it was used, is too old, or is none."""
        ...

    async def use_link(self, token: str, password_hash: str, network: str) -> StaffMember | None:
        """Uses a one-time link up and sets the password. Of two that use one link at once, one gets None."""
        ...

    async def begin_session(
        self, by: StaffActor, staff_id: int, lasts: timedelta, second_factor: str | None, replaces: str | None
    ) -> str:
        """Begins a session and returns its token. The session of the token `replaces` ends.

        Args:
            by: the person.
            staff_id: of the person.
            lasts: its longest life.
            second_factor: the kind that was shown, such as `totp`; None if none was.
            replaces: the token of a session, or of none.
        """
        ...

    async def find_session(self, token: str) -> StaffSession | None:
        """Returns an open session by its token, and notes that it is in use; None if it ended or is none."""
        ...

    async def end_session(self, member: StaffMember, session_id: int, by: StaffActor) -> bool:
        """Ends one session of a person. False: they have no such session."""
        ...

    async def set_challenge(self, session_id: int, challenge: bytes) -> None:
        """Stores the challenge of a session that its next answer must have."""
        ...

    async def take_challenge(self, session_id: int) -> bytes | None:
        """Returns the challenge of a session, and forgets it: each is good for one answer."""
        ...


class StaffSecondFactors(Protocol):
    """Keeps authenticator apps, recovery codes and passkeys."""

    async def read_factors(self, staff_id: int) -> SecondFactors:
        """Returns the second factors of a person."""
        ...

    async def begin_totp(self, staff_id: int, secret: bytes) -> None:
        """Stores the encrypted secret of an app that is not confirmed yet; a confirmed one stays."""
        ...

    async def take_totp_step(self, staff_id: int, step: int) -> bool:
        """Uses a time step up. False: a code of this or a later step was used before."""
        ...

    async def confirm_totp(self, by: StaffActor, staff_id: int, step: int, codes: Collection[bytes]) -> bool:
        """Makes the app count, uses the step up, and replaces the recovery codes. False: nothing was to confirm."""
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

    async def use_passkey(self, passkey: Passkey, sign_count: int) -> bool:
        """Stores the new count of a passkey. False: it is gone, or its count was used before."""
        ...

    async def remove_passkey(self, by: StaffActor, staff_id: int, passkey_id: bytes) -> bool:
        """Forgets a passkey. False: the person has no such one, or it is the last second factor."""
        ...


@dataclass(frozen=True, slots=True)
class StaffStores:
    """The stores of staff, together."""

    directory: StaffDirectory
    sign_in: StaffSignIn
    factors: StaffSecondFactors
