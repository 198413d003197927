"""Staff in PostgreSQL: links are used once, sessions end, failures are counted, and the ledger has every change."""

import asyncio

import pytest

from mailer.policy.sign_in_rules import FREE_FAILURES, WAITS_OF_ACCOUNT, WAITS_OF_NETWORK
from mailer.policy.staff_rights import StaffMember, StaffRole, parse_role_at_brand
from mailer.ports.staff import NoAdminWouldRemain, Passkey, StaffActor, StaffNameTaken
from tests.factories import World
from tests.staff import ROOT, add_person, disable_person

ACCOUNT, NETWORK = b"account", b"network"


def by(member: StaffMember, session_id: int | None = None) -> StaffActor:
    """The person, from a network, in a session if one is given."""
    return StaffActor(member.identity, "192.0.2.0/24", session_id)


async def begin(world: World, member: StaffMember, factor: str | None = None, replaces: str | None = None) -> str:
    """A session of a person whose password has the hash `hash`; its token."""
    await world.pool.execute("UPDATE staff SET password_hash = 'hash' WHERE id = $1", member.id)
    token = await world.staff.sign_in.begin_session(by(member), member.id, "hash", factor, replaces)
    assert token is not None
    return token


async def in_session(world: World, member: StaffMember, factor: str | None = None) -> StaffActor:
    """The person, in a session of theirs."""
    session = await world.staff.sign_in.find_session(await begin(world, member, factor))
    assert session is not None
    return by(member, session.id)


async def add_app(world: World, member: StaffMember) -> bool:
    """Sets an app up for a person, with the secret `sealed` and the codes `one` and `two`."""
    actor = await in_session(world, member, "totp")
    assert actor.session_id is not None
    await world.staff.factors.store_pending_totp_secret(actor.session_id, b"sealed")
    return await world.staff.factors.confirm_totp(actor, member.id, b"sealed", 100, [b"one", b"two"])


async def test_everything_is_in_the_ledger_which_verifies(world: World) -> None:
    """Each change names the two people and the network. The ledger is intact, and has no secret."""
    dana, link = await add_person(world.staff)
    await world.staff.sign_in.set_password_by_one_time_link(link, "hash", "192.0.2.0/24")
    token = await begin(world, dana, "totp")
    await world.staff.directory.replace_roles(dana, [parse_role_at_brand("ops", "interpals")], ROOT)
    await disable_person(world.staff, dana)
    await world.staff.directory.enable_staff_member(dana, ROOT)
    again = await world.staff.directory.reset_staff_member(dana, ROOT)
    assert again
    entries = [entry async for entry in world.ledger.iterate_entries()]
    assert [(entry["reason"], entry["actor"], entry["reply"]) for entry in entries] == [
        ("staff-added", "person:root", "from a command"),
        ("staff-password-chosen", "person:Dana Duty", "from 192.0.2.0/24"),
        ("staff-signed-in", "person:Dana Duty", "from 192.0.2.0/24"),
        ("staff-roles", "person:root", "from a command"),
        ("staff-disabled", "person:root", "from a command"),
        ("staff-enabled", "person:root", "from a command"),
        ("staff-reset", "person:root", "from a command"),
    ]
    assert {entry["rule"] for entry in entries} == {"staff:Dana Duty"}
    assert entries[0]["fields"] == ["admin@*"]
    assert entries[3]["fields"] == ["ops@interpals"]
    assert not any(secret in str(entries) for secret in (link, again, token))
    assert not (await world.ledger.verify_ledger()).faults
    rows = str(await world.pool.fetch("SELECT * FROM staff JOIN staff_links ON staff_id = id"))
    assert not any(secret in rows for secret in (link, again, token))


async def test_a_name_is_taken_once(world: World) -> None:
    """A name is taken once, in any spelling that is the same person."""
    await add_person(world.staff)
    with pytest.raises(StaffNameTaken):
        await add_person(world.staff, "dana  DUTY")


async def test_of_two_that_use_one_link_one_wins(world: World) -> None:
    """One of two that use a link at once gets in, and nobody afterwards."""
    dana, link = await add_person(world.staff)
    both = await asyncio.gather(
        *(world.staff.sign_in.set_password_by_one_time_link(link, f"hash {n}", "n") for n in range(8))
    )
    assert [one for one in both if one] == [dana]
    assert await world.staff.sign_in.set_password_by_one_time_link(link, "late", "n") is None
    assert await world.staff.sign_in.find_member_of_one_time_link(link) is None


async def test_the_last_admin_stays(world: World) -> None:
    """One of two commands that disable the last two admins at once is refused; others are disabled as before."""
    people = [(await add_person(world.staff, name))[0] for name in ("Ann", "Ben")]
    eli, _ = await add_person(world.staff, "Eli", StaffRole.SUPPORT)
    directory = world.staff.directory
    done = await asyncio.gather(*(directory.disable_staff_member(one, ROOT) for one in people), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["NoAdminWouldRemain", "bool"]
    assert [one.disabled_at is None for one in await directory.list_staff()].count(True) == 2
    assert await directory.disable_staff_member(eli, ROOT)
    left = people[done.index(True) - 1]
    with pytest.raises(NoAdminWouldRemain):
        await directory.disable_staff_member(left, ROOT)


async def test_a_link_ends(world: World) -> None:
    """A link ends after an hour, by a newer link, and with the person's access."""
    dana, link = await add_person(world.staff)
    await world.pool.execute("UPDATE staff_links SET expires_at = now() - interval '1 second'")
    assert await world.staff.sign_in.set_password_by_one_time_link(link, "hash", "n") is None
    newer = await world.staff.directory.reset_staff_member(dana, ROOT)
    newest = await world.staff.directory.reset_staff_member(dana, ROOT)
    assert newer
    assert newest
    assert await world.staff.sign_in.find_member_of_one_time_link(newer) is None
    assert await world.staff.sign_in.find_member_of_one_time_link(newest) == dana
    await disable_person(world.staff, dana)
    assert await world.staff.sign_in.set_password_by_one_time_link(newest, "hash", "n") is None
    assert not await disable_person(world.staff, dana)


async def test_sessions_end(world: World) -> None:
    """A session ends by hand, when idle, at its end, when replaced, and when the person is disabled or reset."""
    staff = world.staff
    dana, _ = await add_person(staff)
    eli, _ = await add_person(staff, "Eli")

    first = await begin(world, dana)
    session = await staff.sign_in.find_session(first)
    assert session
    assert (session.member, session.has_second_factor, session.network) == (dana, False, "192.0.2.0/24")
    assert not await staff.sign_in.end_session(eli, session.id, by(eli))
    assert await staff.sign_in.end_session(dana, session.id, by(dana))
    second = await begin(world, dana)
    third = await begin(world, dana, replaces=second)
    assert await staff.sign_in.find_session(second) is None
    await world.pool.execute("UPDATE staff_sessions SET seen_at = now() - interval '3 hours'")
    assert await staff.sign_in.find_session(third) is None
    fourth = await begin(world, dana)
    await world.pool.execute("UPDATE staff_sessions SET ends_at = now()")
    assert await staff.sign_in.find_session(fourth) is None
    fifth = await begin(world, dana)
    assert len(await staff.directory.list_sessions(dana.id)) == 1
    await disable_person(staff, dana)
    assert await staff.sign_in.find_session(fifth) is None
    assert await staff.sign_in.begin_session(by(dana), dana.id, "hash", None, None) is None
    await staff.directory.enable_staff_member(dana, ROOT)
    sixth = await begin(world, dana)
    await staff.directory.reset_staff_member(dana, ROOT)
    assert await staff.sign_in.find_session(sixth) is None
    assert await staff.sign_in.find_session("") is None


async def test_failures_make_an_account_wait_longer_and_longer(world: World) -> None:
    """Simultaneous failures count one by one. Success forgets them, and so does a day without failures."""
    count = world.staff.sign_in.count_attempt_as_failed_unless_it_must_wait
    keys = {ACCOUNT: WAITS_OF_ACCOUNT, NETWORK: WAITS_OF_NETWORK}
    answers = await asyncio.gather(*(count(keys) for _ in range(FREE_FAILURES + 6)))
    assert sorted(answers)[: FREE_FAILURES + 1] == [0] * (FREE_FAILURES + 1)
    assert all(0 < wait <= 5 for wait in sorted(answers)[FREE_FAILURES + 1 :])
    assert await count({NETWORK: WAITS_OF_NETWORK, b"another account": WAITS_OF_ACCOUNT}) == 0
    await world.pool.execute("UPDATE staff_failures SET last_at = last_at - interval '6 seconds'")
    assert await count(keys) == 0
    assert 5 < await count(keys) <= 10
    counted = await world.pool.fetchval("SELECT failures FROM staff_failures WHERE key = $1", NETWORK)
    assert counted == FREE_FAILURES + 3
    await world.staff.sign_in.forget_failed_attempts([ACCOUNT], [NETWORK])
    assert await world.pool.fetchval("SELECT failures FROM staff_failures WHERE key = $1", NETWORK) == counted - 1
    assert await count(keys) == 0
    await world.pool.execute("UPDATE staff_failures SET failures = 99, last_at = now() - interval '2 days'")
    assert await count(keys) == 0
    assert await world.pool.fetchval("SELECT max(failures) FROM staff_failures") == 1


async def test_a_network_waits_for_all_accounts(world: World) -> None:
    """A client that tries many names waits. Refused tries count for no account."""
    count = world.staff.sign_in.count_attempt_as_failed_unless_it_must_wait
    answers = [await count({b"%d" % n: WAITS_OF_ACCOUNT, NETWORK: WAITS_OF_NETWORK}) for n in range(30)]
    assert answers[:21] == [0] * 21
    assert all(answers[21:])
    assert await world.pool.fetchval("SELECT count(*) FROM staff_failures WHERE key = $1", b"25") == 0


async def test_a_step_and_a_code_are_used_once(world: World) -> None:
    """One of ten simultaneous uses of a step or a code succeeds. An app that is not confirmed does not count."""
    dana, _ = await add_person(world.staff)
    factors = world.staff.factors
    actor = await in_session(world, dana)
    await factors.store_pending_totp_secret(actor.session_id or 0, b"unconfirmed")
    assert not await factors.use_up_totp_time_step(dana.id, 100)
    assert (await factors.read_factors(dana.id)).count == 0
    assert await add_app(world, dana)
    assert not await add_app(world, dana)
    assert (await factors.read_factors(dana.id)).totp_secret == b"sealed"
    assert not await factors.use_up_totp_time_step(dana.id, 100)
    assert sum(await asyncio.gather(*(factors.use_up_totp_time_step(dana.id, 101) for _ in range(10)))) == 1
    assert sum(await asyncio.gather(*(factors.use_recovery_code(by(dana), dana.id, b"one") for _ in range(10)))) == 1
    assert (await factors.read_factors(dana.id)).recovery_codes_left == 1
    await factors.replace_recovery_codes(by(dana), dana.id, [b"four"])
    assert not await factors.use_recovery_code(by(dana), dana.id, b"two")


async def test_passkeys(world: World) -> None:
    """A count that does not grow is refused, as a copied key would show; the last factor stays."""
    dana, _ = await add_person(world.staff)
    eli, _ = await add_person(world.staff, "Eli")
    factors = world.staff.factors
    key = Passkey(b"id", b"public", 5, "laptop")
    assert await factors.add_passkey(by(dana), dana.id, key, [b"code"])
    assert not await factors.add_passkey(by(eli), eli.id, key, [])
    assert not await factors.advance_passkey_sign_count(key, 5)
    assert sum(await asyncio.gather(*(factors.advance_passkey_sign_count(key, 6) for _ in range(5)))) == 1
    assert not await factors.remove_passkey(by(dana), dana.id, b"id")
    assert not await factors.remove_totp(by(dana), dana.id)
    without_count = Passkey(b"other", b"public", 0, "telephone")
    assert await factors.add_passkey(by(dana), dana.id, without_count, [])
    assert await factors.advance_passkey_sign_count(without_count, 0)
    assert await factors.remove_passkey(by(dana), dana.id, b"id")
    assert [one.name for one in (await factors.read_factors(dana.id)).passkeys] == ["telephone"]


async def test_a_challenge_is_taken_once(world: World) -> None:
    """One of ten that take a challenge at once gets it."""
    dana, _ = await add_person(world.staff)
    token = await begin(world, dana)
    session = await world.staff.sign_in.find_session(token)
    assert session
    await world.staff.sign_in.set_challenge(session.id, b"challenge")
    taken = await asyncio.gather(*(world.staff.sign_in.pop_session_challenge(session.id) for _ in range(10)))
    assert [one for one in taken if one] == [b"challenge"]


async def test_a_role_of_a_newer_version_gives_nothing(world: World) -> None:
    """A role of a newer version of mailer gives no rights, as after going back to an older version."""
    dana, _ = await add_person(world.staff, role=StaffRole.SUPPORT)
    await world.pool.execute("INSERT INTO staff_roles VALUES ($1, 'emperor', '*')", dana.id)
    known = await world.staff.directory.get_staff_record(dana.id)
    assert known is not None
    assert known.member.roles == dana.roles
