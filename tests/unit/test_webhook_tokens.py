"""Our tokens in events: which texts are candidates, and which delivery they name."""

import time
from uuid import UUID

import pytest

from mailer.inbound.webhooks.delivery_token_candidates import (
    MAX_CANDIDATES,
    DeliveryTokenCandidates,
    find_delivery_token_candidates,
    find_verified_delivery,
)
from mailer.rendering.link_tokens import BounceToken, UnsubscribeToken
from mailer.rendering.signed_links import METADATA_NAME, SignedLinks
from tests.webhook_requests import (
    DOMAIN,
    LINKS,
    MAILING,
    MESSAGE_ID,
    RECIPIENT,
    RETURN_LOCAL,
    RETURN_PATH,
    UNSUBSCRIBE_LINK,
)

DELIVERY = BounceToken(MAILING, RECIPIENT)
TOKEN = UNSUBSCRIBE_LINK.rpartition("/")[2]


@pytest.mark.parametrize(
    "text",
    [
        RETURN_PATH,
        RETURN_LOCAL,
        RETURN_PATH.upper(),
        f"<{RETURN_PATH}>",
        f"Brand <{RETURN_PATH}>",
        f'{{"{METADATA_NAME}": "{RETURN_LOCAL}"}}',
        f"rfc822;{RETURN_PATH}",
    ],
)
def test_a_return_path_is_found_and_verifies(text: str) -> None:
    """Its case may change in transit, and its domain proves nothing."""
    found = find_delivery_token_candidates([text])
    assert [local.lower() for local in found.return_paths] == [RETURN_LOCAL]
    assert find_verified_delivery(found, LINKS) == DELIVERY


@pytest.mark.parametrize(
    "text",
    [
        UNSUBSCRIBE_LINK,
        f"<{UNSUBSCRIBE_LINK}>",
        f"<mailto:out@{DOMAIN}>, <{UNSUBSCRIBE_LINK}>",
        f"({UNSUBSCRIBE_LINK})",
    ],
)
def test_a_link_to_unsubscribe_is_found_and_verifies(text: str) -> None:
    """SES gives back the List-Unsubscribe field."""
    found = find_delivery_token_candidates([text])
    assert found == DeliveryTokenCandidates(unsubscribe_tokens=(TOKEN,))
    assert find_verified_delivery(found, LINKS) == DELIVERY


@pytest.mark.parametrize("text", [MESSAGE_ID, f"<{MESSAGE_ID}>", f"Message-ID: <{MESSAGE_ID}>\r\n"])
def test_a_message_id_is_found_and_left_to_the_database(text: str) -> None:
    """Nobody can read a delivery from it; it stands in the ledger as it stands here."""
    found = find_delivery_token_candidates([text])
    assert found == DeliveryTokenCandidates(message_ids=(MESSAGE_ID,))
    assert find_verified_delivery(found, LINKS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann@people.example",
        RETURN_LOCAL[:-1],
        f"{RETURN_LOCAL}a",
        f"x{RETURN_LOCAL}",
        f"a.{RETURN_LOCAL}",
        f"{RETURN_LOCAL}-x@{DOMAIN}",
        f"a{MESSAGE_ID}",
        MESSAGE_ID.partition("@")[0],
        "883953f4-6105-42a2-a16a-77a8eac79483",
        "<201803062010.27287306012@smtp-relay.mailin.fr>",
        f"https://{DOMAIN}/u/",
        f"https://{DOMAIN}/u/a.{'b' * 42}",
        f"https://{DOMAIN}/preferences/{TOKEN}",
    ],
)
def test_other_texts_are_no_candidates(text: str) -> None:
    """The database is asked only for what could be ours."""
    assert find_delivery_token_candidates([text]) == DeliveryTokenCandidates()


def test_forged_candidates_name_nobody() -> None:
    """A token that another key signed, or that was changed, is no token."""
    other = SignedLinks("https://mail.example.org", ["another-secret-of-somebody-else-entirely"])
    swapped = RETURN_LOCAL[:-1] + ("a" if RETURN_LOCAL[-1] != "a" else "e")
    next_person = LINKS.bounce_address(MAILING, RECIPIENT + 1, DOMAIN).partition("@")[0]
    grafted = next_person[:40] + RETURN_LOCAL[40:]
    texts = [
        other.bounce_address(MAILING, RECIPIENT, DOMAIN),
        swapped,
        grafted,
        other.unsubscribe_link(UnsubscribeToken("brand", RECIPIENT, "newsletter", MAILING, 1)),
        UNSUBSCRIBE_LINK[:-5] + "AAAAA",
    ]
    found = find_delivery_token_candidates(texts)
    assert (len(found.return_paths), len(found.unsubscribe_tokens)) == (3, 2)
    assert find_verified_delivery(found, LINKS) is None
    assert find_verified_delivery(find_delivery_token_candidates([*texts, RETURN_PATH]), LINKS) == DELIVERY


def test_two_deliveries_in_one_event_are_none() -> None:
    """Somebody who got two mails could mix their tokens. One of them, twice or in both forms, is one."""
    of_other = [
        LINKS.bounce_address(MAILING, RECIPIENT + 1, DOMAIN),
        LINKS.bounce_address(UUID(int=78), RECIPIENT, DOMAIN),
        LINKS.unsubscribe_link(UnsubscribeToken("brand", RECIPIENT + 1, "newsletter", MAILING, 1)),
    ]
    for other in of_other:
        assert find_verified_delivery(find_delivery_token_candidates([RETURN_PATH, other]), LINKS) is None
    same = find_delivery_token_candidates([RETURN_PATH, UNSUBSCRIBE_LINK, RETURN_LOCAL])
    assert find_verified_delivery(same, LINKS) == DELIVERY


def test_a_link_of_no_mailing_names_no_delivery() -> None:
    """Older links say whom they are of, and not of which mail."""
    link = LINKS.unsubscribe_link(UnsubscribeToken("brand", RECIPIENT, "newsletter"))
    found = find_delivery_token_candidates([link])
    assert len(found.unsubscribe_tokens) == 1
    assert find_verified_delivery(found, LINKS) is None


def test_the_name_of_the_custom_field_fits_everywhere() -> None:
    """Postmark takes 20 characters for a name and 80 for a value."""
    assert len(METADATA_NAME) <= 20
    assert len(RETURN_LOCAL) <= 80


def test_candidates_have_an_end() -> None:
    """Whoever looks them up in the database asks for a few only, and for the first."""
    texts = [f"{number:040x}@{DOMAIN}" for number in range(100)]
    assert find_delivery_token_candidates([" ".join(texts)]).message_ids == tuple(texts[:MAX_CANDIDATES])
    assert find_delivery_token_candidates(texts * 2).message_ids == tuple(texts[:MAX_CANDIDATES])
    assert find_delivery_token_candidates([MESSAGE_ID] * 100 + texts[:2]).message_ids == (MESSAGE_ID, *texts[:2])


@pytest.mark.parametrize(
    "text",
    [
        "/u/" * 100_000,
        "/u/" + "a" * 300_000,
        ("/u/" + "a" * 3890) * 80,
        "b+" * 150_000,
        ("b+" + "a" * 57) * 5_000,
        "0" * 300_000,
        ("0" * 40 + "@") * 8_000,
        ("0" * 40 + "@a ") * 8_000,
    ],
    ids=range(8),
)
def test_searching_takes_linear_time(text: str) -> None:
    """A quadratic pattern would take minutes for 300,000 characters."""
    began = time.process_time()
    find_delivery_token_candidates([text])
    assert time.process_time() - began < 1
