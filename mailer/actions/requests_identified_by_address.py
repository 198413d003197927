"""Requests without a link or a login: a request by an address changes nothing, it brings a mail with a link.

Anybody can type any address. So the request tells nothing about it, and the mail goes to the address on record.
"""

from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network

from mailer.events import MessageEvent, Refs
from mailer.policy.data_requests import DataRequestKind
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.policy.rule_registry import rule
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.requests_identified_by_address import RequestLimitKind, RequestsIdentifiedByAddressStore
from mailer.ports.time_ordered_uuids import uuid7

LEAVE_LINK = "leave-link"
"""The template of the mail with the link to leave."""
_NETWORK_BITS = {4: 24, 6: 48}
"""The bits of an address of IPv4 and of IPv6 that clients of one network share."""


@rule("leave-by-address", "peerstream-02, paltalk02-08", idle=RequestLimitKind.ADDRESS)
async def store_request_for_leave_link(
    requests: RequestsIdentifiedByAddressStore, policy: Policy, address: str, network: str | None
) -> RequestLimitKind | None:
    """Anybody can ask for a link to leave, without a login; the request is the same for each address.

    Args:
        requests: the store of requests.
        policy: the policy of the brand.
        address: the address that was typed, checked by `parse_address`.
        network: the network of the client; None if it is not known.

    Returns:
        The limit that the request is over: it was not stored. None: it was.
    """
    return await requests.store_request_within_limits(policy.brand, policy.controller.id, address, network)


@rule("data-by-address", "peerstream-07, peerstream-09; GDPR Art. 12(2)", idle=RequestLimitKind.ADDRESS)
async def store_request_for_data_request_link(
    requests: RequestsIdentifiedByAddressStore,
    policy: Policy,
    address: str,
    network: str | None,
    wanted: DataRequestKind,
) -> RequestLimitKind | None:
    """Anybody can ask for their data or a change of them, without a login; the request is the same for each address.

    Args:
        requests: the store of requests.
        policy: the policy of the brand.
        address: the address that was typed, checked by `parse_address`.
        network: the network of the client; None if it is not known.
        wanted: a copy, a correction, the erasure or a restriction.

    Returns:
        The limit that the request is over: it was not stored. None: it was.
    """
    return await requests.store_request_within_limits(policy.brand, policy.controller.id, address, network, wanted)


def build_leave_link_message(brand: str, ref: str) -> BrokerMessage:
    """Returns the event of the mail with the link to leave. The worker makes the link for the address on record.

    Raises:
        ValueError: the ref is from an older version and not valid now.
    """
    event = MessageEvent(
        id=f"leave-{uuid7().hex}", brand=brand, category="rights", template=LEAVE_LINK, to=Refs(refs=(ref,))
    )
    return BrokerMessage(event.to_json(), event.routing_key, event.id, {HeaderName.PUBLISHER: str(ITSELF)})


def network_of_client(host: str | None) -> str | None:
    """Returns the network of a client: the /24 of an IPv4 address, the /48 of an IPv6 address.

    Returns:
        None if the address is missing, or is one of our own network: it is then that of a proxy, and everybody's.
    """
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return None
    network = ip_network((address, _NETWORK_BITS[address.version]), strict=False)
    return str(network) if isinstance(network, IPv4Network) else network.compressed
