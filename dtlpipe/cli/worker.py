"""`dtlpipe worker`: runs a platform's node code on this machine.

Exit statuses: 0 when it was asked to end and has given back what it had, 1 if the platform does not want it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtlpipe.cli.signals import on_end

if TYPE_CHECKING:
    from mock_server.remote.worker import RemoteWorker


def _labels(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(label for each in given for label in (part.strip() for part in each.split(",")) if label)


@click.command()
@click.option(
    "--url",
    "urls",
    multiple=True,
    required=True,
    envvar="DTLPIPE_URL",
    help="Where the platform is. Several: whichever answers.  [default: $DTLPIPE_URL]",
)
@click.option(
    "--token",
    envvar="DTLPIPE_TOKEN",
    help="If the platform asks for one. Better in the variable: arguments can be read.  [default: $DTLPIPE_TOKEN]",
)
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Executions at a time.  [default: one per core]")
@click.option("--labels", multiple=True, callback=_labels, metavar="A,B", help="What this machine has, such as gpu.")
@click.option("--name", help="What people shall know it by.  [default: the machine's name]")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="What running executions get when it is to end.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
def worker(
    urls: tuple[str, ...],
    token: str | None,
    concurrency: int | None,
    labels: tuple[str, ...],
    name: str | None,
    grace: float,
    log_level: str,
) -> None:
    """Run node code for a platform, until Ctrl-C or SIGTERM.

    It then takes no more, and gives back what does not end within the grace: others run it again.
    """
    import logging
    import os
    import socket
    import tempfile

    from dtlpipe.errors import DtlpipeError

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        from mock_server.remote.link import Link
        from mock_server.remote.worker import RemoteWorker
    except ModuleNotFoundError as error:
        raise click.ClickException(f"a worker needs {error.name!r} (hint: pip install 'dtlpipe[platform]')") from None

    slots = concurrency or os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="dtlpipe-worker-") as folder:
        try:
            with Link(urls, token) as link:
                found = RemoteWorker(
                    link,
                    name=name or socket.gethostname(),
                    slots=slots,
                    labels=labels,
                    folder=Path(folder),
                    grace=grace,
                )
                _run(found, link.url)
        except DtlpipeError as error:
            raise click.ClickException(str(error)) from None
    click.echo("stopped")


def _run(found: RemoteWorker, url: str) -> None:
    on_end(found.drain)
    found.start()
    has = f", labels {', '.join(found.labels)}" if found.labels else ""
    click.echo(f"worker {found.name} ({found.id}) for {url}: {found.slots} executions at a time{has}")
    found.join()
