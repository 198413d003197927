"""The mailings that a release makes of a manifest. Only here an audience is named by a manifest."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from mailer.database.statements import Connection
from mailer.events import Audience, MessageEvent
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.mailings import NewMailing
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.audience_expansion import EXPANSION_SECONDS
from mailer.postgres.mailings import CREATE, KEEP_TEMPLATE, column_values_of_mailing, insert_or_find_mailings


class ManifestPart(NamedTuple):
    """A part of a manifest that becomes a mailing.

    Attributes:
        event_id: of the mailing. category, topic: of its mail.
        audience: `manifest:ID:PART` or `breach-manifest:ID:PART`. No event can name one: its form has no such colon.
        template_name: the name by which it is reported, too. template: as it was checked.
    """

    event_id: str
    category: str
    topic: str | None
    audience: str
    template_name: str
    template: ManifestTemplate


def build_mailing_of_manifest_part(policy: Policy, publisher: Identity, part: ManifestPart) -> NewMailing:
    """Returns the mailing of a part. The release of the manifest was the second person's, so it needs no other one."""
    event = MessageEvent.model_construct(
        id=part.event_id,
        brand=policy.brand,
        category=part.category,
        template=part.template_name,
        topic=part.topic,
        campaign=part.template_name,
        to=Audience.model_construct(audience=part.audience),
        context={},
    )
    category = replace(policy.get_category(part.category), needs_release=False)
    return NewMailing(uuid7(), event, publisher, category, *part.template, policy.version, policy.controller.id)


async def insert_mailings_unless_id_is_taken(
    connection: Connection,
    mailings: Sequence[NewMailing],
    templates: Collection[ManifestTemplate],
    hasher: AddressHasher,
) -> UUID | None:
    """Inserts mailings by the statements of intake, and lets their expansion take its time in this transaction.

    Returns:
        The id of a mailing whose event id another one has; then nothing may be committed. None: all are there.
    """
    contents = [hasher.contents.digest_of(mailing.event) for mailing in mailings]
    first, _ = await insert_or_find_mailings(connection, mailings, hasher, contents)
    if taken := next((mailing.id for mailing in mailings if first[mailing.id] != mailing.id), None):
        return taken
    await connection.execute(KEEP_TEMPLATE, [one.version for one in templates], [one.source for one in templates])
    await connection.fetch(CREATE, [column_values_of_mailing(mailing, {}, {}) for mailing in mailings])
    await connection.execute(f"SET LOCAL statement_timeout = '{EXPANSION_SECONDS}s'; SET LOCAL lock_timeout = 0")
    return None
