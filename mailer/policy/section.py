"""The values that a policy file is made of: a section of it, and the types of its keys with their forms."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

from mailer.policy.forms import ADDRESS, CLOCK, COUNTRY, HTTPS, LINE, NAME, SENDER, SLUG

Text = Annotated[str, Field(pattern=LINE)]
Slug = Annotated[str, Field(pattern=SLUG)]
Name = Annotated[str, Field(pattern=NAME)]
Country = Annotated[str, Field(pattern=COUNTRY)]
Clock = Annotated[str, Field(pattern=CLOCK)]
Sender = Annotated[str, Field(pattern=SENDER)]
Address = Annotated[str, Field(pattern=ADDRESS)]
Https = Annotated[str, Field(pattern=HTTPS)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]


class Section(BaseModel):
    """A section with the keys that it has, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cap(Section):
    """A frequency cap: at most so many mails in so many days."""

    mails: Whole = Field(ge=1)
    days: Whole = Field(ge=1, le=365)
