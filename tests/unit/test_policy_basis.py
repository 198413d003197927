"""Words by which using something would be the consent: the policy's basis, whatever the source says."""

from datetime import UTC, datetime

import pytest

from mailer.actions.consent import policy_basis
from mailer.ports.consents import Consent


@pytest.mark.parametrize(
    ("words", "is_basis"),
    [
        ("By using the service you accept electronic notices.", True),
        ("Your continued use of our website means that you agree.", True),
        ("Using the service is consent.", True),
        ("Yes, send me the newsletter.", False),
        ("I agree to the policy of 2024.", False),
    ],
)
def test_using_a_service_is_no_consent(words: str, is_basis: bool) -> None:
    """A form or an application with such words records no consent."""
    said = Consent("newsletter", True, "application", "form 1", words, "ada", datetime.now(UTC))
    assert (policy_basis(said) is not None) == is_basis
