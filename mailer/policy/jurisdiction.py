"""The floors of jurisdictions: what the law demands whatever a policy says. Defaults, not legal advice."""

from mailer.policy.switches import Floor, strictest_floor

_EEA = (
    *("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT"),
    *("LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO"),
)

FLOORS: dict[str, Floor] = {
    # ePrivacy Directive 2002/58/EC Art. 13(1): prior consent; Art. 5(3): nothing is read from a device without one.
    **{country: Floor(promo_basis="opt_in", partner_mail="on_request", tracking="unlinkable") for country in _EEA},
    # France: CNIL 2026-042; Italy: Garante 284/2026: aggregate opens with one pixel for the whole mailing are exempt.
    "FR": Floor(promo_basis="opt_in", partner_mail="on_request", tracking="mailing"),
    "IT": Floor(promo_basis="opt_in", partner_mail="on_request", tracking="mailing"),
    # PECR 2003 reg. 22.
    "GB": Floor(promo_basis="opt_in", partner_mail="on_request", tracking="unlinkable"),
    # UWG Art. 3(1)(o).
    "CH": Floor(promo_basis="opt_in", partner_mail="on_request"),
    # CASL s. 6.
    "CA": Floor(promo_basis="opt_in", partner_mail="on_request"),
    # Spam Act 2003 s. 16.
    "AU": Floor(promo_basis="opt_in", partner_mail="on_request"),
    # CAN-SPAM Act of 2003, 15 U.S.C. 7704: opt-out.
    "US": Floor(),
}
"""By country (ISO 3166-1)."""

STRICTEST: Floor = strictest_floor(*FLOORS.values())
"""The floor of a country that nobody has looked into, and of who lives nobody knows where: the strictest of all."""


def floor_of(country: str | None) -> Floor:
    """The floor of a country (ISO 3166-1), or of None, where nobody knows which it is."""
    return FLOORS.get(country or "", STRICTEST)
