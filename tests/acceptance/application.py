"""Publishes the events on stdin in the way that it is told. It knows of mailer what an application knows."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import httpx

import mailer
from mailer import MessageEvent


async def publish(events: list[MessageEvent]) -> None:
    """Publishes events with `mailer.publish`."""
    await asyncio.gather(*(mailer.publish(event) for event in events))


def blocking(events: list[MessageEvent]) -> None:
    """Publishes events with `mailer.publish_blocking`, from several threads."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(mailer.publish_blocking, events))


async def transaction(events: list[MessageEvent]) -> None:
    """Publishes events in a transaction of the application's own."""
    connection = await asyncpg.connect(os.environ["MAILER_DATABASE_URL"])
    async with connection.transaction():
        for event in events:
            await mailer.publish_in_transaction(connection, event)
    await connection.close()


def http(events: list[MessageEvent]) -> None:
    """Publishes events over HTTP."""
    headers = {"authorization": f"Bearer {os.environ['API_KEY']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{os.environ['MAILER_PORT']}", headers=headers) as client:
        for event in events:
            client.post("/api/v1/events", content=event.to_json()).raise_for_status()


def main() -> None:
    """Runs one way."""
    events = [MessageEvent.model_validate_json(line) for line in sys.stdin]
    match sys.argv[1]:
        case "publish":
            asyncio.run(publish(events))
        case "blocking":
            blocking(events)
        case "transaction":
            asyncio.run(transaction(events))
        case "http":
            http(events)
        case way:
            sys.exit(f"there is no way {way}")


if __name__ == "__main__":
    main()
