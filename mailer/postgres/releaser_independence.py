"""The independence of who releases a mailing from who has published or rescheduled it."""

from collections.abc import Sequence

from mailer.database.statements import Pool, load_statements
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind, identity_or_none
from mailer.policy.staff_rights import INDEPENDENT_AGAIN_AFTER
from mailer.ports.mailings import ReleaseRefused

_SQL = load_statements("mailings")
Authors = Sequence[tuple[str, str]]
"""The identities behind a manifest, as text, each with what they did, such as `wrote` or `asked for the release of`."""


async def refuse_releaser_behind_authors(pool: Pool, releaser: Identity, authors: Authors) -> None:
    """Refuses a person who could be somebody that has worked on a manifest. See `refuse_dependent_releaser`.

    Raises:
        ReleaseRefused: as there, or nobody knows who an author is.
    """
    for by, did in authors:
        author = identity_or_none(by)
        if author is None:
            raise ReleaseRefused("nobody knows who wrote this; duplicate it, and have the copy released")
        await refuse_dependent_releaser(pool, releaser, author, did)


async def refuse_dependent_releaser(pool: Pool, releaser: Identity, author: Identity, did: str) -> None:
    """Refuses a person who could be somebody that has published or rescheduled a mailing.

    Args:
        pool: the connections.
        releaser: the person who wants to release a mailing.
        author: who has published or rescheduled the mailing.
        did: `published` or `rescheduled`.

    Raises:
        ReleaseRefused: the person is the author, has made the author or given it rights, has lately made the one-time
            link of one of these, or one of these has made theirs.
    """
    if author == releaser:
        raise ReleaseRefused(f"{releaser} {did} this mailing; a second person has to release it")
    behind = await _find_people_behind_publisher(pool, author)
    if releaser in behind:
        raise ReleaseRefused(f"{releaser} made {author} or gave it rights; a second person has to release it")
    for person in sorted(behind, key=str):
        if await has_either_issued_one_time_link_for_other(pool, releaser, person):
            raise ReleaseRefused(f"{releaser} and {person} are not independent; a third person has to release it")


async def has_either_issued_one_time_link_for_other(pool: Pool, one: Identity, other: Identity) -> bool:
    """Returns True if one of two persons has lately made the other's one-time link: the two could be one person."""
    names = one.form[1], other.form[1]
    return bool(await pool.fetchval(_SQL["has_one_made_link_for_other"], *names, INDEPENDENT_AGAIN_AFTER))


async def _find_people_behind_publisher(pool: Pool, author: Identity) -> set[Identity]:
    """Returns the persons who can act as an author: themselves, whoever gave it rights, and by which keys."""
    found, left = {author}, [author]
    while left:
        one = left.pop()
        if one.kind is IdentityKind.PERSON and one != author:
            continue  # acts by a role of their own, whoever else lets them publish
        new = set(await _granters_of_publisher(pool, one)) - found
        found |= new
        left += new
    return {one for one in found if one.kind is IdentityKind.PERSON}


async def _granters_of_publisher(pool: Pool, publisher: Identity) -> list[Identity]:
    rows = await pool.fetch(_SQL["granters_of_publisher"], *publisher.form)
    return [identity for row in rows if (identity := identity_or_none(row["actor"])) is not None]
