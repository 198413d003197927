"""Asks an authority for time stamps by HTTP (RFC 3161, 3.4)."""

import asyncio
from email.message import Message
from http.client import HTTPException
from typing import IO, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, decode_timestamp_response

from mailer.ports.evidence_packs import TimeStampFailed

TIMEOUT: Final = 20.0
"""Seconds to wait for the authority."""
_MOST_OCTETS: Final = 1 << 20
_GRANTED: Final = (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)


class _NoRedirects(HTTPRedirectHandler):
    """A redirect handler that follows no redirect: only the authority of the settings is asked."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        return None


class HttpTimeStamper:
    """Implements `ports.evidence_packs.TimeStamper`.

    Args:
        url: of the authority.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = build_opener(_NoRedirects)

    async def stamp_octets(self, octets: bytes) -> bytes:
        """See the port."""
        return await asyncio.to_thread(self._stamp_blocking, octets)

    def _stamp_blocking(self, octets: bytes) -> bytes:
        asked = TimestampRequestBuilder().data(octets).hash_algorithm(HashAlgorithm.SHA256).build()
        headers = {"Content-Type": "application/timestamp-query", "User-Agent": "mailer"}
        request = Request(self._url, asked.as_bytes(), headers, method="POST")  # noqa: S310 - the settings allow https, and http to this machine
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                response: bytes = answer.read(_MOST_OCTETS + 1)
        except HTTPError as error:
            with error:
                raise TimeStampFailed(f"the authority answers with status {error.code}") from None
        except URLError as error:
            raise TimeStampFailed(f"the authority cannot be reached ({type(error.reason).__name__})") from None
        except (OSError, HTTPException) as error:
            raise TimeStampFailed(f"the authority cannot be reached ({type(error).__name__})") from None
        _check_response(response, asked.message_imprint.message, asked.nonce)
        return response


def _check_response(response: bytes, digest: bytes, nonce: int | None) -> None:
    """Raises TimeStampFailed if a response grants no time stamp for a digest, or answers another request."""
    if len(response) > _MOST_OCTETS:
        raise TimeStampFailed(f"the authority's answer has more than {_MOST_OCTETS} octets")
    try:
        answer = decode_timestamp_response(response)
    except ValueError:
        raise TimeStampFailed("the authority's answer is no time stamp (RFC 3161)") from None
    if answer.status not in _GRANTED:
        raise TimeStampFailed(f"the authority refuses: {PKIStatus(answer.status).name}")
    if answer.tst_info.message_imprint.message != digest or answer.tst_info.nonce != nonce:
        raise TimeStampFailed("the authority's answer is for another request")
