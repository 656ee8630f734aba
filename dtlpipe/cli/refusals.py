"""What commands of a platform have in common: which folder is meant, where secrets are, and how they refuse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

data_option = click.option(
    "--data",
    "--data-dir",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The platform's folder. [default: $DTLPIPE_DATA, else ~/.dtlpipe/platform]",
)


def folder_of(data_dir: Path | None) -> Path:
    """The folder that is meant, absolute."""
    with refusals():
        from mock_server.config import Settings

        return (Settings() if data_dir is None else Settings(data_dir=data_dir)).data_dir


def secret_of(variable: str | None) -> str | None:
    """Secrets come by variables: an argument could be read in the list of processes."""
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise click.ClickException(f"the environment variable {variable} is not set, or empty")
    return value


@contextmanager
def refusals() -> Iterator[None]:
    """Errors made on purpose become a message and exit status 1; so does a platform that is not installed."""
    from dtlpipe.errors import DtlpipeError

    try:
        yield
    except DtlpipeError as error:
        raise click.ClickException(str(error)) from None
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the platform needs {error.name!r} (hint: pip install 'dtlpipe[platform]')"
        ) from None
