"""Seals the counts that a process leaves behind when it ends within an hour: the database keeps what it cannot read."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mailer.postgres.open_tally import OpenTally
from mailer.telemetry import log

_PAGE = 65_536
"""The length of a seal's text is a multiple of that, in octets, so that it tells little of what is in it."""


class TallySeal:
    """Encrypts tallies under the secrets of links."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Takes the secrets, the newest first; each of them opens, the newest closes."""
        self._box = MultiFernet([Fernet(_derive_key(key)) for key in keys])

    def seal_tally(self, hour: int, tally: OpenTally) -> bytes:
        """Returns an hour's counts, sealed. `hour`: since the epoch."""
        text = json.dumps([hour, tally.as_json()]).encode()
        return self._box.encrypt(text.ljust(-(-len(text) // _PAGE) * _PAGE))

    def open_sealed_tally(self, body: bytes) -> tuple[int, OpenTally] | None:
        """Returns the hour and its counts; None if none of the keys opens the seal, which is logged."""
        try:
            hour, text = json.loads(self._box.decrypt(body))
        except InvalidToken:
            log.error("counts of opens are lost: they were sealed with a link key that is not listed any more")
            return None
        return hour, OpenTally.from_json(text)


def _derive_key(key: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"mailer.parked-opens", hashlib.sha256))
