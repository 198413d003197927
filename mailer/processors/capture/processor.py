"""The processor of `capture://`: all mail goes to a capture server in this process, and to nobody else."""

from pathlib import Path
from typing import Final

from mailer.processors.capture.server import CaptureServer
from mailer.processors.smtp.processor import SmtpProcessor
from mailer.processors.smtp.relay_url import parse_relay_url

CAPTURE_NAME: Final = "capture"
"""The name of the processor in the ledger."""


class CaptureProcessor(SmtpProcessor):
    """Sends by SMTP to a running capture server, and stops the server when it is closed."""

    def __init__(self, server: CaptureServer) -> None:
        """Takes a server that is running."""
        url = f"smtp://127.0.0.1:{server.port}?name={CAPTURE_NAME}&country=ZZ&contract=none&tls=none"
        super().__init__(parse_relay_url(url))
        self._server = server

    async def close(self) -> None:
        """See the port."""
        try:
            await super().close()
        finally:
            await self._server.stop()


async def open_capture_processor(url: str, data: Path) -> CaptureProcessor:
    """Starts a capture server that stores mail in `data / "captured"`, and returns the processor which sends to it.

    Raises:
        AiosmtpdNotInstalled: aiosmtpd is not installed.
    """
    server = CaptureServer(data / "captured", answer=smtp_refusal_of_local_part_nobody)
    await server.start()
    return CaptureProcessor(server)


def smtp_refusal_of_local_part_nobody(address: str) -> str | None:
    """Returns the refusal of the capturing server for `nobody@…`, so that a hard bounce can be tried; else None."""
    return "550 5.1.1 No such user" if address.lower().startswith("nobody@") else None
