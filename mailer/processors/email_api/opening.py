"""Opens the processor of a service, and names it. The HTTP client is loaded only where a service is in use."""

import re
from typing import Final

from mailer.ports.processor import Processor
from mailer.processors.email_api.api_url import ApiSettings
from mailer.processors.email_api.provider_api import ProviderApi

MESSAGE_ID: Final = re.compile(r"[!-~]{1,200}")
"""The form of a message's id in the answer of a service."""


async def open_api_processor(settings: ApiSettings, api: ProviderApi) -> Processor:
    """Returns the processor of a service. It connects with its first window, and stores no files.

    Raises:
        ValueError: the HTTP client is not installed.
    """
    try:
        from mailer.processors.email_api.api_processor import ApiProcessor
    except ImportError:
        raise ValueError("a service's API needs httpx2: install pactmail[server]") from None
    return ApiProcessor(settings, api)
