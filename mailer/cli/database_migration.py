"""Brings the database of the settings up to date, for the commands that do so."""

from mailer import database_startup
from mailer.app import yield_database_url_running_server_if_embedded
from mailer.doctor.finding import Finding
from mailer.settings import Settings


def migrate_database_of_settings(settings: Settings) -> tuple[str, list[Finding]]:
    """Brings the database up to date.

    Returns:
        What was done, and what somebody should look at.

    Raises:
        MigrationFailed: the database cannot be used, or a migration does not apply.
    """
    with yield_database_url_running_server_if_embedded(settings) as url:
        return database_startup.migrate_database(url)
