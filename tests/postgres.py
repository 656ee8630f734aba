"""A PostgreSQL for the tests: one a session, shared by all its processes, and empty databases on it.

The first test that asks starts it (tools/postgres.py, in a temporary folder); it ends with the session, however that
ends. DTLPIPE_TEST_POSTGRES_URL names another one to use instead.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

URL = "DTLPIPE_TEST_POSTGRES_URL"
TOOL = Path(__file__).parent.parent / "tools" / "postgres.py"


class Server:
    """A server that databases can be made on; `control` (pg_ctl) and `become` (who may) are for one of ours."""

    def __init__(self, url: str, control: Sequence[str] = (), become: dict[str, Any] | None = None) -> None:
        self.url, self.control, self.become = url, control, become or {}

    @classmethod
    def start(cls, folder: Path, owner: int) -> Server:
        """The one that is at home in the folder, started if need be; it ends with the process `owner`."""
        with (folder / "postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ready, log = folder / "postgres.json", folder / "postgres.log"
            if not ready.exists():
                with log.open("ab") as output:
                    command = [sys.executable, str(TOOL), "--announce", str(ready), "--owner", str(owner)]
                    process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                    )
                deadline = time.monotonic() + 60
                while not ready.exists():
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.02)
                process.returncode = 0  # it outlives us: nobody here waits for it
        found = json.loads(ready.read_text())
        return cls(found["url"], found["control"], found["become"])

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]

    def create(self, name: str | None = None) -> str:
        """The URL of an empty database, made unless it is there."""
        name = name or f"t{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' STRATEGY file_copy")  # type: ignore[arg-type]
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        given = {**conninfo_to_dict(self.url), "dbname": name}
        return "postgresql://?" + "&".join(f"{key}={quote(str(value), safe='')}" for key, value in given.items())

    def schema(self, name: str) -> str:
        """The URL of a schema, made unless it is there: in a tenth of the time of a database."""
        self.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        given = {**conninfo_to_dict(self.url), "options": f"-csearch_path={name}"}
        return "postgresql://?" + "&".join(f"{key}={quote(str(value), safe='')}" for key, value in given.items())

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    url = os.environ.get(URL)
    if url:
        return Server(url)
    worker = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    return Server.start(base.parent if worker else base, os.getppid() if worker else os.getpid())


@pytest.fixture
def database(postgres_server: Server):
    """The URL of a database of one's own."""
    name = f"t{uuid4().hex}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture(scope="module")
def private_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server for tests that stop and start it."""
    return Server.start(tmp_path_factory.mktemp("postgres"), os.getpid())
