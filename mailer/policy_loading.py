"""The policies that the settings name, and the broker's topology for their brands."""

from collections.abc import Mapping
from datetime import UTC, datetime

from mailer import bundled_files
from mailer.broker.topology import Topology, build_topology
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.settings import Settings, SettingsError


def load_policies(settings: Settings) -> dict[str, Policy]:
    """Loads the policies by brand, with the staging fence in each.

    Raises:
        PolicyError: a file is not a policy.
        JurisdictionError: a file is not a jurisdiction.
    """
    law = parse_law_by_country(bundled_files.read_texts_of_toml_files(settings.jurisdictions))
    policies = parse_policies_in_force(
        bundled_files.read_texts_of_toml_files(settings.policies), datetime.now(UTC).date(), law
    )
    if not policies:
        raise SettingsError(f"MAILER_POLICIES: {settings.policies} holds no policy (*.toml)")
    fence = tuple(address.lower() for address in settings.only_deliver_to) or None
    update = {"only_deliver_to": fence} if fence else {}
    return {brand: policy.model_copy(update=update) for brand, policy in policies.items()}


def load_broker_topology(settings: Settings) -> Topology:
    """Loads the policies, and returns the queues and exchanges for their brands."""
    return build_broker_topology_for_policies(load_policies(settings))


def build_broker_topology_for_policies(policies: Mapping[str, Policy]) -> Topology:
    """Returns the queues and exchanges for some policies."""
    return build_topology(
        {
            (brand, name): category.lane
            for brand, policy in policies.items()
            for name, category in policy.categories.items()
        }
    )
