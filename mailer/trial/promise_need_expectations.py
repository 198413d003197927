"""Statements from the needs of a promise. They do not depend on the rest of the policy, or on a rule."""

from collections.abc import Iterator

from mailer.policy.promise import PromiseNeeds
from mailer.trial.case_facts import (
    ANNOUNCING,
    MARKETING,
    ExpectedFate,
    PersonMailingCase,
    has_opted_out_of_mail,
    is_mailing_itself_correct,
    is_person_paying_for_product,
)
from mailer.trial.decision_expectation import DecisionExpectation, Speak
from mailer.trial.decision_expectations import (
    expect_sending_if_nothing_opted_out,
    expect_usual_mail_to_reachable_person,
)
from mailer.trial.message_expectations import (
    Look,
    MessageExpectation,
    postal_address_problems,
    service_footer_problems_for_setting,
    tracking_level_problems,
)
from mailer.trial.parsed_messages import ParsedMessage
from mailer.trial.sample_people import HOME


def decision_expectations_from_needs(needs: PromiseNeeds) -> Iterator[DecisionExpectation]:
    """Yields the statements about decisions that follow from a promise's needs, each with the need as its rule."""
    if needs.promo_basis == "opt_in":
        yield _build_need_expectation(
            'promo_basis = "opt_in"',
            "Marketing goes to nobody who did not ask for it",
            _fate_of_marketing_without_opt_in,
        )
    if needs.service_scope == "paid":
        yield _build_need_expectation(
            'service_scope = "paid"',
            "Who does not pay can leave announcements",
            _fate_of_announcement_to_opted_out_nonpayer,
        )
    if needs.partner_mail in ("never", "on_request"):
        says = "Partners' mail goes to nobody who did not ask for that partner"
        yield _build_need_expectation(
            f'partner_mail = "{needs.partner_mail}"', says, _build_check_of_partner_mail(needs.partner_mail)
        )
    for name, need in needs.categories.items():
        if need.confirmed:
            says = f"Nobody gets {name} mail without a confirmed subscription"
            yield _build_need_expectation(f"{name} = confirmed", says, _build_check_of_subscription(name))
        if need.cap:
            yield _build_need_expectation(
                f"{name} = cap", f"Nobody gets more {name} mail than {need.cap.mails}", _build_check_of_cap(name)
            )
    yield from _expectations_from_exact_switch_needs(needs)


def _expectations_from_exact_switch_needs(needs: PromiseNeeds) -> Iterator[DecisionExpectation]:
    """Yields statements for the needs under `exactly`: what they allow must be possible for people at home."""
    exactly = needs.exactly
    if exactly is None:
        return
    if exactly.promo_basis == "opt_out":
        yield _build_need_expectation(
            'exactly promo_basis = "opt_out"',
            "Offers go to members until they refuse them",
            _expected_fate_of_promotion_until_opt_out,
        )
    if exactly.service_scope == "paid":
        yield _build_need_expectation(
            'exactly service_scope = "paid"',
            "Who does not pay can leave announcements",
            _fate_of_announcement_to_opted_out_nonpayer,
        )
    if exactly.service_scope == "any":
        yield _build_need_expectation(
            'exactly service_scope = "any"', "Announcements go to everybody", _fate_of_announcement_to_everybody
        )
    if exactly.partner_mail == "allowed":
        yield _build_need_expectation(
            'exactly partner_mail = "allowed"',
            "Partners' mail goes to who did not refuse it",
            _expected_fate_of_unrefused_partner_mail,
        )


def message_expectations_from_needs(needs: PromiseNeeds) -> Iterator[MessageExpectation]:
    """Yields the statements about messages that follow from a promise's needs, each with the need as its rule."""
    footer = needs.service_footer or (needs.exactly.service_footer if needs.exactly else None)
    if footer is not None and footer != "none":
        says = f"The footer of mandatory mail offers: {footer}"
        yield MessageExpectation(
            (f'service_footer = "{footer}"',), says, lambda letter: service_footer_problems_for_setting(letter, footer)
        )
    if needs.tracking is not None:
        yield MessageExpectation(
            (f'tracking = "{needs.tracking}"',),
            f"What is counted is no more than: {needs.tracking}",
            _build_check_of_tracking_level(needs.tracking),
        )
    if needs.postal_address is not None:
        says = f"The footer of optional mail has {needs.postal_address}"
        yield MessageExpectation(("postal_address",), says, _build_check_of_postal_address(needs.postal_address))


def _build_need_expectation(need: str, says: str, speak: Speak) -> DecisionExpectation:
    return DecisionExpectation((need,), f"{says}.", speak)


def _fate_of_marketing_without_opt_in(case: PersonMailingCase) -> ExpectedFate | None:
    return ExpectedFate.STAYS if case.category in MARKETING and not case.has_asked else None


def _fate_of_announcement_to_opted_out_nonpayer(case: PersonMailingCase) -> ExpectedFate | None:
    is_announced = case.mail.category.name == ANNOUNCING and not is_person_paying_for_product(case.standing, case.mail)
    return ExpectedFate.STAYS if is_announced and has_opted_out_of_mail(case) else None


def _build_check_of_partner_mail(value: str) -> Speak:
    def speak(case: PersonMailingCase) -> ExpectedFate | None:
        is_partners = case.category == "partner" and (value == "never" or not case.has_asked)
        return ExpectedFate.STAYS if is_partners else None

    return speak


def _build_check_of_subscription(name: str) -> Speak:
    return lambda case: ExpectedFate.STAYS if case.category == name and not case.has_asked else None


def _build_check_of_cap(name: str) -> Speak:
    def speak(case: PersonMailingCase) -> ExpectedFate | None:
        is_full = case.category == name and bool(case.standing.sent)
        return ExpectedFate.STAYS if is_full and is_mailing_itself_correct(case) else None

    return speak


def _expected_fate_of_promotion_until_opt_out(case: PersonMailingCase) -> ExpectedFate | None:
    return (
        expect_sending_if_nothing_opted_out(case)
        if case.category == "promotional" and not case.standing.consents
        else None
    )


def _expected_fate_of_unrefused_partner_mail(case: PersonMailingCase) -> ExpectedFate | None:
    return (
        expect_sending_if_nothing_opted_out(case) if case.category == "partner" and not case.standing.consents else None
    )


def _fate_of_announcement_to_everybody(case: PersonMailingCase) -> ExpectedFate | None:
    one = case.standing
    is_at_home = one.collected_under == case.policy.version and one.country == HOME
    return (
        expect_usual_mail_to_reachable_person(case, kind=ANNOUNCING)
        if case.mail.category.name == ANNOUNCING and is_at_home
        else None
    )


def _build_check_of_tracking_level(level: str) -> Look:
    return lambda letter: tracking_level_problems(letter, {level})


def _build_check_of_postal_address(address: str) -> Look:
    def look(letter: ParsedMessage) -> list[str] | None:
        return postal_address_problems(letter, address) if letter.case.is_optional else None

    return look
