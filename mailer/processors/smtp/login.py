"""The login at a relay (RFC 4954), with a password or with an OAuth 2 token."""

import base64
from typing import Final

import aiosmtplib

from mailer.processors.smtp.connection_errors import AuthRefused
from mailer.processors.smtp.oauth_tokens import MECHANISMS, FileOrCommandTokenProvider
from mailer.processors.smtp.relay_url import RelaySettings

_CHALLENGE: Final = 334
_DONE: Final = 235


class SmtpLogin:
    """Logs in on connections to one relay.

    The reply of a server may quote the secret, so only the reply code is kept.

    Args:
        relay: gives the user name, and the password or the source of tokens.
    """

    def __init__(self, relay: RelaySettings) -> None:
        self._relay = relay
        self._tokens = FileOrCommandTokenProvider(relay.bearer) if relay.bearer is not None else None

    async def log_in(self, client: aiosmtplib.SMTP) -> None:
        """Logs in, if the relay's settings have a user name.

        Raises:
            aiosmtplib.SMTPException, OSError: the relay refuses the login, or offers no mechanism that fits.
            TokenUnavailable: the file or the command gives no token.
        """
        relay = self._relay
        if relay.username is None:
            return
        if self._tokens is not None:
            await self._log_in_with_token(client, relay.username, self._tokens)
        elif client.supports_extension("auth") and not client.supported_auth_methods:
            raise aiosmtplib.SMTPException(
                f"{_offered_mechanisms_in_words(client)}; a password fits none of that, token_command=… may"
            )
        else:
            try:
                await client.login(relay.username, relay.password)
            except aiosmtplib.SMTPResponseException as error:
                raise AuthRefused(error.code) from None

    async def _log_in_with_token(self, client: aiosmtplib.SMTP, user: str, tokens: FileOrCommandTokenProvider) -> None:
        """Logs in with the token. If it is refused, tries once more with a new one, as the first may have expired."""
        wanted = self._relay.bearer.mechanism if self._relay.bearer else None
        offered = [name for name in MECHANISMS if name in client.server_auth_methods and wanted in (None, name)]
        if not offered:
            needed = (wanted or " or ".join(MECHANISMS)).upper()
            raise aiosmtplib.SMTPException(f"{_offered_mechanisms_in_words(client)}, and a token needs {needed}")
        token = await tokens.get_token()
        code = await _send_token_and_get_reply_code(client, offered[0], user, token)
        if code // 100 == 5:
            fresh = await tokens.get_token(refused=token)
            if fresh != token:
                code = await _send_token_and_get_reply_code(client, offered[0], user, fresh)
        if code != _DONE:
            raise AuthRefused(code)


async def _send_token_and_get_reply_code(client: aiosmtplib.SMTP, mechanism: str, user: str, token: str) -> int:
    """Sends AUTH with a token, and returns the code of the reply."""
    if mechanism == "xoauth2":
        said, abandoned = f"user={user}\x01auth=Bearer {token}\x01\x01", b""
    else:  # RFC 7628 3.1; the user name is a GS2 authzid (RFC 5801 4)
        name = user.replace("=", "=3D").replace(",", "=2C")
        said, abandoned = f"n,a={name},\x01auth=Bearer {token}\x01\x01", b"AQ=="
    answer = await client.execute_command(b"AUTH", mechanism.upper().encode(), base64.b64encode(said.encode()))
    if answer.code == _CHALLENGE:  # this reply holds only the reason; the code comes after the next command
        answer = await client.execute_command(abandoned)
    return answer.code


def _offered_mechanisms_in_words(client: aiosmtplib.SMTP) -> str:
    names = " ".join(name.upper() for name in client.server_auth_methods if name.replace("-", "").isalnum())
    return f"the relay offers AUTH {names[:200]}" if names else "the relay offers no AUTH"
