"""The signature of a request to AWS. Pure.

Source: AWS, "Signature Version 4 for API requests": the canonical request, the string to sign, the signing key.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def sign_post_request(
    *, host: str, path: str, body: bytes, region: str, service: str, key_id: str, secret: str, now: datetime
) -> Mapping[str, str]:
    """Returns the headers of a signed POST of JSON, without query and with a path that needs no encoding.

    Args:
        host: as the Host header has it.
        path: of the URL.
        body: the octets of the body.
        region: such as `eu-west-1`.
        service: such as `ses`.
        key_id: the access key id.
        secret: the secret access key.
        now: an aware datetime in UTC. AWS refuses one that is wrong by more than five minutes.
    """
    moment, digest = now.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(body).hexdigest()
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    signed = {
        "content-type": "application/json",
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": moment,
    }
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{digest}"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = sign_string(to_sign, scope, secret)
    authorization = f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": authorization}


def sign_string(to_sign: str, scope: str, secret: str) -> str:
    """Returns the signature of a text, in hexadecimal, by the key that is derived for a scope.

    Args:
        to_sign: the string to sign.
        scope: `date/region/service/aws4_request`.
        secret: the secret access key.
    """
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
