"""Scopes: how they are written, and which of them are about mail."""

import pytest

from mailer.policy.standing import SHARING, TRACKING, is_about_mail, partner_scope, purpose_scope, scope, version_scope


@pytest.mark.parametrize(
    ("written", "about_mail"),
    [
        (scope("newsletter"), True),
        (scope("newsletter", "music"), True),
        (purpose_scope("offers"), True),
        (partner_scope("penpal-shop"), True),
        (SHARING, True),
        (TRACKING, False),
        (version_scope("2024"), False),
    ],
)
def test_a_withdrawn_consent_leaves_the_mail_that_it_is_about(written: str, about_mail: bool) -> None:
    """A consent to mail that is withdrawn leaves that mail; one to tracking or to a version is no mail to leave."""
    assert is_about_mail(written) is about_mail


def test_a_scope_names_a_topic_where_there_is_one() -> None:
    """A category without a topic is the whole category, under its own name."""
    assert (scope("newsletter"), scope("newsletter", "music")) == ("newsletter", "newsletter/music")
