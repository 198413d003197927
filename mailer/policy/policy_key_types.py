"""The values that a policy file is made of: a section of it, and the types of its keys with their forms."""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticKnownError

from mailer.policy.country_codes import country_code, country_code_or_none
from mailer.policy.policy_file_errors import build_pydantic_error_for_fault, format_toml_value
from mailer.policy.standing import EMAIL, WRITTEN
from mailer.policy.text_formats import ADDRESS, CHANNEL, CLOCK, COUNTRY, HTTPS, LINE, NAME, SENDER, SLUG


def _parse_country(text: str) -> str:
    """Reads a country as `country_code` does; a text that is none has not the form of one."""
    try:
        return country_code(text)
    except ValueError:
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": COUNTRY}) from None


Text = Annotated[str, Field(pattern=LINE)]
Slug = Annotated[str, Field(pattern=SLUG)]
Name = Annotated[str, Field(pattern=NAME)]
Country = Annotated[str, AfterValidator(_parse_country)]
Clock = Annotated[str, Field(pattern=CLOCK)]
Sender = Annotated[str, Field(pattern=SENDER)]
Address = Annotated[str, Field(pattern=ADDRESS)]
Https = Annotated[str, Field(pattern=HTTPS)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]


def _refuse_built_in_channel(channel: str) -> str:
    if channel in (EMAIL, WRITTEN):
        raise build_pydantic_error_for_fault("no_channel", (), given=format_toml_value(channel))
    return channel


Channel = Annotated[str, Field(pattern=CHANNEL), AfterValidator(_refuse_built_in_channel)]


class Section(BaseModel):
    """A section with the keys that it has, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FrequencyCap(Section):
    """A frequency cap: at most so many mails in so many days."""

    mails: Whole = Field(ge=1)
    days: Whole = Field(ge=1, le=365)


def check_each_country_once(value: Any) -> Any:
    """Sections by country as they are; one of which two keys are the same country, such as UK and GB, is refused."""
    seen = set()
    for key in value if isinstance(value, dict) else ():
        if (code := country_code_or_none(key)) in seen:
            raise build_pydantic_error_for_fault("twice", (key,), given=format_toml_value(key))
        seen.add(code or key)
    return value
