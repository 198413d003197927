"""The present names of other members in a claim's mails. They are read once per claim, and only if a mail shows one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingStore
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.mentioned_members import references_in_context


async def load_names_of_mentioned_people(
    mailings: MailingStore, rows: Sequence[DeliveryRow], renderers: Iterable[MailingRenderer]
) -> None:
    """Reads the names of the members that mails mention, and stores them in the renderers.

    Args:
        mailings: the store of the names.
        rows: of a claim.
        renderers: the renderers of its mailings; they get the names.
    """
    naming = {renderer.facts.id: renderer for renderer in renderers if renderer.names_members}
    if not naming:
        return
    brands: defaultdict[str, list[MailingRenderer]] = defaultdict(list)
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for renderer in naming.values():
        brands[renderer.facts.brand].append(renderer)
        numbers[renderer.facts.brand].update(references_in_context(renderer.facts.context))
    for row in rows:
        if row.context and (of := naming.get(row.mailing_id)):
            numbers[of.facts.brand].update(references_in_context(row.context))
    for brand, own in brands.items():
        inviters = {renderer.facts.inviter for renderer in own if renderer.facts.inviter}
        names = await mailings.read_showable_member_names(brand, [*numbers[brand]], [*inviters])
        for renderer in own:
            renderer.names = names
