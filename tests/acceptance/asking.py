"""A plain client of the web process: one that does more takes twice as long to ask as the process takes to answer."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from tests.processes import SECONDS


@dataclass(frozen=True)
class Answer:
    """The answer."""

    status: int
    content: bytes

    @property
    def json(self) -> Any:
        """The content, as JSON."""
        return json.loads(self.content)


class Asker:
    """Asks over connections that stay open, each used by one question at a time."""

    def __init__(self, port: int, key: str) -> None:
        """Connects to nothing yet.

        Args:
            port: of the web process.
            key: an API key.
        """
        self._port = port
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._free: list[HTTPConnection] = []

    async def ask(self, method: str, path: str, body: bytes) -> Answer:
        """Sends a request; the path goes as it is."""
        connection = self._free.pop() if self._free else HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        answer = await asyncio.to_thread(self._exchange, connection, method.upper(), path, body)
        self._free.append(connection)
        return answer

    def close(self) -> None:
        """Ends the connections."""
        for connection in self._free:
            connection.close()

    def _exchange(self, connection: HTTPConnection, method: str, path: str, body: bytes) -> Answer:
        """Asks, and asks once more where the connection had been ended: an answer may come before all was sent."""
        for is_last in (False, True):
            try:
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, path, body, self._headers)
                answer = connection.getresponse()
                return Answer(answer.status, answer.read())
            except ConnectionError:
                connection.close()
                if is_last:
                    raise
        raise AssertionError("the second time returns or raises")
