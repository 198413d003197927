"""The answers that each route of the API can give, as middleware and error handlers make them, for OpenAPI."""

from collections.abc import Mapping
from typing import Any, Final

RETRY_SECONDS = 5
"""Seconds after which a client should try again when the database or the broker is away."""
_PROBLEMS: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Problems"}}}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
COMMON_ANSWERS: Final[Mapping[str, str]] = {
    "400": "The path or the query is not UTF-8, or the body is not what the header fields say.",
    "408": "The request did not arrive within 30 seconds: send it again.",
    "414": "The path and its query have more than 8,000 octets.",
    "422": "Something in it cannot be: what to mend, a line each.",
    "500": "A fault of ours: send it again, with the same id.",
    "503": "The database or the broker is away: send it again, with the same id, after `Retry-After` seconds.",
}
"""The answers of every route, by status."""
ANSWERS_TO_BODIES: Final[Mapping[str, str]] = {
    "413": "The body is larger than four megabytes: shorten it, name an audience, link to large files.",
    "415": "The body is not JSON by its Content-Type.",
}
"""The further answers of routes that take a body."""
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")


def add_common_answers_to_openapi(document: dict[str, Any]) -> None:
    """Adds the answers that a route does not describe itself. FastAPI's own 422 is not the one that we send."""
    for methods in document["paths"].values():
        for operation in methods.values():
            common = {**COMMON_ANSWERS, **(ANSWERS_TO_BODIES if "requestBody" in operation else {})}
            for status, words in common.items():
                _add_answer(operation["responses"], status, words)
    for name in _OF_FASTAPI:
        document["components"]["schemas"].pop(name, None)


def _add_answer(responses: dict[str, Any], status: str, words: str) -> None:
    described = responses.get(status)
    if described is not None and not any(name in str(described) for name in _OF_FASTAPI):
        return
    answer: dict[str, Any] = {"description": words, "content": _PROBLEMS}
    responses[status] = answer | ({"headers": _RETRY_AFTER} if status == "503" else {})
