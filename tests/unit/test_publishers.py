"""The one check of all doors: granted actions are allowed, at their brands, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.account_event_types import KINDS
from mailer.pipeline.publisher_rights import PERIOD, PublisherRegister
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import ITSELF, WRITTEN, Identity, IdentityKind
from mailer.policy.publisher_rights import (
    OWN_TEMPLATES,
    PIPELINE,
    AccountActionAttempt,
    PublishAttempt,
    Publisher,
    ReadableData,
    ReadDataAttempt,
    RightsOfOnePublisher,
    Wish,
    has_right,
    is_release_needed_for_rights_mail,
    refusal_of_publisher_without_right,
)

BRANDS = ("interpals", "peerstream")
TEMPLATES = ("weekly", *sorted(OWN_TEMPLATES))


def wishes(brand: str) -> Iterator[tuple[Wish, RightsOfOnePublisher]]:
    """All that can be wished for at a brand, each with what just lets it."""
    at = RightsOfOnePublisher(brands=frozenset({brand}))
    for category, template in product(CATEGORIES, TEMPLATES):
        yield PublishAttempt(brand, category, template), replace(at, categories=frozenset({category}))
    for action in KINDS:
        yield AccountActionAttempt(brand, action), replace(at, actions=frozenset({action}))
    for read in ReadableData:
        yield ReadDataAttempt(brand, read), replace(at, reads=frozenset({read}))


ALL = [each for brand in BRANDS for each in wishes(brand)]


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_grant_lets_what_it_names_and_nothing_else(kind: IdentityKind) -> None:
    """Each wish against each single grant: a publisher of any kind may what was granted, at that brand."""
    identity = Identity(kind, "shop")
    for (_, granted), (wish, needed) in product(ALL, ALL):
        publisher = Publisher(identity, granted)
        assert has_right(publisher, wish) == (granted == needed)
        assert (refusal_of_publisher_without_right(identity, publisher, wish) is None) == (granted == needed)


@pytest.mark.parametrize("kind", WRITTEN)
def test_who_is_not_known_or_has_nothing_may_nothing(kind: IdentityKind) -> None:
    """A publisher needs both a brand and a right at it. The refusal names the command that grants it."""
    everything = RightsOfOnePublisher(frozenset(), frozenset(CATEGORIES), frozenset(KINDS), frozenset(ReadableData))
    identity = Identity(kind, "the shop")
    for wish, _ in ALL:
        for rights in (RightsOfOnePublisher(), RightsOfOnePublisher(brands=frozenset(BRANDS)), everything):
            assert not has_right(Publisher(identity, rights), wish)
        assert not has_right(None, wish)
        words = refusal_of_publisher_without_right(identity, None, wish) or ""
        assert f"{identity} is no known publisher; `mailer publishers add '{identity}' --brand {wish.brand} --" in words


def test_mailer_itself_publishes_its_own_mail_only() -> None:
    """Mailer itself cannot be granted rights. Nobody else publishes its mail without a second person."""
    for wish, _ in ALL:
        assert has_right(PIPELINE, wish) == (
            isinstance(wish, PublishAttempt) and wish.category == "rights" and wish.template in OWN_TEMPLATES
        )
    assert (
        has_right(
            Publisher(ITSELF, RightsOfOnePublisher(*(frozenset({"*"}) for _ in range(4)))),
            AccountActionAttempt("interpals", "erase"),
        )
        is False
    )
    for category in CATEGORIES:
        assert not is_release_needed_for_rights_mail(ITSELF, category)
        assert is_release_needed_for_rights_mail(Identity(IdentityKind.KEY, "pipeline"), category) == (
            category == "rights"
        )


@given(st.text(max_size=8), st.text(max_size=8))
def test_no_name_stands_for_all(brand: str, name: str) -> None:
    """A name has rights for itself only. There is no wildcard."""
    publisher = Publisher(
        Identity(IdentityKind.KEY, "shop"), RightsOfOnePublisher(frozenset({"*"}), frozenset({"*"}), frozenset({"*"}))
    )
    assert has_right(publisher, PublishAttempt(brand, name, "weekly")) == (brand == name == "*")
    assert has_right(publisher, AccountActionAttempt(brand, name)) == (brand == name == "*")


class Rows:
    """A stand-in for the table of publishers. It counts the queries."""

    def __init__(self) -> None:
        self.known: dict[Identity, Publisher] = {}
        self.asked = 0

    async def find_publisher_by_api_key(self, key: str) -> Publisher | None:
        """Finds nobody."""
        return None

    async def unrevoked_publishers_by_identity(self) -> Mapping[Identity, Publisher]:
        """The publishers that are known."""
        self.asked += 1
        return dict(self.known)


SHOP = Identity(IdentityKind.BROKER, "shop")
WISH = AccountActionAttempt("interpals", "erase")
ERASES = Publisher(SHOP, RightsOfOnePublisher(brands=frozenset({"interpals"}), actions=frozenset({"erase"})))


async def test_rights_are_remembered_for_a_second() -> None:
    """However many events come in; then a revocation holds."""
    now, rows = 0.0, Rows()
    rows.known[SHOP] = ERASES
    register = PublisherRegister(rows, lambda: now)
    for _ in range(1000):
        await register.refresh_rights_if_old()
        assert await register.reason_right_is_missing_or_none(SHOP, WISH) is None
    assert rows.asked == 1
    rows.known.clear()
    now = PERIOD + 0.1
    await register.refresh_rights_if_old()
    assert await register.reason_right_is_missing_or_none(SHOP, WISH)
    assert rows.asked == 2


async def test_who_was_added_just_now_is_found() -> None:
    """A refusal looks once more, but not for each event of a flood."""
    now, rows = 0.0, Rows()
    register = PublisherRegister(rows, lambda: now)
    await register.refresh_rights_if_old()
    for _ in range(1000):
        assert await register.reason_right_is_missing_or_none(SHOP, WISH)
    assert rows.asked == 1
    rows.known[SHOP] = ERASES
    now = 0.2
    assert await register.reason_right_is_missing_or_none(SHOP, WISH) is None
    assert rows.asked == 2


async def test_no_row_is_mailer_itself() -> None:
    """A row for mailer itself gives no rights. Nobody gains anything by writing one."""
    rows = Rows()
    rows.known[ITSELF] = Publisher(ITSELF, ERASES.rights)
    register = PublisherRegister(rows)
    assert (
        await register.reason_right_is_missing_or_none(ITSELF, WISH)
        == "mailer itself does not say erase of an account at interpals"
    )
    assert (
        await register.reason_right_is_missing_or_none(
            ITSELF, PublishAttempt("interpals", "rights", "confirm-subscription")
        )
        is None
    )
