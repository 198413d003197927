"""Statements from the needs of a promise. They do not depend on the rest of the policy, or on a rule."""

from collections.abc import Iterator

from mailer.policy.promise import PromiseNeeds
from mailer.trial.case_facts import (
    ANNOUNCING,
    MARKETING,
    ExpectedFate,
    MailCase,
    has_opted_out,
    is_in_order,
    pays_for_mail,
)
from mailer.trial.decision_statements import DecisionStatement, Speak, may_go, must_arrive
from mailer.trial.message_statements import (
    Look,
    MessageStatement,
    offers_in_footer,
    shows_postal_address,
    tracking_beyond,
)
from mailer.trial.parsed_messages import ParsedMessage
from mailer.trial.sample_people import HOME


def statements_of(needs: PromiseNeeds) -> Iterator[DecisionStatement]:
    """Yields the statements about decisions that follow from a promise's needs, each with the need as its rule."""
    if needs.promo_basis == "opt_in":
        yield _promise_statement('promo_basis = "opt_in"', "Marketing goes to nobody who did not ask for it", _opt_in)
    if needs.service_scope == "paid":
        yield _promise_statement('service_scope = "paid"', "Who does not pay can leave announcements", _can_leave)
    if needs.partner_mail in ("never", "on_request"):
        says = "Partners' mail goes to nobody who did not ask for that partner"
        yield _promise_statement(f'partner_mail = "{needs.partner_mail}"', says, _on_request(needs.partner_mail))
    for name, need in needs.categories.items():
        if need.confirmed:
            says = f"Nobody gets {name} mail without a confirmed subscription"
            yield _promise_statement(f"{name} = confirmed", says, _confirmed(name))
        if need.cap:
            yield _promise_statement(
                f"{name} = cap", f"Nobody gets more {name} mail than {need.cap.mails}", _capped(name)
            )
    yield from _exact_statements(needs)


def _exact_statements(needs: PromiseNeeds) -> Iterator[DecisionStatement]:
    """Yields statements for the needs under `exactly`: what they allow must be possible for people at home."""
    exactly = needs.exactly
    if exactly is None:
        return
    if exactly.promo_basis == "opt_out":
        yield _promise_statement(
            'exactly promo_basis = "opt_out"', "Offers go to members until they refuse them", _opt_out
        )
    if exactly.service_scope == "paid":
        yield _promise_statement(
            'exactly service_scope = "paid"', "Who does not pay can leave announcements", _can_leave
        )
    if exactly.service_scope == "any":
        yield _promise_statement('exactly service_scope = "any"', "Announcements go to everybody", _announced)
    if exactly.partner_mail == "allowed":
        yield _promise_statement(
            'exactly partner_mail = "allowed"', "Partners' mail goes to who did not refuse it", _allowed
        )


def message_statements_of(needs: PromiseNeeds) -> Iterator[MessageStatement]:
    """Yields the statements about messages that follow from a promise's needs, each with the need as its rule."""
    footer = needs.service_footer or (needs.exactly.service_footer if needs.exactly else None)
    if footer is not None and footer != "none":
        says = f"The footer of mandatory mail offers: {footer}"
        yield MessageStatement((f'service_footer = "{footer}"',), says, lambda letter: offers_in_footer(letter, footer))
    if needs.tracking is not None:
        yield MessageStatement(
            (f'tracking = "{needs.tracking}"',),
            f"What is counted is no more than: {needs.tracking}",
            _counted(needs.tracking),
        )
    if needs.postal_address is not None:
        says = f"The footer of optional mail has {needs.postal_address}"
        yield MessageStatement(("postal_address",), says, _address(needs.postal_address))


def _promise_statement(need: str, says: str, speak: Speak) -> DecisionStatement:
    return DecisionStatement((need,), f"{says}.", speak)


def _opt_in(case: MailCase) -> ExpectedFate | None:
    return ExpectedFate.STAYS if case.category in MARKETING and not case.has_asked else None


def _can_leave(case: MailCase) -> ExpectedFate | None:
    is_announced = case.mail.category.name == ANNOUNCING and not pays_for_mail(case.standing, case.mail)
    return ExpectedFate.STAYS if is_announced and has_opted_out(case) else None


def _on_request(value: str) -> Speak:
    def speak(case: MailCase) -> ExpectedFate | None:
        is_partners = case.category == "partner" and (value == "never" or not case.has_asked)
        return ExpectedFate.STAYS if is_partners else None

    return speak


def _confirmed(name: str) -> Speak:
    return lambda case: ExpectedFate.STAYS if case.category == name and not case.has_asked else None


def _capped(name: str) -> Speak:
    def speak(case: MailCase) -> ExpectedFate | None:
        is_full = case.category == name and bool(case.standing.sent)
        return ExpectedFate.STAYS if is_full and is_in_order(case) else None

    return speak


def _opt_out(case: MailCase) -> ExpectedFate | None:
    return may_go(case) if case.category == "promotional" and not case.standing.consents else None


def _allowed(case: MailCase) -> ExpectedFate | None:
    return may_go(case) if case.category == "partner" and not case.standing.consents else None


def _announced(case: MailCase) -> ExpectedFate | None:
    one = case.standing
    is_at_home = one.collected_under == case.policy.version and one.country == HOME
    return must_arrive(case, kind=ANNOUNCING) if case.mail.category.name == ANNOUNCING and is_at_home else None


def _counted(level: str) -> Look:
    return lambda letter: tracking_beyond(letter, {level})


def _address(address: str) -> Look:
    def look(letter: ParsedMessage) -> list[str] | None:
        return shows_postal_address(letter, address) if letter.case.is_optional else None

    return look
