"""`dtlpipe datasets list|create|show|delete`: the folders of items, from the command line."""

from __future__ import annotations

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import asking, asks, first, limit_option, show_list, show_one, url_option
from dtlpipe.cli.suggesting import known_datasets, known_projects

_COLUMNS = {
    "NAME": lambda each: each.name,
    "ID": lambda each: each.id,
    "ITEMS": lambda each: each.items_count,
    "CREATED": lambda each: each.created_at,
}


@click.group()
def datasets() -> None:
    """Datasets: folders of items. A dataset is named by its id, or as PROJECT/DATASET."""


@datasets.command("list")
@click.argument("project", required=False, shell_complete=known_projects)
@limit_option
@asks
def list_(project: str | None, limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Those of a project; without one, all that you may see."""
    with asking(url) as client:
        where = client if project is None else finding.project_of(client, project)
        show_list(first(where.datasets.list().all(), limit), _COLUMNS, as_json=as_json)


@datasets.command()
@click.argument("project", shell_complete=known_projects)
@click.argument("name")
@asks
def create(project: str, name: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Make one in a project."""
    with asking(url) as client:
        dataset = finding.project_of(client, project).datasets.create(dataset_name=name)
        show_one(dataset, {"id": dataset.id, "name": dataset.name}, as_json=as_json)


@datasets.command()
@click.argument("dataset", shell_complete=known_datasets)
@asks
def show(dataset: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """One of them."""
    with asking(url) as client:
        found = finding.dataset_of(client, dataset)
        facts = {"id": found.id, "name": found.name, "items": found.items_count, "created": found.created_at}
        show_one(found, facts, as_json=as_json)


@datasets.command()
@click.argument("dataset", shell_complete=known_datasets)
@click.confirmation_option(prompt="Delete the dataset with all its items?")
@url_option
def delete(dataset: str, url: str | None) -> None:
    """Delete one, with its items."""
    with asking(url) as client:
        found = finding.dataset_of(client, dataset)
        found.delete(sure=True, really=True)
        click.echo(f"deleted dataset {found.name} ({found.id})")
