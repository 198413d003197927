"""A real identity provider, one for all tests of this folder."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.speed.machine import free_port
from mailer.web.console.access_gates import SIGN_IN
from mailer.web.console.console_context import OIDC_CALLBACK
from mailer.web.console.identity_provider_protocol import OidcClientRegistration
from tests.integration.conftest import world as world
from tests.integration.web_world import PUBLIC_URL

MODULES = Path(__file__).parents[2] / ".cache" / "oidc"


@dataclass(frozen=True)
class RunningProvider:
    """The provider.

    Attributes:
        issuer: its address, by which its tokens name it.
    """

    issuer: str

    def control(self, **values: Any) -> None:
        """Says who is signed in next, and how; or that it has new keys (`rotate`)."""
        httpx.post(f"{self.issuer}/control", json=values).raise_for_status()

    def client(self, *second_factors: str) -> OidcClientRegistration:
        """The name by which it knows us."""
        return OidcClientRegistration(self.issuer, "mailer", "a secret of the tests", second_factors)


@pytest.fixture(scope="session")
def running_provider() -> Iterator[RunningProvider]:
    """The provider, as long as the tests run."""
    port = free_port()
    command = ["node", str(Path(__file__).with_name("provider.mjs")), str(port), f"{PUBLIC_URL}{OIDC_CALLBACK}"]
    environment = {**os.environ, "OIDC_MODULES": str(MODULES), "NODE_NO_WARNINGS": "1"}
    process = subprocess.Popen(
        [*command, f"{PUBLIC_URL}{SIGN_IN}"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        line = b""
        while b"listening" not in line:
            line = process.stdout.readline()
            assert line, "the provider has ended"
        yield RunningProvider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def provider(running_provider: RunningProvider) -> RunningProvider:
    """The provider, which signs Ada in without a second factor."""
    running_provider.control(account="ada", acr=None, amr=None)
    return running_provider
