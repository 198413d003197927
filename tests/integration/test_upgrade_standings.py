"""An upgrade from the release with one flag `paid`: each kind of standing keeps its meaning."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer import bundled_files
from mailer.postgres.migrations import apply_migrations
from tests.factories import BRAND, World, open_world, person
from tests.integration import test_upgrade_products
from tests.integration.test_upgrade_products import add_row

old_url, before = test_upgrade_products.old_url, test_upgrade_products.before
NOW = datetime(2026, 11, 27, tzinfo=UTC)
PAID: dict[str, object] = {"paid": True}
OUT, NONE, BARRED, INVITED = "opted_out", "no_opt_in", "contest_is_no_consent", "only_invited"
SENT = ("", "", "", "", "")
"""The reasons why account, service (or updates), newsletter, promotional and notification mail are not sent."""


def every(reason: str, *, account: str = "", service: str | None = None) -> tuple[str, ...]:
    """One reason for all optional mail, and for service mail too unless another is said."""
    return (account, reason if service is None else service, reason, reason, reason)


KINDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "pays": ({"standing": PAID}, SENT),
    "left-all": ({"left": ["*"], "standing": PAID}, every(OUT, service="")),
    "left-letters": ({"left": ["newsletter"]}, ("", "", OUT, "", "")),
    "left-offers": ({"left": ["promotional"]}, ("", "", "", OUT, "")),
    "left-notifications": ({"left": ["notification"]}, ("", OUT, "", "", OUT)),
    "left-a-purpose": ({"left": ["purpose/offers"]}, ("", "", "", "purpose_refused", "")),
    "complained": ({"left": ["newsletter"], "reason": "complaint"}, ("", "", OUT, "", "")),
    "objected": (
        {"standing": {**PAID, "objected_at": NOW}, "stop": ("objection", "*", None)},
        every("objected", service=""),
    ),
    "in-germany": ({"country": "DE"}, ("", "", NONE, NONE, "")),
    "asked-in-germany": ({"country": "DE", "consents": ["newsletter", "promotional"]}, SENT),
    "asked-as-uk": ({"country": "UK", "consents": ["newsletter", "promotional"]}, SENT),
    "nowhere": ({"country": "XX"}, ("", "", NONE, NONE, "")),
    "entered-a-contest": ({"source": "contest", "purpose": "raffle"}, ("", "", BARRED, BARRED, "")),
    "invited": ({"source": "invitation", "stop": ("invited", "*", BRAND)}, every(INVITED)),
    "of-an-unlisted-source": ({"source": "Spring fair"}, every(INVITED)),
    "invited-and-asked": ({"source": "invitation", "consents": ["newsletter"]}, ("", INVITED, "", INVITED, INVITED)),
    "of-this-version": ({"version": "2024"}, SENT),
    "of-a-foreign-version": ({"version": "elsewhere-1999"}, ("", "", "unknown_basis", "unknown_basis", "")),
    "dead": (
        {"standing": {"address_dead_at": NOW}, "stop": ("address_dead", "*", None)},
        every("address_dead", account="address_dead"),
    ),
    "dead-for-letters": (
        {"standing": {"address_dead_at": NOW}, "stop": ("address_dead", "newsletter", BRAND)},
        ("", "", "address_dead", "", ""),
    ),
    "closed": ({"standing": {"deactivated_at": NOW}}, every("deactivated")),
    "restricted": ({"standing": {**PAID, "restricted_at": NOW}}, every("restricted")),
    "child": ({"standing": {"under_13_at": NOW}}, every("under_13", account="under_13")),
    "erased-before": (
        {"standing": {"erased_before_at": NOW - timedelta(days=9)}, "stop": ("erased", "*", None)},
        every("erased_before"),
    ),
    "asked-since": (
        {
            "standing": {**PAID, "erased_before_at": NOW - timedelta(days=9)},
            "consents": ["newsletter"],
            "stop": ("erased", "*", None),
            "since": NOW - timedelta(days=9),
        },
        ("", "", "", "erased_before", "erased_before"),
    ),
}
"""People by ref: the rows that they had before, and the reason why each mail is not sent after the upgrade."""


async def add_kind(world: World, ref: str) -> None:
    """Writes a person as the release before had them, with the rows on which their standing rests."""
    said, _ = KINDS[ref]
    email, left = f"{ref}@people.example", said.get("left", [])
    where = {"address_key": world.hasher.key_id, "address_hash": world.hasher.hash_address(email)}
    origin = {"source": said.get("source", "sign-up"), "country": said.get("country", "US")}
    known = {"brand": BRAND, "ref": ref, "controller": BRAND, "purpose": said.get("purpose"), "collected_at": NOW}
    id_ = await add_row(
        world,
        "recipients",
        **known,
        email=email,
        **where,
        **origin,
        policy_version=said.get("version"),
        observed_at=NOW,
    )
    standing = {"opted_out": left, "consents": said.get("consents", []), "collected_under": said.get("version")}
    standing |= {"address_hash": where["address_hash"], **origin, **said.get("standing", {})}
    await add_row(world, "standings", recipient_id=id_, version=3, **standing)
    stops = [(said.get("reason", "opt_out"), scope, BRAND) for scope in left]
    for reason, scope, brand in [*stops, *([said["stop"]] if "stop" in said else [])]:
        row = {"controller": BRAND, **where, "brand": brand, "source": "page", "at": said.get("since", NOW)}
        await add_row(world, "suppressions", **row, scope=scope, reason=reason)
    for scope in said.get("consents", []):
        given = {"recipient_id": id_, "brand": BRAND, "controller": BRAND, "scope": scope, "given": True}
        proof = {"source": "confirmed", "version": "1", "words": "Send me letters.", "actor": "recipient", "at": NOW}
        await add_row(world, "consents", **given, **proof, proof="https://mail.example/confirm")


async def reasons(world: World) -> dict[str, tuple[str, ...]]:
    """The reason why each mail of the five categories did not go to each person; empty if it went."""
    found: dict[str, list[str]] = {ref: [] for ref in KINDS}
    for category in ("account", "service", "newsletter", "promotional", "notification"):
        accepted = await world.accept({"refs": list(KINDS)}, category)
        await world.handover().hand_over_batches(accepted.batches)
        for ref, (state, reason) in (await world.states(accepted.mailing_id)).items():
            found[ref].append("" if state == "handed_over" else reason)
    return {ref: tuple(said) for ref, said in found.items()}


async def test_each_kind_of_standing_means_what_it_meant(old_url: str, before: World) -> None:
    """Each opt-out, consent, flag and origin decides as it did, no row is lost, and no later event loosens anything."""
    for ref in KINDS:
        await add_kind(before, ref)
    kept = {
        "consents": "recipient_id, brand, scope, given, counts, source, version, words, actor, proof, at, recorded_at",
        "suppressions": "controller, brand, address_hash, scope, reason, source, at, expires_at, lifted_at, exact",
        "recipients": "id, ref, email, address_hash, source, purpose, collected_at, policy_version, observed_at",
    }
    rows = {table: await before.pool.fetch(f"SELECT {names} FROM {table}") for table, names in kept.items()}  # noqa: S608
    apply_migrations(old_url, bundled_files.bundled_folder("migrations"))
    expected = {ref: said for ref, (_, said) in KINDS.items()}
    async with open_world(old_url) as world:
        for table, names in kept.items():
            assert set(rows[table]) <= set(await world.pool.fetch(f"SELECT {names} FROM {table}")), table  # noqa: S608
        assert await reasons(world) == expected
        told = {"source": "sign-up", "policy_version": "2024", "country": None}
        await world.accept([person(0, **{**told, "ref": ref, "email": f"{ref}@people.example"}) for ref in KINDS])
        assert await reasons(world) == expected
