"""The rules by which a mail to a mailbox of requests is plain, doubtful or nothing."""

# ruff: noqa: RUF001 - letters that look like others are the point

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.requests.languages import TABLES
from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.own_words import separate_own_words
from mailer.inbound.requests.phrase_table import compile_phrase_table, is_within_edits
from mailer.inbound.requests.reading import read_request
from mailer.inbound.requests.request_types import (
    Certainty,
    MailToRead,
    OptOutReach,
    ReadRequest,
    RequestKind,
    RequestMailbox,
    SuggestedRequest,
)
from mailer.inbound.requests.word_folding import FoldingRules

OPT_OUT_WORDS = [
    "unsubscribe",
    "abmelden",
    "abbestellen",
    "darme de baja",
    "désinscription",
    "إلغاء الاشتراك",
    "配信停止",
]
FOOTERS = ("You get this because you signed up.\nTo unsubscribe from this list, follow the link below.",)


def read(text: str, subject: str = "", mailbox: str = "support", sender: str = "jane@example.org") -> ReadRequest:
    """Reads a mail of Jane's."""
    return read_request(MailToRead(subject, text, RequestMailbox(mailbox), "Paltalk", sender, FOOTERS))


def is_plain_opt_out(found: ReadRequest) -> bool:
    """Tells whether the mail is acted on as an opt-out."""
    return (found.request, found.certainty) == (RequestKind.OPT_OUT, Certainty.PLAIN)


@pytest.mark.parametrize(
    "word", [*OPT_OUT_WORDS, "STOP", "Remove", "Baja", "abmeldung", "résiliation", "退会", "قف", "كفى"]
)
@pytest.mark.parametrize("mailbox", ["opt_out", "reply"])
def test_a_single_word_is_enough(word: str, mailbox: str) -> None:
    """A word of any language is plain, in the subject or in the text, in capitals and with a dot."""
    for found in (read(word, mailbox=mailbox), read("", word, mailbox), read(f"{word.upper()}!!", word, mailbox)):
        assert is_plain_opt_out(found)
        assert found.reach is (OptOutReach.LIST if mailbox == "reply" else OptOutReach.ALL)


def test_an_empty_mail_to_the_opt_out_mailbox_is_an_opt_out() -> None:
    """An empty text is an opt-out there alone; a forwarded mailing is none."""
    assert is_plain_opt_out(read("", mailbox="opt_out"))
    assert is_plain_opt_out(read(" \n\u200b\n> our text", "Re: Weekly digest", "opt_out"))
    assert read("", mailbox="support").request is RequestKind.NOTHING
    assert read("---------- Forwarded message ---------\nabc", "Fwd: x", "opt_out").certainty is Certainty.DOUBTFUL


def test_a_token_of_ours_in_the_subject_changes_nothing() -> None:
    """The mailto of List-Unsubscribe puts a token into the subject."""
    assert is_plain_opt_out(read("", "unsubscribe 0192f0c17aee7f3a9f0e5d1c2b3a4958", "opt_out"))


@pytest.mark.parametrize(
    "text",
    [
        "u\u200bnsub\u00adscribe",
        "ｕｎｓｕｂｓｃｒｉｂｅ ｍｅ",
        "إِلْغَاءُ الِاشْتِرَاكِ",
        "\u202bالـغـاء الاشتـراك\u202c",
        "ﾒｰﾙ配信停止",
        "unsuscribe me pls",
        "Unsubcribe",
        "desinscrption",
        "DÉSINSCRIPTION",
        "ABMELDEN BITTE 🙏",
        "Don’t send me any more emails",
        "I do not want\nto get your emails any more.",
    ],
)
def test_spelling_does_not_matter(text: str) -> None:
    """Invisible characters, widths, vowel marks, kashida, accents, typos and line ends change nothing."""
    assert is_plain_opt_out(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "I do NOT want to unsubscribe",
        "please don't remove me from the list",
        "Do not, under any circumstances, unsubscribe me",
        "I never said that I want to unsubscribe",
        "ich möchte mich nicht abmelden",
        "no quiero darme de baja",
        "je ne veux pas me désinscrire",
        "لا أريد إلغاء الاشتراك",
        "配信停止しないでください",
        "Unsubscribe me? No way",
        "How do I unsubscribe?",
        "unsubscribe?",
        "If this goes on, I unsubscribe",
        "Unsubscribe me if you cannot fix the app",
        "unsubscribe my husband",
        "Please unsubscribe bob@example.org",
        "My friend told me to write: unsubscribe me",
        'Please "unsubscribe" me',
        "Unsubscribe me 😂",
        "unsubscribe me... just kidding",
        "Unsubscribе me please",
        "Please unsubscribe me next month",
        "Unsubscribe me from the offers but keep the digest",
        "Please unsubscribe me https://example.com/u",
        "Thank you for removing me from the list",
        "Unsubscribe me and delete my account",
        "I unsubscribed yesterday but still get mail",
        "The unsubscribe link is broken",
        "stop the music in the jazz room",
        "I get no emails any more",
        "Why don't you send me emails any more",
        "You don't send me emails anymore",
    ],
)
def test_a_doubt_goes_to_a_person(text: str) -> None:
    """Negations, conditions, questions, other people, jokes, quotations, look-alikes: never without a person."""
    for mailbox in RequestMailbox:
        assert read(text, mailbox=mailbox).certainty is Certainty.DOUBTFUL
        assert read("Please unsubscribe me", subject=text, mailbox=mailbox).certainty is Certainty.DOUBTFUL


@pytest.mark.parametrize(
    "around",
    [
        "not {}", "don't {}", "nicht {}", "{} nicht", "no {}", "ne pas {}", "لا {}", "{}しないで", "if {}",
        "wenn {}",
        "{} {}?", "my wife: {}", "meine Frau: {}", "{} lol", "“{}”", "{}, said nobody",
        "yesterday {}", "{} tomorrow",
        "{} wieder", "{} except one", "{} a@b.example", "never {}", "jamais {}", "nunca {}", "لن {}", "{}の方法",
    ],
)  # fmt: skip
def test_no_word_around_an_opt_out_is_overlooked(around: str) -> None:
    """Words of doubt in any language, around an opt-out in any language: never plain."""
    assert [word for word in OPT_OUT_WORDS if is_plain_opt_out(read(around.replace("{}", word)))] == []


def test_the_wrong_words_of_a_quote_are_not_the_writers() -> None:
    """Quotes, footers, device lines and signatures ask for nothing."""
    quote = "On Tue, Nov 24, 2026 at 9:14 AM Paltalk <news@paltalk.example>\nwrote:\n\n> unsubscribe me\n"
    outlook = (
        "From: Paltalk <news@paltalk.example>\nSent: Tuesday\nTo: Jane\nSubject: unsubscribe\n\nplease unsubscribe me"
    )

    assert read(quote).request is RequestKind.NOTHING
    assert read(outlook).request is RequestKind.NOTHING
    assert read("To unsubscribe from this list, follow the link below.").request is RequestKind.NOTHING
    assert read("Lovely week!\n\n-- \nTom\nUnsubscribe me Ltd").request is RequestKind.QUESTION
    assert is_plain_opt_out(read(f"{quote}\nPlease unsubscribe me"))
    assert is_plain_opt_out(read(f"Please unsubscribe me\n\n{outlook}"))
    assert is_plain_opt_out(read("Please unsubscribe me\n\nSent from my iPhone"))
    assert is_plain_opt_out(
        read("unsubscribe me\n\nThis e-mail is confidential. If you are not the\nrecipient, delete it")
    )


def test_an_automatic_reply_is_nothing() -> None:
    """An automatic reply is put aside; a person who happens to be on holiday is not."""
    away = read("I am out of the office until 7 December.", "Re: Weekly digest", "reply")
    person = read("I am out of the office. Please unsubscribe me!", "hello")

    assert (away.request, away.certainty) == (RequestKind.NOTHING, Certainty.PLAIN)
    assert read("Remove me from your list", "Automatic reply: Weekly digest").request is RequestKind.NOTHING
    assert (person.request, person.certainty) == (RequestKind.OPT_OUT, Certainty.DOUBTFUL)


def test_an_answer_keeps_its_subject_and_its_writer_does_not_own_it() -> None:
    """The subject of an answer is not the writer's: neither a request nor a doubt."""
    assert read("", "Re: How to unsubscribe", "support").request is RequestKind.NOTHING
    assert is_plain_opt_out(read("unsubscribe me", "AW: Do you still want our mails?", "reply"))


def test_the_reach_is_the_one_that_is_named() -> None:
    """A newsletter is a list, all mail is all mail, an objection is about the whole company."""
    assert read("unsubscribe me from this newsletter").reach is OptOutReach.LIST
    assert read("unsubscribe me from all emails", mailbox="reply").reach is OptOutReach.ALL
    assert read("I object to the processing of my data for direct marketing").reach is OptOutReach.COMPANY
    assert read("Stop all marketing of all your brands, please").reach is OptOutReach.COMPANY


def test_several_requests_are_all_suggested() -> None:
    """A mail with two requests goes to a person with both."""
    found = read("Please unsubscribe me. Please delete my account. Please send me a copy of my data.")

    assert found.certainty is Certainty.DOUBTFUL
    assert {request.kind for request in found.suggestions} == {
        RequestKind.OPT_OUT,
        RequestKind.ERASURE,
        RequestKind.COPY,
    }


def test_a_complaint_suggests_the_opt_out() -> None:
    """A person who still gets mail complains; the queue offers the opt-out."""
    found = read("I unsubscribed last week. Please unsubscribe me!")

    assert found.request is RequestKind.COMPLAINT
    assert SuggestedRequest(RequestKind.OPT_OUT, OptOutReach.ALL) in found.suggestions


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Permanent data deletion\nUser name: nightowl_77", "nightowl_77"),
        ("Permanent data deletion, my username is night.owl.", "night.owl"),
        ("Permanent data deletion", None),
        ("Permanent data deletion\nusername: " + "a" * 65, None),
    ],
)
def test_an_erasure_has_its_user_name(text: str, name: str | None) -> None:
    """The promise of interpals-21: the words, and the user name if it is stated."""
    found = read(text, "Permanent data deletion", "privacy")

    assert (found.request, found.user_name) == (RequestKind.ERASURE, name)
    assert found.certainty is Certainty.PLAIN or name is None


@pytest.mark.parametrize(
    ("text", "kind", "certainty"),
    [
        ("I withdraw my consent to electronic notices.", RequestKind.WRITTEN_NOTICE, Certainty.PLAIN),
        ("Please send me written notices by post.", RequestKind.WRITTEN_NOTICE, Certainty.PLAIN),
        ("Please send me a copy of my personal data.", RequestKind.COPY, Certainty.PLAIN),
        ("Please restrict the processing of my data.", RequestKind.RESTRICTION, Certainty.DOUBTFUL),
        ("Please correct my name.", RequestKind.CORRECTION, Certainty.DOUBTFUL),
        ("Please do not delete my account", RequestKind.QUESTION, Certainty.DOUBTFUL),
        ("This is harassment, I will sue you", RequestKind.COMPLAINT, Certainty.DOUBTFUL),
    ],
)
def test_other_requests_are_told_apart(text: str, kind: RequestKind, certainty: Certainty) -> None:
    """Data requests, written notices and complaints; what staff must do is never plain."""
    found = read(text)

    assert (found.request, found.certainty) == (kind, certainty)


def test_a_long_mail_goes_to_a_person() -> None:
    """Nobody who asks for one thing writes that much; and a cut mail may have said something else."""
    assert read("Please unsubscribe me.\n" + "It was nice.\n" * 200).certainty is Certainty.DOUBTFUL
    assert read("unsubscribe me\n" + "\n" * 30_000 + "not!", mailbox="opt_out").certainty is Certainty.DOUBTFUL


def test_a_phrase_means_one_thing() -> None:
    """A table that gives a phrase two meanings is refused."""
    with pytest.raises(ValueError, match="both STOP and NOT"):
        compile_phrase_table("en", FoldingRules(), {Mark.STOP: "leave (me/us)", Mark.NOT: "leave us"})


def test_half_of_a_phrase_is_not_taken_for_a_misspelling() -> None:
    """`bestelle … ab` leaves a newsletter, `bestelle` orders it."""
    assert is_plain_opt_out(read("Ich bestelle den Newsletter ab"))
    assert not is_plain_opt_out(read("Ich bestelle den Newsletter"))


def test_edits_are_counted() -> None:
    """An inserted, removed, replaced or swapped letter is one edit."""
    for word in ("unsubcribe", "unsubscribbe", "unsubscrobe", "unsubscirbe"):
        assert is_within_edits(word, "unsubscribe", 1)
    assert not is_within_edits("subscribe", "unsubscribe", 1)


WORDS = sorted({word for table in TABLES for word in table.vocabulary})
PIECES = [*WORDS, ".", "?", "\n", ">", ",", "“", "\u202e", "https://a.b", "a@b.c"]
HOSTILE = st.one_of(
    st.text(max_size=400),
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
)


@given(HOSTILE, HOSTILE, st.sampled_from(list(RequestMailbox)))
def test_no_mail_makes_the_reader_raise(text: str, subject: str, mailbox: RequestMailbox) -> None:
    """Any text gets a reading that is sound: plain with one request, or doubtful with reasons."""
    found = read_request(MailToRead(subject, text, mailbox, "Paltalk", "jane@example.org", FOOTERS))

    assert found.reasons
    assert (found.reach is not None) == (found.request is RequestKind.OPT_OUT) or found.certainty is Certainty.DOUBTFUL
    if found.certainty is Certainty.PLAIN and found.request is not RequestKind.NOTHING:
        assert found.suggestions == (SuggestedRequest(found.request, found.reach),)
        assert found.request not in (RequestKind.QUESTION, RequestKind.COMPLAINT)


@given(st.sampled_from(["not", "nicht", "never", "nunca", "jamais", "لا", "if", "wenn", "kidding"]), HOSTILE, HOSTILE)
def test_a_word_of_doubt_is_never_lost(doubt: str, before: str, after: str) -> None:
    """A word of doubt between an opt-out and anything else is never acted on."""
    own = "\n".join(separate_own_words(f"{before}\nplease unsubscribe me {doubt}\n{after}", ()).lines)

    assert f"unsubscribe me {doubt}" not in own or not is_plain_opt_out(read(own))


@pytest.mark.parametrize(
    "piece",
    [
        "a", ".", "..x", ">", "> \n", "On 1 <a@b> ", "<", "a@", "1-", "From: x\n", "-- \n", "take me ", "no ",
        "'a ", "配信停止", "ユーザー名", "\u0301", "\ufdfa", "الغاء ", "user name ", "my ", "http://",
        "www.", "Re:", "?",
        "On Jan 1 wrote:\n", "melde ",
    ],
)  # fmt: skip
def test_time_is_bounded(piece: str) -> None:
    """A hostile mail of any length takes less than a second."""
    text = piece * (1_000_000 // len(piece))
    begun = time.process_time()
    read_request(MailToRead(text, text, RequestMailbox.SUPPORT, "Paltalk", "", FOOTERS))

    assert time.process_time() - begun < 1


def test_linear_time_of_the_footers() -> None:
    """Many footers of the brand do not make a mail slow."""
    footers = tuple(f"This is footer number {number} of the brand, in some language." for number in range(300))
    begun = time.process_time()
    read_request(MailToRead("", "some line of words here\n" * 800, RequestMailbox.SUPPORT, "", "", footers))

    assert time.process_time() - begun < 1
