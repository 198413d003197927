"""A policy that is turned into its opposite: each value of each shipped policy is changed, and its promises notice."""

import copy
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from mailer import bundled_files
from mailer.policy.address_sources import KINDS
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.switches import ORDER
from mailer.policy.unmet_promise_needs import find_unmet_needs

FILES = {file.stem: file.read_text("utf-8") for file in bundled_files.bundled_folder("policies").glob("*.toml")}
BRANDS = ("interpals", "paltalk-2006", "paltalk-2002", "peerstream")
TODAY = date(2026, 6, 1)

Document = dict[str, Any]

BREAKS: dict[str, dict[str, str]] = {
    "interpals": {
        "promo_basis = opt_in": "24",
        "service_footer = leave": "08",
        "service_footer = deactivate": "08",
        "service_scope = any": "08",
        "partner_mail = allowed": "05",
        "tracking = unlinkable": "14",
        "tracking = individual": "14",
        "no account": "26",
        "no service": "08",
        "no breach": "16 17 18",
        "no rights": "21 22",
        "no policy_change": "15",
        "no promotional": "07 24",
        "no updates": "refused",
        "no notification": "09",
        "no invitation": "10",
        "no partner": "05",
        "one more purpose": "02",
        "no processors": "04 11 23",
        "source: no newsletter-form": "01",
        "source: newsletter-form of kind account": "01",
        "source: newsletter-form of kind sale": "01",
        "source: no pen pal contest": "01",
        "source: pen pal contest of kind account": "refused",
        "source: pen pal contest of kind sale": "refused",
        "source: pen pal contest of kind subscription": "refused",
        "source: pen pal contest of kind import": "refused",
        "source: pen pal contest of kind partner": "refused",
        "source: no friend": "01",
        "source: friend of kind account": "01",
        "source: friend of kind sale": "01",
        "source: friend of kind subscription": "01",
        "source: friend of kind import": "01",
        "source: friend of kind partner": "01",
        "source: friend of kind contest": "01",
        "processor 0 elsewhere": "23",
        "a smaller cell": "14",
        "kept longer": "20",
        "another controller": "06",
    },
    "paltalk-2006": {
        "looked up without a reason": "22",
        "promo_basis = opt_out": "12",
        "service_footer = leave": "06",
        "service_footer = none": "06",
        "service_scope = paid": "refused",
        "partner_mail = on_request": "09",
        "partner_mail = allowed": "09",
        "tracking = off": "19",
        "tracking = unlinkable": "18 19",
        "tracking = individual": "18 19",
        "no account": "07 10 32",
        "no service": "04 05 06",
        "service without reason": "04",
        "service without alarm": "04",
        "alarm of service: one more": "04",
        "alarm of service: a day less": "04",
        "no rights": "21 29",
        "no policy_change": "24",
        "no business_transition": "23",
        "no newsletter": "01 03 15",
        "newsletter unconfirmed": "03",
        "no promotional": "01 02 15 28",
        "promotional without cap": "28",
        "cap of promotional: one more": "28",
        "cap of promotional: a day less": "28",
        "no processors": "13",
        "another channel": "08 32",
        "a smaller cell": "11 18",
        "another address": "31",
        "another mailbox": "16 31",
        "no mailbox": "16 31",
        "retention": "13",
        "no seal": "29",
    },
    "paltalk-2002": {
        "promo_basis = opt_in": "02",
        "service_footer = deactivate": "08 09",
        "service_footer = none": "08 09",
        "service_scope = paid": "refused",
        "partner_mail = never": "04",
        "partner_mail = on_request": "04",
        "tracking = unlinkable": "03",
        "tracking = individual": "03",
        "no service": "09",
        "no promotional": "02",
        "no invitation": "06 07",
        "no partner": "04 09",
        "no partners": "04",
        "another channel": "05",
        "a smaller cell": "03",
    },
    "peerstream": {
        "promo_basis = opt_out": "02 06",
        "service_scope = paid": "refused",
        "partner_mail = on_request": "02",
        "partner_mail = allowed": "02",
        "tracking = individual": "11",
        "no rights": "07 08 09 13",
        "no policy_change": "03",
        "no promotional": "02 12",
        "no processors": "05",
        "another controller": "01",
        "no authority": "10",
    },
}
"""Promises that each change of a brand's file breaks, by their numbers."""

_STRICTER = "stricter: people are left alone more than was promised"
_UNSAID = "the brand promises nothing about it"
FREE = {
    "another channel": _UNSAID,
    "source": _UNSAID,
    "partner_mail = never": _STRICTER,
    "tracking = off": _STRICTER,
    "tracking = mailing": _STRICTER,
    "service_footer = leave": "each value has a way out, or is not asked for one",
    "service_footer = none": _UNSAID,
    "no account": "what an account lives by, and no promise",
    "no service": _UNSAID,
    "no breach": "what the law asks for, and no promise",
    "no rights": "what the law asks for, and no promise",
    "no policy_change": _UNSAID,
    "no newsletter": "nobody promised one",
    "no notification": _UNSAID,
    "no partners": "no partner, no partner's mail",
    "one more purpose": "a purpose newer than an address waits for consent, by the rule fresh-consent",
    "processor 0 elsewhere": _UNSAID,
    "processor 1 elsewhere": _UNSAID,
    "a smaller cell": _UNSAID,
    "kept longer": _UNSAID,
    "looked up without a reason": _UNSAID,
    "another controller": _UNSAID,
    "another address": _UNSAID,
    "another mailbox": _UNSAID,
    "no mailbox": _UNSAID,
}
"""Reasons why a brand may have no promise that minds a change, by the change or the word before its colon."""


def opposites(document: Document) -> Iterator[tuple[str, Document]]:
    """Yields every single change of a policy's values, with its words."""
    for words, path, value in (*_switches(document), *_categories(document), *_lists(document), *_values(document)):
        changed = copy.deepcopy(document)
        *outer, last = path
        inner: Any = changed
        for key in outer:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
        yield words, changed


def _switches(document: Document) -> Iterator[tuple[str, list[Any], Any]]:
    for switch, values in ORDER.items():
        for value in values:
            if value != document["switches"][switch]:
                yield f"{switch} = {value}", ["switches", switch], value


def _categories(document: Document) -> Iterator[tuple[str, list[Any], Any]]:
    for name, said in document["categories"].items():
        yield f"no {name}", ["categories", name], None
        if said.get("confirmed"):
            yield f"{name} unconfirmed", ["categories", name, "confirmed"], False
        if said.get("reason") == "required":
            yield f"{name} without reason", ["categories", name, "reason"], "optional"
        for key in ("cap", "alarm"):
            if cap := said.get(key):
                yield f"{name} without {key}", ["categories", name, key], None
                yield f"{key} of {name}: one more", ["categories", name, key, "mails"], cap["mails"] + 1
                yield f"{key} of {name}: a day less", ["categories", name, key, "days"], cap["days"] - 1


def _lists(document: Document) -> Iterator[tuple[str, list[Any], Any]]:
    yield "one more purpose", ["purposes"], [*document["purposes"], "curiosity"]
    for key in ("processors", "partners"):
        if document.get(key):
            yield f"no {key}", [key], []
    for source, kind in document.get("sources", {}).items():
        yield f"source: no {source}", ["sources", source], None
        for other in KINDS[: KINDS.index(kind)]:
            yield f"source: {source} of kind {other}", ["sources", source], other
    channels = document.get("channels", [])
    yield "another channel", ["channels"], [] if channels else ["telephone"]
    for number, processor in enumerate(document.get("processors", ())):
        yield f"processor {number} elsewhere", ["processors", number, "country"], "FR"
        assert processor["country"] != "FR"


def _values(document: Document) -> Iterator[tuple[str, list[Any], Any]]:
    yield "a smaller cell", ["minimum_cell"], document["minimum_cell"] - 1
    yield "kept longer", ["retention_days"], document["retention_days"] + 1
    yield "looked up without a reason", ["look_up_reason"], "optional"
    yield "another controller", ["controller", "id"], "somebody-else"
    yield "another address", ["controller", "postal_address"], "1 Elsewhere Street"
    yield "another mailbox", ["opt_out_mailbox"], "elsewhere@example.org"
    yield "no mailbox", ["opt_out_mailbox"], None
    if document.get("no_retention"):
        yield "retention", ["no_retention"], False
    if "authority" in document["controller"]:
        yield "no authority", ["controller", "authority"], None
    if "seal" in document:
        yield "no seal", ["seal"], None


def broken_by(document: Document) -> str:
    """The numbers of the promises that a document does not keep; a word where it is no policy at all."""
    try:
        policy = Policy.model_validate(document)
    except ValueError:
        return "refused"
    return " ".join(sorted({need.promise.rpartition("-")[2] for need in find_unmet_needs(policy, policy)}))


@pytest.mark.parametrize("brand", BRANDS)
def test_every_opposite_breaks_what_it_breaks(brand: str) -> None:
    """Each change of each value is minded by the promises that rest on it, or is among those that none minds."""
    document = tomllib.loads(FILES[brand])
    assert broken_by(document) == ""
    found = {words: broken_by(changed) for words, changed in opposites(document)}
    assert {words: ids for words, ids in found.items() if ids} == BREAKS[brand]
    assert {words.partition(":")[0] for words, ids in found.items() if not ids} <= FREE.keys()


def test_an_opposite_is_refused_in_words() -> None:
    """A file that no longer meets a promise's need is refused with its line, the promise, the need and the value."""
    text = FILES["paltalk-2006"]
    for old, new, key, said in (
        (
            'promo_basis = "opt_in"',
            'promo_basis = "opt_out"',
            "switches.promo_basis",
            "paltalk06-12",
        ),
        ("confirmed = true", "confirmed = false", "categories.newsletter.confirmed", "paltalk06-03"),
        ("[categories.business_transition]\n", "", "categories.business_transition", "paltalk06-23"),
        ('partner_mail = "never"', 'partner_mail = "allowed"', "switches.partner_mail", "paltalk06-09"),
    ):
        changed = text.replace(old, new, 1)
        with pytest.raises(PolicyError) as refused:
            parse_policy(changed, "p.toml")
        fault = next(line for line in str(refused.value).splitlines() if said in line)
        place, _, words = fault.partition(f": {key} is ")
        line = changed.splitlines()[int(place.removeprefix("p.toml:")) - 1]
        assert words.endswith("; mend it, or what the policy promises")
        assert new == "" or line == new, "the message names the line that is wrong"


OLD = """
[[promises]]
id = "old-1"
promise = "x"
source = "y"
needs = { promo_basis = "opt_in", categories = { newsletter = { confirmed = true } } }
rules = ["way-out"]
"""


def versions(newer: str) -> dict[str, str]:
    """A version that promises a confirmed newsletter, and one after it."""
    base = FILES["default"].replace('brand = "default"', 'brand = "acme"')
    later = base.replace('version = "1"', 'version = "2"').replace("effective = 2026-01-01", "effective = 2026-03-01")
    old, _, new = newer.partition(" -> ")
    return {"1.toml": base + OLD, "2.toml": later.replace(old, new)}


def test_a_later_version_owes_what_an_earlier_one_promised() -> None:
    """A trait that was promised to people of an earlier version is not dropped; their switches stay their own."""
    parse_policies_in_force(versions(""), TODAY)
    parse_policies_in_force(versions('promo_basis = "opt_in" -> promo_basis = "opt_out"'), TODAY)
    with pytest.raises(PolicyError, match=r"2\.toml:\d+: .*\.confirmed .* old-1 of version 1 needs"):
        parse_policies_in_force(versions("confirmed = true -> confirmed = false"), TODAY)
