"""Thousands who wait for one run, in a process of their own, so that they cost whoever measures beside them little.

`python -m tests.faults.crowd PORT PATH COUNT WAIT`: each has one connection, asks once without waiting, and then again
and again by `?wait=`. "there" is said once all have asked. Who sees the run's end goes home; some time after standard
input ended, all do. The answers by status, and how many saw the end, are told as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
from collections import Counter

AT_ONCE = 200  # who come at the same time


class Crowd:
    """All of them. `answers` counts by status; "refused" and "cut" are connections that failed."""

    def __init__(self, port: int, path: str, count: int, wait: float) -> None:
        self.port, self.path, self.count, self.wait = port, path, count, wait
        self.answers: Counter[str] = Counter()
        self.ended = 0
        self.doors = asyncio.Semaphore(AT_ONCE)
        self.there = 0
        self.complete, self.over = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._poll()) for _ in range(self.count)]
        await self.complete.wait()
        print("there", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.wait(tasks, timeout=120)
        self.over.set()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        print(json.dumps({"answers": self.answers, "ended": self.ended}), flush=True)

    async def _poll(self) -> None:
        writer = None
        try:
            async with self.doors:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 14)
                ended = await self._ask(reader, writer, self.path)
            self._arrived()
            while not ended and not self.over.is_set():
                ended = await self._ask(reader, writer, f"{self.path}?wait={self.wait:g}")
            self.ended += ended
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.answers["refused" if writer is None else "cut"] += 1
            self._arrived()
        finally:
            if writer is not None:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def _arrived(self) -> None:
        self.there += 1
        if self.there >= self.count:
            self.complete.set()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bool:
        """Whether the run is over. Who was given no place to wait in comes again a moment later."""
        writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status = (await reader.readline()).split()[1].decode()
        length, waited = 0, "wait" not in path
        while line := (await reader.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            waited = waited or name.lower() == b"x-dtlpipe-waited"
        body = json.loads(await reader.readexactly(length))
        self.answers[status] += 1
        if not waited:
            await asyncio.sleep(1)
        return bool(body.get("status") == "success")


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def main() -> None:
        await Crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])).run()

    asyncio.run(main())
