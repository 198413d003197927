"""The independence of who releases a mailing from who has published it."""

from mailer.database.statements import Pool, load_statements
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind, identity_or_none
from mailer.policy.staff_rights import INDEPENDENT_AGAIN_AFTER
from mailer.ports.mailings import ReleaseRefused

_SQL = load_statements("mailings")


async def refuse_dependent_releaser(pool: Pool, releaser: Identity, publisher: Identity) -> None:
    """Refuses a person who could be the publisher.

    Args:
        pool: the connections.
        releaser: the person who wants to release a mailing.
        publisher: the publisher of the mailing.

    Raises:
        ReleaseRefused: the person is the publisher, or one of the two has lately made the other's one-time link, or the
            publisher is a key that the person has made or given rights to, or so has somebody whose link they share.
    """
    if publisher == releaser:
        raise ReleaseRefused(f"{releaser} published this mailing; a second person has to release it")
    behind = await _granters_of_key(pool, publisher) if publisher.kind is IdentityKind.KEY else [publisher]
    if releaser in behind:
        raise ReleaseRefused(f"{releaser} made {publisher} or gave it rights; a second person has to release it")
    for person in behind:
        if person.kind is IdentityKind.PERSON and await have_shared_a_link(pool, releaser, person):
            raise ReleaseRefused(f"{releaser} and {person} are not independent; a third person has to release it")


async def have_shared_a_link(pool: Pool, one: Identity, other: Identity) -> bool:
    """Returns True if one of two persons has lately made the other's one-time link: the two could be one person."""
    names = one.form[1], other.form[1]
    return bool(await pool.fetchval(_SQL["has_shared_a_link"], *names, INDEPENDENT_AGAIN_AFTER))


async def _granters_of_key(pool: Pool, key: Identity) -> list[Identity]:
    rows = await pool.fetch(_SQL["granters_of_key"], key.form[1])
    return [identity for row in rows if (identity := identity_or_none(row["actor"])) is not None]
