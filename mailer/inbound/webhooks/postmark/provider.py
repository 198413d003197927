"""The check of Postmark's requests: HTTP Basic authentication.

Postmark signs nothing. Its documentation offers a user and a password in the webhook's URL, and the addresses of its
machines for a firewall (Postmark, "Webhooks overview", "Protecting your webhook"). So a request has no signed time, and
whoever learns the password can send events; they still act only with a token of ours.
"""

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.postmark.events import read_postmark_event
from mailer.inbound.webhooks.shared_secret_webhooks import SharedSecretWebhooks, parse_basic_authorization


def open_postmark_webhooks(url: EndpointUrl) -> SharedSecretWebhooks:
    """Opens `postmark://name?user=…&password=…`.

    Raises:
        ValueError: the user or the password is missing or wrong.
    """
    url.refuse_other_keys("user", "password")
    return SharedSecretWebhooks(parse_basic_authorization(url), read_postmark_event)
