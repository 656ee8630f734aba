"""`dtlpipe runs worker --code DIR`: has a platform run the actions whose code is in folders of this machine.

The folders are registered for as long as the command runs; the work itself is done by the platform's own processes, so
that what runs outlives the command, and what waits is taken up when it is started again.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dtlpipe.runs.client import PipelineServiceClient

DEFAULT_URL = "http://localhost:8100"


def service_url(url: str | None) -> str:
    """Where the run service is: as told, else below $DTLPIPE_URL, else on its own port of this machine."""
    if url is not None:
        return url
    platform = os.environ.get("DTLPIPE_URL")
    return f"{platform.rstrip('/').removesuffix('/api/v1')}/synapse" if platform else DEFAULT_URL


@click.command()
@click.option(
    "--code",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the code of actions; several times.",
)
@click.option("--url", help="The run service.  [default: $DTLPIPE_URL/synapse, else http://localhost:8100]")
def worker(folders: tuple[Path, ...], url: str | None) -> None:
    """Have runs of actions executed, with the code in folders of this machine, until Ctrl-C or SIGTERM."""
    from dtlpipe.errors import DtlpipeError
    from dtlpipe.runs.client import PipelineServiceClient

    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    with PipelineServiceClient(service_url(url), token=os.environ.get("DTLPIPE_TOKEN")) as client:
        roots = []
        try:
            for folder in folders:
                roots.append(client.add_code_root(str(folder.resolve())))
                click.echo(f"runs of actions in {roots[-1]['path']} are executed by {client.base_url}")
            stop.wait()
        except DtlpipeError as error:
            raise click.ClickException(str(error)) from None
        finally:
            for root in roots:
                _forget(client, root["id"])


def _forget(client: PipelineServiceClient, root_id: str) -> None:
    from dtlpipe.errors import ConnectionFailed, NotFound

    try:
        client.remove_code_root(root_id)
    except (ConnectionFailed, NotFound) as error:
        click.echo(f"the folder could not be taken back: {error}", err=True)
