"""Reads the record of the last test run, and finds the proofs in it that hold for the present code and files."""

from pathlib import Path

from mailer.policy.promise_report import RecordedProofs, parse_proof_record, proofs_by_promise
from mailer.settings import Settings
from mailer.source_tree_digests import digests_by_source_tree_part

RECORD = Path(".cache/promises.json")
"""The file that the pytest plugin `mailer.testing.proofs` writes."""


def load_promise_proofs_of_last_test_run(settings: Settings, file: Path = RECORD) -> RecordedProofs | None:
    """Reads the proofs of each promise, and compares the record with the code and files at hand.

    Returns:
        None if there is no record, or if the file is none.
    """
    try:
        run = parse_proof_record(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    at_hand = digests_by_source_tree_part(settings.policies, settings.templates, settings.jurisdictions)
    return RecordedProofs(
        run.when, run.commit, run.whole, run.parts_changed_since_test_run(at_hand), proofs_by_promise(run.tests)
    )
