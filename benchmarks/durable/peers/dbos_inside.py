"""DBOS with SQLite, its workflows in the caller's process."""

import tempfile

from dbos import DBOS
from protocol import STEPS, WIDTH, Peer, expect, serve

folder = tempfile.TemporaryDirectory()
DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{folder.name}/dbos.sqlite", "log_level": "ERROR"})


@DBOS.step()
def step(x: int) -> int:
    return x + 1


@DBOS.workflow()
def ten(x: int) -> int:
    for _ in range(STEPS):
        x = step(x)
    return x


@DBOS.workflow()
def one(x: int) -> int:
    return step(x)


@DBOS.workflow()
def wide(x: int) -> int:
    x = step(x)
    handles = [DBOS.start_workflow(one, x) for _ in range(WIDTH)]
    return sum(handle.get_result() for handle in handles)


class Inside(Peer):
    def __init__(self) -> None:
        DBOS.launch()

    def chain(self) -> None:
        expect(ten(0), STEPS)

    def fan(self) -> None:
        expect(wide(0), 2 * WIDTH)

    def close(self) -> None:
        DBOS.destroy()
        folder.cleanup()


if __name__ == "__main__":
    serve(Inside)
