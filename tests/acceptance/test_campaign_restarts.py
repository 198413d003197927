"""A campaign whose web, worker and timekeeper are all killed at each of its steps, and started again."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailer.processors.capture.folder import CaptureFolder
from tests.processes import Stack, until

BRAND = "interpals"
PEOPLE = 300
NAMES = ("web", "worker", "timekeeper")
FINAL = {"suppressed", "diverted", "cancelled", "expired", "failed", "handed_over"}


def _text(subject: str) -> dict[str, Any]:
    return {"subject": subject, "preheader": "New", "blocks": [{"type": "text", "markdown": "The rooms are open."}]}


DRAFT = {
    "category": "newsletter",
    "purpose": "newsletter",
    "variants": {"a": {"en": _text("Spring")}, "b": {"en": _text("Ten new rooms")}},
    "ab_test": {"share_percent": 50},
}


class KilledCampaign:
    """The steps of one campaign by commands. After each, all processes are killed at a random moment."""

    def __init__(self, stack: Stack, chance: random.Random) -> None:
        self.stack = stack
        self.id = ""
        self._chance = chance

    async def command(self, name: str, *arguments: str, by: str = "Wanda") -> Any:
        """Runs a command about the campaign, and returns what it prints as JSON."""
        done = await self.stack.run("campaign", name, self.id, *arguments, "--by", by, "--json")
        assert done.status == 0, f"{name}: {done.out}{done.err}"
        return done.json

    async def manifest(self) -> dict[str, Any]:
        """The last check, as its command shows it."""
        shown: dict[str, Any] = (await self.stack.done("campaign", "show-manifest", self.id, "--json")).json
        return shown

    @asynccontextmanager
    async def killed_processes(self) -> AsyncIterator[None]:
        """Starts web, worker and timekeeper, and kills them all a moment after the step."""
        await self._expire_leases()
        async with self.stack.starting(*NAMES) as processes:
            for process in processes:
                await process.up()
            yield
            await asyncio.sleep(self._chance.uniform(0, 0.3))
            await asyncio.gather(*(process.kill() for process in processes))

    async def step(self, name: str, *arguments: str, by: str = "Wanda") -> None:
        """Does one step, after which everything is killed."""
        async with self.killed_processes():
            await self.command(name, *arguments, by=by)

    async def until_all(self, asked: Callable[[], Awaitable[bool]], what: str) -> None:
        """Lets the processes run until something holds, and kills them once more on the way."""
        async with self.killed_processes():
            pass
        await self._expire_leases()
        async with self.stack.running(*NAMES):
            await until(asked, what, 90)

    async def _expire_leases(self) -> None:
        """Lets the time of the leases of killed processes go by."""
        await self.stack.query("UPDATE manifests SET lease_until = now() WHERE lease_until IS NOT NULL")
        await self.stack.query("UPDATE batches SET lease_until = now() WHERE lease_until IS NOT NULL")


async def test_a_campaign_survives_a_kill_of_everything_at_each_step(stack: Stack, tmp_path: Path) -> None:
    """Each person of the check ends in one state; nobody gets it twice; the report's sum adds up."""
    stack = replace(
        stack.having(PROCESSORS="capture://", DATA=str(tmp_path / "data")),
        inbox=CaptureFolder(tmp_path / "data" / "captured"),
    )
    campaign = KilledCampaign(stack, random.Random(1918))
    people, draft = tmp_path / "people.csv", tmp_path / "draft.json"
    lines = [f"m-{n},m{n}@people.example,Member {n},US,en,sign-up" for n in range(PEOPLE)]
    people.write_text("\n".join(["ref,email,name,country,locale,source", *lines]))
    draft.write_text(json.dumps(DRAFT))
    await stack.done("recipients", "import", str(people), "--brand", BRAND)
    async with campaign.killed_processes():
        made = await stack.done(
            "campaign", "create", str(draft), "--brand", BRAND, "--name", "spring", "--by", "Wanda", "--json"
        )
        campaign.id = made.json["campaign"]
    await campaign.step("check")

    async def is_checked() -> bool:
        return bool((await campaign.manifest())["state"] == "ready")

    await campaign.until_all(is_checked, "the check to be ready")
    shown = await campaign.manifest()
    assert shown["people"] == PEOPLE
    await campaign.step("ask-release", by="Aslan")
    await campaign.step("release", "--hash", shown["hash"], by="Rita")
    assert (await campaign.manifest())["state"] == "released"
    await campaign.step("pause", by="Rita")
    await campaign.step("resume", by="Rita")
    await campaign.until_all(lambda: _is_all_sent(stack, 2), "the test to be sent")
    await campaign.step("send-rest", "--variant", "b", by="Rita")
    await campaign.until_all(lambda: _is_all_sent(stack, 3), "the rest to be sent")
    rows = await stack.query("SELECT recipient_id, state FROM deliveries")
    assert len({row["recipient_id"] for row in rows}) == len(rows) == PEOPLE
    assert {row["state"] for row in rows} <= FINAL
    mails = stack.mails()
    assert len({mail.recipients for mail in mails}) == len(mails), "somebody got it twice"
    handed_over = sum(row["state"] == "handed_over" for row in rows)
    assert handed_over <= len(mails) <= PEOPLE
    assert len(mails) > PEOPLE // 2


async def _is_all_sent(stack: Stack, mailings: int) -> bool:
    """Tells whether so many mailings of the campaign have ended."""
    of_campaign = "FROM mailings m JOIN campaign_mailings c ON c.mailing_id = m.id"
    ended = f"SELECT count(*) {of_campaign} WHERE m.finished_at IS NOT NULL"
    return bool(await stack.value(ended) == mailings)
