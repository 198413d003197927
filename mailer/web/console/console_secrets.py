"""Keys of the console, derived from `MAILER_SECRET_KEYS`; each use has a key of its own."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hmac import compare_digest

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailer.keyed_hash import KeyedHash
from mailer.policy.sign_in_rules import DEVICE_LASTS, SECRET_WAITS

RECOVERY_CODES = 10
"""The number of recovery codes that are made at once."""
_RECOVERY_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""No letter looks like another one or like a digit."""
_RECOVERY_LENGTH = 16


class ConsoleSecrets:
    """Encrypts secrets of authenticator apps, and makes the tokens of forms.

    Args:
        secret_keys: the newest first. Older ones still decrypt, and tokens of open forms are still good.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._boxes = _boxes_for(secret_keys, "authenticator secrets")
        self._sign_ins = _boxes_for(secret_keys, "sign-ins by an identity provider")
        self._forms = [KeyedHash(_derive_key(key, "form tokens")) for key in secret_keys]
        self._devices = [KeyedHash(_derive_key(key, "known devices")) for key in secret_keys]
        self._challenges = KeyedHash(_derive_key(secret_keys[0], "challenges without a session"))
        self._failures = KeyedHash(_derive_key(secret_keys[0], "failed sign-ins"))

    def encrypt(self, secret: str) -> bytes:
        """Returns a secret in the form that is stored."""
        return self._boxes.encrypt(secret.encode())

    def decrypt(self, stored: bytes) -> str | None:
        """Returns a stored secret; None if the key with which it was stored is gone."""
        try:
            return self._boxes.decrypt(stored).decode()
        except InvalidToken:
            return None

    def seal_sign_in(self, text: str) -> str:
        """Returns a sign-in that was begun, in the form in which the browser keeps it."""
        return self._sign_ins.encrypt(text.encode()).decode()

    def open_sign_in(self, sealed: str) -> str | None:
        """Returns a sign-in that `seal_sign_in` has sealed within `SECRET_WAITS`; None for anything else."""
        try:
            return self._sign_ins.decrypt(sealed.encode(), round(SECRET_WAITS.total_seconds())).decode()
        except InvalidToken:
            return None

    def form_token(self, cookie: str) -> str:
        """Returns the token that forms of the holder of a cookie have to send."""
        return self._forms[0](cookie.encode()).hex()

    def is_form_token(self, cookie: str, token: str) -> bool:
        """Tells whether a token is one of the holder of a cookie."""
        return any(compare_digest(key(cookie.encode()).hex().encode(), token.encode()) for key in self._forms)

    def new_device_token(self, name: str, now: float) -> str:
        """Returns the token of a browser in which a person has signed in completely.

        Args:
            name: of the person, in the form in which names are compared.
            now: the time in seconds (Unix).
        """
        issued = f"{int(now)}.{secrets.token_urlsafe(12)}"
        return f"{issued}.{self._devices[0](_device_token_text_to_hash(name, issued)).hex()}"

    def is_device_token(self, name: str, token: str, now: float) -> bool:
        """Tells whether a token is one of a browser in which a person has signed in within `DEVICE_LASTS`."""
        issued, _, code = token.rpartition(".")
        text = _device_token_text_to_hash(name, issued)
        if not any(compare_digest(key(text).hex().encode(), code.encode()) for key in self._devices):
            return False
        return 0 <= now - int(issued.partition(".")[0]) < DEVICE_LASTS.total_seconds()

    def new_challenge(self, form_token: str, now: float) -> bytes:
        """Returns a challenge of a passkey for somebody without a session. It is good with the forms of one cookie."""
        made = secrets.token_bytes(16) + int(now).to_bytes(8, "big")
        return made + self._challenges(form_token.encode() + made)

    def is_challenge(self, form_token: str, challenge: bytes, now: float) -> bool:
        """Tells whether a challenge was made for the forms of a cookie, within `SECRET_WAITS`."""
        made, code = challenge[:24], challenge[24:]
        if not compare_digest(self._challenges(form_token.encode() + made), code):
            return False
        return 0 <= now - int.from_bytes(made[16:], "big") < SECRET_WAITS.total_seconds()

    def failure_count_key(self, kind: str, text: str) -> bytes:
        """Returns the key under which failures of a name or a network are counted."""
        return self._failures(f"{kind}\0{text}".encode())


def new_recovery_codes() -> list[str]:
    """Returns new recovery codes, of 79 random bits each, as people write them: `abcd-efgh-jkmn-pqrs`."""
    return [_new_recovery_code() for _ in range(RECOVERY_CODES)]


def recovery_code_digest(staff_id: int, code: str) -> bytes:
    """Returns the digest of a person's recovery code. Capitals, blanks and hyphens do not matter."""
    plain = "".join(char for char in code.casefold() if char.isalnum())
    return hashlib.sha256(f"{staff_id}\0{plain}".encode()).digest()


def is_shaped_as_recovery_code(code: str) -> bool:
    """Tells whether a text has the length of a recovery code."""
    return sum(char.isalnum() for char in code) == _RECOVERY_LENGTH


def _device_token_text_to_hash(name: str, issued: str) -> bytes:
    return f"{name}\0{issued}".encode()


def _new_recovery_code() -> str:
    letters = "".join(secrets.choice(_RECOVERY_LETTERS) for _ in range(_RECOVERY_LENGTH))
    return "-".join(letters[place : place + 4] for place in range(0, _RECOVERY_LENGTH, 4))


def _boxes_for(secret_keys: Sequence[str], use: str) -> MultiFernet:
    """Returns what encrypts for one use. What was encrypted for another one cannot be decrypted by it."""
    return MultiFernet([Fernet(urlsafe_b64encode(_derive_key(key, use))) for key in secret_keys])


def _derive_key(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"mailer console: {purpose}".encode()).derive(
        secret.encode()
    )
