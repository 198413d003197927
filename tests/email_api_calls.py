"""Requests to the doubles of e-mail services, and their strict schemas."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SECRET: Final = "hunter2-api-secret"
KEY_ID: Final = "AKIDEXAMPLE"


class RequestRefusedError(Exception):
    """A request that the service refuses. It has the status, the body and the headers of the answer."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass(frozen=True)
class ApiCall:
    """A request as it came. `headers`: by their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class TakenMail:
    """A message that a service took.

    Attributes:
        recipient: the address. token: what it gives back in its webhooks.
        fields: all that it was given. content: the MIME message, if it was given one.
    """

    recipient: str
    token: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True)
class Reply:
    """A successful answer of a service, and the messages that it took."""

    status: int
    body: Any
    taken: Sequence[TakenMail]
    headers: Mapping[str, str] = field(default_factory=dict)


class Strict(BaseModel):
    """An object without other members than its own."""

    model_config = ConfigDict(extra="forbid", strict=True)


def base64_text(text: str) -> str:
    """Checks base64."""
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    return text


Base64 = Annotated[str, AfterValidator(base64_text)]
Email = Annotated[str, Field(pattern=r"^[^\s@,<>\"]+@[^\s@,<>\"]+$")]


def need(true: bool, status: int) -> None:
    """Refuses a request unless something is true."""
    if not true:
        raise RequestRefusedError(status, {"message": "refused"})
