"""Dramatiq with Redis: two processes of two threads. It has no step that waits for a group: the caller collects."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from protocol import STEPS, WIDTH, Peer, expect, serve
from redis_server import start


def connect(socket: str) -> None:
    pool = redis.ConnectionPool(connection_class=redis.UnixDomainSocketConnection, path=socket)
    broker = RedisBroker(connection_pool=pool)
    broker.add_middleware(Results(backend=RedisBackend(client=redis.Redis(connection_pool=pool))))
    dramatiq.set_broker(broker)


if "BENCH_SOCKET" in os.environ:
    connect(os.environ["BENCH_SOCKET"])
else:
    _folder = tempfile.TemporaryDirectory()
    _redis, _socket = start(_folder.name)
    connect(_socket)


@dramatiq.actor(store_results=True, actor_name="step", max_retries=0)
def step(x: int) -> int:
    return x + 1


class OnRedis(Peer):
    def __init__(self) -> None:
        here = str(Path(__file__).parent)
        command = [sys.executable, "-m", "dramatiq", "dramatiq_redis", "-p", "2", "-t", "2"]
        environment = {**os.environ, "BENCH_SOCKET": _socket, "PYTHONPATH": here}
        self.worker = subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.DEVNULL)
        self.processes = (_redis.pid, self.worker.pid)

    def begin(self) -> dramatiq.pipeline:
        return dramatiq.pipeline([step.message(0), *(step.message() for _ in range(STEPS - 1))]).run()

    def chain(self) -> None:
        expect(self.begin().get_result(block=True, timeout=60_000), STEPS)

    def saturate(self, runs: int) -> None:
        for each in [self.begin() for _ in range(runs)]:
            expect(each.get_result(block=True, timeout=120_000), STEPS)

    def fan(self) -> None:
        first = step.send(0).get_result(block=True, timeout=60_000)
        many = dramatiq.group([step.message(first) for _ in range(WIDTH)]).run()
        expect(sum(many.get_results(block=True, timeout=60_000)), 2 * WIDTH)

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(30)
        _redis.terminate()
        _redis.wait(10)
        _folder.cleanup()


if __name__ == "__main__":
    serve(OnRedis)
