"""The registry of processors: each scheme has its folder, adapter and name, and an unknown scheme is refused."""

import sys
from pathlib import Path

import pytest

from mailer.ports.processor import Processor
from mailer.processors.registry import SCHEMES, find_processor_scheme_for_url

FOLDER = Path(__file__).parents[2] / "mailer" / "processors"
URLS = {
    "brevo": "brevo://:key@api.brevo.com?country=FR&contract=DPA-1",
    "capture": "capture://",
    "mailgun": "mailgun://:key@api.eu.mailgun.net?domain=mg.example.org&country=DE&contract=DPA-2&name=mg",
    "postmark": "postmark://:token@api.postmarkapp.com?country=US&contract=DPA-3&stream=broadcast",
    "sendgrid": "sendgrid://:key@api.sendgrid.com?country=US&contract=DPA-4",
    "ses": "ses://AKIDEXAMPLE:key@email.eu-west-1.amazonaws.com?country=IE&contract=DPA-5&configuration_set=events",
    "smtp": "SMTP://127.0.0.1:1?name=relay",
}
SHARED = {"email_api"}
"""The folder of what all services share."""


def test_each_scheme_has_a_folder_and_each_folder_a_scheme() -> None:
    """A reader finds an adapter by the scheme of its URL."""
    assert sorted(file.parent.name for file in FOLDER.glob("*/processor.py")) == sorted(SCHEMES) == sorted(URLS)
    assert {file.parent.name for file in FOLDER.glob("*/__init__.py")} == {*SCHEMES, *SHARED}


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_url_opens_the_adapter_that_it_names(scheme: str, tmp_path: Path) -> None:
    """The name that a command reads in the URL is the one that the ledger gets from the adapter."""
    url = URLS[scheme]
    opened: Processor = await find_processor_scheme_for_url(url).open_processor(url, tmp_path)
    try:
        opened.start_shutdown_timers()
        assert await opened.send([], 0.0, lambda index: None) == []
        assert opened.name == SCHEMES[scheme].name_in_url(url)
    finally:
        await opened.close()


async def test_a_service_without_the_http_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without httpx2 the error says what to install, and quotes no secret."""
    monkeypatch.setitem(sys.modules, "mailer.processors.email_api.api_processor", None)
    with pytest.raises(ValueError, match=r"install pactmail\[server\]") as caught:
        await SCHEMES["brevo"].open_processor("brevo://:s3cret@127.0.0.1:1", tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["pigeon://u:s3cret@x", "s3cret", "", "://s3cret", "smtps://u:s3cret@mx.example.com"])
def test_an_unknown_scheme_is_refused_without_its_url(url: str) -> None:
    """The error names the schemes that exist, and quotes nothing that may be a password."""
    with pytest.raises(ValueError, match=r"begins with brevo:// or capture:// .* or smtp://") as caught:
        find_processor_scheme_for_url(url)
    assert "s3cret" not in str(caught.value)
