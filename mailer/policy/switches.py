"""The switches on which policies differ, each with its order: strictest first.

The effective value is the strictest of three: the policy under which the address was collected, the brand's current
policy, and the floor of the recipient's jurisdiction.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

PromoBasis = Literal["opt_in", "opt_out"]
ServiceFooter = Literal["leave", "deactivate", "none"]
ServiceScope = Literal["paid", "any"]
PartnerMail = Literal["never", "on_request", "allowed"]
Tracking = Literal["off", "mailing", "unlinkable", "individual"]


class Switches(BaseModel):
    """A value for each switch.

    Attributes:
        promo_basis: whether a promotion needs an opt-in, or only no opt-out.
        service_footer: what the footer of service mail offers instead of an unsubscribe link.
        service_scope: whose service mail cannot be left: that on paid products, or any.
        partner_mail: whether partners' mail goes to nobody, to those who asked for that partner, or to all.
        tracking: what an open may tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    promo_basis: PromoBasis
    service_footer: ServiceFooter
    service_scope: ServiceScope
    partner_mail: PartnerMail
    tracking: Tracking


class SwitchFloor(BaseModel):
    """The least strict value of each switch that a jurisdiction allows; None if it demands nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promo_basis: PromoBasis | None = None
    service_footer: ServiceFooter | None = None
    service_scope: ServiceScope | None = None
    partner_mail: PartnerMail | None = None
    tracking: Tracking | None = None


ORDER: dict[str, tuple[str, ...]] = {
    "promo_basis": get_args(PromoBasis),
    "service_footer": get_args(ServiceFooter),
    "service_scope": get_args(ServiceScope),
    "partner_mail": get_args(PartnerMail),
    "tracking": get_args(Tracking),
}
"""Each switch's values, strictest first."""


def strictest_switches(base: Switches, *others: Switches | SwitchFloor) -> Switches:
    """Returns the strictest value of each switch."""
    return Switches.model_validate(
        {name: _strictest_value(name, (getattr(source, name) for source in (base, *others))) for name in ORDER}
    )


def strictest_floor(*floors: SwitchFloor) -> SwitchFloor:
    """Returns a floor that is as strict as each of the given floors."""
    said = {name: [value for floor in floors if (value := getattr(floor, name)) is not None] for name in ORDER}
    return SwitchFloor.model_validate({name: _strictest_value(name, values) for name, values in said.items() if values})


def is_weaker(switch: str, value: str, than: str) -> bool:
    """Tells whether a value of a switch allows more than another value."""
    return ORDER[switch].index(value) > ORDER[switch].index(than)


def _strictest_value(switch: str, values: Iterable[str | None]) -> str:
    return min((value for value in values if value is not None), key=ORDER[switch].index)
