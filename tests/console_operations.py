"""The stores behind the pages of operations, over the database of a test."""

from functools import partial

from mailer.actions.breach_checking import BreachChecker
from mailer.actions.campaign_checking import CampaignChecker
from mailer.actions.campaign_rendering import CampaignRenderer
from mailer.actions.mailing_wait_reasons import MailingWaitExplainer
from mailer.actions.policy_comparison import PolicyComparer
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.inbound.letter_text import read_text_of_letter
from mailer.pipeline.mailing_release_preview import MailingReleasePreviewer
from mailer.pipeline.no_route import NoRoute
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy
from mailer.policy.promise_report import RecordedProofs
from mailer.postgres.campaign_figures import PostgresReleasedCampaignReports
from mailer.postgres.campaign_people import build_campaign_report_stores
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from mailer.postgres.operator_stores import build_operator_stores_opener
from mailer.postgres.people_sample import PostgresPeopleSampler
from mailer.postgres.pictures import PostgresPictures
from mailer.postgres.running_process_query import PostgresRunningProcesses
from mailer.web.console.briefly_cached_value import BrieflyCachedValue
from mailer.web.console.operation_stores import ConsoleOperationStores
from tests.campaign_facts import ask_nobody
from tests.factories import World, templates
from tests.printed_letters import LETTER_FONTS
from tests.released_breach import open_pack_parts


async def _no_obstacle(policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    return None


async def recorded_proofs() -> RecordedProofs | None:
    """The proofs of a recorded run; a test puts its own function here."""
    return None


def console_operations_over(world: World) -> ConsoleOperationStores:
    """The stores, as `mailer.web_serving` puts them together; every processor may have all mail."""
    halts = PostgresHalts(world.pool, world.writers)

    def has_template(brand: str, name: str) -> bool:
        return templates().find_template(brand, name) is not None

    pictures = PostgresPictures(world.pool, world.writers)
    return ConsoleOperationStores(
        build_operator_stores_opener(world.pool, world.writers, world.hasher, world.policies),
        PostgresMailingDirectory(world.pool, world.policies),
        MailingWaitExplainer(world.mailings, world.processors, halts, world.policies, has_template),
        MailingReleasePreviewer(world.mailings, world.deliveries, lambda: world.renderers, _no_obstacle),
        halts,
        world.processors,
        world.rates,
        PostgresRunningProcesses(world.pool),
        ["capture"],
        world.policies,
        world.ledger,
        BrieflyCachedValue(PostgresFlowMetrics(world.pool).read_metrics),
        PolicyComparer(PostgresPeopleSampler(world.pool), templates()),
        read_text_of_letter,
        BrieflyCachedValue(lambda: recorded_proofs()),
        build_campaign_report_stores(world.pool, world.writers, PostgresReleasedCampaignReports(world.pool)),
        CampaignRenderer(world.policies, templates, pictures, world.links, "https://mail.example.org"),
        CampaignChecker(world.policies, templates, pictures, "https://mail.example.org", ask_nobody),
        LetterTypesetter(LETTER_FONTS),
        BreachChecker(world.policies, templates),
        partial(open_pack_parts, world),
    )
