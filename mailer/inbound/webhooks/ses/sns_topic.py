"""The topic of Amazon SNS that an endpoint belongs to, and the URLs that it pins.

Everything that a message names is compared with what the configured topic allows, by exact patterns. No URL parser is
involved, so that none can be misled by users, ports, dots or fragments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ARN: Final = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):sns:(?P<region>[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}):[0-9]{12}"
    r":[A-Za-z0-9_-]{1,256}"
)
_DOMAINS: Final[Mapping[str, str]] = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
}
_CERTIFICATE_PATH: Final = r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem"
_CONFIRMATION_QUERY: Final = r"/\?Action=ConfirmSubscription&[A-Za-z0-9=&:%._~-]{1,2000}"


@dataclass(frozen=True, slots=True)
class SnsTopic:
    """A topic.

    Attributes:
        arn: its name at Amazon, such as `arn:aws:sns:us-east-1:123456789012:bounces`.
        host: the only host from which its certificates come, and at which its subscriptions are confirmed.
    """

    arn: str
    host: str

    def has_certificate_at(self, url: str) -> bool:
        """Tells whether a URL is that of a signing certificate in the topic's region."""
        return self._is_pinned(url, _CERTIFICATE_PATH)

    def has_confirmation_at(self, url: str) -> bool:
        """Tells whether a URL confirms a subscription in the topic's region."""
        return self._is_pinned(url, _CONFIRMATION_QUERY)

    def _is_pinned(self, url: str, rest: str) -> bool:
        return re.fullmatch(rf"https://{re.escape(self.host)}{rest}", url, re.ASCII) is not None


def parse_sns_topic(arn: str) -> SnsTopic:
    """Parses the ARN of a topic.

    Raises:
        ValueError: it is none.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ValueError("topic must be the ARN of an SNS topic, such as arn:aws:sns:us-east-1:123456789012:bounces")
    return SnsTopic(arn, f"sns.{found['region']}.{_DOMAINS[found['partition']]}")
