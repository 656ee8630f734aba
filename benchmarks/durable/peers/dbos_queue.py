"""DBOS with SQLite as a service: a client enqueues, two worker processes run, the client asks for the result."""

import subprocess
import sys
import tempfile

from dbos import DBOS, DBOSClient
from protocol import STEPS, WIDTH, Peer, expect, serve

CONFIG = {"name": "bench", "log_level": "ERROR"}


@DBOS.step()
def step(x: int) -> int:
    return x + 1


@DBOS.workflow(name="ten")
def ten(x: int) -> int:
    for _ in range(STEPS):
        x = step(x)
    return x


@DBOS.workflow(name="one")
def one(x: int) -> int:
    return step(x)


@DBOS.workflow(name="wide")
def wide(x: int) -> int:
    x = step(x)
    handles = [DBOS.start_workflow(one, x) for _ in range(WIDTH)]
    return sum(handle.get_result() for handle in handles)


class Queued(Peer):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{self.folder.name}/dbos.sqlite"
        command = [sys.executable, __file__, self.url]
        pipe = subprocess.PIPE
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(2):  # one after the other: the first makes the tables
            worker = subprocess.Popen(command, stdin=pipe, stdout=pipe)
            self.workers.append(worker)
            assert worker.stdout is not None
            worker.stdout.readline()
        self.processes = [worker.pid for worker in self.workers]
        self.client = DBOSClient(system_database_url=self.url)

    def ask(self, name: str) -> int:
        return self.client.enqueue({"workflow_name": name, "queue_name": "bench"}, 0).get_result()

    def chain(self) -> None:
        expect(self.ask("ten"), STEPS)

    def fan(self) -> None:
        expect(self.ask("wide"), 2 * WIDTH)

    def saturate(self, runs: int) -> None:
        options = {"workflow_name": "ten", "queue_name": "bench"}
        for handle in [self.client.enqueue(options, 0) for _ in range(runs)]:
            expect(handle.get_result(), STEPS)

    def close(self) -> None:
        self.client.destroy()
        for worker in self.workers:
            worker.terminate()
            worker.wait(10)
        self.folder.cleanup()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        DBOS(config={**CONFIG, "system_database_url": sys.argv[1]})
        DBOS.launch()
        DBOS.register_queue("bench")
        print("ready", flush=True)
        sys.stdin.read()  # until the parent is gone
    else:
        serve(Queued)
