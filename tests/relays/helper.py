"""The servers that Postfix asks: about logins (Dovecot's protocol), and about messages (a policy)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.relays.world import PASSWORD, TOKEN, USER, Manner

SLOW_SECONDS = 4.0
_REFUSED = base64.b64encode(b'{"status":"400"}').decode()


@dataclass
class Helper:
    """Answers Postfix.

    Attributes:
        manner: which questions are asked.
        mechanisms: of AUTH, that it offers.
        seen: the recipients that have been deferred once.
        logins: how often somebody logged in, by whether that was right.
    """

    manner: Manner
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    seen: set[str] = field(default_factory=set)
    logins: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of Postfix."""
        try:
            if self.manner in (Manner.GREY, Manner.SLOW):
                await self._judge(reader, writer)
            else:
                await self._authenticate(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _judge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Postfix's policy delegation: a block of attributes, and an action."""
        while True:
            block = (await reader.readuntil(b"\n\n")).decode()
            facts = dict(line.partition("=")[::2] for line in block.splitlines() if line)
            action = "dunno"
            if self.manner is Manner.SLOW:
                await asyncio.sleep(SLOW_SECONDS)  # what the test is about
            elif facts["recipient"] not in self.seen:
                self.seen.add(facts["recipient"])
                action = "450 4.2.0 Greylisted"
            writer.write(f"action={action}\n\n".encode())

    async def _authenticate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speaks Dovecot's protocol, version 1.1: the offer, and then requests, each with all of the client's words."""
        offered = "".join(f"MECH\t{name}\tplaintext\n" for name in self.mechanisms)
        writer.write(f"VERSION\t1\t1\n{offered}SPID\t1\nCUID\t1\nCOOKIE\t{'0' * 32}\nDONE\n".encode())
        waiting = dict[str, str]()
        while True:
            words = (await reader.readuntil(b"\n")).decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                number, mechanism = words[1], words[2]
                response = next((word[5:] for word in words if word.startswith("resp=")), None)
            elif words[0] == "CONT":
                number, mechanism, response = words[1], waiting[words[1]], words[2]
            else:
                continue
            said = base64.b64decode(response or "").decode()
            writer.write(self._verdict(number, mechanism, said, waiting).encode())

    def _verdict(self, number: str, mechanism: str, said: str, waiting: dict[str, str]) -> str:
        if mechanism == "LOGIN" and said == USER:
            waiting[number] = "LOGIN password"
            return f"CONT\t{number}\t{base64.b64encode(b'Password:').decode()}\n"
        good = {
            "PLAIN": f"\0{USER}\0{PASSWORD}",
            "LOGIN password": PASSWORD,
            "XOAUTH2": f"user={USER}\x01auth=Bearer {TOKEN}\x01\x01",
            "OAUTHBEARER": f"n,a={USER},\x01auth=Bearer {TOKEN}\x01\x01",
        }
        if mechanism in ("XOAUTH2", "OAUTHBEARER") and said not in ("", "\x01", good[mechanism]):
            waiting[number] = mechanism
            return f"CONT\t{number}\t{_REFUSED}\n"
        self.logins.append(said == good.get(mechanism))
        return f"OK\t{number}\tuser={USER}\n" if self.logins[-1] else f"FAIL\t{number}\tuser={USER}\n"


@asynccontextmanager
async def helping(
    manner: Manner, mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
) -> AsyncIterator[tuple[Helper, int]]:
    """A helper server and its port."""
    helper = Helper(manner, mechanisms)
    server = await asyncio.start_server(helper.serve, "127.0.0.1", 0)
    async with server:
        yield helper, server.sockets[0].getsockname()[1]
