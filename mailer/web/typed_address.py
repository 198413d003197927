"""The field for an address on the pages for everybody: `/leave/{brand}` and `/data/{brand}`."""

from mailer.input_types import MAX_ADDRESS, parse_address
from mailer.web.form_posts import Form


def read_typed_address(form: Form) -> tuple[str, str | None]:
    """Returns the typed text, cut off where it is too long, and the address in its normal form; None if it is none."""
    typed = "".join(form.get("email", [])).strip()
    try:
        address = parse_address(typed) if len(typed) <= MAX_ADDRESS else None
    except ValueError:
        address = None
    return typed[:MAX_ADDRESS], address
