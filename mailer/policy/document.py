"""A policy file: what a brand has promised, as the pipeline reads it."""

import tomllib
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mailer.policy.category import CATEGORIES, Category

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""The form of a brand's, template's and audience's name: lower case, digits, single hyphens."""

ServiceFooter = Literal["leave", "deactivate", "none"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Controller(_Section):
    """Who answers for the mail (GDPR Art. 4(7)); `postal_address` stands in each optional mail (CAN-SPAM 5(a)(5))."""

    id: str = Field(pattern=SLUG)
    name: str
    postal_address: str


class Senders(_Section):
    """The From of mandatory and of optional mail, `Name <address>`; kept apart for their reputation's sake."""

    mandatory: str
    optional: str


class Policy(_Section):
    """One version of one brand's promises.

    Attributes:
        brand: the name that events use.
        version: the policy's own version, on record with each decision.
        effective: when it came into force.
        name: what recipients know the brand as.
        domain: the domain that signs and that Message-ID and List-Id use.
        purposes: the closed list of purposes; a template declares exactly one of them.
        service_footer: what the footer of service mail offers instead of an opt-out.
        minimum_cell: a mailing to fewer recipients carries no pixel.
        category_names: the categories that the brand mails.
        only_deliver_to: staging; addresses or `@domain`s, in lower case, that mail may leave for. None: everywhere.
    """

    brand: str = Field(pattern=SLUG)
    version: str
    effective: date
    name: str
    domain: str
    default_locale: str
    controller: Controller
    senders: Senders
    purposes: tuple[str, ...]
    service_footer: ServiceFooter
    minimum_cell: int = Field(default=20, ge=2)
    category_names: tuple[str, ...] = Field(alias="categories")
    only_deliver_to: tuple[str, ...] | None = None

    @field_validator("category_names")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in CATEGORIES]
        if unknown:
            raise ValueError(f"unknown category {', '.join(unknown)}; there are {', '.join(CATEGORIES)}")
        return names

    @field_validator("only_deliver_to")
    @classmethod
    def _lower(cls, allowed: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if allowed is None else tuple(entry.lower() for entry in allowed)

    @model_validator(mode="after")
    def _senders_apart(self) -> "Policy":
        if self.senders.mandatory == self.senders.optional:
            raise ValueError("senders.mandatory and senders.optional must differ: bulk mail must not spoil the other")
        return self

    @property
    def categories(self) -> dict[str, Category]:
        """The brand's categories with their traits, by name."""
        return {name: CATEGORIES[name] for name in self.category_names}

    def sender(self, category: Category) -> str:
        """The From of a category."""
        return self.senders.mandatory if category.mandatory else self.senders.optional


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names the file, the place and the remedy."""


def parse_policy(text: str, source: str) -> Policy:
    """Reads a policy from TOML.

    Args:
        text: the file's contents.
        source: its name, for messages.

    Raises:
        PolicyError: it is not TOML, or not a policy.
    """
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise PolicyError(f"{source}: {place}: {first['msg']}") from error
