"""What a call of the SDK costs over the bare HTTP client: `items.get` and the same GET by httpx, on one platform.

`python benchmarks/overhead.py`
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
from measure import alternately, machine, median, row, spread, timed

import dtlpipe as dl

ROUNDS = 400


def main() -> None:
    """Measures, and prints a table."""
    with dl.LocalPlatform(durability="strict") as platform:
        client = platform.client()
        project = client.projects.create(project_name="overhead")
        dataset = project.datasets.create(dataset_name="d")
        item = dataset.items.upload(local_path=b"x", remote_name="x.txt")
        path = f"{platform.api_url}/items/{item.id}"
        bare = httpx.Client()
        for _ in range(50):
            client.items.get(item_id=item.id), bare.get(path).json()
        sdk, http = alternately(
            ROUNDS,
            lambda: timed(lambda: client.items.get(item_id=item.id)),
            lambda: timed(lambda: bare.get(path).json()),
        )
        async_sdk, async_http = asyncio.run(asynchronous(platform, item.id, path))
    print(f"{machine()}; {ROUNDS} rounds, in turn\n")
    row("GET /items/{id}", "microseconds", "over bare httpx")
    row("---", "---", "---")
    for name, ours, theirs in (("sync", sdk, http), ("async", async_sdk, async_http)):
        row(f"httpx, {name}", spread(theirs, 1e6), "1")
        extra = (median(ours) - median(theirs)) * 1e6
        row(f"dtlpipe, {name}", spread(ours, 1e6), f"{median(ours) / median(theirs):.2f} ({extra:+.0f} us)")


async def asynchronous(platform: Any, item_id: str, path: str) -> tuple[list[float], list[float]]:
    """Seconds of each call, ours and the bare one."""
    ours, theirs = [], []
    async with platform.async_client() as client, httpx.AsyncClient() as bare:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            await client.items.get(item_id=item_id)
            middle = time.perf_counter()
            (await bare.get(path)).json()
            ours.append(middle - started)
            theirs.append(time.perf_counter() - middle)
    return ours, theirs


if __name__ == "__main__":
    main()
