"""`mailer rate`: limits of hand-overs a second, minute, hour or day, for all workers together."""

import re
from collections.abc import Awaitable, Callable
from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar, get_args

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.json_for_operators import rate_limit_as_json
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.mailing_lookup import find_mailing_id_or_raise
from mailer.cli.shared import AsJson, exit_with_error, format_utc_time, out, print_json, print_table, run_with_app
from mailer.cli.stop_start import By, person_or_system_user
from mailer.input_types import parse_day
from mailer.ports.halts import MailingControlRefused
from mailer.ports.rates import Period, RateLimit
from mailer.rendering.headers import HeaderRefused, domain_as_a_labels

_T = TypeVar("_T")

app = typer.Typer(help="Rates of hand-over: set, warm-up, clear, list.", no_args_is_help=True)

_PERIODS = get_args(Period)
_MOST = 10**12


class LimitScope(StrEnum):
    """The kinds of things that can have a limit."""

    PROCESSOR = "processor"
    DOMAIN = "domain"
    BRAND = "brand"
    MAILING = "mailing"


Scope = Annotated[
    LimitScope, typer.Argument(metavar="SCOPE", help="processor, domain, brand or mailing.", show_default=False)
]
Key = Annotated[
    str,
    typer.Argument(metavar="KEY", help="A processor's name, gmail.com, a brand, a mailing's or its event's id."),
]


class _LimitRefused(Exception):
    """Raised for a limit that cannot be set; the message says what to write instead."""


@app.command("set")
def set_(
    scope: Scope,
    key: Key,
    rate: Annotated[str, typer.Argument(metavar="N/PERIOD", help="Such as 100/second; also minute, hour, day.")],
    by: By = "",
) -> None:
    """Sets a limit, or changes it. A scope and key may have one for each period; all of them hold."""

    async def act(app: App) -> None:
        n, per = _parse_rate(rate)
        await app.rates.set_limit(
            RateLimit(scope.value, await _stored_key_of_limit(app, scope, key), per, n), person_or_system_user(by)
        )

    _run_or_exit(act)
    out.print(f"At most {rate} for {scope.value} {key}, over all workers, within a second from now.")


@app.command()
def warm_up(
    scope: Scope,
    key: Key,
    figures: Annotated[
        str, typer.Argument(metavar="N,N,…", help="So many on each day; the last one holds from then on.")
    ],
    began_on: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day (UTC), such as 2026-12-01.")],
    by: By = "",
) -> None:
    """Sets a rising limit a day, for a new address or domain that has yet to earn its name."""

    async def act(app: App) -> None:
        limit = RateLimit(
            scope.value,
            await _stored_key_of_limit(app, scope, key),
            "day",
            None,
            _parse_warm_up_plan(figures),
            _parse_from_day_option(began_on),
        )
        await app.rates.set_limit(limit, person_or_system_user(by))

    _run_or_exit(act)
    out.print(f"From {began_on} on, {figures} a day for {scope.value} {key}; before that day, no limit.")


@app.command()
def clear(
    scope: Scope,
    key: Key,
    per: Annotated[
        str | None, typer.Option(metavar="PERIOD", help="Only the limit a second, minute, hour or day.")
    ] = None,
    by: By = "",
) -> None:
    """Removes a limit, or all that a scope and key have."""

    async def act(app: App) -> int:
        name = await _stored_key_of_limit(app, scope, key, exists=False)
        return await app.rates.clear_limits(
            scope.value, name, _require_known_period(per) if per else None, person_or_system_user(by)
        )

    cleared = _run_or_exit(act)
    if not cleared:
        exit_with_error(f"{scope.value} {key} has no such limit; `mailer rate list` shows all", 2)
    out.print(f"Cleared {cleared} of {scope.value} {key}.")


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Shows the limits, what was used of each, and the domains that mailer has slowed down by itself (pace)."""

    async def act(app: App) -> list[RateLimit]:
        return await app.rates.list_limits_and_paces()

    found = run_with_app(act)
    if json:
        print_json([rate_limit_as_json(limit) for limit in found])
        return
    print_table(
        ("scope", "key", "limit", "used", "warm-up", "by", "since"),
        [
            (
                limit.scope,
                limit.key,
                _limit_in_words(limit),
                limit.used,
                _warm_up_in_words(limit),
                limit.by,
                format_utc_time(limit.at),
            )
            for limit in found
        ],
    )


def _limit_in_words(limit: RateLimit) -> str:
    return f"{'-' if limit.n is None else limit.n}/{limit.per}"


def _warm_up_in_words(limit: RateLimit) -> str:
    return f"{','.join(map(str, limit.plan))} from {limit.began_on}" if limit.plan else ""


async def _stored_key_of_limit(app: App, scope: LimitScope, key: str, *, exists: bool = True) -> str:
    """Returns a limit's key as the database stores it. With `exists`, an unknown brand or mailing is refused."""
    match scope:
        case LimitScope.BRAND if exists:
            return policy_of_brand_or_raise(app, key).brand
        case LimitScope.DOMAIN:
            return _parse_domain(key)
        case LimitScope.MAILING:
            id_ = await find_mailing_id_or_raise(app, key)
            if exists and await app.mailings.mailing_status(id_) is None:
                raise _LimitRefused(f"there is no mailing {key}; `mailer mailing list` shows the ids")
            return str(id_)
        case _:
            return key


def _parse_domain(text: str) -> str:
    try:
        domain = domain_as_a_labels(text.lower().removesuffix("."))
    except HeaderRefused as error:
        raise _LimitRefused(f"{text}: {error}; write a domain, such as gmail.com") from error
    if not re.fullmatch(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", domain):
        raise _LimitRefused(f"{text} is no domain; write what stands behind the @, such as gmail.com")
    return domain


def _parse_rate(text: str) -> tuple[int, Period]:
    number, slash, per = text.partition("/")
    if not slash:
        raise _LimitRefused(f"{text} is no rate; write how many in what time, such as 100/second")
    return _parse_limit_figure(number), _require_known_period(per)


def _require_known_period(text: str) -> Period:
    for period in _PERIODS:
        if text == period:
            return period  # type: ignore[no-any-return]  # get_args is typed as Any
    raise _LimitRefused(f"{text} is no period; write one of {', '.join(_PERIODS)}")


def _parse_limit_figure(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,13}", text) or not 1 <= int(text) <= _MOST:
        raise _LimitRefused(
            f"{text} is no limit; write a whole number from 1 on. To send nothing at all, pause instead"
        )
    return int(text)


def _parse_warm_up_plan(text: str) -> tuple[int, ...]:
    figures = tuple(_parse_limit_figure(part) for part in text.split(","))
    if list(figures) != sorted(figures):
        raise _LimitRefused(f"{text} falls; a warm-up rises from day to day, such as 50,100,500")
    return figures


def _parse_from_day_option(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise _LimitRefused(f"--from: {text} {error}") from error


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except (InputRefused, MailingControlRefused, _LimitRefused) as error:
        exit_with_error(str(error), 2)
