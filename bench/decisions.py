"""Measures the time of one decision on the prepared path: `python -m bench decisions`.

The mailing, the standing and the policy are there, as in a claimed window; what is measured is `decide` alone. The
median of the runs counts, and may be 5 µs at most; the command fails where it is more.
"""

import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from bench.setting import read_policies
from mailer.policy.category import CATEGORIES
from mailer.policy.consent_validity import format_consent_days
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Mailing
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.standing import EVERY_PRODUCT, Standing

DECISIONS = 100_000
"""Decisions in a run, of each case."""
RUNS = 5
MOST = 5.0
"""Microseconds that a decision may take at the median."""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ADA = Standing(17, 3, "ada@people.example", source="sign-up", collected_under="2024", country="US")
Case = tuple[Mailing, Standing, Policy]


def cases() -> dict[str, Case]:
    """The decisions to measure, by their result."""
    policies = read_policies()
    interpals, paltalk = policies["interpals"], policies["paltalk-2006"]
    capped = interpals.model_copy(update={"cap": FrequencyCap(mails=5, days=7)}).with_earlier_versions({})
    asked = replace(ADA, collected_under=None, consents=frozenset({"newsletter/music", "tracking"}))
    given = frozenset({"newsletter", "promotional"})
    days = format_consent_days(given, NOW.date(), NOW.date())
    german = replace(ADA, country="DE", consents=given, consent_days=days)
    id_ = UUID(int=7)
    newsletter = Mailing(CATEGORIES["newsletter"], "newsletter", id_)
    promotion = Mailing(CATEGORIES["promotional"], "offers", id_)
    service = Mailing(CATEGORIES["service"], "service_notice", id_)
    partner = Mailing(CATEGORIES["partner"], "partner_offers", id_, partner="penpal-shop")
    invitation = Mailing(CATEGORIES["invitation"], "invitation", id_, inviter="grace")
    return {
        "newsletter, sent": (newsletter, ADA, interpals),
        "newsletter of a topic, sent by its consent": (replace(newsletter, topic="music"), asked, paltalk),
        "newsletter under a cap, sent": (newsletter, replace(ADA, sent=(("*", 2),)), capped),
        "newsletter, opted out": (newsletter, replace(ADA, opted_out=frozenset({"newsletter"})), interpals),
        "promotion, sent": (promotion, ADA, interpals),
        "promotion, asked for where that has to be confirmed": (promotion, german, interpals),
        "promotion, no opt-in where it needs one": (promotion, replace(ADA, country="DE"), interpals),
        "service mail, sent": (service, replace(ADA, products=frozenset({EVERY_PRODUCT})), interpals),
        "service mail as updates, sent": (service, ADA, interpals),
        "partner's mail, asked for": (partner, replace(ADA, consents=frozenset({"partner/penpal-shop"})), interpals),
        "invitation, sent": (invitation, replace(ADA, source="invitation"), interpals),
        "breach notice, sent": (Mailing(CATEGORIES["breach"], "security_notice", id_), ADA, interpals),
    }


def microseconds(case: Case) -> float:
    """Processor time of one decision, as the mean of a run. Other work of the machine does not count."""
    mailing, standing, policy = case
    begun = time.process_time()
    for _ in range(DECISIONS):
        decide(mailing, standing, policy, NOW)
    return (time.process_time() - begun) / DECISIONS * 1e6


def main() -> None:
    """Measures, and prints a line a case."""
    slow = []
    for name, case in cases().items():
        median = statistics.median(microseconds(case) for _ in range(RUNS))
        verdict = type(decide(*case, NOW)).__name__.lower()
        print(f"{median:5.2f} µs  {verdict:<9} {name}")
        slow += [name] if median > MOST else []
    if slow:
        sys.exit(f"more than {MOST} µs: {'; '.join(slow)}")


if __name__ == "__main__":
    main()
