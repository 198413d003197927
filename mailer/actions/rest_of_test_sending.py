"""The sending of a test's rest by a person, whose refusals are texts for the page."""

from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.manifests import CampaignReleaser, ManifestRefused


class RestOfTestSender:
    """Implements `ports.campaign_people.RestSender` over the releases of a person."""

    def __init__(self, releases: CampaignReleaser) -> None:
        self._releases = releases

    async def send_rest(self, manifest_id: UUID, variant: str, person: Identity) -> str | None:
        """See the port."""
        try:
            await self._releases.send_rest(manifest_id, variant, person)
        except ManifestRefused as refusal:
            return str(refusal)
        return None
