"""Celery with Redis: two prefork workers, late acknowledgement."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from celery import Celery, chain, chord, group
from protocol import STEPS, WIDTH, Peer, expect, serve
from redis_server import start

app = Celery("bench")
app.conf.update(
    broker_url=os.environ.get("BENCH_BROKER", ""),
    result_backend=os.environ.get("BENCH_BACKEND", ""),
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)


@app.task(name="step")
def step(x: int) -> int:
    return x + 1


@app.task(name="total")
def total(found: list[int]) -> int:
    return sum(found)


class OnRedis(Peer):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.redis, socket = start(self.folder.name)
        urls = {"BENCH_BROKER": f"redis+socket://{socket}", "BENCH_BACKEND": f"redis+socket://{socket}?virtual_host=1"}
        app.conf.update(broker_url=urls["BENCH_BROKER"], result_backend=urls["BENCH_BACKEND"])
        here = str(Path(__file__).parent)
        command = [sys.executable, "-m", "celery", "-A", "celery_redis", "worker", "-c", "2", "-l", "ERROR"]
        options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.worker = subprocess.Popen(
            [*command, *options], cwd=here, env={**os.environ, **urls, "PYTHONPATH": here}, stdout=subprocess.DEVNULL
        )
        self.processes = (self.redis.pid, self.worker.pid)

    def begin(self) -> object:
        return chain(step.s(0), *(step.s() for _ in range(STEPS - 1))).apply_async()

    def chain(self) -> None:
        expect(self.begin().get(timeout=60, interval=0.001), STEPS)

    def saturate(self, runs: int) -> None:
        for result in [self.begin() for _ in range(runs)]:
            expect(result.get(timeout=120), STEPS)

    def fan(self) -> None:
        middle = chord(group(step.s() for _ in range(WIDTH)), total.s())
        expect(chain(step.s(0), middle).apply_async().get(timeout=60), 2 * WIDTH)

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(30)
        self.redis.terminate()
        self.redis.wait(10)
        self.folder.cleanup()


if __name__ == "__main__":
    serve(OnRedis)
