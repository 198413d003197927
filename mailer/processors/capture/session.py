"""The SMTP session of the capture server. It reads a message in large pieces.

This module needs aiosmtpd, so only the capture server imports it, when it starts.
"""

import re
from typing import Final

from aiosmtpd.smtp import SMTP

from mailer.smtp_text_reading import read_smtp_text

_WORD: Final = "[A-Za-z0-9_=+-]+"
_PLAIN_PATH: Final = re.compile(rf"<({_WORD}(?:\.{_WORD})*@{_WORD}(?:\.{_WORD})*)>((?: {_WORD})*)")
"""An address in angle brackets without a quote, a comment or a space, and the parameters behind it."""


class CaptureSession(SMTP):
    """A session of aiosmtpd, with a faster DATA. It refuses the same messages: too long ones, and too long lines."""

    async def smtp_DATA(self, arg: str) -> None:
        """Reads a message, and answers what the handler says. aiosmtpd itself answers a DATA that is out of order."""
        if self.envelope is None or not self.envelope.rcpt_tos or arg:
            await super().smtp_DATA(arg)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        text = await read_smtp_text(self._reader, self._is_within_size_limit)
        if text is None:
            answer = "552 Error: Too much mail data"
        elif max(map(len, text.split(b"\r\n"))) + 2 > self.line_length_limit:
            answer = "500 Line too long (see RFC5321 4.5.3.1.6)"
        else:
            self.envelope.content = self.envelope.original_content = text
            answer = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's has no annotations
        await self.push(answer)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Returns the address of MAIL or RCPT, and what stands behind it. aiosmtpd itself parses unusual addresses."""
        plain = _PLAIN_PATH.fullmatch(arg)
        return (plain[1], plain[2].lstrip()) if plain else super()._getaddr(arg)

    def _is_within_size_limit(self, octets: int) -> bool:
        return not self.data_size_limit or octets <= self.data_size_limit
