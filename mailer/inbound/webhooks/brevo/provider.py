"""The check of Brevo's requests: a bearer token, or HTTP Basic authentication.

Brevo signs nothing. Its documentation offers a user and a password in the webhook's URL, a bearer token, and the
addresses of its machines for a firewall (Brevo, "Secure webhook calls"). So a request has no signed time, and whoever
learns the secret can send events; they still act only with a token of ours.
"""

from mailer.inbound.webhooks.brevo.events import read_brevo_event
from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.shared_secret_webhooks import SharedSecretWebhooks, parse_basic_authorization


def open_brevo_webhooks(url: EndpointUrl) -> SharedSecretWebhooks:
    """Opens `brevo://name?token=…` or `brevo://name?user=…&password=…`.

    Raises:
        ValueError: the secret is missing or wrong, or there are both.
    """
    if "token" in url.values:
        url.refuse_other_keys("token")
        authorization = f"Bearer {url.required_secret('token', 'the token of Brevo webhooks')}"
    else:
        url.refuse_other_keys("token", "user", "password")
        authorization = parse_basic_authorization(url)
    return SharedSecretWebhooks(authorization, read_brevo_event)
