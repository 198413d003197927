"""Consents, opt-outs, imports, erasures, key rotations, policy upgrades and mailings in any order, on PostgreSQL.

After each step the invariants of DESIGN.md hold that speak of states: 1 to 6, 8, 9 and 11. What is expected comes from
`tests.model`, which knows nothing of the rules.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mailer.actions import OptOutRefused
from mailer.actions.consent import ConsentNotRecordable
from mailer.events import EventRefused
from mailer.ports.deliveries import DeliveryState
from mailer.ports.processor import OutgoingMessage
from mailer.ports.standings import StandingFlag
from mailer.rendering.event_checks import check_event_and_get_template
from tests.conftest import Server
from tests.factories import make_event, open_world, templates
from tests.model import Account, Model, Terms
from tests.steps import Steps

T = TypeVar("T")

TERMS = {
    "interpals": [
        Terms("2024", asks=False, paid_only=True),
        Terms("2025", asks=True, paid_only=True),
        Terms("2026", asks=False, paid_only=False),
    ],
    "peerstream": [Terms("2018", asks=True, paid_only=False), Terms("2020", asks=False, paid_only=False)],
}
"""Each brand's versions, in the order in which they come into force."""
OPTIONAL = ("newsletter", "promotional")
FLAGS = {StandingFlag.DEACTIVATED: "closed", StandingFlag.RESTRICTED: "restricted", StandingFlag.UNDER_13: "child"}
EXAMPLES, STEPS = 30, 40

brands = st.sampled_from(tuple(TERMS))
addresses = st.sampled_from([f"{name}@people.example" for name in ("ada", "ben", "cleo", "dov")])
picks = st.integers(0, 1000)


somebody_lives = precondition(lambda self: self.model.living())
"""Steps that need an account; `assume` would end the example instead of choosing another step."""


class Machine(RuleBasedStateMachine):
    """The steps; each does something to the pipeline and to the model."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.steps = Steps(self.do(self.stack.enter_async_context(open_world(self.url, size=4))))
        self.serial = 0
        self.links: list[tuple[str, Account, str]] = []
        self.mailed: list[UUID] = []
        self.model = Model({brand: TERMS[brand][:1] for brand in TERMS}, {})
        for brand in TERMS:
            self.steps.govern(brand, self.model.terms[brand])
            categories = self.steps.world.policies[brand].categories
            self.model.optional[brand] = {name for name, category in categories.items() if category.is_optional}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs asynchronous code to its end."""
        return self.runner.run(work)

    def teardown(self) -> None:
        """Changes an entry, which the verification must name (invariant 11). Then it empties the database."""
        if found := self.do(self.steps.tampered()):
            assert found[1] == [found[0]]
        self.do(self.steps.emptied())
        self.do(self.stack.aclose())
        self.runner.close()

    def fresh(self, what: str) -> str:
        """A name that nothing has had."""
        self.serial += 1
        return f"{what}-{self.serial}"

    def account(self, pick: int) -> Account:
        """An account that has not been erased."""
        living = self.model.living()
        return living[pick % len(living)]

    @rule(
        brand=brands,
        address=addresses,
        country=st.sampled_from(("US", "JP", "DE", "GB", None)),
        paid=st.booleans(),
        wants=st.booleans(),
    )
    def signs_up(self, brand: str, address: str, country: str | None, paid: bool, wants: bool) -> None:
        """A new account, perhaps with an address that somebody has or had."""
        under = self.model.terms[brand][-1].version
        account = Account(brand, self.fresh("user"), address, country, under, paid)
        self.model.accounts[brand, account.ref] = account
        self.do(self.steps.imported(account))
        self.model.settle(account, address)
        if wants:
            self.model.want(account, "newsletter", self.do(self.steps.consents(account, "newsletter")))

    def living_links(self) -> list[tuple[str, Account, str]]:
        """Returns the links that were mailed to accounts which have not been erased."""
        return [link for link in self.links if not link[1].erased]

    @somebody_lives
    @rule(pick=picks, category=st.sampled_from((*OPTIONAL, "updates")))
    def asks_for(self, pick: int, category: str) -> None:
        """An account's owner wants something that the brand has, which ends their opt-out of it and of nothing else."""
        account = self.account(pick)
        if category not in self.model.optional[account.brand]:
            with pytest.raises(ConsentNotRecordable):
                self.do(self.steps.consents(account, category))
            return
        self.model.want(account, category, self.do(self.steps.consents(account, category)))

    @somebody_lives
    @rule(pick=picks, category=st.sampled_from(OPTIONAL))
    def is_said_to_consent(self, pick: int, category: str) -> None:
        """A file says somebody consented: that ends no opt-out, and counts for nothing after one, or an erasure."""
        account = self.account(pick)
        self.do(self.steps.imported(account, category))
        if not (account.stranger or account.left & {category, "*"}):
            self.model.said(account, category)

    @somebody_lives
    @rule(pick=picks, scope=st.sampled_from((*OPTIONAL, "updates", "*")))
    def leaves(self, pick: int, scope: str) -> None:
        """An account's owner opts out of something that the brand has."""
        account = self.account(pick)
        if scope not in self.model.optional[account.brand] | {"*"}:
            with pytest.raises(OptOutRefused):
                self.do(self.steps.leaves(account, scope))
            return
        self.do(self.steps.leaves(account, scope))
        self.model.leave(account, {scope})

    @precondition(lambda self: self.living_links())
    @rule(pick=picks)
    def leaves_by_an_old_link(self, pick: int) -> None:
        """Any link that was ever mailed still speaks for the same person, after any change of keys."""
        links = self.living_links()
        text, account, category = links[pick % len(links)]
        token = self.steps.links.read_unsubscribe_token(text)
        assert token is not None
        assert (token.recipient_id, token.category) == (self.do(self.steps.id_of(account)), category)
        self.do(self.steps.leaves(account, category))
        self.model.leave(account, {category})

    @precondition(lambda self: self.links)
    @rule(pick=picks)
    def only_looks(self, pick: int) -> None:
        """GET and HEAD show a page and change no standing (invariant 5)."""
        text, _, _ = self.links[pick % len(self.links)]
        before = self.do(self.steps.versions())
        assert self.do(self.steps.looked_at(f"/u/{text}")) == [200, 200]
        assert self.do(self.steps.versions()) == before

    @somebody_lives
    @rule(pick=picks)
    def objects(self, pick: int) -> None:
        """An account's owner objects to all marketing of the controller."""
        account = self.account(pick)
        self.do(self.steps.objects(account))
        self.model.object(account)

    @somebody_lives
    @rule(pick=picks, flag=st.sampled_from(tuple(FLAGS)), on=st.booleans())
    def becomes(self, pick: int, flag: StandingFlag, on: bool) -> None:
        """An account is closed, restricted, or known as a child's, or one of these no more."""
        account = self.account(pick)
        self.do(self.steps.marked(account, flag, on))
        setattr(account, FLAGS[flag], on)

    @somebody_lives
    @rule(pick=picks, address=addresses)
    def moves(self, pick: int, address: str) -> None:
        """An account gets another address. The owner's opt-outs and objections go with it."""
        account = self.account(pick)
        self.do(self.steps.imported(account, address=address))
        self.model.settle(account, address)

    @somebody_lives
    @rule(pick=picks)
    def is_erased(self, pick: int) -> None:
        """A person's data are erased."""
        account = self.account(pick)
        self.do(self.steps.erased(account))
        self.model.erase(account)

    @rule()
    def rotates_keys(self) -> None:
        """A new key is put first in the list."""
        self.steps.rotate(self.fresh("key"))

    @precondition(lambda self: self.model.terms != TERMS)
    @rule(pick=picks)
    def upgrades_the_policy(self, pick: int) -> None:
        """The brand's next version comes into force."""
        older = [brand for brand in TERMS if self.model.terms[brand] != TERMS[brand]]
        brand = older[pick % len(older)]
        self.model.terms[brand] = TERMS[brand][: len(self.model.terms[brand]) + 1]
        self.steps.govern(brand, self.model.terms[brand])

    @somebody_lives
    @rule(pick=picks, category=st.sampled_from(("breach", "service", *OPTIONAL)))
    def mails(self, pick: int, category: str) -> None:
        """A mailing to everyone reaches exactly whom it may and must."""
        brand = self.account(pick).brand
        self.mailed.append(self.do(self.steps.mailed(brand, category)))
        self.reached(brand, category)

    @somebody_lives
    @rule(pick=picks, category=st.sampled_from(OPTIONAL))
    def leaves_at_the_last_moment(self, pick: int, category: str) -> None:
        """An opt-out that is answered after the claim, and before the intent, holds (invariant 2)."""
        account = self.account(pick)
        meanwhile = self.steps.leaves(account, category)
        self.mailed.append(self.do(self.steps.mailed(account.brand, category, meanwhile)))
        self.model.leave(account, {category})
        self.reached(account.brand, category)

    def reached(self, brand: str, category: str) -> None:
        """Each address got as many copies as the model says (invariants 1, 2, 3)."""
        sent = self.steps.world.processor.sent
        expected = {address: copies for address, copies in self.model.copies(brand, category) if copies}
        assert dict(Counter(outgoing.recipient for outgoing in sent)) == expected, (brand, category)
        for outgoing in sent:
            self.can_be_left(brand, category, outgoing)
        sent.clear()

    def can_be_left(self, brand: str, category: str, outgoing: OutgoingMessage) -> None:
        """Optional mail has its way out in the header and in both parts; mandatory mail has none (invariants 3, 4)."""
        message = message_from_bytes(outgoing.content, policy=default)
        assert isinstance(message, EmailMessage)
        bodies = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        assert len(bodies) == 2
        assert not any("/o/" in body for body in bodies), "so few that an open would be somebody's (invariant 6)"
        found = re.search(r"/u/([^>]+)>", str(message.get("List-Unsubscribe", "")))
        if found is None:
            assert category in ("breach", "service")
            assert "List-Unsubscribe-Post" not in message
            return
        assert category != "breach"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert all(found[1] in body for body in bodies)
        scope = "updates" if category == "service" else category
        token = self.steps.links.read_unsubscribe_token(found[1])
        assert token is not None
        sharing = [account for account in self.model.living(brand) if account.address == outgoing.recipient]
        owners = {self.do(self.steps.id_of(account)): account for account in sharing}
        assert (token.recipient_id in owners, token.category) == (True, scope)
        self.links.append((found[1], owners[token.recipient_id], scope))

    @invariant()
    def everyone_ended_in_one_state(self) -> None:
        """Every recipient of every mailing has a final state, with its reason; the counters say the same (1)."""
        for mailing_id in self.mailed:
            states = self.do(self.steps.world.real_counts(mailing_id))
            assert all(DeliveryState(state).is_final for state, _ in states)
            assert all(reason for state, reason in states if state != "handed_over")
            assert self.do(self.steps.world.counted(mailing_id)) == states

    @invariant()
    def every_link_is_still_read(self) -> None:
        """Links never expire, after any change of keys (5)."""
        assert all(self.steps.links.read_unsubscribe_token(text) for text, _, _ in self.links)

    @invariant()
    def opens_lead_to_nobody(self) -> None:
        """Nobody here has consented to be tracked, so nothing about anybody is stored (6)."""
        for table in ("individual_opens", "individual_clicks"):
            assert self.do(self.steps.world.pool.fetchval(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608 - a name

    @invariant()
    def nothing_is_left_of_the_erased(self) -> None:
        """An address that is no account's any more stands nowhere in the database (8)."""
        for address in self.model.forgotten.keys() - {account.address for account in self.model.living()}:
            assert self.do(self.steps.found(address)) == []

    @invariant()
    def a_category_cannot_be_borrowed(self) -> None:
        """A promotion does not become service mail by being published as such (9)."""
        event = make_event({"audience": "everyone"}, "promotional").model_copy(update={"category": "service"})
        with pytest.raises(EventRefused):
            check_event_and_get_template(event, self.steps.world.policies, templates())

    @invariant()
    def the_ledger_verifies(self) -> None:
        """The ledger verifies, even after erasures (8, 11)."""
        assert self.do(self.steps.world.ledger.verify_ledger()).faults == ()


def test_the_invariants_hold_in_any_order(postgres_server: Server) -> None:
    """All invariants hold after each step, in any order of steps."""
    with postgres_server.database() as url:
        machine = type("Machine", (Machine,), {"url": url})
        checks = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=checks)
