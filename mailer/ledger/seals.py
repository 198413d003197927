"""Seals: the signed heads of chains at a moment. Each seal names the hash of the seal before it.

A seal has the heads of the chains that grew since the seal before. Once a day a seal is whole: it has the heads of all
chains that grew since the last whole seal. A seal that a person asks for is whole too, and has the heads of all chains.
A whole seal also names the whole seal before it, so that the other seals can be deleted after a month.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.database.statements import Connection, Pool, load_statements

_SQL = load_statements("seals", "ledger")

KEPT = timedelta(days=30)
"""The time for which seals are kept that are not whole."""
_WHOLE_EVERY = timedelta(days=1)
_REACH = timedelta(days=2)
"""The greatest age of a writer that still writes: it is used for a day, and no transaction lasts another day."""
_EVERYBODY = UUID(int=0)

Head = tuple[UUID, int, bytes]
"""The head of a chain: its writer, the number of its last entry, and the hash of that entry."""
Record = dict[str, Any]
"""A seal as it is published: body, signature and public key."""


class SealRefused(ValueError):
    """A published seal cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The contents of a seal's body.

    Attributes:
        number: the number of the seal; 0 for the older format, which was not chained.
        previous: SHA-256 of the previous seal's body, hexadecimal; None for the first seal.
        whole: whether it has all chains that grew since the last whole seal, whose hash is `previous_whole`.
    """

    at: datetime
    heads: tuple[Head, ...]
    number: int = 0
    previous: str | None = None
    whole: bool = True
    previous_whole: str | None = None

    @property
    def is_chained(self) -> bool:
        """Tells whether the seal is part of the chain of seals; a seal of the older format is not."""
        return self.number > 0

    def body_to_sign(self) -> str:
        """Returns the body: the text that is signed."""
        said: Record = {"v": 2, "at": self.at.isoformat(), "number": self.number, "previous": self.previous}
        said |= {"whole": True, "previous_whole": self.previous_whole} if self.whole else {"whole": False}
        said["heads"] = [{"writer": str(writer), "n": n, "hash": hash_.hex()} for writer, n, hash_ in self.heads]
        return json.dumps(said, separators=(",", ":"))


def seal_body_digest(body: str) -> str:
    """Returns the SHA-256 of a seal's body, by which the next seal names it."""
    return hashlib.sha256(body.encode()).hexdigest()


class SealSigner:
    """Signs and reads seals.

    Args:
        key: `LEDGER_KEY`; seals are signed with an Ed25519 key derived from it.
    """

    def __init__(self, key: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hmac.digest(key.encode(), b"seal", "sha256"))
        self._public = self._key.public_key()

    def sign_body(self, body: str) -> bytes:
        """Returns the signature of a body."""
        return self._key.sign(body.encode())

    def build_seal_record(self, body: str, signature: bytes) -> Record:
        """Returns a seal as it is published: body, signature and public key."""
        public = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"body": body, "signature": signature.hex(), "public_key": public.hex()}

    def verify_and_parse_seal_record(self, record: Record) -> Seal:
        """Verifies the signature of a published seal and returns its contents.

        Raises:
            SealRefused: the record is no seal of this ledger.
        """
        try:
            body, signature = record["body"], bytes.fromhex(record["signature"])
            self._public.verify(signature, body.encode())
            return _parse_seal(json.loads(body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SealRefused("the head is not a record that `mailer ledger seal` prints") from error
        except InvalidSignature as error:
            raise SealRefused("the head's signature is not by this ledger's key; check MAILER_LEDGER_KEY") from error

    def read_stored_seal_or_none(self, row: asyncpg.Record) -> Seal | None:
        """Returns the contents of a stored seal, or None if its signature does not match."""
        try:
            return self.verify_and_parse_seal_record(self.build_seal_record(row["body"], row["signature"]))
        except SealRefused:
            return None


def _parse_seal(said: Record) -> Seal:
    heads = tuple((UUID(head["writer"]), head["n"], bytes.fromhex(head["hash"])) for head in said["heads"])
    at = datetime.fromisoformat(said["at"])
    if "v" not in said:
        return Seal(at, heads)
    return Seal(at, heads, said["number"], said["previous"], said["whole"], said.get("previous_whole"))


@dataclass(slots=True)
class NewestSealedHeads:
    """The newest sealed head of each chain.

    It is read from the signed seals, which an intruder in the database cannot make.
    """

    id: int | None = None
    number: int = 0
    previous: str | None = None
    previous_whole: str | None = None
    at: datetime | None = None
    whole_at: datetime | None = None
    named: dict[UUID, tuple[int, bytes]] = field(default_factory=dict)

    def add_seal(self, id_: int, body: str, seal: Seal | None) -> None:
        """Adds the next seal. None: its signature is not by our key."""
        self.id, self.previous = id_, seal_body_digest(body)
        if seal is None:
            return
        self.number, self.at = max(self.number, seal.number), seal.at
        if seal.whole:
            self.previous_whole, self.whole_at = self.previous, seal.at
            least = lowest_id_of_writers_active_since(seal.at)
            self.named = {writer: head for writer, head in self.named.items() if writer >= least}
        self.named |= {writer: (n, hash_) for writer, n, hash_ in seal.heads}


class SealStore:
    """Makes, stores and reads seals.

    Args:
        pool: connections. signer: signs the seals.
    """

    def __init__(self, pool: Pool, signer: SealSigner) -> None:
        self._pool = pool
        self._signer = signer
        self._sealed = NewestSealedHeads()

    async def store_one_seal_of_all_chains(self) -> Record:
        """Makes a whole seal of all chains, even if none has grown."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock_and_read_new_seals(connection)
            return await self._sign_and_store_seal(
                connection, await _read_heads(connection, _EVERYBODY), datetime.now(UTC), whole=True
            )

    async def seal_grown_chains(self) -> Record | None:
        """Makes a seal of the chains that grew since the last seal, or once a day since the last whole one.

        Returns:
            The seal, or None if no chain grew.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock_and_read_new_seals(connection)
            sealed, now = self._sealed, datetime.now(UTC)
            whole = sealed.whole_at is None or now - sealed.whole_at >= _WHOLE_EVERY
            since = sealed.whole_at if whole else sealed.at
            heads = await _read_heads(connection, lowest_id_of_writers_active_since(since) if since else _EVERYBODY)
            moved = [(writer, n, hash_) for writer, n, hash_ in heads if sealed.named.get(writer) != (n, hash_)]
            if not moved:
                return None
            record = await self._sign_and_store_seal(connection, heads if whole else moved, now, whole=whole)
            if whole:
                await connection.execute(_SQL["thin"], KEPT)
            return record

    async def _lock_and_read_new_seals(self, connection: Connection) -> None:
        """Reads the seals that any process has added. Locks out other sealing processes until the transaction ends."""
        await connection.execute(_SQL["one_at_a_time"])
        for row in await connection.fetch(_SQL["since"], self._sealed.id):
            self._sealed.add_seal(row["id"], row["body"], self._signer.read_stored_seal_or_none(row))

    async def _sign_and_store_seal(
        self, connection: Connection, heads: list[Head], now: datetime, *, whole: bool
    ) -> Record:
        sealed = self._sealed
        previous_whole = sealed.previous_whole if whole else None
        seal = Seal(now, tuple(heads), sealed.number + 1, sealed.previous, whole, previous_whole)
        body = seal.body_to_sign()
        signature = self._signer.sign_body(body)
        await connection.execute(_SQL["keep"], body, signature, whole, now)
        return self._signer.build_seal_record(body, signature)

    async def latest_seal(self) -> Record | None:
        """Returns the newest seal, or None."""
        row = await self._pool.fetchrow(_SQL["latest"])
        return self._signer.build_seal_record(row["body"], row["signature"]) if row else None

    async def iterate_seals_after_published_one(self, last: Record | None) -> AsyncIterator[Record]:
        """Yields the seals after a published one, oldest first; all seals if `last` is None.

        Raises:
            SealRefused: the published seal is not ours, or is no longer stored.
        """
        place = 0
        if last is not None:
            self._signer.verify_and_parse_seal_record(last)
            place = await self._pool.fetchval(_SQL["place"], last["body"])
            if place is None:
                raise SealRefused(
                    "the last published seal is not kept in this database: it was restored from an older backup, or"
                    f" nothing was published for {KEPT.days} days; see what `mailer ledger verify --head` says of"
                    " the file, and begin a new one"
                )
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["behind"], place, prefetch=100):
                yield self._signer.build_seal_record(row["body"], row["signature"])


async def _read_heads(connection: Connection, floor: UUID) -> list[Head]:
    return [(row["writer"], row["n"], row["hash"]) for row in await connection.fetch(_SQL["heads"], floor)]


def lowest_id_of_writers_active_since(at: datetime) -> UUID:
    """Returns the lowest id (UUIDv7) of a writer that may have written since a moment."""
    return UUID(int=int((at - _REACH).timestamp() * 1000) << 80)
