"""The truths about people and mail, written apart from the rules: plain sets, and no code of `mailer.policy`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

OPT_OUT_COUNTRIES = frozenset({"US"})
"""Countries of the test whose law asks for no consent to direct marketing; an unknown one does."""


CONFIRMING_COUNTRIES = frozenset({"DE"})
"""The countries among these whose law wants a consent confirmed; an unknown one does."""


@dataclass(frozen=True)
class Terms:
    """The terms of one version of a brand's policy, as far as the test goes.

    Attributes:
        asks: marketing needs an opt-in. paid_only: only service mail on paid products is mandatory.
    """

    version: str
    asks: bool
    paid_only: bool


@dataclass
class Account:
    """One account at one brand.

    Attributes:
        country: None: nobody knows. under: the version of the policy that it was collected under.
        had: the addresses that it had before.
        places: the countries that were said of its address, by any account, since it has one.
        versions: the versions of the policy that its address was collected under, by any account.
        confirmed: those of the consents that a link in a mail has confirmed.
        consents: what its owner has asked for, and not withdrawn, with the moment. left: what they have left; it goes
            with them.
        stranger: its address was somebody's who was erased; what was said before that is gone.
    """

    brand: str
    ref: str
    address: str
    country: str | None
    under: str
    paid: bool
    consents: dict[str, int] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    had: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    objected: bool = False
    versions: set[str] = field(default_factory=set)
    closed: bool = False
    restricted: bool = False
    child: bool = False
    erased: bool = False
    stranger: bool = False

    @property
    def confirms(self) -> bool:
        """The law where its owner may live wants a consent confirmed."""
        return not self.places or not self.places.isdisjoint(CONFIRMING_COUNTRIES)


@dataclass
class Model:
    """A record of everything that was said and done.

    Attributes:
        terms: each brand's versions, newest last.
        optional: each brand's optional categories.
        behind, versions_behind: the countries of those who had an address at a brand, and have another one now; and
            the versions of the policy that these were collected under.
        left, objected, forgotten: what stays with an address: what was left at a brand, whether its owner wants no
            marketing from anybody of the controller, and when somebody with it was erased.
        moments: how many there have been.
    """

    terms: dict[str, list[Terms]]
    optional: dict[str, set[str]]
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    behind: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    versions_behind: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    left: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    objected: set[str] = field(default_factory=set)
    forgotten: dict[str, int] = field(default_factory=dict)
    moments: int = 0

    def living(self, brand: str | None = None) -> list[Account]:
        """Accounts that have not been erased."""
        return [a for a in self.accounts.values() if not a.erased and brand in (None, a.brand)]

    def sharing(self, account: Account) -> list[Account]:
        """The accounts of the brand with the same address."""
        return [other for other in self.living(account.brand) if other.address == account.address]

    def settle(self, account: Account, address: str) -> None:
        """Gives an account an address. Facts that stay with either are true of both then."""
        if account.address != address:
            account.had.add(account.address)
            self.behind.setdefault((account.brand, account.address), set()).update(account.places)
            self.versions_behind.setdefault((account.brand, account.address), set()).update(account.versions)
        account.address, account.stranger = address, address in self.forgotten
        self._place(account)
        self.leave(account, account.left | self.left.get((account.brand, address), set()))
        if account.objected or address in self.objected:
            self.object(account)

    def _place(self, account: Account) -> None:
        """Sets an account's countries: those that it and others of its address said. Without any, it is unknown."""
        if account.country is not None:
            account.places.add(account.country)
        others = self.sharing(account)
        here = self.behind.get((account.brand, account.address), set()).union(*(other.places for other in others))
        for other in others:
            if other.places:
                other.places |= here
        account.versions.add(account.under)
        kept = self.versions_behind.get((account.brand, account.address), set())
        promised = kept.union(*(other.versions for other in others))
        for other in others:
            other.versions |= promised

    def leave(self, account: Account, scopes: Iterable[str]) -> None:
        """The owner of the account's address leaves something at the brand."""
        gone = self.left.setdefault((account.brand, account.address), set())
        gone |= set(scopes)
        for other in self.sharing(account):
            other.left |= gone

    def object(self, account: Account) -> None:
        """The owner of the account's address wants no marketing from anybody of the controller."""
        self.objected.add(account.address)
        for other in self.living():
            other.objected = other.objected or other.address == account.address

    def want(self, account: Account, category: str, is_confirmed: bool) -> None:
        """The owner of the account asks for a category, and so no longer leaves it."""
        self.said(account, category, is_confirmed)
        for gone in (self.left.get((account.brand, account.address), set()), *(o.left for o in self.sharing(account))):
            if "*" in gone:
                gone |= self.optional[account.brand]
            gone -= {"*", category}

    def said(self, account: Account, category: str, is_confirmed: bool = True) -> None:
        """The owner of the account is said to consent to a category, now."""
        self.moments += 1
        account.confirmed |= {category} if is_confirmed else set()
        account.consents[category] = self.moments

    def erase(self, account: Account) -> None:
        """Nothing is kept but that somebody with this address was erased, and with those that nobody has now."""
        account.erased = True
        account.consents.clear()
        account.confirmed.clear()
        self.moments += 1
        taken = {other.address for other in self.living()}
        self.forgotten |= dict.fromkeys({account.address} | (account.had - taken), self.moments)
        for other in self.living():
            if other.address == account.address:
                other.stranger = True
                other.consents.clear()
                other.confirmed.clear()

    def entitled(self, account: Account, category: str) -> bool:
        """True if mail of a category may reach the owner of an account. It must reach them then."""
        if account.erased or account.child:
            return False
        if category == "breach":
            return True
        if account.closed or account.restricted:
            return False
        if category == "service":
            if account.paid or not self._any(account, "paid_only"):
                return True
            return self._welcome(account, "updates")
        if not self._welcome(account, category):
            return False
        asks = self._any(account, "asks") or not account.places or not account.places <= OPT_OUT_COUNTRIES
        return self._asked(account, category) or not asks

    def copies(self, brand: str, category: str) -> Iterator[tuple[str, int]]:
        """Each address of a brand, and how many copies of a mailing to everyone have to reach it: one or none."""
        for address in {account.address for account in self.living(brand)}:
            owners = [account for account in self.living(brand) if account.address == address]
            yield address, int(any(self.entitled(owner, category) for owner in owners))

    def _welcome(self, account: Account, category: str) -> bool:
        """True if optional mail of a category is not unwelcome."""
        if account.objected or account.left & {category, "*"}:
            return False
        return not account.stranger or self._asked(account, category)

    def _asked(self, account: Account, category: str) -> bool:
        """Tells whether its owner has asked for it by the law, and since anybody with the address was erased."""
        if account.confirms and category not in account.confirmed:
            return False
        return account.consents.get(category, 0) > self.forgotten.get(account.address, 0)

    def _any(self, account: Account, what: str) -> bool:
        """True if the policy of now says so, or one that its address was collected under. The strictest holds."""
        versions = self.terms[account.brand]
        return any(
            getattr(terms, what) for terms in versions if terms is versions[-1] or terms.version in account.versions
        )
