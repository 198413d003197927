"""The signature of outgoing webhooks: Standard Webhooks 1.0, symmetric (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the form of a secret
SECRET_OCTETS: Final = 32
"""The octets of a secret; the specification has 24 to 64."""


def webhook_secret_text(octets: bytes) -> str:
    """Returns a secret as receivers get it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(octets).decode()


def signed_webhook_headers(message_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """Returns the headers of a post.

    Args:
        message_id: stays the same when a message is tried again or replayed.
        timestamp: the time of this try, in Unix seconds.
        body: as it is sent.
        secrets: the present one first. While a secret is replaced, both sign.
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    codes = (
        hmac.digest(base64.b64decode(secret.removeprefix(SECRET_PREFIX)), signed, hashlib.sha256) for secret in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(code).decode()}" for code in codes),
    }
