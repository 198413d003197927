"""Partners: the people whom they may not mail, as signed lists of hashes, posted until the partner accepts them."""

import asyncio
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mailer.events import Person
from mailer.pipeline import partner_sync
from mailer.pipeline.partner_sync import PartnerSync
from mailer.policy.third_parties import Partner
from mailer.ports.partner_suppressions import WebhookPostFailed
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.address_hashing import AddressHasher
from mailer.processors.partner_webhook_posting import post_json_or_raise
from tests.campaigns import commands
from tests.factories import BRAND, World, person, until

SHOP = "penpal-shop"


def opened(signed: Any) -> dict[str, Any]:
    """The content of a signed list, if its signature holds."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed["public_key"]))
    public.verify(bytes.fromhex(signed["signature"]), signed["body"].encode())
    said: dict[str, Any] = json.loads(signed["body"])
    return said


def hashed(world: World, address: str, partner: str = SHOP) -> str:
    """The hash of an address that a partner computes with its key."""
    return hmac.digest(world.hasher.partner_key(BRAND, partner), address.encode(), "sha256").hex()


async def listed(world: World, partner: str = SHOP) -> list[str]:
    """The hashes of a partner's list."""
    found: list[str] = opened(await world.partners.signed_suppression_list(BRAND, partner))["suppressed"]
    return found


@pytest.mark.parametrize("scope", ["*", "partner", f"partner/{SHOP}"])
async def test_who_leaves_partners_mail_is_on_the_list(world: World, scope: str) -> None:
    """An opt-out that covers a partner's mail is on its list at once; one that does not, is not."""
    ada, grace = await world.known(1, 2)
    await world.standings.record_opt_out(BRAND, grace, "newsletter", "test")
    await world.standings.record_opt_out(BRAND, grace, "partner/somebody-else", "test")
    await world.standings.record_opt_out(BRAND, ada, scope, "test")
    await world.standings.record_opt_out(BRAND, ada, scope, "test")
    assert await listed(world) == [hashed(world, "user-1@people.example")]
    assert opened(await world.partners.signed_suppression_list(BRAND, SHOP))["partner"] == SHOP


async def test_an_objection_and_an_erasure(world: World) -> None:
    """People who object to marketing, and erased people, are on the list. Nothing else is left of the erased."""
    ada, grace = await world.known(1, 2)
    objection = NewSuppression("*", "objection", "test", "recipient")
    await world.suppressions.suppress_recipient(BRAND, ada, objection)
    await world.rights.erase_recipient(
        BRAND, grace, "test", basis="GDPR Art. 17", keep=timedelta(days=30), blocks=lambda holds: None
    )
    assert sorted(await listed(world)) == sorted(hashed(world, f"user-{n}@people.example") for n in (1, 2))


async def test_a_new_address_of_who_left(world: World) -> None:
    """A person's opt-out goes along to a new address, and the list follows. Imported opt-outs are on it too."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "*", "test")
    await world.accept([person(1, email="New@people.example")])
    imported = RecipientImportRow(Person(ref="user-2", email="user-2@people.example"), opted_out=("*",))
    await world.importer().import_rows_in_one_transaction([imported])
    assert await listed(world) == [hashed(world, f"{name}@people.example") for name in ("user-1", "new", "user-2")]


async def test_each_partner_has_a_key_of_its_own(world: World) -> None:
    """Two partners, or the partners of two brands, cannot compare their lists; nor can one without the key read one."""
    hasher = AddressHasher("one key")
    hashes = {
        hasher.partner_hash("a", "shop", "ada@people.example"),
        hasher.partner_hash("a", "other", "ada@people.example"),
        hasher.partner_hash("b", "shop", "ada@people.example"),
        hasher.hash_address("ada@people.example"),
        AddressHasher("other key").partner_hash("a", "shop", "ada@people.example"),
    }
    assert len(hashes) == 5
    assert hasher.partner_hash("a", "shop", " ADA@People.example") in hashes


@contextmanager
def partner_server(answer: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A partner that answers with these statuses, then with 200. Yields its address, and the requests that it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer.pop(0) if answer else 200)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/suppressions", got
        server.shutdown()


def push_to(world: World, url: str) -> PartnerSync:
    """A push to the shop at this address."""
    policy = world.policies[BRAND]
    [shop] = policy.partners
    told = Partner.model_validate(shop.model_dump() | {"push_url": url})
    return PartnerSync(world.partners, post_json_or_raise, {BRAND: policy.model_copy(update={"partners": (told,)})})


async def test_new_ones_are_posted_until_they_are_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner gets new hashes, signed, in portions. Refused or redirected ones come again."""
    monkeypatch.setattr(partner_sync, "AT_ONCE", 2)
    for recipient_id in await world.known(1, 2, 3):
        await world.standings.record_opt_out(BRAND, recipient_id, "*", "test")
    wanted = [hashed(world, f"user-{n}@people.example") for n in (1, 2, 3)]
    with partner_server([503, 302]) as (url, got):
        push = push_to(world, url)
        for _ in range(2):
            await push.post_to_all_partners()
            assert (await world.partners.count_partner_suppressions(BRAND, SHOP)).pushed == 0
        await push.post_to_all_partners()
        assert [opened(signed)["suppressed"] for signed in got] == [wanted[:2], wanted[:2], wanted[:2], wanted[2:]]
        await push.post_to_all_partners()
        assert len(got) == 4
    told = await world.partners.count_partner_suppressions(BRAND, SHOP)
    assert (told.suppressions, told.pushed) == (3, 3)


async def test_a_partner_that_is_not_there(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A partner that does not answer is tried again in the next round; the log names it, and no address."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "*", "test")
    with partner_server([]) as (url, _):
        pass
    with pytest.raises(WebhookPostFailed):
        await post_json_or_raise(url, b"{}")
    await push_to(world, url).post_to_all_partners()
    said = capsys.readouterr().out
    assert SHOP in said
    assert "people.example" not in said
    assert (await world.partners.count_partner_suppressions(BRAND, SHOP)).pushed == 0


async def test_it_pushes_until_told_to_stop(world: World) -> None:
    """The push runs round after round, even after one that failed, and ends when it is told to."""
    [ada] = await world.known(1)
    stop = asyncio.Event()
    with partner_server([500]) as (url, got):
        running = asyncio.create_task(push_to(world, url).post_until_stopped(stop, 0.01))
        await world.standings.record_opt_out(BRAND, ada, "*", "test")

        async def told() -> bool:
            return len(got) == 2

        await until(told)
        stop.set()
        await running


async def test_the_commands(world: World, tmp_path: Path, database_url: str) -> None:
    """An operator sees the partners of every brand, and prints a partner's key and its list."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "*", "test")
    operator = commands(tmp_path, database_url)
    listed = (await operator.done("partners", "list", "--json")).json
    assert [(entry["brand"], entry["id"], entry["suppressions"], entry["pushed"]) for entry in listed] == [
        (BRAND, SHOP, 1, 0),
        ("paltalk-2002", "chatwear", 0, 0),
    ]
    assert SHOP in (await operator.done("partners", "list")).out
    keys = [
        (await operator.done("partners", "key", name, "--brand", brand)).out.strip()
        for brand, name in ((BRAND, SHOP), (BRAND, SHOP), ("paltalk-2002", "chatwear"))
    ]
    assert keys[0] == keys[1] != keys[2]
    assert len(bytes.fromhex(keys[0])) == 32
    printed = (await operator.done("partners", "suppressions", SHOP, "--brand", BRAND)).json
    assert opened(printed)["suppressed"] == [hashed(world, "user-1@people.example")]
    for wrong, says in (
        ((SHOP, "--brand", "acme"), "there is no brand acme; there are"),
        (("acme", "--brand", BRAND), f"{BRAND} has no partner acme; it has {SHOP}"),
    ):
        done = await operator.run("partners", "suppressions", *wrong)
        assert (done.status, done.out) == (2, "")
        assert says in done.err
