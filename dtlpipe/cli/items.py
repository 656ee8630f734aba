"""`dtlpipe items ls|upload|download|delete`: files into datasets and out of them, with their progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import asking, asks, first, limit_option, pairs, show_json, show_list, url_option
from dtlpipe.cli.suggesting import known_datasets

_COLUMNS = {
    "PATH": lambda each: each.filename,
    "ID": lambda each: each.id,
    "BYTES": lambda each: (each.metadata.get("system") or {}).get("size"),
    "CREATED": lambda each: each.created_at,
}
_workers = click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Files at a time.")
_overwrite = click.option("--overwrite", is_flag=True, help="Replace what is there.")


def _matching(pattern: str | None) -> Any:
    from dtlpipe.model.filters import Filters

    if pattern is None:
        return None
    if pattern.endswith("/"):
        pattern += "**"
    return Filters(field="filename", values=pattern if pattern.startswith("/") else f"/{pattern}")


@click.group()
def items() -> None:
    """Items: the files of a dataset, which is named by its id, or as PROJECT/DATASET."""


@items.command("ls")
@click.argument("dataset", shell_complete=known_datasets)
@click.argument("pattern", required=False)
@limit_option
@asks
def ls(dataset: str, pattern: str | None, limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """List them: all, those in a folder (`/photos/`) or those like a pattern (`/photos/*.png`)."""
    with asking(url) as client:
        found = finding.dataset_of(client, dataset).items.list(filters=_matching(pattern))
        show_list(first(found.all(), limit), _COLUMNS, as_json=as_json)


@items.command()
@click.argument("dataset", shell_complete=known_datasets)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=str))
@click.option("--to", default="/", show_default=True, help="The folder in the dataset.")
@click.option("--metadata", multiple=True, callback=pairs, metavar="NAME=VALUE", help="For each item; several times.")
@_overwrite
@_workers
@asks
def upload(
    dataset: str,
    paths: tuple[str, ...],
    to: str,
    metadata: dict[str, Any],
    overwrite: bool,  # noqa: FBT001
    workers: int,
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Upload files, folders (which keep their name) or patterns in quotes. What is there already is kept."""
    from dtlpipe.resources.progress import Files

    with asking(url) as client, Files("upload") as files:
        found = finding.dataset_of(client, dataset).items.upload(
            list(paths),
            remote_path=to,
            overwrite=overwrite,
            item_metadata={"user": metadata} if metadata else None,
            return_as_list=True,
            workers=workers,
            on_progress=files.moved,
        )
    if as_json:
        show_json(found)
    else:
        click.echo(f"{len(found)} uploaded to {to}")


@items.command()
@click.argument("dataset", shell_complete=known_datasets)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("pattern", required=False)
@_overwrite
@_workers
@asks
def download(
    dataset: str,
    folder: Path,
    pattern: str | None,
    overwrite: bool,  # noqa: FBT001
    workers: int,
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Download them into a folder, each at its own path: all, or those like a pattern."""
    from dtlpipe.resources.progress import Files

    with asking(url) as client, Files("download") as files:
        paths = finding.dataset_of(client, dataset).items.download(
            filters=_matching(pattern),
            local_path=folder,
            overwrite=overwrite,
            to_items_folder=False,
            workers=workers,
            on_progress=files.moved,
        )
    if as_json:
        show_json(paths)
    else:
        click.echo(f"{len(paths)} in {folder}")


@items.command()
@click.argument("dataset", shell_complete=known_datasets)
@click.argument("path")
@click.confirmation_option(prompt="Delete the item?")
@url_option
def delete(dataset: str, path: str, url: str | None) -> None:
    """Delete one, by its path."""
    with asking(url) as client:
        item = finding.dataset_of(client, dataset).items.get(filepath=path)
        item.delete()
        click.echo(f"deleted {path}")
