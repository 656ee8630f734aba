"""`dtlpipe serve ...`: serve pipelines, and speak to where they are served, with hayhooks' commands and options.

Exit statuses: 0 for done, 1 for refused (the reason is on standard error), 2 for wrong usage.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dtlpipe.serving import Client

PORT = 1416
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help="The platform.  [default: $DTLPIPE_URL, else HAYHOOKS_HOST and _PORT]")
@click.option("--timeout", type=click.FloatRange(min=0.001), metavar="SECONDS", help="For an answer.  [default: none]")
@click.pass_context
def serve(context: click.Context, url: str | None, timeout: float | None) -> None:
    """Serve pipelines; deploy, run and list those that are served."""
    context.obj = {"url": url, "timeout": timeout}


@serve.command()
@click.option("--host", envvar="HAYHOOKS_HOST", default="127.0.0.1", show_default=True)
@click.option("--port", "-p", envvar="HAYHOOKS_PORT", type=click.IntRange(0, 65535), default=PORT, show_default=True)
@click.option(
    "--pipelines-dir",
    "-d",
    envvar="HAYHOOKS_PIPELINES_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Its wrappers and YAML pipelines are served.  [default: ./pipelines, if it is there]",
)
@click.option(
    "--additional-python-path",
    envvar="HAYHOOKS_ADDITIONAL_PYTHON_PATH",
    type=click.Path(path_type=Path),
    help="Where wrappers find modules.",
)
@click.option("--data", "data_dir", type=click.Path(file_okay=False, path_type=Path), help="The platform's folder.")
@click.option("--password-env", metavar="NAME", help="The variable that holds the password, for other hosts.")
@click.option("--require-token", is_flag=True, help="Ask for a token on this machine, too.")
@click.option("--allow-origin", multiple=True, metavar="URL", help="A web origin whose pages may call.")
@click.option(
    "--callback-host", multiple=True, metavar="HOST", help="Whom jobs may call back, where others can reach it."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
def run(
    host: str,
    port: int,
    pipelines_dir: Path | None,
    additional_python_path: Path | None,
    data_dir: Path | None,
    password_env: str | None,
    allow_origin: tuple[str, ...],
    callback_host: tuple[str, ...],
    log_level: str,
    *,
    require_token: bool,
) -> None:
    """Serve until Ctrl-C or SIGTERM. It is a whole platform, on hayhooks' port."""
    import logging
    import threading

    from dtlpipe.cli.refusals import refusals, secret_of
    from dtlpipe.cli.signals import on_end

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if pipelines_dir is None and Path("pipelines").is_dir():
        pipelines_dir = Path("pipelines")
    options: dict[str, Any] = {
        "data_dir": data_dir,
        "pipelines_dir": pipelines_dir,
        "password": secret_of(password_env),
        "callback_hosts": callback_host,
    }
    with refusals():
        from dtlpipe.cli.memory import starting
        from dtlpipe.runtime.bytecode import keep_attrs_code

        keep_attrs_code()
        from mock_server.config import Settings
        from mock_server.local import Local

        if pipelines_dir is not None and not pipelines_dir.is_dir():
            raise click.ClickException(f"there is no folder {pipelines_dir}")
        local = Local(
            Settings(
                host="127.0.0.1" if host == "localhost" else host,
                port=port,
                allowed_origins=allow_origin,
                require_token=require_token,
                warm=False,  # wrappers have processes of their own
                python_path=() if additional_python_path is None else (additional_python_path,),
                **{key: value for key, value in options.items() if value is not None},
            )
        )
        local.open()
        stop = threading.Event()
        on_end(stop.set)
        with starting():
            local.start()
    try:
        click.echo(f"serving {pipelines_dir or 'what is deployed'} at {local.url} (documents: {local.url}/docs)")
        stop.wait()
    finally:
        local.stop()


@serve.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """List what is served. Exit status 1 if something of it is not well."""
    with _asking(context) as client:
        found = client.status()
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(f"{found['status']}: {client.url}")
        for each in found["deployments"]:
            error = f"  {each['error']['message']}" if each.get("error") else ""
            click.echo(f"  {each['name']:30} {each['state']}{error}")
    if found["status"] != "Up!":
        raise SystemExit(1)


@serve.command("deploy-files")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", "-n", help="[default: the folder's name]")
@click.option("--overwrite", "-o", is_flag=True)
@click.option("--skip-saving-files", "-s", is_flag=True, help="Forget it at the next start.")
@click.pass_context
def deploy_files(
    context: click.Context, folder: Path, name: str | None, *, overwrite: bool, skip_saving_files: bool
) -> None:
    """Deploy a wrapper's folder."""
    with _asking(context) as client:
        found = client.deploy_files(
            name or folder.resolve().name, folder, overwrite=overwrite, save_files=not skip_saving_files
        )
    click.echo(f"deployed {found['name']}: {client.url}{found['endpoint']}")


@serve.command("deploy-yaml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", "-n", help="[default: the file's name without its end]")
@click.option("--overwrite", "-o", is_flag=True)
@click.option("--description")
@click.option("--save-file/--no-save-file", default=True, help="Whether the next start serves it too.")
@click.pass_context
def deploy_yaml(
    context: click.Context, file: Path, name: str | None, description: str | None, *, overwrite: bool, save_file: bool
) -> None:
    """Deploy a pipeline in YAML."""
    with _asking(context) as client:
        found = client.deploy_yaml(
            name or file.stem,
            file.read_text(encoding="utf-8"),
            overwrite=overwrite,
            description=description,
            save_file=save_file,
        )
    click.echo(f"deployed {found['name']}: {client.url}{found['endpoint']}")


@serve.command()
@click.argument("name")
@click.pass_context
def undeploy(context: click.Context, name: str) -> None:
    """Serve a pipeline no more. Its files on disk stay."""
    with _asking(context) as client:
        client.undeploy(name)
    click.echo(f"undeployed {name}")


@serve.group()
def pipeline() -> None:
    """Run pipelines; and the commands above under hayhooks' names."""


for _command in (deploy_files, deploy_yaml, undeploy):
    pipeline.add_command(_command)


@pipeline.command("run")
@click.argument("name")
@click.option("--param", "-p", "params", multiple=True, metavar="KEY=VALUE", help="JSON where it looks like it.")
@click.option("--file", "-f", "files", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dir", "-d", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--stream", "-s", is_flag=True, help="Show text as it comes.")
@click.option("--batch", type=click.File("r", encoding="utf-8"), help="A line of JSON parameters for each run.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Results, line by line; goes on there.")
@click.option("--concurrency", type=click.IntRange(min=1), default=5, show_default=True, help="Of a batch.")
@click.pass_context
def run_pipeline(
    context: click.Context,
    name: str,
    params: tuple[str, ...],
    files: tuple[Path, ...],
    folder: Path | None,
    batch: Any,
    output: Path | None,
    concurrency: int,
    *,
    stream: bool,
) -> None:
    """Run a pipeline and show what it returns; or, with --batch, once for each line of a file."""
    given = dict(_param(each) for each in params)
    with _asking(context) as client:
        if batch is not None:
            _run_batch(client, name, given, batch, output, concurrency)
        elif stream and not files and folder is None:
            for piece in client.stream(name, given):
                sys.stdout.write(piece)
                sys.stdout.flush()
            click.echo()
        else:
            found = client.run(name, given, files=files, folder=folder)
            if isinstance(found, bytes):
                sys.stdout.buffer.write(found)
            else:
                click.echo(found if isinstance(found, str) else json.dumps(found, indent=2, ensure_ascii=False))


def _run_batch(
    client: Client, name: str, given: dict[str, Any], batch: Any, output: Path | None, concurrency: int
) -> None:
    """One line of JSON for each line of the batch; those that the output has results of are not run again."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    lines: list[dict[str, Any]] = []
    for number, text in enumerate(batch, 1):
        if text.strip():
            try:
                lines.append({**given, **json.loads(text)})
            except (ValueError, TypeError) as error:
                raise click.ClickException(f"line {number} of the batch is no JSON object: {error}") from None
    done = _done(output)
    todo = [index for index in range(len(lines)) if index not in done]
    failed = 0
    target = output.open("a", encoding="utf-8") if output is not None else None
    try:
        results = client.run_batch(name, (lines[index] for index in todo), concurrency=concurrency)
        for each in tqdm(results, total=len(todo), disable=not sys.stderr.isatty()):
            told: dict[str, Any] = {"index": todo[each.index], "ok": each.ok}
            told |= {"result": each.result} if each.ok else {"error": str(each.error)}
            failed += not each.ok
            print(json.dumps(told, ensure_ascii=False), file=target or sys.stdout, flush=True)
    finally:
        if target is not None:
            target.close()
    if failed:
        raise click.ClickException(f"{failed} of {len(todo)} runs failed; run it again to repeat those")


def _done(output: Path | None) -> set[int]:
    if output is None or not output.exists():
        return set()
    found = (json.loads(line) for line in output.read_text(encoding="utf-8").splitlines() if line.strip())
    return {each["index"] for each in found if each.get("ok")}


def _param(text: str) -> tuple[str, Any]:
    """`key=value`; the value is JSON if it looks like it: an object, a list, a number, true, false or null."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--param")
    looks = value[:1] + value[-1:] in ("{}", "[]") or value in ("true", "false", "null") or _NUMBER.fullmatch(value)
    if not looks:
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@contextmanager
def _asking(context: click.Context) -> Iterator[Client]:
    """A client of what is served. hayhooks knows one exit status for whatever goes wrong, and so do these commands."""
    from dtlpipe.cli.refusals import refusals
    from dtlpipe.serving import Client

    url = context.obj["url"] or os.environ.get("DTLPIPE_URL") or _of_hayhooks()
    with refusals(), Client(url, timeout=context.obj["timeout"], retries=0, transport="plain") as client:
        yield client


def _of_hayhooks() -> str:
    host = os.environ.get("HAYHOOKS_HOST", "127.0.0.1")
    scheme = "https" if os.environ.get("HAYHOOKS_USE_HTTPS", "").lower() in ("1", "true") else "http"
    return f"{scheme}://{host}:{os.environ.get('HAYHOOKS_PORT', PORT)}"
