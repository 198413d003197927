"""Refusals of the contents of an event: addresses of others, partners, and promotion, in any field."""

import base64
from typing import Any

import pytest

from mailer.events import EventRefused, validate_event
from mailer.policy.third_parties import Partner
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.promotional_words import find_promotional_words_in_url
from tests.factories import policies, templates
from tests.letters import ADA, event_of

BRAND = "interpals"
OTHER = "olive@mail.example"


def refused(event: dict[str, Any], policy: dict[str, Any] | None = None) -> str:
    """The problem for which an event is refused; empty if it is accepted."""
    brand = policies()[event["brand"]]
    among = {**policies(), event["brand"]: brand.model_copy(update=policy or {}).with_earlier_versions({})}
    try:
        check_event_and_get_template(validate_event(event), among, templates())
    except EventRefused as error:
        return str(error)
    return ""


def file(name: str, kind: str, content: str = "x") -> list[dict[str, Any]]:
    """An attachment."""
    return [{"filename": name, "content_type": kind, "content": base64.b64encode(content.encode()).decode()}]


VALUES = frozenset({"headline", "url"})
"""The carriers that are values of a context."""
CARRIERS: tuple[dict[str, Any], ...] = (
    {"reply_to": OTHER},
    {"reply_to": "support@interpals.example.evil.example"},
    {"headline": OTHER},
    {"headline": "Olive, olive\uff20mail.example"},
    {"headline": "olive(at)mail.example"},
    {"headline": "olive&#64;mail.example"},
    {"headline": "ol\u00adive@ma\u200bil.example"},
    {"headline": '"olive"@mail.example'},
    {"headline": "olive @ mail.example"},
    {"headline": "Olive is Olive AT mail.example"},
    {"headline": "olive ( at ) mail.example"},
    {"headline": "olive@mail\u3002example"},
    {"headline": "olive=40mail.example"},
    {"headline": "olive@[10.0.0.1]"},
    {"headline": "Olive is olive \uff41\uff54 mail.example"},
    {"headline": "olive\u207dat\u207email.example"},
    {"headline": "olive\uff0540mail.example"},
    {"headline": "Olive is olive at mail\uff0eexample"},
    {"url": "https://interpals.example/letters?from=olive%2540mail.example"},
    {"url": "https://interpals.example/letters?from=olive%40mail.example"},
    {"url": "https://interpals.example/letters?from=olive@mail.example"},
    {"reason": f"{OTHER} wrote to you"},
    {"attachments": file(f"{OTHER}.pdf", "application/pdf")},
    {"attachments": file("meet.ics", "text/calendar", f"ORGANIZER:mailto:{OTHER}")},
)


@pytest.mark.parametrize("values", CARRIERS, ids=str)
def test_nobodys_address_is_carried_to_others(values: dict[str, Any]) -> None:
    """An address that is neither the reader's nor the brand's is refused wherever it stands, and however written."""
    event = event_of(BRAND, "weekly", ADA, **{name: value for name, value in values.items() if name not in VALUES})
    event["context"] = {
        **event["context"],
        "headline": "Letters",
        **{name: values[name] for name in VALUES & {*values}},
    }
    if "url" in values:
        event["context"]["items"] = [{"title": "One", "text": "Two", "url": values["url"]}]
    said = refused(event)
    assert "reply_to: is none of interpals.example" in said or "holds an address that is neither" in said


def test_an_inviter_is_no_address() -> None:
    """An invitee does not read the inviter's address."""
    assert "inviter: holds an address" in refused(event_of(BRAND, "invitation", ADA, inviter=OTHER))
    assert refused(event_of(BRAND, "invitation", ADA, inviter="Olive")) == ""


def test_ones_own_address_and_the_brands_are_shown() -> None:
    """A mail may repeat its reader's own address, in their own values, and name mailboxes of the brand."""
    own = {**ADA, "context": {"headline": "For you (Ada@People.example)"}}
    assert refused(event_of(BRAND, "weekly", own)) == ""
    other = {**ADA, "ref": "bob", "email": "bob@people.example"}
    assert "to.people.1.context: holds" in refused(event_of(BRAND, "weekly", own, {**own, **other}))
    longer = {**own, "context": {"headline": "ada@people.example.org"}}
    assert "to.people.0.context: holds" in refused(event_of(BRAND, "weekly", longer))
    ours = {**ADA, "context": {"headline": "support@interpals.example"}}
    assert refused(event_of(BRAND, "weekly", ours, reply_to="help@mail.interpals.example")) == ""
    assert "reply_to" in refused(event_of(BRAND, "weekly", ADA, reply_to="help@desk.example"))
    desk = event_of(BRAND, "weekly", ADA, reply_to="help@desk.example")
    assert refused(desk, {"reply_domains": ("desk.example",)}) == ""


def test_a_breach_notice_names_whom_to_ask() -> None:
    """The mailbox of somebody outside, declared as one, may stand in mail that the law asks for; no text has one."""
    event = event_of(BRAND, "breach-notice", ADA)
    assert refused({**event, "context": {**event["context"], "contact": "officer@lawyers.example"}}) == ""
    answer = event_of(
        BRAND, "rights-answer", ADA, context={"done": "erased", "message": "Ask olive at mail, olive&#64;mail.example."}
    )
    assert "context: holds an address" in refused(answer) or "context: message holds" in refused(answer)


NAMES = ("New at Penpal Shop", "PENPAL\u2003\u00adSHOP", "Penpal  Shop's phrase book", "penpal-shop", "Penpal Shops")
SPELLINGS = (
    "PenpalShop",
    "Penpal_Shop",
    "Penpal.Shop",
    "Pen\u200bpal-Shop",
    "\u0420\u0435np\u0430l Sh\u043ep",
    "\u03a1enpal Sh\u03bfp",
    "Penpal Sh\u00f6p",
    "Penpal&nbsp;Shop",
    "P e n p a l Shop",
    "P.e.n.p.a.l S.h.o.p",
    "PENPALSHOP25",
    "https://penpal-shop.example/x",
    "https://interpals.example/go?to=penpal-shop",
    "https://interpals.example/go?to=penpal%2Dshop",
    "https://interpals.example/go?to=penpal%252Dshop",
)


@pytest.mark.parametrize("named", NAMES)
@pytest.mark.parametrize("template", ["weekly", "spring-offer", "activity", "maintenance"])
def test_a_partner_is_named_to_who_asked_alone(template: str, named: str) -> None:
    """An event of another kind that names a partner is refused, or says so and goes to people who asked for it."""
    event = event_of(BRAND, template, ADA)
    field = "reason" if template == "maintenance" else "attachments"
    given = {field: named} if field == "reason" else {field: file(f"{named}.pdf", "application/pdf")}
    assert "names Penpal Shop, of which only who asked hears" in refused({**event, **given})
    said = refused({**event, **given, "partner": "penpal-shop"})
    assert ("mail is for no partner" in said) if field == "reason" else (said == "")


@pytest.mark.parametrize("named", SPELLINGS)
def test_a_partner_is_named_in_any_spelling(named: str) -> None:
    """A partner's name or id is found with any separator or none, in letters that look alike, and in codes of a URL."""
    event = event_of(BRAND, "weekly", ADA)
    assert "context: names Penpal Shop" in refused({**event, "context": {**event["context"], "headline": named}})


@pytest.mark.parametrize("said", ["Pen pals shop too", "A shop, penpal", "Our penpals' shopping", "penpal-shopper"])
def test_other_words_name_no_partner(said: str) -> None:
    """Single words of a partner's name, and longer words, do not count as its name."""
    event = event_of(BRAND, "weekly", ADA)
    assert refused({**event, "context": {**event["context"], "headline": said}}) == ""


@pytest.mark.parametrize("field", ["topic", "campaign", "reply_to"])
def test_a_partner_is_named_in_no_field(field: str) -> None:
    """Topic, campaign and Reply-To name a partner as a value does."""
    named = "penpal-shop@interpals.example" if field == "reply_to" else "penpal-shop"
    assert f"{field}: names Penpal Shop" in refused(event_of(BRAND, "weekly", ADA, **{field: named}))


def test_a_partners_domain_names_it() -> None:
    """A link to a partner's site, and its mailbox as Reply-To, name it as its name does."""
    [shop] = policies()[BRAND].partners
    known = {
        "partners": (Partner.model_validate({**shop.model_dump(), "domains": ["penpal-shop.example"]}),),
        "reply_domains": ("penpal-shop.example",),
    }
    event = event_of(BRAND, "weekly", ADA)
    items = [{"title": "One", "text": "Two", "url": "https://www.penpal-shop.example/letters"}]
    assert "context: names Penpal Shop" in refused({**event, "context": {**event["context"], "items": items}}, known)
    event = event_of(BRAND, "activity", ADA, reply_to="info@penpal-shop.example")
    assert "reply_to: names Penpal Shop" in refused(event, known)
    assert "has no partner acme" in refused(event_of(BRAND, "weekly", ADA, partner="acme"))


@pytest.mark.parametrize(
    "said",
    [
        "Come at 10.30 or at 11.",
        "Sit at home, e.g. today",
        "5 @ 3.50 each",
        "Look at it. Now",
        "\u5408\u8a08\uff1d4000\u5186\u3002\u9001\u6599\u8fbc\u307f\u3067\u3059",
        "\u6b63\u89e3\u7387\uff1d\uff14\uff10\u70b9\u3002\u5408\u683c\u3067\u3059",
    ],
)
def test_times_and_places_are_no_addresses(said: str) -> None:
    """Words and signs that also stand in addresses are no addresses by themselves."""
    event = event_of(BRAND, "weekly", ADA)
    assert refused({**event, "context": {**event["context"], "headline": said}}) == ""


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("maintenance", {"reason": "Oferta especial para ti"}),
        ("maintenance", {"attachments": file("50-percent-off.txt", "text/plain")}),
        ("password", {"context": {"reset_url": "https://interpals.example/buy-now-50-off"}}),
        ("password", {"context": {"reset_url": "https://interpals.example/r?coupon=SPRING25"}}),
        ("password", {"context": {"reset_url": "https://interpals.example/r?utm=spring%2Dsale"}}),
        ("receipt", {"context": {"number": "SAVE-50"}}),
        ("receipt", {"context": {"number": "BUY-NOW-GET-2"}}),
        ("maintenance", {"reason": "Save 50% on gifts until Sunday"}),
        ("maintenance", {"reason": "Jetzt kaufen und sparen"}),
        ("maintenance", {"reason": "d i s c o u n t week"}),
        ("maintenance", {"attachments": file("special-offer: 20% off.pdf".replace(":", ""), "application/pdf")}),
        ("maintenance", {"attachments": file("note.txt", "text/plain", "Use the coupon SPRING")}),
        ("maintenance", {"attachments": file("banner.png", "image/png")}),
        ("rights-answer", {"context": {"done": "erased", "message": "Come back: half price for a year."}}),
        ("policy-change", {"context": {"effective_on": "2026-07-01", "changes": ["Black Friday is near."]}}),
        (
            "invitation",
            {"inviter": "Olive", "context": {"url": "https://interpals.example/join"}, "to": "Ada, 50% off!"},
        ),
        ("invitation", {"inviter": "Half price", "context": {"url": "https://interpals.example/join"}}),
    ],
    ids=str,
)
def test_mail_that_cannot_be_left_promotes_in_no_field(template: str, values: dict[str, Any]) -> None:
    """Reason, values, names and files of mandatory mail and of invitations carry no offer."""
    to = {**ADA, "name": values.pop("to", "Ada")}
    people = () if template == "policy-change" else (to,)
    event = event_of(BRAND, template, *people)
    context = {**event["context"], **values.pop("context", {})}
    said = refused({**event, **values, "context": context})
    assert "which promotes" in said or "is an image" in said


@pytest.mark.parametrize("value", [{"xx": "a"}, ["a"], {"text": {"en": "a"}}])
def test_an_object_is_printed_as_no_text(value: Any) -> None:
    """An object or a list that a template prints as a text is refused, where the template declares no type for it."""
    event = event_of(BRAND, "weekly", ADA)
    assert "where text is wanted" in refused({**event, "context": {**event["context"], "headline": value}})


@pytest.mark.parametrize("piece", ["1", "1 ", "-", "%", "a", "off-", "save-1"])
def test_a_long_address_takes_time_by_its_length(piece: str) -> None:
    """No piece that is repeated makes the search go back and forth."""
    assert find_promotional_words_in_url(f"https://x.example/{piece * 200_000}/sale/50-off") is not None
