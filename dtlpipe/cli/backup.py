"""`dtlpipe platform backup|restore`: a copy of all that a platform keeps, and a platform's folder made of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dtlpipe.cli.refusals import data_option, folder_of, refusals

if TYPE_CHECKING:
    from mock_server.store.sqlite_copies import Manifest


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@data_option
def backup(target: Path, data_dir: Path | None) -> None:
    """Copy all of it to TARGET (.tar, or .tar.gz), while it runs or not.

    The copy is of one moment. It has no secrets: tokens of this platform open nothing on one that is restored.
    """
    with refusals():
        from mock_server.store.sqlite_copies import back_up

        manifest = back_up(folder_of(data_dir), target)
    click.echo(f"copied {folder_of(data_dir)} to {target}: {_told(manifest)}")


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", "--data-dir", "data_dir", required=True, type=click.Path(path_type=Path), help="A new folder.")
def restore(source: Path, data_dir: Path) -> None:
    """Make a platform's folder of the copy SOURCE. What is there already is never overwritten."""
    with refusals():
        from mock_server.store.sqlite_copies import restore as make

        manifest = make(source, data_dir)
    click.echo(f"restored {source} into {data_dir}: {_told(manifest)}")
    click.echo(f"start it with: dtlpipe platform start --data {data_dir}")


def _told(manifest: Manifest) -> str:
    size = manifest.database_size + manifest.blobs_size
    return f"{size / (1 << 20):.1f} MB, {manifest.blobs} files, schema {manifest.schema}, of {manifest.created_at}"
