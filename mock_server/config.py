"""Settings of a platform, with what each default is for. Everything that can be chosen is chosen here.

Law: plain data. Nothing is opened, bound or written by making one; whatever does not work together is refused at once,
with the way out.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import attrs

from dtlpipe.errors import ConfigurationError

DEFAULT_PORT = 8400
MIB = 1 << 20
GIB = 1 << 30


def default_data_dir() -> Path:
    """`$DTLPIPE_DATA`, else `~/.dtlpipe/platform`."""
    chosen = os.environ.get("DTLPIPE_DATA")
    return Path(chosen) if chosen else Path("~/.dtlpipe/platform")


@lru_cache(maxsize=256)  # each request asks, of the same few
def is_loopback(host: str) -> bool:
    """Whether the name or address can be reached from this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _folder(path: str | Path) -> Path:
    return Path(path).expanduser().resolve()


def _folders(given: Iterable[str | Path]) -> tuple[Path, ...]:
    return tuple(_folder(each) for each in given)


def _origins(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(origin.rstrip("/").lower() for origin in given)


#: The least value that makes sense, where 0 does not, or where less than 0 does not.
_LEAST: dict[str, float] = {
    "port": 0,
    "synapse_port": 0,
    "token_lifetime": 1,
    "refresh_lifetime": 1,
    "api_key_lifetime": 1,
    "workers": 0,
    "lease": 0.05,
    "max_body": 1024,
    "max_upload": 1024,
    "threads": 4,
    "max_waiters": 0,
    "max_wait": 0,
    "max_streams": 1,
    "hold_timeout": 0,
    "node_timeout": 0.001,
    "node_memory_limit": MIB,
    "node_kill_grace": 0,
    "grace": 0,
    "keep_runs_for": 0,
    "keep_runs": 0,
}


@attrs.frozen(kw_only=True)
class Settings:
    """Times are seconds, sizes are bytes. Raises ConfigurationError for settings that do not work together.

    Attributes:
        data_dir: the platform's folder; one live platform at a time.
        store: a PostgreSQL database (`postgresql://user@host/database`) instead of SQLite in the folder, which then
            holds files alone. One platform at a time writes to it.
        standby: follow another platform that has that database, and take over when it goes, instead of refusing to
            start.
        advertise: how other platforms on that database reach this one, where that is not its host's name and port.
        host: the address to bind; one that is not loopback exposes the platform and needs a `password`.
        port: 0 takes a free one.
        synapse_port: the run service on a port of its own too, without its prefix (0 takes a free one); None: not.
        strict_runs: whether a run that is over keeps its status, whoever drives it.
        code_roots: folders with the code of actions, which the platform then runs.
        allowed_hosts: further names by which clients may call the platform (`Host` headers), such as a proxy's.
        allowed_origins: web origins that may change state from a browser, besides the platform's own.
        email: who a call without a token acts as (loopback only), and the default owner of tokens.
        password: what logs in when exposed, whatever the e-mail. On loopback any password does.
        jwt_secret: what `GET /get_jwt` asks for in `X-Get-Jwt-Secret`; without it the path is closed when exposed.
        token_lifetime, refresh_lifetime, api_key_lifetime: of what the platform signs.
        executor: where node code runs: "processes" of this machine; "ray", a Ray of the platform's own on this machine;
            "ray://HOST:PORT", a Ray cluster by its head's address; "ray://auto", the one that this machine is part of.
        public_url: how node code on other machines reaches the platform, where that is not its address here.
        workers: node processes at the same time; a few more than processors, as node code may wait for other runs.
            0: none here, all is for remote workers.
        lease: how long a remote worker that is not heard of keeps what it has.
        durability: "strict" survives a power cut; "relaxed" a killed process.
        max_body: the largest JSON (or form) body; `max_upload`: the largest upload.
        threads: requests at the same time; `max_waiters` of them may be long-polls.
        max_wait: the longest that `?wait=` holds a request.
        pipelines_dir: a folder whose wrappers and YAML pipelines are served; `python_path`: where they find modules.
        require_token: ask for a token on loopback, too.
        max_streams: streams of served pipelines at the same time.
        callback_hosts: whom a platform that is exposed tells of the end of jobs, when their owners ask for it.
        hold_dtlpy: whether an unchanged dtlpy's polls are held for up to `hold_timeout` (see api/dataloop/holding).
        node_timeout, node_memory_limit: for node code that its service says nothing about; no memory limit if None.
        warm: node processes are started with the platform; else with the first project, or the first job.
        node_kill_grace: seconds between SIGTERM and SIGKILL for node code that is canceled or took too long.
        keep_runs_for: seconds after their end at which runs are deleted, with their logs; `keep_runs`: how many that
            are over are kept, the latest. None: all, for ever.
        faults: whether faults on purpose may be set, by those who start it and through its API.
        grace: how long a stop waits for requests and node code in flight. What is cut short goes on at the next start.
    """

    data_dir: Path = attrs.field(factory=default_data_dir, converter=_folder)
    store: str | None = attrs.field(default=None, repr=False)  # it may hold a password
    standby: bool = False
    advertise: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    synapse_port: int | None = None
    strict_runs: bool = False
    code_roots: tuple[Path, ...] = attrs.field(default=(), converter=_folders)
    allowed_hosts: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    allowed_origins: tuple[str, ...] = attrs.field(default=(), converter=_origins)
    email: str = "local@dtlpipe.dev"
    password: str | None = attrs.field(default=None, repr=False)
    jwt_secret: str | None = attrs.field(default=None, repr=False)
    token_lifetime: float = 24 * 3600.0
    refresh_lifetime: float = 30 * 24 * 3600.0
    api_key_lifetime: float = 365 * 24 * 3600.0
    executor: str = "processes"
    public_url: str | None = None
    workers: int = attrs.field(factory=lambda: max(4, os.cpu_count() or 1))
    lease: float = 30.0
    durability: Literal["strict", "relaxed"] = "strict"
    max_body: int = 16 * MIB
    max_upload: int = 5 * GIB
    threads: int = 64
    max_waiters: int = 48
    max_wait: float = 30.0
    pipelines_dir: Path | None = attrs.field(default=None, converter=attrs.converters.optional(_folder))
    python_path: tuple[Path, ...] = attrs.field(default=(), converter=_folders)
    max_streams: int = 512
    callback_hosts: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    require_token: bool = False
    hold_dtlpy: bool = True
    hold_timeout: float = 20.0
    node_timeout: float = 3600.0
    node_memory_limit: int | None = None
    node_kill_grace: float = 1.0
    warm: bool = True
    grace: float = 10.0
    keep_runs_for: float | None = None
    keep_runs: int | None = None
    faults: bool = False

    def __attrs_post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigurationError(f"{name} is {value}, but at least {least:g} is needed")
        for name in ("port", "synapse_port"):
            if (getattr(self, name) or 0) > 65535:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}, but ports go up to 65535 (0 takes a free one)"
                )
        if self.durability not in ("strict", "relaxed"):
            raise ConfigurationError(f"durability is {self.durability!r}, but there are 'strict' and 'relaxed'")
        if self.standby and self.store is None:
            raise ConfigurationError(
                "a standby needs a store that platforms can share", hint="--store postgresql://user@host/database"
            )
        if self.max_waiters >= self.threads:
            raise ConfigurationError(
                f"max_waiters is {self.max_waiters} of {self.threads} threads: waiting requests would take them all",
                hint="leave a few threads for requests that do not wait",
            )
        if self.executor not in ("processes", "ray") and not re.fullmatch(r"ray://(auto|[^/]+:\d+)", self.executor):
            raise ConfigurationError(
                f"executor is {self.executor!r}, but there are 'processes', 'ray', 'ray://HOST:PORT' and 'ray://auto'"
            )
        if self.advertise is not None and not re.fullmatch(r"https?://[^/]+", self.advertise):
            raise ConfigurationError(f"advertise is {self.advertise!r}, but it is like http://machine.example:8400")
        if self.public_url is not None and not re.fullmatch(r"https?://[^/]+", self.public_url):
            raise ConfigurationError(f"public_url is {self.public_url!r}, but it is like http://platform.example:8400")
        if self.exposed and not self.password:
            raise ConfigurationError(
                f"host {self.host!r} can be reached from other machines, and no password is set",
                hint="put a password into an environment variable and name it: --password-env DTLPIPE_PASSWORD; "
                "or stay on 127.0.0.1",
            )

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach the platform: then every call needs a token."""
        return not is_loopback(self.host)
