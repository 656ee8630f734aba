"""`dtlpipe projects list|create|show|delete`: what everything else belongs to."""

from __future__ import annotations

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import asking, asks, first, limit_option, show_list, show_one, url_option
from dtlpipe.cli.suggesting import known_projects

_COLUMNS = {"NAME": lambda each: each.name, "ID": lambda each: each.id, "CREATED": lambda each: each.created_at}


@click.group()
def projects() -> None:
    """Projects: what datasets and pipelines belong to."""


@projects.command("list")
@limit_option
@asks
def list_(limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """All that you may see."""
    with asking(url) as client:
        show_list(first(client.projects.list().all(), limit), _COLUMNS, as_json=as_json)


@projects.command()
@click.argument("name")
@asks
def create(name: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Make one."""
    with asking(url) as client:
        project = client.projects.create(project_name=name)
        show_one(project, {"id": project.id, "name": project.name}, as_json=as_json)


@projects.command()
@click.argument("project", shell_complete=known_projects)
@asks
def show(project: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """One of them, by id or name, with its datasets and pipelines."""
    with asking(url) as client:
        found = finding.project_of(client, project)
        facts = {
            "id": found.id,
            "name": found.name,
            "created": found.created_at,
            "datasets": ", ".join(each.name for each in found.datasets.list().all()) or None,
            "pipelines": ", ".join(each.name for each in found.pipelines.list().all()) or None,
        }
        show_one(found, facts, as_json=as_json)


@projects.command()
@click.argument("project", shell_complete=known_projects)
@click.confirmation_option(prompt="Delete the project with all that is in it?")
@url_option
def delete(project: str, url: str | None) -> None:
    """Delete one, with all that is in it."""
    with asking(url) as client:
        found = finding.project_of(client, project)
        found.delete(sure=True, really=True)
        click.echo(f"deleted project {found.name} ({found.id})")
