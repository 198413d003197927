"""Encrypts the counts that an ending process leaves within an hour. The database stores them, but cannot read them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mailer.metrics_and_logger import log
from mailer.postgres.open_and_click_tally import OpenAndClickTallyByMailing

_PAGE = 65_536
"""The text is padded to a multiple of so many octets, so that its length shows little of the counts."""


class TallyEncryption:
    """Encrypts tallies under the secrets of links."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Takes the secrets, the newest first. The newest encrypts; any of them decrypts."""
        self._box = MultiFernet([Fernet(_derive_key(key)) for key in keys])

    def encrypt_tally(self, hour: int, tally: OpenAndClickTallyByMailing) -> bytes:
        """Returns the encrypted counts of an hour. `hour` is counted since the epoch."""
        text = json.dumps([hour, tally.as_json_text()]).encode()
        return self._box.encrypt(text.ljust(-(-len(text) // _PAGE) * _PAGE))

    def decrypt_tally(self, body: bytes) -> tuple[int, OpenAndClickTallyByMailing] | None:
        """Returns the hour and its counts. If no key decrypts them, logs an error and returns None."""
        try:
            hour, text = json.loads(self._box.decrypt(body))
        except InvalidToken:
            log.error("counts of opens are lost: they were sealed with a link key that is not listed any more")
            return None
        return hour, OpenAndClickTallyByMailing.from_json_text(text)


def _derive_key(key: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"mailer.parked-opens", hashlib.sha256))
