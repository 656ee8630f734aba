"""`dtlpipe export|import`: a pipeline as a folder that people read and git keeps, and back."""

from __future__ import annotations

from pathlib import Path

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import asking, asks, show_one, url_option


@click.command("export")
@click.argument("pipeline")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@url_option
def export(pipeline: str, folder: Path, url: str | None) -> None:
    """Write a pipeline into FOLDER: pipeline.yaml, and a file of code for each node.

    The same pipeline gives the same bytes. A pipeline is named by its id, its name, or as PROJECT/PIPELINE.
    """
    from dtlpipe.moving import carrying

    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        files = carrying.export(client, found, folder)
    click.echo(f"exported {found.name} to {folder}: {len(files)} files")


@click.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--project", required=True, help="Where it goes; by id or name.")
@click.option("--name", help="What it is called.  [default: as it was]")
@click.option("--replace", is_flag=True, help="Make the one of its name there the same.")
@click.option("--install", is_flag=True, help="Make it ready to run.")
@asks
def import_(
    source: Path,
    project: str,
    name: str | None,
    replace: bool,  # noqa: FBT001 - click passes by name
    install: bool,  # noqa: FBT001
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make a pipeline of SOURCE: a folder that `dtlpipe export` wrote, or JSON that Dataloop exported."""
    from dtlpipe.moving import carrying

    with asking(url) as client:
        where = finding.project_of(client, project)
        found = carrying.bring(where, carrying.read(source), name, replace=replace)
        if install:
            found.install()
        show_one(found, {"id": found.id, "name": found.name, "status": found.status}, as_json=as_json)
