"""An hour's counts, in memory and sealed."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mailer.ports.open_and_click_counts import PixelOrLinkFetchToCount
from mailer.postgres.open_and_click_tally import OTHER_LINKS, OpenAndClickTallyByMailing
from mailer.postgres.open_and_click_tally_encryption import TallyEncryption

MAILINGS = st.sampled_from([UUID(int=1), UUID(int=2)])
LINKS = st.one_of(st.none(), st.sampled_from(["https://a.example/", "https://b.example/ü"]))
TRACES = st.builds(
    PixelOrLinkFetchToCount,
    MAILINGS,
    st.booleans(),
    st.one_of(st.none(), st.sampled_from(["n1", "n2", "n3"])),
    st.one_of(st.none(), st.integers(1, 3)),
)
FETCHES = st.lists(st.tuples(TRACES, LINKS), max_size=60)


def tally_of(fetches: list[tuple[PixelOrLinkFetchToCount, str | None]]) -> OpenAndClickTallyByMailing:
    """Returns what is counted of them."""
    tally = OpenAndClickTallyByMailing()
    for trace, link in fetches:
        tally.add_pixel_or_link_fetch(trace, link)
    return tally


@given(FETCHES, st.integers(2, 6))
def test_no_link_is_counted_by_itself_that_few_clicked(
    fetches: list[tuple[PixelOrLinkFetchToCount, str | None]], minimum: int
) -> None:
    """Each link that is named was clicked by the cell's number of messages; the sums of a mailing stay."""
    tally = tally_of(fetches)
    pooled = tally.with_rarely_clicked_links_pooled(lambda mailing_id: minimum)
    messages = Counter((mailing_id, link) for mailing_id, link, _ in pooled.once if link)
    named = {(mailing_id, link) for mailing_id, link, _ in pooled.fetches if link}
    assert named == messages.keys()
    assert all(messages[key] >= minimum for key in named)

    def sums(some: OpenAndClickTallyByMailing) -> Counter[tuple[UUID, bool, bool]]:
        found = Counter[tuple[UUID, bool, bool]]()
        for (mailing_id, link, machine), n in some.fetches.items():
            found[mailing_id, link is None, machine] += n
        return found

    assert sums(pooled) == sums(tally)


@given(FETCHES)
def test_somebodys_fetch_is_in_no_count(fetches: list[tuple[PixelOrLinkFetchToCount, str | None]]) -> None:
    """A fetch that is kept for a person who consented adds nothing to the mailing's count."""
    tally = tally_of(fetches)
    assert sum(tally.fetches.values()) == sum(trace.recipient_id is None for trace, _ in fetches)


@given(FETCHES, st.integers(0, 1_000_000))
def test_a_seal_keeps_all(fetches: list[tuple[PixelOrLinkFetchToCount, str | None]], hour: int) -> None:
    """A sealed tally is read as it was, also with an older key; another key reads nothing."""
    tally = tally_of(fetches)
    body = TallyEncryption(["old secret"]).encrypt_tally(hour, tally)
    assert TallyEncryption(["new secret", "old secret"]).decrypt_tally(body) == (hour, tally)
    assert TallyEncryption(["new secret"]).decrypt_tally(body) is None


def test_one_messages_clicks_make_no_link_of_its_own() -> None:
    """A link that one message clicked ten times is one click of a message, and no link of its own."""
    tally = tally_of([(PixelOrLinkFetchToCount(UUID(int=1), nonce="n1"), "https://a.example/")] * 10)
    assert set(tally.with_rarely_clicked_links_pooled(lambda mailing_id: 5).fetches) == {
        (UUID(int=1), OTHER_LINKS, False)
    }


@given(st.lists(st.booleans(), max_size=60), st.integers(3, 6))
def test_who_has_a_rare_link_makes_nobodys_click_on_it_seen(asked: list[bool], minimum: int) -> None:
    """However often the holder of a rare link clicks, with a nonce or without: one reader more is one click of all."""
    rare = "https://a.example/"
    own = [(PixelOrLinkFetchToCount(UUID(int=1), nonce=None if silent else "own"), rare) for silent in asked]
    others = [(PixelOrLinkFetchToCount(UUID(int=1), nonce=f"n{n}"), "https://b.example/") for n in range(minimum)]
    for hers in (PixelOrLinkFetchToCount(UUID(int=1), nonce="hers"), PixelOrLinkFetchToCount(UUID(int=1))):
        seen = [
            tally_of([*own, *others, *more]).with_rarely_clicked_links_pooled(lambda mailing_id: minimum)
            for more in ([], [(hers, rare)])
        ]
        assert all(link != rare for tally in seen for _, link, _ in (*tally.fetches, *tally.once))
        assert seen[1].fetches - seen[0].fetches == Counter({(UUID(int=1), OTHER_LINKS, False): 1})
