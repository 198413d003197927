"""DKIM as mailauth verifies it, which shares no code with dkimpy: run by `make test-all`, where npm has it."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.signed import KINDS, kinds, signer, tampered

ROOT = Path(__file__).parents[2]


def told(messages: Sequence[bytes]) -> list[dict[str, str]]:
    """Returns what mailauth says of each message's signatures, by selector."""
    asked = {
        "records": signer().dns_records(),
        "messages": [base64.b64encode(message).decode() for message in messages],
    }
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("mailauth.cjs")), str(ROOT / ".cache" / "verifiers")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_more_breaks_both(kind: str) -> None:
    """Both signatures pass, and neither does once anybody has added a signed field, above or below."""
    signed = kinds()[kind]
    names, changed = zip(*tampered(signed), strict=True)
    first, *others = told([signed, *changed])
    assert first == {"r1": "pass", "e1": "pass"}
    failed = {"r1": "fail", "e1": "fail"}
    assert [(name, said) for name, said in zip(names, others, strict=True) if said != failed] == []
