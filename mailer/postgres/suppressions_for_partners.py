"""Suppression lists for partners in PostgreSQL: hashes of addresses that a partner may not mail.

Only the partner can compare the hashes. It can recognise an address that it has already, but cannot learn a new one.
"""

import hmac
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.database.statements import Connection, Pool, load_statements
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, partner_scope
from mailer.ports.partner_suppressions import PartnerSuppressionCounts, UnsentSuppressions
from mailer.postgres.address_hashing import AddressHasher

_SQL = load_statements("partners")
_ALL_PARTNERS = {
    EVERYTHING_OPTIONAL,
    SHARING,
    *(category.name for category in CATEGORIES.values() if category.partners),
}
"""The scopes of opt-outs that hold for all partners."""


def partner_ids_by_brand(policies: Iterable[Policy]) -> dict[str, list[str]]:
    """Returns the ids of the partners in the policies by brand, including past and future partners."""
    return {policy.brand: [partner.id for partner in policy.partners] for policy in policies if policy.partners}


@rule("suppressions-pushed", "paltalk02-04")
async def suppress_opted_out_for_partners(
    connection: Connection, hasher: AddressHasher, ids: Collection[int], *, erased: bool = False
) -> None:
    """Adds recipients who opted out of partners' mail, objected or are erased to these partners' suppression lists.

    Args:
        connection: the transaction that has changed the standings. The addresses must still be there.
        hasher: knows the partners, and hashes for them.
        ids: the recipients to check. Those without such an opt-out are not added.
        erased: True: their data are about to be erased; all are added.
    """
    if not hasher.partners:
        return
    noted = [
        (row["brand"], partner, hasher.partner_hash(row["brand"], partner, row["email"]))
        for row in await connection.fetch(_SQL["suppressed"], list(ids), list(hasher.partners), erased)
        for partner in hasher.partners[row["brand"]]
        if erased or row["objected"] or not {*_ALL_PARTNERS, partner_scope(partner)}.isdisjoint(row["opted_out"])
    ]
    if noted:
        await connection.execute(_SQL["note"], *zip(*noted, strict=True))


class PostgresSuppressionsForPartners:
    """Implements `ports.partner_suppressions.PartnerSuppressionStore`.

    Args:
        pool: the connections.
        ledger_key: `LEDGER_KEY`. Lists are signed with an Ed25519 key derived from it, as seals are.
    """

    def __init__(self, pool: Pool, ledger_key: str) -> None:
        self._pool = pool
        self._signer = Ed25519PrivateKey.from_private_bytes(hmac.digest(ledger_key.encode(), b"partners", "sha256"))

    async def signed_suppression_list(self, brand: str, partner: str) -> Mapping[str, Any]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["all"], brand, partner)
        return self._signed_hash_list(brand, partner, [row["hash"] for row in rows])

    async def read_unsent_suppressions(self, brand: str, partner: str, limit: int) -> UnsentSuppressions | None:
        """See the port."""
        rows = await self._pool.fetch(_SQL["unpushed"], brand, partner, limit)
        if not rows:
            return None
        return UnsentSuppressions(
            [row["id"] for row in rows], self._signed_hash_list(brand, partner, [row["hash"] for row in rows])
        )

    async def mark_suppressions_sent(self, ids: Sequence[int]) -> None:
        """See the port."""
        await self._pool.execute(_SQL["pushed"], ids)

    async def count_partner_suppressions(self, brand: str, partner: str) -> PartnerSuppressionCounts:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["told"], brand, partner)
        return PartnerSuppressionCounts(row["suppressions"], row["pushed"]) if row else PartnerSuppressionCounts(0, 0)

    def _signed_hash_list(self, brand: str, partner: str, hashes: Sequence[bytes]) -> Mapping[str, Any]:
        said = {
            "brand": brand,
            "partner": partner,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "hash": "HMAC-SHA-256",
            "suppressed": [hash_.hex() for hash_ in hashes],
        }
        body = json.dumps(said, separators=(",", ":"))
        public = self._signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"body": body, "signature": self._signer.sign(body.encode()).hex(), "public_key": public.hex()}
