from typing import Any

import pytest

from mailer.events import EventRefused, validate_event
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.template_library import Template
from tests.factories import templates
from tests.template_files import POLICIES

TEMPLATES = templates()
SAM: dict[str, Any] = {"ref": "user-17", "email": "sam@example.org", "name": "Sam", "locale": "en-GB"}
WEEKLY: dict[str, Any] = {
    "v": 1,
    "id": "1",
    "brand": "paltalk-2006",
    "category": "newsletter",
    "template": "weekly",
    "to": {"people": [SAM]},
    "context": {"headline": "Hello"},
}


def ask(**changes: Any) -> Template:
    """The answer to the weekly newsletter, with some of its fields changed."""
    return check_event_and_get_template(validate_event({**WEEKLY, **changes}), POLICIES, TEMPLATES)


def problems(**changes: Any) -> list[str]:
    """The problems for which the event is refused."""
    with pytest.raises(EventRefused) as caught:
        ask(**changes)
    return list(caught.value.problems)


def people(*contexts: dict[str, Any]) -> dict[str, Any]:
    """An audience of one person for each context."""
    return {"people": [{**SAM, "ref": f"user-{n}", "context": context} for n, context in enumerate(contexts)]}


@pytest.mark.parametrize("to", [{"people": [SAM]}, {"refs": ["user-17"]}, {"audience": "everyone"}])
def test_a_good_event_has_its_template(to: dict[str, Any]) -> None:
    """An event that can be rendered is admitted, for each kind of audience."""
    assert ask(to=to) is TEMPLATES.find_template("paltalk-2006", "weekly")


@pytest.mark.parametrize("template", list(TEMPLATES), ids=lambda template: f"{template.brand}-{template.name}")
def test_each_shipped_template_can_be_published(template: Template) -> None:
    """Each one's example is a context that is admitted, with what its category asks of an event."""
    category = POLICIES[template.brand].categories[template.category]
    partners = [partner.id for partner in POLICIES[template.brand].partners]
    changes = {
        "brand": template.brand,
        "category": template.category,
        "template": template.name,
        "context": dict(template.example),
        "to": {"audience": "everyone"} if category.tells_change else {"people": [SAM]},
        "reason": "You asked for it" if category.mandatory else None,
        "inviter": "user-1" if category.invites else None,
        "partner": partners[0] if category.partners else None,
    }
    assert ask(**changes) is template


BAD_URLS = (
    "javascript:alert(1)",
    "paltalk.example",
    "",
    "//paltalk.example",
    "https://",
    "data:,x",
    5,
    ["https://paltalk.example"],
    "https://evil.example",
    "https://paltalk.example.evil.example",
    "https://notpaltalk.example",
    "https://paltalk.example@evil.example",
    "https://paltalk.example:x@evil.example/",
    "https://evil.example/paltalk.example",
    "https://evil.example#.paltalk.example",
    "https://evil.example?paltalk.example",
    "https://paltalk.example\\.evil.example",
    "https://paltalk\uff0eexample.evil.example",
    "ftp://paltalk.example/1",
)
GOOD_URLS = (
    "https://paltalk.example/1",
    "http://app.paltalk.example",
    "HTTPS://PALTALK.example./?a=@#b",
    "https://paltalk.example:8443/x",
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_an_address_of_mandatory_mail_leads_somewhere(url: object) -> None:
    """A value that mandatory mail makes a link of is a URL of the brand's own, for all and for each person."""
    welcome = {"category": "account", "template": "welcome", "reason": "A new account"}
    said = "verify_url is no https or http URL of paltalk.example; template welcome declares its type"
    found = problems(**welcome, context={"verify_url": url})
    assert [one for one in found if "holds an address" not in one] == [f"context: {said}"]
    own = people({"verify_url": GOOD_URLS[0]}, {"verify_url": url})
    found = problems(**welcome, context={}, to=own)
    assert [one for one in found if "holds an address" not in one] == [f"to.people.1.context: {said}"]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_an_address_of_the_brands_own_domain_is_taken(url: str) -> None:
    """A URL leads to the policy's domain or one below it, in any case and at any port."""
    welcome = {"category": "account", "template": "welcome", "reason": "A new account"}
    assert ask(**welcome, context={"verify_url": url}).name == "welcome"
    assert ask(**welcome, context={}, to=people({"verify_url": url})).name == "welcome"


@pytest.mark.parametrize(
    "contact", ["a@b.example?bcc=c@d.example", "nobody", "a@b, c@d", "a b@c.example", "<a@b.example>"]
)
def test_a_mailbox_of_mandatory_mail_is_one(contact: str) -> None:
    """A value behind mailto: is one mailbox, without headers of its own."""
    breach = {"category": "breach", "template": "breach-notice", "reason": "The law"}
    context = {"happened_on": "2026-02-11", "found_on": "2026-02-14", "contact": contact}
    assert "context: contact is no e-mail address; template breach-notice declares its type" in problems(
        **breach, context=context
    )


def test_unknown_brand() -> None:
    """The answer says which brands there are."""
    assert problems(brand="paltak") == [
        "brand: there is no paltak; there are interpals, paltalk-2002, paltalk-2006, peerstream"
    ]


def test_unknown_category() -> None:
    """The answer says which categories the brand sends."""
    (problem,) = problems(category="invitation")
    assert problem.startswith(
        "category: paltalk-2006 does not send invitation; it sends account, breach, business_transition"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("weekli", "did you mean weekly?"),
        ("zzz", f"there are {', '.join(TEMPLATES.template_names_of_brand('paltalk-2006'))}"),
    ],
)
def test_unknown_template(name: str, hint: str) -> None:
    """The answer names the nearest templates, or all of them."""
    assert problems(template=name) == [f"template: paltalk-2006 has no {name}; {hint}"]


def test_a_category_cannot_be_borrowed() -> None:
    """A promotion published as service mail is refused (invariant 9)."""
    offer = TEMPLATES.find_template("paltalk-2006", "spring-offer")
    assert offer
    (problem,) = problems(category="service", template="spring-offer", context=dict(offer.example))
    assert problem.startswith("category: template spring-offer is promotional, not service; publish it as promotional")


def test_unknown_locale() -> None:
    """A well-formed code that nobody speaks is refused; one without a translation falls back."""
    to = {"people": [{**SAM, "locale": "fr-CA"}, {**SAM, "ref": "2", "locale": "ar-DE"}]}
    assert ask(to=to).name == "weekly"
    assert problems(to={"people": [SAM, {**SAM, "ref": "2", "locale": "xx"}]}) == [
        "to.people.1.locale: there is no xx; write one such as en, de-AT or zh-Hant"
    ]


def test_missing_context() -> None:
    """The answer names what is missing; null is missing too."""
    wanted = ["context: headline is missing; template weekly needs it"]
    assert problems(context={}) == wanted
    assert problems(context={"headline": None}) == wanted
    assert problems(context={}, to={"refs": ["a"]}) == wanted


def test_a_persons_context_counts() -> None:
    """A person's context may hold what the event's lacks. A person who lacks it too is named."""
    assert ask(context={}, to=people({"headline": "a"}, {"headline": "b"})).name == "weekly"
    assert problems(context={}, to=people({"headline": "a"}, {}, {})) == [
        "to.people.1.context: headline is missing, and from 1 more; template weekly needs it"
    ]
    assert problems(context={}, to=people({"headline": "a"}, {})) == [
        "to.people.1.context: headline is missing; template weekly needs it"
    ]


def test_reserved_names() -> None:
    """A context cannot set what the pipeline gives, neither the event's nor a person's."""
    assert problems(context={"headline": "x", "unsubscribe_url": "https://evil.example", "brand": "y"}) == [
        "context: brand, unsubscribe_url is reserved for the pipeline; rename it"
    ]
    assert problems(to=people({"recipient": "x"})) == [
        "to.people.0.context: recipient is reserved for the pipeline; rename it"
    ]


def test_what_the_trial_finds() -> None:
    """Values missing further in, of the wrong kind, or with a line break for the subject are named."""
    assert problems(context={"headline": "x", "items": [{"title": "t"}]}) == [
        "context: paltalk-2006/weekly (en): text is missing in an object that has title"
    ]
    assert problems(context={"headline": "a\r\nBcc: x"}) == [
        "context: paltalk-2006/weekly (en): the subject has a line break or control character"
    ]
    assert "not iterable" in problems(context={"headline": "x", "items": 5})[0]


@pytest.mark.parametrize("headline", ["a\0b", {"deep": ["a\0"]}])
def test_null_characters(headline: Any) -> None:
    """U+0000, which the database cannot store, is refused at any depth; its spelling is not."""
    assert "context: has the character U+0000; remove it" in problems(context={"headline": headline})
    assert ask(context={"headline": "a\\u0000b"}).name == "weekly"


def test_all_problems_are_told_at_once() -> None:
    """Problems that do not depend on one another come in one answer."""
    found = problems(category="invitation", context={"brand": "x"}, to={"people": [{**SAM, "locale": "xx"}]})
    assert [problem.partition(":")[0] for problem in found] == ["category", "to.people.0.locale", "context", "context"]


def mandatory(**changes: Any) -> dict[str, Any]:
    """A service mail of a brand whose service mail needs a reason."""
    maintenance = TEMPLATES.find_template("paltalk-2006", "maintenance")
    assert maintenance
    context = dict(maintenance.example)
    return {"category": "service", "template": "maintenance", "context": context, "reason": "Your order", **changes}


def test_service_mail_needs_a_reason() -> None:
    """Service mail must give a reason if the policy calls it rare and necessary. Elsewhere it need not."""
    assert ask(**mandatory()).name == "maintenance"
    assert problems(**mandatory(reason=None)) == [
        "reason: is missing; paltalk-2006 sends service mail only where it is necessary: say why"
    ]
    assert ask(**mandatory(reason=None, brand="peerstream")).name == "maintenance"


def change(category: str, name: str, **changes: Any) -> dict[str, Any]:
    """A notice of a change."""
    template = TEMPLATES.find_template("paltalk-2006", name)
    assert template
    return {"category": category, "template": name, "context": dict(template.example), **changes}


def test_changes_are_told_at_the_address_on_record() -> None:
    """A notice of a change brings no addresses along, and one of new owners goes to all accounts."""
    good: list[dict[str, Any]] = [{"refs": ["user-17"]}, {"audience": "everyone"}, {"audience": "some"}]
    for to in good:
        assert ask(**change("policy_change", "policy-change", to=to)).name == "policy-change"
    assert problems(**change("policy_change", "policy-change")) == [
        "to.people: policy_change mail goes to the address on record; name refs or an audience"
    ]
    everyone = {"audience": "everyone"}
    assert ask(**change("business_transition", "ownership-change", to=everyone)).name == "ownership-change"
    for to in (*good[::2], {"people": [SAM]}):
        assert problems(**change("business_transition", "ownership-change", to=to)) == [
            'to: business_transition mail reaches all accounts; write {"audience": "everyone"}'
        ]


def test_an_invitation_has_an_inviter() -> None:
    """Members invite; without one there is no invitation."""
    template = TEMPLATES.find_template("paltalk-2002", "invitation")
    assert template
    event = {"brand": "paltalk-2002", "category": "invitation", "template": "invitation"}
    assert ask(**event, context=dict(template.example), inviter="user-1") is template
    assert problems(**event, context=dict(template.example)) == [
        "inviter: is missing; an invitation names the member who invites"
    ]


def test_partners_are_those_of_the_policy() -> None:
    """Partners' mail names the partner, and the policy knows it."""
    template = TEMPLATES.find_template("paltalk-2002", "partner-offer")
    assert template
    event = {"brand": "paltalk-2002", "category": "partner", "template": "partner-offer"}
    assert ask(**event, context=dict(template.example), partner="chatwear") is template
    assert problems(**event, context=dict(template.example)) == ["partner: is missing; the policy names chatwear"]
    assert problems(**event, context=dict(template.example), partner="other") == [
        "partner: paltalk-2002 has no partner other; the policy names chatwear"
    ]


def test_a_breach_notice_has_no_attachments() -> None:
    """A breach notice with an attachment is refused, since its text must say everything."""
    template = TEMPLATES.find_template("paltalk-2006", "breach-notice")
    assert template
    file = {"filename": "a.txt", "content_type": "text/plain", "content": "eA=="}
    event = {"category": "breach", "template": "breach-notice", "context": dict(template.example)}
    assert ask(**event) is template
    assert problems(**event, attachments=[file]) == [
        "attachments: breach mail is a message of its own; put what it says in the template"
    ]


def test_a_persons_profile() -> None:
    """A person's own context may have a profile, which is an object; the event's may not."""
    assert ask(to=people({"profile": {"city": "Lisbon"}})).name == "weekly"
    assert problems(to=people({"profile": "Lisbon"})) == [
        "to.people.0.context.profile: is no object; write what is known about the person by name"
    ]
    assert problems(context={"headline": "x", "profile": {}}) == [
        "context: profile is reserved for the pipeline; rename it"
    ]
