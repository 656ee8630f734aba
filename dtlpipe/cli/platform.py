"""`dtlpipe platform start|status|env|reset`: a platform on this machine, from the outside. Others have modules beside.

Exit statuses: 0 for done (or: it runs), 1 for refused, 2 for wrong usage, 3 for "no platform runs there", 4 for one
that runs and does not answer.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from dtlpipe.cli.backup import backup, restore
from dtlpipe.cli.doctor import doctor
from dtlpipe.cli.refusals import data_option as _data
from dtlpipe.cli.refusals import folder_of as _folder
from dtlpipe.cli.refusals import refusals as _refusals
from dtlpipe.cli.refusals import secret_of as _secret_of
from dtlpipe.cli.signals import on_end

if TYPE_CHECKING:
    from mock_server.config import Settings
    from mock_server.local import State

NOT_RUNNING = 3
NOT_ANSWERING = 4
_CONNECTIONS = 65_536


def _without_password(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Secrets come by variables: an argument could be read in the list of processes."""
    typed = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    if url and typed and re.search(r"://[^/@]*:[^/@]*@|[?&]password=", url):
        raise click.BadParameter(
            "a password in an argument can be read by others on this machine; "
            "put the URL into DTLPIPE_STORE, the password into PGPASSWORD, or both into ~/.pgpass"
        )
    return url


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def platform() -> None:
    """Run a platform on this machine."""


platform.add_command(backup)
platform.add_command(restore)
platform.add_command(doctor)


@platform.command()
@_data
@click.option(
    "--store",
    metavar="URL",
    envvar="DTLPIPE_STORE",
    callback=_without_password,
    help="postgresql://user@host/database instead of SQLite. [default: $DTLPIPE_STORE]",
)
@click.option("--standby", is_flag=True, help="Follow while another platform has the database, then take over.")
@click.option("--advertise", metavar="URL", help="How other platforms on the database reach this one.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8400]")
@click.option(
    "--synapse-port",
    type=click.IntRange(0, 65535),
    help="The run service on a port of its own, too; its clients look for it at 8100.",
)
@click.option(
    "--actions",
    "code_roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the code of actions, whose runs are executed; several times.",
)
@click.option("--strict-runs", is_flag=True, help="A run that is over keeps its status, whoever drives it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address exposes it: needs a password.")
@click.option("--password-env", metavar="NAME", help="The variable that holds the password, for when it is exposed.")
@click.option("--jwt-secret-env", metavar="NAME", help="The variable that holds the secret of /get_jwt.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name by which clients call it.")
@click.option("--allow-origin", multiple=True, metavar="URL", help="A web origin whose pages may change state.")
@click.option(
    "--callback-host", multiple=True, metavar="HOST", help="Whom jobs may call back, where others can reach it."
)
@click.option("--email", help="Who a call without a token acts as.")
@click.option("--executor", metavar="WHERE", help="processes, or ray[://HOST:PORT].  [default: processes]")
@click.option("--public-url", metavar="URL", help="How node code on other machines reaches it.")
@click.option("--workers", type=click.IntRange(min=0), help="Node processes here, at a time.  [default: one per core]")
@click.option("--lease", type=click.FloatRange(min=0.05), metavar="SECONDS", help="Of remote workers.  [default: 30]")
@click.option("--durability", type=click.Choice(["strict", "relaxed"]), help="What a power cut may cost.")
@click.option("--max-upload", type=click.IntRange(min=1), metavar="MB", help="The largest upload.  [default: 5120]")
@click.option("--node-timeout", type=click.FloatRange(min=0.001), metavar="SECONDS", help="For node code.")
@click.option("--node-memory", type=click.IntRange(min=1), metavar="MB", help="For node code.  [default: no limit]")
@click.option(
    "--node-kill-grace", type=click.FloatRange(min=0), metavar="SECONDS", help="SIGTERM to SIGKILL.  [default: 1]"
)
@click.option("--grace", type=click.FloatRange(min=0), metavar="SECONDS", help="What a stop gives to work in flight.")
@click.option("--hold/--no-hold", "hold_dtlpy", default=None, help="Hold the polls of an unchanged dtlpy.")
@click.option("--faults", is_flag=True, help="Let faults be set on purpose, at /api/v1/platform/faults.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="json: an object a line.")
def start(log_level: str, log_format: Literal["text", "json"], **options: Any) -> None:
    """Run it until Ctrl-C or SIGTERM.

    What is in flight then goes on at the next start; nothing that was accepted is lost.
    """
    _make_room_for_connections()
    with _refusals():
        from dtlpipe.cli.memory import starting
        from mock_server.local import Local
        from mock_server.platform import logs

        logs.configure(log_format, log_level)

        local = Local(_settings(**options))
        local.open()
        stop = threading.Event()
        on_end(stop.set)
        local.failed = stop.set
        with starting():
            local.start()
    try:
        click.echo(_banner(local.settings, local.url, local.run_service_url))
        if local.role == "follower":
            click.echo("It follows the platform that has the database, and takes over when that goes.")
        stop.wait()
        click.echo("stopping (once more to stop at once) ...")
    finally:
        local.stop()
    if local.failure is not None:
        raise click.ClickException(f"it could neither follow nor lead: {local.failure}")
    click.echo("stopped")


@platform.command()
@_data
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(data_dir: Path | None, *, as_json: bool) -> None:
    """Say whether it runs: exit status 0 if so, 3 if not."""
    state = _state(data_dir)
    health = _health(state.url, _folder(data_dir)) if state is not None else None
    answers = state is not None and health is not None and health.get("pid") == state.pid
    said = health.get("status", "?") if health is not None and answers else "not answering" if state else "not running"
    if as_json:
        where = {"url": state.url, "pid": state.pid, "startedAt": state.started_at} if state else {}
        click.echo(json.dumps({"status": said, "data": str(_folder(data_dir)), **where, **(health or {})}))
    elif state is None:
        click.echo(f"no platform is running on {_folder(data_dir)}")
    else:
        click.echo(f"{said}: {state.url}, process {state.pid}, since {state.started_at}, data in {_folder(data_dir)}")
    if not answers:
        raise SystemExit(NOT_RUNNING if state is None else NOT_ANSWERING)


@platform.command()
@_data
@click.option("--shell", "form", flag_value="shell", default=True, help="As `export` lines. [default]")
@click.option("--json", "form", flag_value="json", help="As JSON.")
def env(data_dir: Path | None, form: str) -> None:
    """Print the variables that point dtlpipe and dtlpy at it: eval "$(dtlpipe platform env)"."""
    state = _state(data_dir)
    if state is None:
        _not_running(_folder(data_dir))
    with _refusals():
        from mock_server.config import Settings
        from mock_server.platform.environment import client_environment
        from mock_server.platform.tokens import Tokens

        folder = _folder(data_dir)
        exposed = (_health(state.url, folder) or {}).get("exposed")
        token = Tokens(Settings(data_dir=folder)).issue(kind="api-key") if exposed else None
        variables = client_environment(state.url, folder, token=token)
        Path(variables["DATALOOP_PATH"]).mkdir(parents=True, exist_ok=True)
    if form == "json":
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@platform.command()
@_data
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(data_dir: Path | None, *, yes: bool) -> None:
    """Delete all its data. Refused while it runs."""
    folder = _folder(data_dir)
    if not yes:
        click.confirm(f"delete all projects, items and runs in {folder}?", abort=True)
    with _refusals():
        from mock_server.local import reset as reset_data

        reset_data(folder)
    click.echo(f"deleted the platform's data in {folder}")


def _settings(
    *,
    data_dir: Path | None,
    password_env: str | None,
    jwt_secret_env: str | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    callback_host: tuple[str, ...],
    max_upload: int | None,
    node_memory: int | None,
    **options: Any,
) -> Settings:
    from mock_server.config import MIB, Settings

    options |= {
        "data_dir": data_dir,
        "password": _secret_of(password_env),
        "jwt_secret": _secret_of(jwt_secret_env),
        "allowed_hosts": allow_host,
        "allowed_origins": allow_origin,
        "callback_hosts": callback_host,
        "max_upload": max_upload and max_upload * MIB,
        "node_memory_limit": node_memory and node_memory * MIB,
    }
    return Settings(**{key: value for key, value in options.items() if value is not None})


def _banner(settings: Settings, url: str, run_service_url: str) -> str:
    reach = "other machines can reach it, with the password" if settings.exposed else "this machine only"
    lines = [
        "dtlpipe platform",
        f"  address  {url}  ({reach})",
        f"  actions  {run_service_url}  (the run service)",
        f"  data     {settings.data_dir}{' (files), PostgreSQL (everything else)' if settings.store else ''}",
        f"  workers  {settings.workers}",
        '  use it   eval "$(dtlpipe platform env)"  # points dtlpipe and dtlpy at it',
        "  stop it  Ctrl-C",
    ]
    if not settings.exposed:
        lines.append("To let other machines in: dtlpipe platform start --host 0.0.0.0 --password-env DTLPIPE_PASSWORD")
    return "\n".join(lines)


def _state(data_dir: Path | None) -> State | None:
    with _refusals():
        from mock_server.local import State

        return State.read(_folder(data_dir))


def _make_room_for_connections() -> None:
    """Each stream of events that is held open is a file of this process: as many as the system lets us have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, _CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _health(url: str, folder: Path) -> dict[str, Any] | None:
    """What it says of itself to one who may read its folder; None if nothing answers."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    from mock_server.config import Settings
    from mock_server.platform.tokens import FILE, Tokens

    headers = {}
    if os.access(folder / FILE, os.R_OK):
        headers["Authorization"] = f"Bearer {Tokens(Settings(data_dir=folder)).issue(lifetime=60.0)}"
    opener = build_opener(ProxyHandler({}))  # a proxy for the world is none for this machine
    try:
        with opener.open(Request(f"{url}/health", headers=headers), timeout=2) as answer:  # noqa: S310 - its own url
            body = answer.read()
    except HTTPError as error:  # 503 while it stops
        with error:
            body = error.read()
    except OSError:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _not_running(folder: Path) -> NoReturn:
    click.echo(f"no platform is running on {folder}; start one with: dtlpipe platform start", err=True)
    raise SystemExit(NOT_RUNNING)
