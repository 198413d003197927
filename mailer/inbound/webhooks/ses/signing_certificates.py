"""The certificates by which Amazon SNS signs: remembered, so that few requests need the network, and read."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from mailer.inbound.webhooks.webhook_provider import CertificateFetcher

MAX_CERTIFICATE: Final = 64 * 1024
"""The most octets of a certificate's file. Amazon's has about 2,000."""
KEPT: Final = 8
"""The most certificates that are remembered. A topic uses one, and two while Amazon changes it."""
KEPT_FOR: Final = timedelta(hours=24)
"""The time after which a certificate is fetched again. If that fails, the old one serves as long as it is valid."""
MAX_FETCHES: Final = 10
"""The most fetches in `FETCH_PERIOD`, whether they succeed or not. Nobody can make us ask Amazon more often."""
FETCH_PERIOD: Final = timedelta(minutes=5)
_MIN_KEY_BITS: Final = 2048


class RememberedCertificates:
    """Fetches certificates, and remembers them. It is a `CertificateFetcher` itself; a process has one of it."""

    def __init__(self, fetch: CertificateFetcher, clock: Callable[[], datetime]) -> None:
        """Takes what fetches a pinned URL, and a clock whose times are aware."""
        self._fetch, self._clock = fetch, clock
        self._kept: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()
        self._fetches: list[datetime] = []

    async def __call__(self, url: str) -> bytes:
        """Returns the certificate at a URL.

        Raises:
            OSError: it cannot be had, is too large, or too many were asked for.
        """
        at, certificate = self._kept.get(url, (None, b""))
        now = self._clock()
        if at is not None and now - at < KEPT_FOR:
            return certificate
        try:
            self._count_fetch(now)
            fetched = await self._fetch(url)
        except OSError:
            # A stranger who names certificates that do not exist can use up the fetches, and SNS soon gives up.
            if at is None:
                raise
            return certificate
        if len(fetched) > MAX_CERTIFICATE:
            raise OSError(f"a certificate of more than {MAX_CERTIFICATE:,} octets")
        self._kept[url] = now, fetched
        self._kept.move_to_end(url)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return fetched

    def _count_fetch(self, now: datetime) -> None:
        self._fetches = [at for at in self._fetches if now - at < FETCH_PERIOD]
        if len(self._fetches) >= MAX_FETCHES:
            raise OSError(f"more than {MAX_FETCHES} certificates were asked for in {FETCH_PERIOD}")
        self._fetches.append(now)


def read_signing_key(certificate: bytes, now: datetime) -> RSAPublicKey | None:
    """Returns the key of a certificate in PEM; None if it is none, not valid now, or its key is no strong RSA key."""
    try:
        found = load_pem_x509_certificate(certificate)
        key = found.public_key()
        is_valid = found.not_valid_before_utc <= now <= found.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if is_valid and isinstance(key, RSAPublicKey) and key.key_size >= _MIN_KEY_BITS else None


def has_signed(key: RSAPublicKey, version: str, signature: bytes, octets: bytes) -> bool:
    """Tells whether a key made a signature: of version 1, with SHA-1, or 2, with SHA-256 (RFC 8017 8.2)."""
    hashes: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - topics sign with SHA-1 by default
    if version not in hashes:
        return False
    try:
        key.verify(signature, octets, PKCS1v15(), hashes[version])
    except InvalidSignature:
        return False
    return True
