"""The SMTP session of the capture server. It reads a message in large pieces.

aiosmtpd reads a message line by line, which takes most of the time of a session. This module needs aiosmtpd, so only
the capture server imports it, when it starts.
"""

import asyncio
import re
from typing import Final

from aiosmtpd.smtp import SMTP

_END: Final = b"\r\n.\r\n"
"""The end of the text of a message (RFC 5321, 4.1.1.4)."""


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
        text = await self._read_text()
        if text is None:
            answer = "552 Error: Too much mail data"
        elif max(map(len, text.split(b"\r\n"))) + 2 > self.line_length_limit:
            answer = "500 Line too long (see RFC5321 4.5.3.1.6)"
        else:
            self.envelope.content = self.envelope.original_content = _without_dot_stuffing(text)
            answer = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's has no annotations
        await self.push(answer)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Returns the address of MAIL or RCPT, and what stands behind it. aiosmtpd itself parses unusual addresses."""
        plain = _PLAIN_PATH.fullmatch(arg)
        return (plain[1], plain[2].lstrip()) if plain else super()._getaddr(arg)

    async def _read_text(self) -> bytes | None:
        """Returns the text as it was sent, without its end; None if it is longer than `data_size_limit` octets."""
        text, is_too_long = bytearray(b"\r\n"), False  # the end may come right after DATA: the line before it counts
        while not text.endswith(_END):
            try:
                text += await self._reader.readuntil(b".\r\n")
            except asyncio.LimitOverrunError as overrun:
                text += await self._reader.readexactly(overrun.consumed)
            if self.data_size_limit and len(text) - len(_END) > self.data_size_limit:
                is_too_long = True
                del text[: -len(_END)]
        return None if is_too_long else bytes(text[2 : -len(_END) + 2])


def _without_dot_stuffing(text: bytes) -> bytes:
    """Returns a text without the dots that the client has put before dots at the begin of a line (RFC 5321, 4.5.2)."""
    return text.replace(b"\r\n.", b"\r\n").removeprefix(b".")
