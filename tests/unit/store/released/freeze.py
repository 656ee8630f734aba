"""Makes the dump of a store as a release writes it; run at its code: `HOLD_NODES=1 python freeze.py FOLDER DUMP`.

Two runs that are over and thirteen that are open are left as a platform leaves them that is killed while it works.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from pathlib import Path

import requests

from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port

ME = "ann@example.org"
ADD = "def run(x):\n    print('a line')\n    return x + 1\n"
HELD = (
    "import os, time\ndef run(x):\n    while os.environ.get('HOLD_NODES') and x > 100:\n        time.sleep(0.01)\n"
    "    return x * 2\n"
)


def coded(id, source):
    config = {"package": {"code": source, "name": "run", "type": "code"}}
    return code_node(id, inputs=[port("x", "Json")], outputs=[port("x", "Json")], config=config)


def main(folder: str, dump: str) -> None:
    platform = LocalPlatform(folder, durability="strict").start()
    verbs = platform.platform
    project = verbs.projects.create("released", ME)
    dataset = verbs.datasets.create({"name": "photos", "projects": [project["id"]]}, ME)
    requests.post(
        f"{platform.url}/api/v1/datasets/{dataset['id']}/items?mode=skip",
        data={"type": "file", "path": "/a.txt"},
        files={"file": ("a.txt", b"bytes of the first release\n")},
        timeout=30,
    ).raise_for_status()

    def made(name, *nodes, **more):
        body = {"projectId": project["id"], **definition(*nodes, **more), "name": name}
        return verbs.pipelines.install(verbs.pipelines.create(body, ME)["id"], None, ME)["id"]

    chain = made("chain", coded("a", ADD), coded("b", HELD), edges=[("a.x", "b.x")])
    bad = made("bad", coded("a", "def run(x):\n    raise ValueError('no such luck')\n"))
    for pipeline in (chain, bad):
        verbs.runs.get(pipeline, verbs.runs.start(pipeline, inputs={"x": 1}, creator=ME)["id"], wait=30)
    first = verbs.runs.start(chain, inputs={"x": 1000}, creator=ME)
    while [node["status"] for node in verbs.runs.get(chain, first["id"])["nodes"]] != ["success", "in-progress"]:
        time.sleep(0.02)
    for number in range(12):
        verbs.runs.start(chain, inputs={"x": 500 + number}, creator=ME)
    with sqlite3.connect(f"file:{folder}/store.sqlite3?mode=ro", uri=True) as database:
        Path(dump).write_text("\n".join(database.iterdump()) + "\n", encoding="utf-8")
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
