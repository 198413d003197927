"""Standings: scopes, which of them are about mail, and the products that an account pays for."""

import pytest

from mailer.policy.standing import (
    SHARING,
    TRACKING,
    Standing,
    category_scope,
    is_neither_tracking_nor_version_scope,
    partner_scope,
    purpose_scope,
    version_scope,
)


@pytest.mark.parametrize(
    ("written", "about_mail"),
    [
        (category_scope("newsletter"), True),
        (category_scope("newsletter", "music"), True),
        (purpose_scope("offers"), True),
        (partner_scope("penpal-shop"), True),
        (SHARING, True),
        (TRACKING, False),
        (version_scope("2024"), False),
    ],
)
def test_a_withdrawn_consent_leaves_the_mail_that_it_is_about(written: str, about_mail: bool) -> None:
    """A consent to mail that is withdrawn leaves that mail; one to tracking or to a version is no mail to leave."""
    assert is_neither_tracking_nor_version_scope(written) is about_mail


def test_a_scope_names_a_topic_where_there_is_one() -> None:
    """A category without a topic is the whole category, under its own name."""
    assert (category_scope("newsletter"), category_scope("newsletter", "music")) == ("newsletter", "newsletter/music")


@pytest.mark.parametrize(
    ("products", "any_product", "voice", "chat", "every_product"),
    [
        ((), False, False, False, False),
        (("voice",), True, True, False, False),
        (("*",), True, True, True, True),
        (("*", "-voice"), True, False, True, False),
        (("*", "-voice", "chat"), True, False, True, False),
    ],
)
def test_an_account_pays_for_the_products_that_it_has(
    products: tuple[str, ...], any_product: bool, voice: bool, chat: bool, every_product: bool
) -> None:
    """Every product includes each one, but for those that have ended (ADR 55)."""
    account = Standing(1, 1, None, products=frozenset(products))
    assert (account.pays_for(None), account.pays_for("voice"), account.pays_for("chat")) == (any_product, voice, chat)
    assert account.pays_for_every_product() is every_product
