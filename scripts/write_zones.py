"""Writes mailer/policy/time_zones_by_country.py: the time zones of each country, from the package `tzdata`.

Of zones that keep the same time from now on, the first stands for all. Run it after each release of the database.
"""

from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

OUT = Path(__file__).parents[1] / "mailer" / "policy" / "time_zones_by_country.py"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [SINCE + timedelta(days=n) for n in range(12 * 365)]
UNINHABITED = "Antarctica/"

HEAD = '''"""The time zones of each country (ISO 3166-1), as the tz database has them. By scripts/write_zones.py."""

ZONES: dict[str, tuple[str, ...]] = {
'''
LINE = '    "{}": ({}),'


def zones() -> dict[str, list[str]]:
    """The zones of each country; none twice that keeps the same time."""
    found: dict[str, dict[tuple[timedelta | None, ...], str]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        country, _, name, *_ = line.split("\t")
        if not name.startswith(UNINHABITED):
            kept = tuple(ZoneInfo(name).utcoffset(day) for day in DAYS)
            found.setdefault(country, {}).setdefault(kept, name)
    return {country: list(names.values()) for country, names in sorted(found.items())}


def main() -> None:
    """Writes the module."""
    lines = []
    for country, names in zones().items():
        listed = ", ".join(f'"{name}"' for name in names)
        lines.append(LINE.format(country, listed if len(names) > 1 else f"{listed},"))
    OUT.write_text(HEAD + "\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
