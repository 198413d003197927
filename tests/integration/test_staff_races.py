"""Staff changes at the same moment: what was checked is checked again where it is stored, and nobody waits forever."""

import asyncio
from collections.abc import Awaitable

import pytest

from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.staff_rights import StaffMember, StaffRole, parse_role_at_brand
from mailer.ports.staff import Passkey, StaffActor, StaffSessionEnded
from tests.factories import World
from tests.integration.test_staff_store import add_app, begin, by, in_session
from tests.staff import ROOT, add_person, disable_person

KEY = Passkey(b"id", b"public", 0, "laptop")
MALLORY = parse_person_identity("Mallory")


async def outcome(change: Awaitable[object]) -> object:
    """The result of a change, or the error that refused it."""
    try:
        return await change
    except StaffSessionEnded as error:
        return error


async def test_a_password_from_before_a_reset_begins_no_session(world: World) -> None:
    """A password from before a reset or a newer one begins no session, nor does one of a disabled person."""
    dana, _ = await add_person(world.staff)
    await begin(world, dana)
    sign_in = world.staff.sign_in
    assert await sign_in.begin_session(by(dana), dana.id, "an older hash", None, None) is None
    await world.staff.directory.reset_staff_member(dana, ROOT)
    assert await sign_in.begin_session(by(dana), dana.id, "hash", "totp", None) is None
    assert await world.pool.fetchval("SELECT count(*) FROM staff_sessions") == 0
    assert await sign_in.find_session(await begin(world, dana)) is not None


async def test_a_second_step_ends_with_its_session(world: World) -> None:
    """A code that was right before the reset, or in a session that was ended meanwhile, lets nobody in."""
    dana, _ = await add_person(world.staff)
    actor = await in_session(world, dana)
    await world.staff.directory.reset_staff_member(dana, ROOT)
    with pytest.raises(StaffSessionEnded):
        await world.staff.sign_in.replace_session_after_second_factor(actor, "totp")
    again = await in_session(world, dana)
    token = await world.staff.sign_in.replace_session_after_second_factor(again, "totp")
    with pytest.raises(StaffSessionEnded):
        await world.staff.sign_in.replace_session_after_second_factor(again, "totp")
    session = await world.staff.sign_in.find_session(token)
    assert session is not None
    assert session.has_second_factor


@pytest.mark.parametrize("end", ["reset", "disable", "end", "idle", "half"])
async def test_a_request_past_its_gate_stores_nothing_once_its_session_is_over(world: World, end: str) -> None:
    """Reset, disabled, ended by hand, idle, or made half by a factor of another session: each change is refused."""
    staff = world.staff
    dana, _ = await add_person(staff)
    eli, _ = await add_person(staff, "Eli", StaffRole.SUPPORT)
    actor = await in_session(world, dana)
    assert actor.session_id is not None
    await staff.factors.store_pending_totp_secret(actor.session_id, b"mine")
    match end:
        case "reset":
            await staff.directory.reset_staff_member(dana, ROOT)
        case "disable":
            await disable_person(staff, dana)
        case "end":
            await staff.sign_in.end_session(dana, actor.session_id, by(dana))
        case "idle":
            await world.pool.execute("UPDATE staff_sessions SET seen_at = now() - interval '3 hours'")
        case _:
            await add_app(world, dana)
    before = await world.pool.fetch("SELECT * FROM staff_passkeys"), await staff.factors.read_factors(dana.id)
    for change in (
        staff.factors.confirm_totp(actor, dana.id, b"mine", 7, [b"code"]),
        staff.factors.add_passkey(actor, dana.id, KEY, [b"code"]),
        staff.factors.replace_recovery_codes(actor, dana.id, [b"code"]),
        staff.factors.remove_totp(actor, dana.id),
        staff.factors.remove_passkey(actor, dana.id, KEY.id),
        staff.directory.add_staff_member(MALLORY, "x@work.example", [], actor),
        staff.directory.reset_staff_member(eli, actor),
        staff.directory.disable_staff_member(eli, actor),
        staff.directory.enable_staff_member(eli, actor),
        staff.directory.replace_roles(eli, [], actor),
    ):
        with pytest.raises(StaffSessionEnded):
            await change
    after = await world.pool.fetch("SELECT * FROM staff_passkeys"), await staff.factors.read_factors(dana.id)
    assert before == after
    known = await staff.directory.get_staff_record(eli.id)
    assert known is not None
    assert (known.member.roles, known.disabled_at) == (eli.roles, None)


async def test_a_right_that_was_taken_away_changes_nothing(world: World) -> None:
    """An admin past the gate who loses the role meanwhile manages nobody."""
    dana, _ = await add_person(world.staff)
    eli, _ = await add_person(world.staff, "Eli")
    actor = await in_session(world, dana)
    await world.staff.directory.replace_roles(dana, [parse_role_at_brand("support", "*")], ROOT)
    with pytest.raises(StaffSessionEnded):
        await world.staff.directory.disable_staff_member(eli, actor)


@pytest.mark.parametrize("what", ["disable", "roles", "reset", "mixed"])
async def test_two_admins_never_shut_each_other_out(world: World, what: str) -> None:
    """Three admins act on each other at once, ten times. One is refused, and an admin with a session remains."""
    people = [(await add_person(world.staff, name))[0] for name in ("Ann", "Ben", "Cem")]
    directory = world.staff.directory

    def change(kind: str, target: StaffMember, actor: StaffActor) -> Awaitable[object]:
        match kind:
            case "disable":
                return directory.disable_staff_member(target, actor)
            case "roles":
                return directory.replace_roles(target, [], actor)
            case _:
                return directory.reset_staff_member(target, actor)

    kinds = {"mixed": ("disable", "roles", "reset")}.get(what, (what,) * 3)
    for _ in range(10):
        for member in people:
            await directory.enable_staff_member(member, ROOT)
            await directory.replace_roles(member, [parse_role_at_brand("admin", "*")], ROOT)
        actors = [await in_session(world, member) for member in people]
        pairs = [(kinds[n], people[(n + 1) % 3], actors[n]) for n in range(3)]
        async with asyncio.timeout(30):
            done = await asyncio.gather(*(outcome(change(*pair)) for pair in pairs))
        assert any(isinstance(one, StaffSessionEnded) for one in done)
        left = await world.pool.fetchval(
            "SELECT count(DISTINCT s.id) FROM staff s JOIN staff_roles r ON r.staff_id = s.id AND r.role = 'admin'"
            " JOIN staff_sessions n ON n.staff_id = s.id WHERE s.disabled_at IS NULL"
        )
        assert left >= 1


async def test_a_link_and_a_reset_at_the_same_moment(world: World) -> None:
    """A link and a reset do not wait for each other for ever. A used link's password does not outlive a later reset."""
    dana, _ = await add_person(world.staff)
    for number in range(20):
        link = await world.staff.directory.reset_staff_member(dana, ROOT)
        assert link is not None
        async with asyncio.timeout(30):
            used, newer = await asyncio.gather(
                world.staff.sign_in.set_password_by_one_time_link(link, f"hash {number}", "n"),
                world.staff.directory.reset_staff_member(dana, ROOT),
            )
        assert newer is not None
        assert await world.staff.sign_in.find_member_of_one_time_link(newer) == dana
        assert await world.pool.fetchval("SELECT password_hash FROM staff WHERE id = $1", dana.id) is None, used


async def test_a_secret_of_an_app_belongs_to_one_session_for_ten_minutes(world: World) -> None:
    """Another session of the same person confirms nothing, nor a replaced secret, nor one that is too old."""
    dana, _ = await add_person(world.staff, role=StaffRole.SUPPORT)
    mine, other = await in_session(world, dana), await in_session(world, dana)
    factors = world.staff.factors
    assert mine.session_id
    assert other.session_id
    await factors.store_pending_totp_secret(other.session_id, b"of a thief")
    await factors.store_pending_totp_secret(mine.session_id, b"mine")
    assert not await factors.confirm_totp(mine, dana.id, b"of a thief", 7, [])
    await factors.store_pending_totp_secret(mine.session_id, b"mine again")
    assert not await factors.confirm_totp(mine, dana.id, b"mine", 7, [])
    await world.pool.execute("UPDATE staff_sessions SET totp_at = now() - interval '601 seconds'")
    assert not await factors.confirm_totp(mine, dana.id, b"mine again", 7, [])
    assert (await factors.read_factors(dana.id)).count == 0
    await factors.store_pending_totp_secret(mine.session_id, b"mine at last")
    await world.pool.execute("INSERT INTO staff_totp (staff_id, secret) VALUES ($1, 'of the version before')", dana.id)
    assert await factors.confirm_totp(mine, dana.id, b"mine at last", 7, [])
    assert (await factors.read_factors(dana.id)).totp_secret == b"mine at last"


async def test_a_challenge_ends_after_ten_minutes(world: World) -> None:
    """An answer that comes later is an answer to nothing; without a session, a challenge signs in once."""
    dana, _ = await add_person(world.staff)
    actor = await in_session(world, dana)
    assert actor.session_id is not None
    await world.staff.sign_in.set_challenge(actor.session_id, b"challenge")
    await world.pool.execute("UPDATE staff_sessions SET challenge_at = now() - interval '601 seconds'")
    assert await world.staff.sign_in.pop_session_challenge(actor.session_id) is None
    used = await asyncio.gather(*(world.staff.sign_in.mark_sessionless_challenge_used(b"challenge") for _ in range(8)))
    assert sum(used) == 1
    await world.pool.execute("UPDATE staff_used_challenges SET used_at = now() - interval '2 hours'")
    await world.staff.sign_in.mark_sessionless_challenge_used(b"another")
    assert await world.pool.fetchval("SELECT count(*) FROM staff_used_challenges") == 1


async def test_who_made_a_link_and_who_got_it_are_not_two(world: World) -> None:
    """The maker of a link and its user do not count as two people for seven days, in both directions, on record."""
    ann, _ = await add_person(world.staff, "Ann")
    ben, _ = await add_person(world.staff, "Ben")
    await world.pool.execute("UPDATE staff_access_grants SET at = now() - interval '30 days'")
    actor = await in_session(world, ann)
    await world.staff.directory.reset_staff_member(ben, actor)
    for one, other in ((ann, ben), (ben, ann)):
        known = await world.staff.directory.get_staff_record(one.id)
        assert known is not None
        assert known.member.not_independent_of == {other.identity}
    session = await world.staff.sign_in.find_session(await begin(world, ben))
    assert session is not None
    assert session.member.not_independent_of == {ann.identity}
    [latest, first] = await world.staff.directory.list_issued_one_time_links(ben.id)
    assert (latest.what, latest.giver, latest.network) == ("reset", "Ann", "192.0.2.0/24")
    assert (first.what, first.giver) == ("added", "root")
    await world.pool.execute("UPDATE staff_access_grants SET at = at - interval '7 days'")
    known = await world.staff.directory.get_staff_record(ben.id)
    assert known is not None
    assert known.member.not_independent_of == set()
