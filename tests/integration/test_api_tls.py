"""TLS to the API of a service: a certificate that nobody vouches for gets no secret, and the ledger has the version."""

import ssl
import time
from dataclasses import replace

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.ports.processor import OutgoingMessage
from mailer.processors.email_api.api_processor import ApiProcessor
from mailer.processors.postmark.processor import PostmarkApi, parse_postmark_url
from tests.email_api_calls import SECRET
from tests.integration.api_world import CUT_AT_ONCE, api_double
from tests.integration.test_smtp_tls import certificate  # noqa: F401 - a fixture
from tests.unit.test_message import write
from tests.webhook_requests import RETURN_PATH

Certificate = tuple[ssl.SSLContext, ssl.SSLContext]
MAIL = OutgoingMessage(RETURN_PATH, "ann@example.org", write())


def processor_over_tls(port: int, context: ssl.SSLContext) -> ApiProcessor:
    """A processor that asks loopback over TLS, as it asks other machines."""
    settings = parse_postmark_url(f"postmark://:{SECRET}@127.0.0.1:{port}")
    return ApiProcessor(replace(settings, is_encrypted=True, country="US"), PostmarkApi(), context=context)


async def test_a_trusted_certificate(certificate: Certificate) -> None:  # noqa: F811
    """Mail goes, and the encryption is known for the ledger."""
    server, trusting = certificate
    async with api_double("postmark", tls=server) as double:
        processor = processor_over_tls(double.port, trusting)
        before = processor.weakest_encryption_used
        [outcome] = await processor.send([MAIL], time.monotonic() + 30, lambda index: None)
        await processor.close()
    assert outcome.result is OutcomeKind.ACCEPTED
    assert (before, processor.weakest_encryption_used) == (None, "tls:TLSv1.3 verified")
    assert processor.is_outside_our_network


async def test_a_certificate_that_is_not_trusted(certificate: Certificate) -> None:  # noqa: F811
    """Nothing is sent, and the trouble says what is wrong."""
    server, _ = certificate
    async with api_double("postmark", tls=server) as double:
        processor = processor_over_tls(double.port, ssl.create_default_context())
        [outcome] = await processor.send([MAIL], time.monotonic() + 30, lambda index: None)
        await processor.close()
    assert (outcome.result, outcome.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.CERTIFICATE)
    assert "certificate is not trusted" in outcome.text
    assert double.calls == []


async def test_a_handshake_that_is_cut(certificate: Certificate) -> None:  # noqa: F811
    """It is no certificate that is wrong then."""
    async with api_double("postmark", [CUT_AT_ONCE]) as double:
        processor = processor_over_tls(double.port, certificate[1])
        [outcome] = await processor.send([MAIL], time.monotonic() + 30, lambda index: None)
        await processor.close()
    assert (outcome.result, outcome.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.TLS)
