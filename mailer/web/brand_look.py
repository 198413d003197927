"""The look of a brand's pages: `look.toml` and a logo beside it, in the folder `policies/BRAND/` (ADR 57)."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from mailer.policy.policy_file_errors import MESSAGES, PolicyError, describe_toml_error
from mailer.policy.policy_key_types import Section
from mailer.policy.text_formats import ADDRESS, HTTPS
from mailer.policy.toml_lines import Path, line_number_of_key_or_section
from mailer.web.languages import LANGUAGES, PageLanguage
from mailer.web.logo_checks import LogoError, logo_as_data_uri
from mailer.web.page_colours import DEFAULT_ACCENTS, contrast_faults
from mailer.web.page_text_overrides import merge_page_texts, text_override_faults

MAX_LOOK = 1_000_000
"""The most characters of a `look.toml`."""
_MAX_URL = 2000


_NO_SECTION = "is no section; write one in square brackets, with its keys below it"
_WORDS = {
    "missing": MESSAGES["missing"],
    "extra_forbidden": MESSAGES["extra_forbidden"],
    "string_type": "is no text; write one in quotation marks",
    "dict_type": _NO_SECTION,
    "model_type": _NO_SECTION,
}
"""The words for pydantic's kinds of faults."""


class BrandLookError(PolicyError):
    """A look that cannot be used; the message has a line a fault, with file, line, key and remedy."""


@dataclass(frozen=True, slots=True)
class BrandLook:
    """The look of a brand's pages, checked.

    Attributes:
        accents: the colour of buttons and links, such as `#2b4fc7`, by scheme (`light`, `dark`).
        logo: the logo as a `data:` URI.
        privacy_policy: the URL of the privacy policy.
        contact: the URL that leads to people who answer: `https:` or `mailto:`.
        languages: the languages of the pages, with the brand's own texts.
    """

    accents: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ACCENTS)
    logo: str | None = None
    privacy_policy: str | None = None
    contact: str | None = None
    languages: Mapping[str, PageLanguage] = field(default_factory=lambda: LANGUAGES)

    @property
    def contact_in_words(self) -> str:
        """The contact as people write it: the address of a page or of a mailbox; empty if there is none."""
        return (self.contact or "").removeprefix("mailto:")

    @property
    def accent_css(self) -> str:
        """Returns the rules that follow `page.css`; empty for the colours that it has itself."""
        if self.accents == DEFAULT_ACCENTS:
            return ""
        light, dark = (f":root {{ --accent: {self.accents[scheme]}; }}" for scheme in ("light", "dark"))
        return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"


PLAIN_LOOK = BrandLook()
"""The look of a brand without a `look.toml`, and of a page without a brand."""


def _check_colour(text: str) -> str:
    if not re.fullmatch("#[0-9a-f]{6}", text.lower()):
        raise ValueError("is no colour of the form #2b4fc7; write a # and six hexadecimal digits")
    return text.lower()


def _check_file_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise ValueError("is no name of a file beside look.toml; write one such as logo.svg, without a path or URL")
    return text


def _check_url(text: str) -> str:
    if not re.fullmatch(HTTPS, text) or len(text) > _MAX_URL or "@" in text.split("/")[2]:
        raise ValueError("is no address of a page; write one that begins with https://")
    return text


def _check_contact_and_make_url(text: str) -> str:
    """Returns a contact as a URL. A mail address becomes a `mailto:` URL, and takes no header fields."""
    if re.fullmatch(ADDRESS, text) and not re.search("[?&%/:]", text) and len(text) <= _MAX_URL:
        return f"mailto:{text}"
    try:
        return _check_url(text)
    except (ValueError, IndexError):
        raise ValueError("is neither a page nor a mail address; write https://… or help@example.org") from None


Colour = Annotated[str, AfterValidator(_check_colour)]


class _AccentColours(Section):
    light: Colour
    dark: Colour


class _LookFile(Section):
    """The keys of a `look.toml`."""

    accent: _AccentColours | None = None
    logo: Annotated[str, AfterValidator(_check_file_name)] | None = None
    privacy_policy: Annotated[str, AfterValidator(_check_url)] | None = None
    contact: Annotated[str, AfterValidator(_check_contact_and_make_url)] | None = None
    texts: dict[str, Any] = Field(default_factory=dict)


def parse_brand_look(text: str, source: str, read_logo: Callable[[str], bytes]) -> BrandLook:
    """Reads a look from TOML, and the logo that it names.

    Args:
        text: the file's contents.
        source: its name, for messages.
        read_logo: returns the contents of a file beside it, at most a little more than a logo may have.

    Raises:
        BrandLookError: it is not TOML, or not a look, or cannot be read by people with weak eyes; a line a fault.
    """
    if len(text) > MAX_LOOK:
        raise BrandLookError(f"{source}:1: the file has {len(text):,} characters; at most {MAX_LOOK:,} are allowed")
    try:
        said = _LookFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BrandLookError(describe_toml_error(error, text, source)) from error
    except ValidationError as error:
        raise BrandLookError(
            "\n".join(_describe_validation_error(detail, text, source) for detail in error.errors())
        ) from error
    accents = dict(said.accent) if said.accent else dict(DEFAULT_ACCENTS)
    faults: list[tuple[Path, str]] = [
        (("accent", scheme), f"is {accent}: {fault}")
        for scheme, accent in accents.items()
        for fault in contrast_faults(scheme, accent)
    ]
    faults += [(("texts", *at), words) for at, words in text_override_faults(said.texts)]
    logo = None
    if said.logo is not None:
        try:
            logo = logo_as_data_uri(read_logo(said.logo))
        except OSError as error:
            faults.append((("logo",), f"{said.logo} cannot be read: {error.strerror}; put it beside look.toml"))
        except LogoError as error:
            faults.append((("logo",), f"{said.logo} {error}"))
    if faults:
        raise BrandLookError("\n".join(_describe_fault_at_line(source, text, at, words) for at, words in faults))
    return BrandLook(accents, logo, said.privacy_policy, said.contact, _merge_brand_texts_into_languages(said.texts))


def _merge_brand_texts_into_languages(said: Mapping[str, Any]) -> Mapping[str, PageLanguage]:
    changed = {
        code: replace(LANGUAGES[code], texts=merge_page_texts(LANGUAGES[code].texts, said[code])) for code in said
    }
    return {**LANGUAGES, **changed}


def _describe_validation_error(detail: Mapping[str, Any], text: str, source: str) -> str:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    words = _WORDS.get(detail["type"]) or str(detail["msg"]).removeprefix("Value error, ")
    return _describe_fault_at_line(source, text, path, words)


def _describe_fault_at_line(source: str, text: str, path: Path, words: str) -> str:
    return f"{source}:{line_number_of_key_or_section(text, path)}: {'.'.join(map(str, path))} {words}"
