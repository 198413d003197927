"""Rules that a trial without a database cannot try, each with the reason in words."""

_STORED = "it is about what is stored"
_TESTS = "`mailer policy check` names the tests that show it"

UNTRIED = {
    rule: f"{why}; {_TESTS}"
    for rule, why in {
        "account-events": f"{_STORED} of a change of an account",
        "address-provenance": f"{_STORED} with an address",
        "confirmed-copy": "it is about the copy that a person gets of their data",
        "consent-proof": f"{_STORED} with a consent",
        "data-by-address": "it is about a page for everybody",
        "data-request-deadline": "it is about the answers to requests of people",
        "disclosure": f"{_STORED} of a disclosure",
        "do-not-track": "it is about what is stored of an open",
        "privacy-signal": "it is about what a browser says to a page",
        "export": "it is about the copy that a person gets of their data",
        "hand-over-record": f"{_STORED} of a hand-over",
        "mail-hours": "it depends on the hour at which it is tried",
        "members-names": "it is about the records of other members",
        "one-copy": "it is about two accounts with one address",
        "staging": "it is about a setting for trials with real mail",
        "legal-hold": f"{_STORED} while the law asks for it",
        "look-up-reason": "it is about what staff see of a person",
        "no-cookies": "it is about the pages of recipients",
        "no-traces": "it is about what stands in logs",
        "opens-counted": "it is about the figures that are shown of a mailing",
        "leave-by-address": "it is about a page for everybody",
        "opt-out-by-mail": "it is about letters of people",
        "request-by-mail": "it is about letters of people",
        "acknowledgement": "it is about letters of people",
        "authority-named": "it is about letters of people",
        "plain-opt-out": "it is about the pages of recipients",
        "policy-basis": f"{_STORED} as a basis",
        "press-to-leave": "it is about the pages of recipients",
        "public-notice": "it is about a page for everybody",
        "breach-published": "it is about a page for everybody",
        "breach-moves-on": "it is about mail that comes back",
        "suppressions-pushed": "it is about what partners are sent",
        "foreign-version": "it is about imports of people",
        "encrypted-way": "it is about the connection to a relay",
        "own-addresses": "it is about what an event may carry into a mail",
        "partner-named": "it is about what an event may carry into a mail",
        "partner-unwritten": "it is about what a template may name",
        "plain-words": "it is about what an event may carry into a mail",
        "worked-notices": "it is about the queue of those who are told by other ways than mail",
        "suppressions-travel": "it is about imports and exports of people",
    }.items()
}
"""The reasons in words, by the name of the rule."""
