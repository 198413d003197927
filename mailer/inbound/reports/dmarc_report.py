"""DMARC aggregate reports (RFC 9990, and those of RFC 7489), counted by source."""

from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

from mailer.inbound.reports.received_report import ReportCounts, SourceCount

MAX_ELEMENTS: Final = 300_000
MAX_SOURCES: Final = 1000
_MAX_VALUE: Final = 300
_MAX_COUNT: Final = 10**12


class _Stop(Exception):
    """The document is no report, or over a limit."""


class _ReportReader:
    """Collects the values of a report, element by element. Names of elements are read without their namespace."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.sources: dict[str, list[int]] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._record: dict[str, str] = {}
        self._elements = 0

    def begin_element(self, name: str, _: Mapping[str, str]) -> None:
        self._elements += 1
        plain = name.rpartition(":")[2]
        if self._elements > MAX_ELEMENTS or len(self._path) > 12 or (not self._path and plain != "feedback"):
            raise _Stop
        self._path.append(plain)
        self._text.clear()
        if plain == "record":
            self._record = {}

    def add_text(self, text: str) -> None:
        if len(self._text) < 20:
            self._text.append(text[:_MAX_VALUE])

    def end_element(self, name: str) -> None:
        value = " ".join("".join(self._text).split())[:_MAX_VALUE]
        self._text.clear()
        path = "/".join(self._path[1:])
        if self._path[1:2] == ["record"]:
            self._record.setdefault(path, value)
        else:
            self.values.setdefault(path, value)
        self._path.pop()
        if path == "record":
            self._count_record()

    def refuse_document_type(self, *_: object) -> None:
        raise _Stop  # entities could grow without limit

    def _count_record(self) -> None:
        raw = self._record.get("record/row/count", "")
        count = min(int(raw), _MAX_COUNT) if raw.isascii() and raw.isdigit() and len(raw) < 15 else 0
        begin = "record/row/policy_evaluated/"
        passed = "pass" in (self._record.get(f"{begin}dkim", "").lower(), self._record.get(f"{begin}spf", "").lower())
        source = self._record.get("record/row/source_ip", "")[:45]
        if len(self.sources) >= MAX_SOURCES and source not in self.sources:
            source = "other"
        self.sources.setdefault(source, [0, 0])[0 if passed else 1] += count


def parse_dmarc_report(data: bytes) -> ReportCounts | None:
    """Returns the counts of an aggregate report; None if the octets are none. DKIM or SPF aligned is a pass."""
    if b"<feedback" not in data[:4000] and b":feedback" not in data[:4000]:
        return None
    reader = _ReportReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.begin_element
    parser.EndElementHandler = reader.end_element
    parser.CharacterDataHandler = reader.add_text
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _Stop, ValueError, LookupError):
        return None
    values = reader.values
    if not values.get("policy_published/domain"):
        return None
    sources = sorted(reader.sources.items(), key=lambda one: (-sum(one[1]), one[0]))
    return ReportCounts(
        organization=values.get("report_metadata/org_name", ""),
        report_id=values.get("report_metadata/report_id", ""),
        domain=values["policy_published/domain"].lower(),
        begins=values.get("report_metadata/date_range/begin", ""),
        ends=values.get("report_metadata/date_range/end", ""),
        passed=sum(count[0] for count in reader.sources.values()),
        failed=sum(count[1] for count in reader.sources.values()),
        sources=tuple(SourceCount(source, *count) for source, count in sources),
    )
