"""The present names of other members in a claim's mails. They are read once per claim, and only if a mail shows one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingStore
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.mentioned_members import references_in_context


async def load_member_names_into_renderers(
    mailings: MailingStore, rows: Sequence[DeliveryRow], presses: Iterable[MailingRenderer]
) -> None:
    """Reads the names of the members that mails mention, and stores them in the renderers.

    Args:
        mailings: the store of the names.
        rows: of a claim.
        presses: the renderers of its mailings; they get the names.
    """
    naming = {press.facts.id: press for press in presses if press.names_members}
    if not naming:
        return
    brands: defaultdict[str, list[MailingRenderer]] = defaultdict(list)
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for press in naming.values():
        brands[press.facts.brand].append(press)
        numbers[press.facts.brand].update(references_in_context(press.facts.context))
    for row in rows:
        if row.context and (of := naming.get(row.mailing_id)):
            numbers[of.facts.brand].update(references_in_context(row.context))
    for brand, own in brands.items():
        inviters = {press.facts.inviter for press in own if press.facts.inviter}
        names = await mailings.read_showable_member_names(brand, [*numbers[brand]], [*inviters])
        for press in own:
            press.names = names
