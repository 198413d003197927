"""Prints how the parsers of received messages judge a labelled set: tables of kinds and classes, and each mistake.

    python -m scripts.inbound_mistakes [LABELS]

`LABELS` is a JSON file such as `tests/inbound_reports/labels.json`, beside the messages that it names. Ends with status
1 if a message is falsely hard, or if fewer than 98 % are right. A message is right if its kind, and of each recipient
the address, action, status and class are as the label says.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailer.inbound.reports.classification import classify_message
from mailer.inbound.reports.received_report import report_as_json

LABELS = Path(__file__).parent.parent / "tests" / "inbound_reports" / "labels.json"
WANTED_SHARE = 0.98
_EXTRA = ("feedback_type", "automatic_reply_reason")


@dataclass
class Judgement:
    """The result for a labelled set.

    Attributes:
        messages: the number of messages. mistakes: the name of each wrong one, with the differences.
        false_hard: the names of those with a recipient that is hard and should not be.
        kinds, classes: how often a (label, result) pair occurs.
    """

    messages: int = 0
    mistakes: dict[str, list[str]] = field(default_factory=dict)
    false_hard: list[str] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def summary(self) -> str:
        """The result in one line."""
        return f"{self.messages} messages, {self.share:.1%} right, {len(self.false_hard)} falsely hard"

    @property
    def share(self) -> float:
        """The share of messages that are right."""
        return 1 - len(self.mistakes) / max(self.messages, 1)


def judge_labelled_set(labels: Path) -> Judgement:
    """Classifies each message of a set and compares the result with its label."""
    result = Judgement()
    for name, label in json.loads(labels.read_text()).items():
        found = report_as_json(classify_message((labels.parent / name).read_bytes()))
        result.messages += 1
        result.kinds[label["kind"], found["kind"]] += 1
        wanted = _recipients(label.get("recipients", ()))
        got = _recipients(found["recipients"])
        for address in wanted.keys() | got.keys():
            pair = wanted.get(address, ("",) * 3)[2], got.get(address, ("",) * 3)[2]
            result.classes[pair[0] or "(no recipient)", pair[1] or "(no recipient)"] += 1
            if pair[1] == "hard" and pair[0] != "hard":
                result.false_hard.append(name)
        if differences := list(_differences(label, found, wanted, got)):
            result.mistakes[name] = differences
    return result


def _recipients(values: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {one["address"].lower(): (str(one["action"]), str(one["status"]), one["class"]) for one in values}


def _differences(label: Mapping[str, Any], found: Mapping[str, Any], wanted: Any, got: Any) -> list[str]:
    different = []
    for name in ("kind", *_EXTRA):
        if name in label and found[name] != label[name]:
            different.append(f"{name} is {found[name]}, not {label[name]}")
    if "counts" in label and {n: (found["counts"] or {}).get(n) for n in label["counts"]} != label["counts"]:
        different.append(f"counts are {found['counts']}, not {label['counts']}")
    if wanted != got:
        different.append(f"recipients are {got}, not {wanted}")
    return different


def _print_table(title: str, pairs: Counter[tuple[str, str]]) -> None:
    print(f"\n{title}")
    for (wanted, got), count in sorted(pairs.items()):
        print(f"{count:6}  {wanted}" + ("" if wanted == got else f"  ->  {got}"))


def main() -> int:
    """Prints the tables and the mistakes."""
    result = judge_labelled_set(Path(sys.argv[1]) if len(sys.argv) > 1 else LABELS)
    _print_table("kinds (label -> result if it differs)", result.kinds)
    _print_table("classes of recipients", result.classes)
    print(f"\nmistakes: {len(result.mistakes)}")
    for name, differences in result.mistakes.items():
        print(f"  {name}: " + "; ".join(differences))
    print(f"\n{result.summary}")
    return 0 if not result.false_hard and result.share >= WANTED_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
